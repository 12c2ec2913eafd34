// What the tests of this folder share.

#ifndef CORELANE_RUNTIME_TEST_UTIL_H_
#define CORELANE_RUNTIME_TEST_UTIL_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <exception>
#include <utility>

#include "runtime/worker.h"

namespace corelane::runtime {

using Await = boost::asio::use_awaitable_t<WorkerExecutor>;
inline constexpr Await kAwait;
template <class T = void>
using Task = boost::asio::awaitable<T, WorkerExecutor>;

// Coroutines that a test starts and waits for. What one throws comes out of Finish().
class Tasks {
 public:
  explicit Tasks(Worker& worker) : worker_(worker) {}

  template <class F>
  void Add(F&& f) {
    ++open_;
    boost::asio::co_spawn(worker_.get_executor(), std::forward<F>(f),
                          [this](std::exception_ptr error) {
                            --open_;
                            if (error) std::rethrow_exception(error);
                          });
  }
  // False: the time was over before all of them ended.
  bool Finish(Duration at_most = std::chrono::minutes(10)) {
    return worker_.RunUntil([this] { return open_ == 0; }, at_most);
  }
  size_t open() const { return open_; }

 private:
  Worker& worker_;
  size_t open_ = 0;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_TEST_UTIL_H_
