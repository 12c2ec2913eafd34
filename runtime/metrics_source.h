// MetricsSource: whose counters a program shows: its lanes, which may come and go, and its devices.
//
// It says where to ask; runtime/metrics asks, and makes Prometheus' format of the answers. A
// program that shows nothing needs no more than this.
//
// Threading: any, all of it. A worker may end while others still ask it: those who ask hold on to
// its inbox and its counters, and to nothing else. Devices outlive whoever asks them.

#ifndef CORELANE_RUNTIME_METRICS_SOURCE_H_
#define CORELANE_RUNTIME_METRICS_SOURCE_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver/device.h"
#include "runtime/worker.h"
#include "runtime/worker_inbox.h"

namespace corelane::runtime {

struct LaneOptions {
  LaneOptions() {}

  std::string name;                 // of the label `lane`; empty: its number, from 0
  std::vector<std::string> stacks;  // of the label `stack`, in the worker's order; else numbers
};

namespace internal {
class LaneReadings;  // of runtime/metrics, as is what becomes of it

// Where all who collect from one source find each other's readings of a lane. Whoever comes first
// puts them there.
struct LaneReadingsSlot {
  std::mutex mutex;
  std::shared_ptr<LaneReadings> readings;
};
}  // namespace internal

// A lane as others know it.
struct LaneInfo {
  Worker* worker = nullptr;  // for its own thread, inside of what it takes out of the inbox
  std::shared_ptr<WorkerInbox> inbox;              // null: there was no worker yet
  std::shared_ptr<const WorkerCounters> counters;  // as above; they stay when the worker is gone
  std::shared_ptr<internal::LaneReadingsSlot> readings;  // of this worker; as above
  std::string name;
  std::vector<std::string> stacks;  // by their order; those beyond are called by their number
};

class MetricsSource {
 public:
  struct Contents {
    std::vector<LaneInfo> lanes;
    std::vector<const driver::Device*> devices;
  };

  MetricsSource() = default;
  MetricsSource(const MetricsSource&) = delete;
  MetricsSource& operator=(const MetricsSource&) = delete;

  // Returns the lane's number.
  size_t AddLane(Worker& worker, const LaneOptions& options = LaneOptions());
  // One whose worker is still to come: it is down until SetWorker().
  size_t AddLane(const LaneOptions& options = LaneOptions());
  void SetWorker(size_t lane, Worker& worker);
  void AddDevice(const driver::Device& device);

  // What there is now.
  std::shared_ptr<const Contents> Get() const;

 private:
  mutable std::mutex mutex_;
  Contents contents_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_METRICS_SOURCE_H_
