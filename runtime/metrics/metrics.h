// Metrics: what any number of lanes count, for Prometheus.
//
//   Metrics metrics;
//   metrics.AddLane(worker);                                  // one call for each lane
//   metrics.AddDevice(*device);                               // its link and its own counters
//   ...or, of all lanes of an App, on any of them:
//   Metrics metrics(context.metrics());
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
// Threading: any thread adds and collects, several at a time. Lanes may end at any time, also the
// one that waits for a collection: its handler is destroyed then, uncalled. Devices outlive every
// collection that was begun.

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
#include "runtime/metrics_source.h"
#include "runtime/op.h"
#include "runtime/worker.h"
#include "runtime/worker_inbox.h"

namespace corelane::runtime {

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
  // Of what `source` has at each collection; it outlives this.
  explicit Metrics(MetricsSource& source, const MetricsOptions& options = MetricsOptions());
  ~Metrics() override;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void AddLane(Worker& worker, const LaneOptions& options = LaneOptions()) {
    source_.AddLane(worker, options);
  }
  void AddDevice(const driver::Device& device) { source_.AddDevice(device); }

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
        token, source_.Get());
  }

 private:
  MetricsOptions options_;
  MetricsSource own_;
  MetricsSource& source_;  // own_, or the one that it was made with
};

// Prometheus' text format 0.0.4, and the content type that goes with it.
std::string ToText(const Metrics::Families& families);
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// --- implementation ---

namespace internal {

// Where the handler belongs to a worker, that worker's thread alone touches it, and destroys it
// with itself: a lane may end before the others have answered. Else any thread that ends it does.
template <class Handler>
class AsyncGathering final : public Gathering, private IoObject {
  using Executor = boost::asio::associated_executor_t<Handler>;

 public:
  template <class H>
  static void Begin(std::shared_ptr<const Sources> sources, H&& handler) {
    const auto self =
        std::make_shared<AsyncGathering>(std::move(sources), std::forward<H>(handler));
    auto slot = boost::asio::get_associated_cancellation_slot(*self->handler_);
    if (slot.is_connected()) {
      slot.assign([weak = self->weak_from_this()](boost::asio::cancellation_type_t type) {
        const std::shared_ptr<Gathering> gathering = weak.lock();
        if (gathering && type != boost::asio::cancellation_type::none) gathering->Abort();
      });
    }
    // Before any answer: those take the same way.
    if (self->home_ != nullptr) self->home_->Post(*new HomeOp(self, &AsyncGathering::Stay));
    self->Ask();
  }

  template <class H>
  AsyncGathering(std::shared_ptr<const Sources> sources, H&& handler)
      : Gathering(std::move(sources)),
        handler_(std::forward<H>(handler)),
        work_(std::in_place, boost::asio::get_associated_executor(*handler_)),
        worker_(WorkerBehind(work_->get_executor())),
        home_(worker_ != nullptr ? worker_->inbox() : nullptr) {}

 private:
  // Calls a member on the worker's thread; destroyed uncalled, that is where the handler ends.
  class HomeOp final : public PostedOp {
   public:
    HomeOp(std::shared_ptr<AsyncGathering> self, void (AsyncGathering::*member)())
        : PostedOp(&Do), self_(std::move(self)), member_(member) {}

   private:
    friend std::default_delete<HomeOp>;
    ~HomeOp() = default;

    static void Do(Op* op, bool run) {
      const std::unique_ptr<HomeOp> taken(static_cast<HomeOp*>(op));
      AsyncGathering& gathering = *taken->self_;
      if (run) {
        (gathering.*taken->member_)();
      } else {
        gathering.handler_.reset();
      }
    }

    const std::shared_ptr<AsyncGathering> self_;
    void (AsyncGathering::* const member_)();
  };

  // Null: it belongs to none.
  static Worker* WorkerBehind(const Executor& executor) {
    if constexpr (std::is_base_of_v<WorkerExecutor, Executor>) {
      return &executor.worker();
    } else if constexpr (requires { executor.template target<WorkerExecutor>(); }) {
      const WorkerExecutor* const target = executor.template target<WorkerExecutor>();
      if (target != nullptr) return &target->worker();
    }
    return nullptr;
  }
  std::shared_ptr<AsyncGathering> Self() {
    return std::static_pointer_cast<AsyncGathering>(shared_from_this());
  }

  // The worker knows it from now on, and keeps it.
  void Stay() {
    kept_ = Self();
    worker_->Register(*this);
  }
  // The worker ends.
  void Detach() override {
    const std::shared_ptr<AsyncGathering> self = std::move(kept_);
    handler_.reset();
    Abort();
  }

  void OnEnd(bool complete) override {
    complete_ = complete;
    if (home_ != nullptr) {
      home_->Post(*new HomeOp(Self(), &AsyncGathering::Finish));
      return;
    }
    auto finish = [self = Self()] { self->Finish(); };
    // Whoever begins or cancels is not called back from within.
    if (complete && !asking()) {
      boost::asio::dispatch(work_->get_executor(), std::move(finish));
    } else {
      boost::asio::post(work_->get_executor(), std::move(finish));
    }
  }
  void Finish() {
    if (const auto self = std::move(kept_)) worker_->Unregister(*this);
    if (!handler_) return;
    boost::asio::get_associated_cancellation_slot(*handler_).clear();
    Handler handler = *std::move(handler_);
    handler_.reset();
    const auto work = std::exchange(work_, std::nullopt);
    boost::system::error_code error;
    if (!complete_) error = boost::asio::error::operation_aborted;
    std::move(handler)(error, TakeFamilies());
  }

  std::optional<Handler> handler_;
  std::optional<boost::asio::executor_work_guard<Executor>> work_;
  Worker* const worker_;  // for its own thread
  const std::shared_ptr<WorkerInbox> home_;
  std::shared_ptr<AsyncGathering> kept_;  // itself, where the worker knows it
  bool complete_ = false;                 // written by who ends it
};

}  // namespace internal

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_METRICS_METRICS_H_
