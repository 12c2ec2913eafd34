// Metrics: what any number of lanes count, for Prometheus.
//
//   Metrics metrics;
//   metrics.AddLane(worker);                                  // one call for each lane
//   metrics.AddDevice(*device);                               // its link and its own counters
//   ...
//   auto families = co_await metrics.async_collect(token);    // on any executor, a lane's too
//   ToText(metrics.Collect());                                // on an ordinary thread
//
// Each lane is read on its own thread, between its packets; whoever collects gathers the answers. A
// lane that does not answer, since it hangs or does not run, is left out but for its worker's
// counters, and corelane_lane_up says 0.
//
// It is a prometheus::Collectable, so a prometheus::Exposer serves it as well.
//
// Threading: AddLane() and AddDevice() come first, on one thread; afterwards any thread collects,
// several at a time. Workers and devices outlive every collection that was begun.

#ifndef CORELANE_RUNTIME_METRICS_METRICS_H_
#define CORELANE_RUNTIME_METRICS_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "driver/device.h"
#include "runtime/metrics/gathering.h"
#include "runtime/worker.h"

namespace corelane::runtime {

struct LaneOptions {
  LaneOptions() {}

  std::string name;                 // of the label `lane`; empty: its number, from 0
  std::vector<std::string> stacks;  // of the label `stack`, in the worker's order; else numbers
};

struct MetricsOptions {
  MetricsOptions() {}

  // How long Collect() waits for the lanes.
  Duration limit = std::chrono::seconds(1);
};

namespace internal {
template <class Handler>
class AsyncGathering;
}  // namespace internal

class Metrics final : public prometheus::Collectable {
 public:
  using Families = std::vector<prometheus::MetricFamily>;

  explicit Metrics(const MetricsOptions& options = MetricsOptions());
  ~Metrics() override;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void AddLane(Worker& worker, const LaneOptions& options = LaneOptions());
  void AddDevice(const driver::Device& device);

  // Waits for every lane, up to the limit. For ordinary threads; on a lane's own thread it reads
  // that lane at once, and keeps it waiting for the others.
  Families Collect() const override;

  // void(error_code, Families). Completes when every lane has answered, through the handler's
  // associated executor; where it has none, on a lane's thread. Cancellation of any kind ends the
  // wait: operation_aborted, with what the lanes have answered so far.
  template <class Token>
  auto async_collect(Token&& token) const {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, Families)>(
        [](auto&& handler, std::shared_ptr<const internal::Sources> sources) {
          using Handler = std::decay_t<decltype(handler)>;
          internal::AsyncGathering<Handler>::Begin(std::move(sources),
                                                   std::forward<decltype(handler)>(handler));
        },
        token, sources());
  }

 private:
  std::shared_ptr<const internal::Sources> sources() const;

  MetricsOptions options_;
  internal::Sources sources_;
};

// Prometheus' text format 0.0.4, and the content type that goes with it.
std::string ToText(const Metrics::Families& families);
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// --- implementation ---

namespace internal {

template <class Handler>
class AsyncGathering final : public Gathering {
  using Executor = boost::asio::associated_executor_t<Handler>;

 public:
  template <class H>
  static void Begin(std::shared_ptr<const Sources> sources, H&& handler) {
    const auto self =
        std::make_shared<AsyncGathering>(std::move(sources), std::forward<H>(handler));
    auto slot = boost::asio::get_associated_cancellation_slot(self->handler_);
    if (slot.is_connected()) {
      slot.assign([weak = self->weak_from_this()](boost::asio::cancellation_type_t type) {
        const std::shared_ptr<Gathering> gathering = weak.lock();
        if (gathering && type != boost::asio::cancellation_type::none) gathering->Abort();
      });
    }
    self->Ask();
  }

  template <class H>
  AsyncGathering(std::shared_ptr<const Sources> sources, H&& handler)
      : Gathering(std::move(sources)),
        handler_(std::forward<H>(handler)),
        work_(std::in_place, boost::asio::get_associated_executor(handler_)) {}

 private:
  void OnEnd(bool complete) override {
    auto finish = [self = shared_from_this(), complete] {
      static_cast<AsyncGathering&>(*self).Finish(complete);
    };
    // Whoever cancels, or collects from no lane at all, is not called back from within.
    if (complete && !sources().lanes.empty()) {
      boost::asio::dispatch(work_->get_executor(), std::move(finish));
    } else {
      boost::asio::post(work_->get_executor(), std::move(finish));
    }
  }
  void Finish(bool complete) {
    boost::asio::get_associated_cancellation_slot(handler_).clear();
    Handler handler = std::move(handler_);
    const auto work = std::exchange(work_, std::nullopt);
    boost::system::error_code error;
    if (!complete) error = boost::asio::error::operation_aborted;
    std::move(handler)(error, TakeFamilies());
  }

  Handler handler_;
  std::optional<boost::asio::executor_work_guard<Executor>> work_;
};

}  // namespace internal

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_METRICS_METRICS_H_
