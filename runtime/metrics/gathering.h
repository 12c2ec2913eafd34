// Gathering: one collection under way: every lane is asked at once, and answers on its own thread
// (LaneReadings). Private to the folder.

#ifndef CORELANE_RUNTIME_METRICS_GATHERING_H_
#define CORELANE_RUNTIME_METRICS_GATHERING_H_

#include <prometheus/metric_family.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/metrics/lane_readings.h"
#include "runtime/metrics/snapshot.h"
#include "runtime/metrics_source.h"

namespace corelane::runtime::internal {

using Sources = MetricsSource::Contents;

// Shared by the lanes that are to answer and whoever waits for it. Ends once: when every lane has
// answered, or when nobody waits any longer; no lane holds it any more then.
class Gathering : public LaneAsker, public std::enable_shared_from_this<Gathering> {
 public:
  virtual ~Gathering() = default;
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;

  // Asks the lanes; one whose thread this is answers at once if `own_at_once`.
  void Ask(bool own_at_once = false);
  // A lane's answer. Any thread.
  void OnAnswer(size_t lane, std::shared_ptr<const LaneSnapshot> answer) final;
  // Ends it with what there is. Any thread.
  void Abort();
  // Once it has ended, and only once. Asks the devices, too.
  std::vector<prometheus::MetricFamily> TakeFamilies();

  const Sources& sources() const { return *sources_; }

 protected:
  explicit Gathering(std::shared_ptr<const Sources> sources);

  // In OnEnd(): whether that is inside of Ask().
  bool asking() const { return asker_ == std::this_thread::get_id(); }

 private:
  void AskLanes(bool own_at_once);
  void LeaveLanes();
  bool Aborted();
  // complete: every lane has answered. Called once, on the thread that ended it.
  virtual void OnEnd(bool complete) = 0;

  const std::shared_ptr<const Sources> sources_;
  std::atomic<std::thread::id> asker_{};  // the thread that is inside of Ask()
  std::mutex mutex_;
  // Null: none yet, or none at all. Written by nobody once it has ended.
  std::vector<std::shared_ptr<const LaneSnapshot>> answers_;
  size_t waiting_;
  bool ended_ = false;
  bool aborted_ = false;
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_METRICS_GATHERING_H_
