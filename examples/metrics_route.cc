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

// What a handler waits for: the lanes, or the limit.
class Collection {
 public:
  Collection(const runtime::Metrics& metrics, runtime::Worker& worker, Duration limit)
      : metrics_(metrics), worker_(worker), timer_(worker.get_executor(), limit) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    // Shared: the timer may expire in the same turn in which the collection ends.
    const auto late = std::make_shared<asio::cancellation_signal>();
    auto done = [this, waiter, late](boost::system::error_code,
                                     runtime::Metrics::Families families) {
      families_ = std::move(families);
      timer_.cancel();
      waiter.resume();
    };
    metrics_.async_collect(asio::bind_cancellation_slot(
        late->slot(), asio::bind_executor(worker_.get_executor(), std::move(done))));
    timer_.async_wait([late](boost::system::error_code error) {
      if (!error) late->emit(asio::cancellation_type::total);
    });
  }
  runtime::Metrics::Families await_resume() { return std::move(families_); }

 private:
  const runtime::Metrics& metrics_;
  runtime::Worker& worker_;
  runtime::SteadyTimer timer_;
  runtime::Metrics::Families families_;
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
