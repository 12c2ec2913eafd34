#include "runtime/metrics/gathering.h"

#include <algorithm>
#include <string>

#include "runtime/metrics/families.h"

namespace corelane::runtime::internal {
namespace {

std::shared_ptr<const LaneSnapshot> ReadWhole(const LaneInfo& lane) {
  LaneReader reader(lane);
  while (!reader.Step()) {
  }
  return std::make_shared<const LaneSnapshot>(reader.Take());
}

// What can be said of a lane without its answer.
LaneSnapshot Unanswered(const LaneInfo& lane) {
  LaneSnapshot snapshot;
  snapshot.name = lane.name;
  if (lane.counters != nullptr) ReadWorkerCounters(*lane.counters, snapshot);
  return snapshot;
}

class ToPairs final : public driver::CounterSink {
 public:
  explicit ToPairs(std::vector<std::pair<std::string, uint64_t>>& out) : out_(out) {}
  void OnCounter(std::string_view name, uint64_t value) override { out_.emplace_back(name, value); }

 private:
  std::vector<std::pair<std::string, uint64_t>>& out_;
};

std::vector<PortSnapshot> ReadPorts(const std::vector<const driver::Device*>& devices) {
  std::vector<PortSnapshot> ports;
  for (const driver::Device* const device : devices) {
    PortSnapshot port;
    port.name = device->info().name;
    const auto taken = [&](const PortSnapshot& other) { return other.name == port.name; };
    if (std::any_of(ports.begin(), ports.end(), taken)) {
      port.name += "#" + std::to_string(ports.size());
    }
    port.link = device->link();
    ToPairs sink(port.counters);
    device->ReadCounters(sink);
    ports.push_back(std::move(port));
  }
  return ports;
}

}  // namespace

Gathering::Gathering(std::shared_ptr<const Sources> sources)
    : sources_(std::move(sources)),
      answers_(sources_->lanes.size()),
      waiting_(sources_->lanes.size()) {}

void Gathering::Ask(bool own_at_once) {
  asker_ = std::this_thread::get_id();
  AskLanes(own_at_once);
  asker_ = std::thread::id();
}

void Gathering::AskLanes(bool own_at_once) {
  const std::vector<LaneInfo>& lanes = sources_->lanes;
  if (lanes.empty()) {
    ended_ = true;
    OnEnd(true);
    return;
  }
  std::optional<size_t> own;
  // Known by its inbox: of a worker that is gone nothing else may be looked at.
  Worker* const here = Worker::Current();
  for (size_t i = 0; i < lanes.size(); ++i) {
    const std::shared_ptr<WorkerInbox>& inbox = lanes[i].inbox;
    if (inbox == nullptr) {
      OnAnswer(i, nullptr);
    } else if (own_at_once && here != nullptr && here->inbox() == inbox) {
      own = i;
    } else {
      LaneReadings::Of(lanes[i])->Ask(shared_from_this(), i);
    }
  }
  if (own) OnAnswer(*own, ReadWhole(lanes[*own]));
  // Who aborted it meanwhile left only those that had been asked.
  if (Aborted()) LeaveLanes();
}

bool Gathering::Aborted() {
  const std::lock_guard lock(mutex_);
  return aborted_;
}

void Gathering::OnAnswer(size_t lane, std::shared_ptr<const LaneSnapshot> answer) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    answers_[lane] = std::move(answer);
    if (--waiting_ > 0) return;
    ended_ = true;
  }
  OnEnd(true);
}

void Gathering::Abort() {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = aborted_ = true;
  }
  LeaveLanes();
  OnEnd(false);
}

void Gathering::LeaveLanes() {
  for (const LaneInfo& lane : sources_->lanes) {
    if (lane.readings != nullptr) LaneReadings::Of(lane)->Leave(*this);
  }
}

std::vector<prometheus::MetricFamily> Gathering::TakeFamilies() {
  std::vector<LaneSnapshot> lanes;
  lanes.reserve(answers_.size());
  for (size_t i = 0; i < answers_.size(); ++i) {
    lanes.push_back(answers_[i] != nullptr ? *answers_[i] : Unanswered(sources_->lanes[i]));
  }
  answers_.clear();
  return ToFamilies(lanes, ReadPorts(sources_->devices));
}

}  // namespace corelane::runtime::internal
