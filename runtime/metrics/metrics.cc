#include "runtime/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <condition_variable>
#include <mutex>
#include <sstream>

namespace corelane::runtime {
namespace {

// One that a thread waits for.
class BlockingGathering final : public internal::Gathering {
 public:
  explicit BlockingGathering(std::shared_ptr<const internal::Sources> sources)
      : Gathering(std::move(sources)) {}

  void Wait(Duration limit) {
    std::unique_lock lock(wait_mutex_);
    if (changed_.wait_for(lock, limit, [this] { return over_; })) return;
    lock.unlock();
    Abort();
    // The last answer may have come just now, and its thread be about to say so.
    lock.lock();
    changed_.wait(lock, [this] { return over_; });
  }

 private:
  void OnEnd(bool) override {
    const std::lock_guard lock(wait_mutex_);
    over_ = true;
    changed_.notify_all();
  }

  std::mutex wait_mutex_;
  std::condition_variable changed_;
  bool over_ = false;
};

}  // namespace

Metrics::Metrics(const MetricsOptions& options) : options_(options) {}

Metrics::~Metrics() = default;

void Metrics::AddLane(Worker& worker, const LaneOptions& options) {
  LaneInfo lane;
  lane.worker = &worker;
  lane.name = options.name.empty() ? std::to_string(sources_.lanes.size()) : options.name;
  lane.stacks = options.stacks;
  sources_.lanes.push_back(std::move(lane));
}

void Metrics::AddDevice(const driver::Device& device) { sources_.devices.push_back(&device); }

std::shared_ptr<const internal::Sources> Metrics::sources() const {
  return std::make_shared<const internal::Sources>(sources_);
}

Metrics::Families Metrics::Collect() const {
  const auto gathering = std::make_shared<BlockingGathering>(sources());
  gathering->Ask(true);
  gathering->Wait(options_.limit);
  return gathering->TakeFamilies();
}

std::string ToText(const Metrics::Families& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace corelane::runtime
