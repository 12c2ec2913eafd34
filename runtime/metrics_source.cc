#include "runtime/metrics_source.h"

#include <utility>

#include "core/check.h"

namespace corelane::runtime {

size_t MetricsSource::AddLane(Worker& worker, const LaneOptions& options) {
  const size_t lane = AddLane(options);
  SetWorker(lane, worker);
  return lane;
}

size_t MetricsSource::AddLane(const LaneOptions& options) {
  const std::lock_guard lock(mutex_);
  const size_t number = contents_.lanes.size();
  LaneInfo& lane = contents_.lanes.emplace_back();
  lane.name = options.name.empty() ? std::to_string(number) : options.name;
  lane.stacks = options.stacks;
  return number;
}

void MetricsSource::SetWorker(size_t lane, Worker& worker) {
  const std::lock_guard lock(mutex_);
  CL_CHECK(lane < contents_.lanes.size());
  LaneInfo& info = contents_.lanes[lane];
  info.worker = &worker;
  info.inbox = worker.inbox();
  info.counters = worker.shared_counters();
  info.readings = std::make_shared<internal::LaneReadingsSlot>();
}

void MetricsSource::AddDevice(const driver::Device& device) {
  const std::lock_guard lock(mutex_);
  contents_.devices.push_back(&device);
}

std::shared_ptr<const MetricsSource::Contents> MetricsSource::Get() const {
  const std::lock_guard lock(mutex_);
  return std::make_shared<const Contents>(contents_);
}

}  // namespace corelane::runtime
