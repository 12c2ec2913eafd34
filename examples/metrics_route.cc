#include "examples/metrics_route.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <coroutine>
#include <memory>
#include <utility>

#include "http/message.h"
#include "runtime/steady_timer.h"

namespace corelane::examples {
namespace {

namespace asio = boost::asio;

// What a handler waits for: the lanes, or the limit. Goes with the handler when its connection
// ends, and nobody is called then.
class Collection {
 public:
  Collection(const runtime::Metrics& metrics, runtime::Worker& worker, Duration limit)
      : metrics_(metrics), worker_(worker), timer_(worker.get_executor(), limit) {}
  ~Collection() {
    if (!std::exchange(state_->waiter, nullptr)) return;
    state_->late.emit(asio::cancellation_type::total);
  }
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    state_->waiter = waiter;
    auto done = [this, state = state_](boost::system::error_code,
                                       runtime::Metrics::Families families) {
      const auto handle = std::exchange(state->waiter, nullptr);
      if (!handle) return;
      families_ = std::move(families);
      timer_.cancel();
      handle.resume();
    };
    metrics_.async_collect(asio::bind_cancellation_slot(
        state_->late.slot(), asio::bind_executor(worker_.get_executor(), std::move(done))));
    timer_.async_wait([state = state_](boost::system::error_code error) {
      if (!error) state->late.emit(asio::cancellation_type::total);
    });
  }
  runtime::Metrics::Families await_resume() { return std::move(families_); }

 private:
  // Shared: the timer may expire in the same turn in which the collection ends.
  struct State {
    std::coroutine_handle<> waiter;  // null: nobody waits
    asio::cancellation_signal late;
  };

  const runtime::Metrics& metrics_;
  runtime::Worker& worker_;
  runtime::SteadyTimer timer_;
  runtime::Metrics::Families families_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace

void AddMetricsRoute(http::Router& router, const runtime::Metrics& metrics, runtime::Worker& worker,
                     const MetricsRouteOptions& options) {
  router.Get(
      "/metrics", [&metrics, &worker, options](const http::Request&) -> http::Task<http::Response> {
        Collection collection(metrics, worker, options.limit);
        const runtime::Metrics::Families families = co_await collection;
        co_return http::Response::Owned(runtime::kMetricsContentType, runtime::ToText(families));
      });
}

}  // namespace corelane::examples
