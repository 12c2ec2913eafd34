#include "runtime/metrics/gathering.h"

#include <algorithm>
#include <string>

#include "runtime/metrics/families.h"
#include "runtime/op.h"

namespace corelane::runtime::internal {
namespace {

// A request to a lane. It goes to its worker once for each piece that is read.
class ReadOp final : public PostedOp {
 public:
  ReadOp(std::shared_ptr<Gathering> gathering, size_t lane)
      : PostedOp(&Do),
        gathering_(std::move(gathering)),
        lane_(lane),
        reader_(gathering_->sources().lanes[lane]) {}

 private:
  friend std::default_delete<ReadOp>;
  ~ReadOp() = default;

  static void Do(Op* op, bool run) {
    std::unique_ptr<ReadOp> self(static_cast<ReadOp*>(op));
    const std::shared_ptr<Gathering> gathering = self->gathering_;
    const size_t lane = self->lane_;
    std::optional<LaneSnapshot> answer;
    if (run) {
      if (!self->reader_.Step()) {  // the rest in the next turn
        gathering->sources().lanes[lane].inbox->Post(*self.release());
        return;
      }
      answer = self->reader_.Take();
    }
    self.reset();
    gathering->Answer(lane, std::move(answer));
  }

  std::shared_ptr<Gathering> gathering_;
  size_t lane_;
  LaneReader reader_;
};

LaneSnapshot ReadWhole(const LaneInfo& lane) {
  LaneReader reader(lane);
  while (!reader.Step()) {
  }
  return reader.Take();
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
      waiting_(sources_->lanes.size()) {
  for (size_t i = 0; i < answers_.size(); ++i) answers_[i].name = sources_->lanes[i].name;
}

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
      Answer(i, std::nullopt);
    } else if (own_at_once && here != nullptr && here->inbox() == inbox) {
      own = i;
    } else {
      inbox->Post(*new ReadOp(shared_from_this(), i));
    }
  }
  if (own) Answer(*own, ReadWhole(lanes[*own]));
}

void Gathering::Answer(size_t lane, std::optional<LaneSnapshot> snapshot) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    if (snapshot) answers_[lane] = *std::move(snapshot);
    if (--waiting_ > 0) return;
    ended_ = true;
  }
  OnEnd(true);
}

void Gathering::Abort() {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
  }
  OnEnd(false);
}

std::vector<prometheus::MetricFamily> Gathering::TakeFamilies() {
  for (size_t i = 0; i < answers_.size(); ++i) {
    const LaneInfo& lane = sources_->lanes[i];
    if (!answers_[i].up && lane.counters != nullptr) {
      ReadWorkerCounters(*lane.counters, answers_[i]);
    }
  }
  return ToFamilies(answers_, ReadPorts(sources_->devices));
}

}  // namespace corelane::runtime::internal
