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
// However many collect at a time, a lane is read for all of them together, and answers one a turn.
//
// Threading: any thread adds and collects, several at a time. Lanes may end at any time. So may the
// execution context that a collection's handler belongs to (a worker, an io_context, also behind a
// strand): the handler is destroyed then, uncalled. Devices outlive every collection that was
// begun.

#ifndef CORELANE_RUNTIME_METRICS_METRICS_H_
#define CORELANE_RUNTIME_METRICS_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <atomic>
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
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/time.h"
#include "driver/device.h"
#include "runtime/metrics/context_guests.h"
#include "runtime/metrics/gathering.h"
#include "runtime/metrics_source.h"
#include "runtime/worker.h"

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
  // associated executor, which has to name its execution context
  // (boost::asio::execution::context); where it has none, on a lane's thread. Cancellation of any
  // kind ends the wait: operation_aborted, with what the lanes have answered so far.
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

// The handler, and its executor, belong to that executor's context: they are touched there alone,
// and destroyed with it if it goes first.
template <class Handler>
class AsyncGathering final : public Gathering, public ContextGuest {
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
    self->guests_.Add(self);
    self->Ask();
  }

  template <class H>
  AsyncGathering(std::shared_ptr<const Sources> sources, H&& handler)
      : Gathering(std::move(sources)),
        handler_(std::forward<H>(handler)),
        work_(std::in_place, boost::asio::get_associated_executor(*handler_)),
        guests_(ContextGuests::Of(work_->get_executor())) {}

 private:
  // While a thread is with the executor: the context is not gone before the end of that.
  class HandingOver {
   public:
    explicit HandingOver(AsyncGathering& gathering) : gathering_(gathering) {}
    ~HandingOver() {
      const std::lock_guard lock(gathering_.mutex_);
      if (gathering_.taken_) gathering_.guests_.Remove(gathering_);
      gathering_.handing_over_.store(false, std::memory_order_release);
    }

   private:
    AsyncGathering& gathering_;
  };

  std::shared_ptr<AsyncGathering> Self() {
    return std::static_pointer_cast<AsyncGathering>(shared_from_this());
  }

  void OnContextEnd() override {
    bool finished;
    {
      const std::lock_guard lock(mutex_);
      finished = std::exchange(taken_, true);
    }
    while (handing_over_.load(std::memory_order_acquire)) std::this_thread::yield();
    if (finished) return;
    handler_.reset();
    work_.reset();
    Abort();
  }

  void OnEnd(bool complete) override {
    const std::shared_ptr<AsyncGathering> self = Self();
    {
      const std::lock_guard lock(mutex_);
      if (taken_) return;
      handing_over_.store(true, std::memory_order_relaxed);
    }
    const HandingOver until_return(*this);
    complete_ = complete;
    // work_ may be gone before the call returns.
    const Executor executor = work_->get_executor();
    auto finish = [self] { self->Finish(); };
    // Whoever begins or cancels is not called back from within.
    if (complete && !asking()) {
      boost::asio::dispatch(executor, std::move(finish));
    } else {
      boost::asio::post(executor, std::move(finish));
    }
  }

  void Finish() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(taken_, true)) return;
      // Else whoever hands this over removes it, when he is done with the executor.
      if (!handing_over_.load(std::memory_order_relaxed)) guests_.Remove(*this);
    }
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
  ContextGuests& guests_;  // gone with the context
  bool complete_ = false;  // written by who ends it
  std::mutex mutex_;
  bool taken_ = false;  // guarded by mutex_: Finish() or OnContextEnd() has handler and work
  std::atomic<bool> handing_over_{false};
};

}  // namespace internal

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_METRICS_METRICS_H_
