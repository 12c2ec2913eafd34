#include "runtime/metrics/lane_readings.h"

#include <iterator>
#include <utility>

#include "runtime/op.h"

namespace corelane::runtime::internal {
namespace {

// Without what would keep its own readings alive.
LaneInfo Alone(LaneInfo lane) {
  lane.readings = nullptr;
  return lane;
}

}  // namespace

// Goes to the worker once for each turn.
class LaneReadings::Request final : public PostedOp {
 public:
  explicit Request(std::shared_ptr<LaneReadings> readings)
      : PostedOp(&Do), readings_(std::move(readings)) {}

 private:
  friend std::default_delete<Request>;
  ~Request() = default;

  static void Do(Op* op, bool run) {
    std::unique_ptr<Request> self(static_cast<Request*>(op));
    const std::shared_ptr<LaneReadings> readings = self->readings_;
    std::optional<Answer> answer;
    if (run && readings->Turn(answer)) {
      readings->lane_.inbox->Post(*self.release());
    } else {
      self.reset();
    }
    // Last: it may run handlers, which may ask again, or throw.
    if (answer) answer->to.asker->OnAnswer(answer->to.lane, std::move(answer->snapshot));
    if (!run) readings->Refuse();
  }

  const std::shared_ptr<LaneReadings> readings_;
};

std::shared_ptr<LaneReadings> LaneReadings::Of(const LaneInfo& lane) {
  LaneReadingsSlot& slot = *lane.readings;
  const std::lock_guard lock(slot.mutex);
  if (slot.readings == nullptr) slot.readings = std::make_shared<LaneReadings>(lane);
  return slot.readings;
}

LaneReadings::LaneReadings(const LaneInfo& lane) : lane_(Alone(lane)) {}

void LaneReadings::Ask(std::shared_ptr<LaneAsker> asker, size_t lane) {
  {
    const std::lock_guard lock(mutex_);
    next_.push_back({std::move(asker), lane});
    if (std::exchange(requested_, true)) return;
  }
  lane_.inbox->Post(*new Request(shared_from_this()));
}

void LaneReadings::Leave(const LaneAsker& asker) {
  std::vector<Entry> left;  // freed behind the lock
  const std::lock_guard lock(mutex_);
  for (std::vector<Entry>* const list : {&next_, &current_}) {
    std::erase_if(*list, [&](Entry& entry) {
      if (entry.asker.get() != &asker) return false;
      left.push_back(std::move(entry));
      return true;
    });
  }
}

bool LaneReadings::Prepare() {
  const std::lock_guard lock(mutex_);
  if (current_.empty()) {
    reader_.reset();
    answer_ = nullptr;
    current_ = std::exchange(next_, {});
  }
  requested_ = !current_.empty();
  if (requested_ && !reader_) reader_.emplace(lane_);
  return requested_;
}

std::optional<LaneReadings::Entry> LaneReadings::TakeFirst() {
  const std::lock_guard lock(mutex_);
  if (current_.empty()) return std::nullopt;
  Entry first = std::move(current_.front());
  current_.erase(current_.begin());
  return first;
}

bool LaneReadings::Turn(std::optional<Answer>& out) {
  if (!Prepare()) return false;
  if (answer_ == nullptr) {
    if (!reader_->Step()) return true;
    answer_ = std::make_shared<const LaneSnapshot>(reader_->Take());
  }
  if (std::optional<Entry> first = TakeFirst()) out = Answer{*std::move(first), answer_};
  return Prepare();
}

void LaneReadings::Refuse() {
  std::vector<Entry> all;
  {
    const std::lock_guard lock(mutex_);
    requested_ = false;
    reader_.reset();
    answer_ = nullptr;
    all = std::exchange(current_, {});
    all.insert(all.end(), std::make_move_iterator(next_.begin()),
               std::make_move_iterator(next_.end()));
    next_.clear();
  }
  for (const Entry& entry : all) entry.asker->OnAnswer(entry.lane, nullptr);
}

}  // namespace corelane::runtime::internal
