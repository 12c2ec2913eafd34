// SignalWatch: SIGINT and SIGTERM as calls, one for each of them however soon they follow each
// other, for as long as it lives.
//
// On a thread of its own, which sleeps: signals are heard of before there are workers, and when
// there are none any more.

#ifndef CORELANE_RUNTIME_APP_SIGNAL_WATCH_H_
#define CORELANE_RUNTIME_APP_SIGNAL_WATCH_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstddef>
#include <functional>
#include <thread>

namespace corelane::runtime {

class SignalWatch {
 public:
  // number: SIGINT or SIGTERM; count: signals so far, with this one.
  using Handler = std::function<void(int number, size_t count)>;

  // The handler is called on the watch's thread. Throws what std::thread and Asio do where the
  // system has no thread or descriptor left.
  explicit SignalWatch(Handler handler);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void Wait();

  const Handler handler_;
  size_t count_ = 0;
  boost::asio::io_context context_{1};
  boost::asio::signal_set signals_;
  std::thread thread_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_APP_SIGNAL_WATCH_H_
