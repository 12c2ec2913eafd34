#include "runtime/app/lifecycle.h"

#include <utility>

namespace corelane::runtime {

absl::Status Lifecycle::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Lifecycle::Stop() {
  const std::lock_guard lock(mutex_);
  RequestStop();
}

void Lifecycle::Fail(absl::Status status) {
  const std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = std::move(status);
  RequestStop();
}

void Lifecycle::Abort() {
  const std::lock_guard lock(mutex_);
  Enter(Phase::kOver);
}

void Lifecycle::Without(size_t lanes) {
  const std::lock_guard lock(mutex_);
  CountStarted(lanes);
  left_ += lanes;
  changed_.notify_all();
}

bool Lifecycle::Start(size_t lane, Worker* worker) {
  std::unique_lock lock(mutex_);
  slots_[lane].worker = worker;
  CountStarted(1);
  changed_.wait(lock, [this] { return phase() != Phase::kStarting; });
  return phase() != Phase::kOver;
}

void Lifecycle::Returned() {
  const std::lock_guard lock(mutex_);
  if (++returned_ == lanes_ && phase() == Phase::kServing) Enter(Phase::kClosing);
}

void Lifecycle::Report(size_t lane, Phase phase, bool done, int64_t moved_away) {
  Slot& slot = slots_[lane];
  if (slot.phase == phase && slot.done == done && slot.moved_away == moved_away) return;
  const std::lock_guard lock(mutex_);
  slot.phase = phase;
  slot.done = done;
  slot.moved_away = moved_away;
  if (this->phase() == phase && AllDone(phase)) {
    Enter(phase == Phase::kDraining ? Phase::kClosing : Phase::kOver);
  }
}

void Lifecycle::TimeOver(Phase phase) {
  const std::lock_guard lock(mutex_);
  if (this->phase() != phase) return;
  Enter(phase == Phase::kDraining ? Phase::kClosing : Phase::kOver);
}

void Lifecycle::ForgetWorker(size_t lane) {
  const std::lock_guard lock(mutex_);
  slots_[lane].worker = nullptr;
}

void Lifecycle::Leave() {
  std::unique_lock lock(mutex_);
  ++left_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return left_ == lanes_; });
}

void Lifecycle::Enter(Phase phase) {
  phase_.store(phase, std::memory_order_release);
  for (const Slot& slot : slots_) {
    if (slot.worker != nullptr) slot.worker->Stop();
  }
  changed_.notify_all();
}

void Lifecycle::RequestStop() {
  stop_requested_ = true;
  if (phase() == Phase::kServing) Enter(Phase::kDraining);
}

void Lifecycle::CountStarted(size_t lanes) {
  started_ += lanes;
  if (started_ < lanes_ || phase() != Phase::kStarting) return;
  if (!status_.ok()) {
    Enter(Phase::kOver);
  } else {
    Enter(stop_requested_ ? Phase::kDraining : Phase::kServing);
  }
}

bool Lifecycle::AllDone(Phase phase) const {
  int64_t on_their_way = 0;
  for (const Slot& slot : slots_) {
    if (slot.phase != phase || !slot.done) return false;
    on_their_way += slot.moved_away;
  }
  return on_their_way == 0;
}

}  // namespace corelane::runtime
