#include "examples/loadgen/pacer.h"

#include <algorithm>
#include <chrono>

namespace corelane::load {
namespace {

constexpr int kFirstFailedStatus = 400;

Instant After(Instant now, Duration duration) {
  return duration < kNever - now ? now + duration : kNever;
}

}  // namespace

Pacer::Pacer(const Plan& plan) : plan_(plan) {
  if (plan_.rate) schedule_.emplace(*plan_.rate, plan_.arrivals, plan_.seed);
  returned_.reserve(plan_.connections * plan_.depth);
}

void Pacer::Begin(Instant now) {
  if (phase_ != Phase::kIdle) return;
  if (schedule_) schedule_->Start(now, plan_.phase);
  Enter(plan_.warmup > Duration::zero() ? Phase::kWarmUp : Phase::kMeasured, now);
}

void Pacer::Enter(Phase phase, Instant now) {
  phase_ = phase;
  phase_end_ = kNever;
  switch (phase) {
    case Phase::kWarmUp:
      phase_end_ = After(now, plan_.warmup);
      break;
    case Phase::kMeasured:
      start_ = now;
      left_ = plan_.requests.value_or(UINT64_MAX);
      if (plan_.seconds) phase_end_ = end_ = After(now, *plan_.seconds);
      break;
    case Phase::kDraining:
      end_ = std::min(end_, now);
      CountUnsent();
      phase_end_ = After(now, plan_.timeout + std::chrono::milliseconds(100));
      break;
    case Phase::kIdle:
    case Phase::kDone:
      break;
  }
}

void Pacer::Advance(Instant now) {
  if (phase_ == Phase::kWarmUp && now >= phase_end_) Enter(Phase::kMeasured, phase_end_);
  if (phase_ == Phase::kMeasured && now >= phase_end_) Enter(Phase::kDraining, phase_end_);
  if (phase_ == Phase::kDraining && now >= phase_end_) GiveUp(now);
  Ended(now);
}

// All that was to be sent has been, and has come to its end.
void Pacer::Ended(Instant now) {
  if (outstanding() > 0) return;
  if (phase_ == Phase::kMeasured && left_ == 0)
    Enter(Phase::kDraining, std::max(last_answer_, start_));
  if (phase_ == Phase::kDraining) Enter(Phase::kDone, now);
}

void Pacer::Stop(Instant now) {
  if (phase_ == Phase::kIdle) start_ = end_ = now;
  if (phase_ == Phase::kWarmUp) start_ = now;
  if (phase_ < Phase::kDraining) Enter(Phase::kDraining, now);
  Ended(now);
}

void Pacer::GiveUp(Instant now) {
  if (active() || phase_ == Phase::kIdle) Stop(now);
  for (const Ticket& ticket : returned_) {
    ++outstanding_;
    Failed(ticket, Failure::kTimeout, "the server never took it", now);
  }
  returned_.clear();
  Ended(now);
}

void Pacer::CountUnsent() {
  if (!schedule_) {
    // Stopped before all were sent.
    if (plan_.requests && start_ < end_) tally_.unsent += left_;
    return;
  }
  for (uint64_t left = left_; left > 0 && schedule_->next() < end_; --left, schedule_->Pop()) {
    if (schedule_->next() >= start_) ++tally_.unsent;
  }
}

bool Pacer::Take(Instant now, Ticket& ticket) {
  if (now >= phase_end_) [[unlikely]] {
    Advance(now);
  }
  if (!returned_.empty()) [[unlikely]] {
    ticket = {returned_.back().due, now};
    returned_.pop_back();
    ++outstanding_;
    return true;
  }
  if (!active() || left_ == 0) return false;
  ticket = {now, now};
  if (schedule_) {
    if (schedule_->next() > now) return false;
    ticket.due = schedule_->next();
    schedule_->Pop();
  }
  // Those of the warm-up have no number; what was due in it is still one of them.
  if (phase_ == Phase::kMeasured && ticket.due >= start_) --left_;
  ++outstanding_;
  return true;
}

Instant Pacer::NextDue() const {
  if (!schedule_ || !active() || left_ == 0) return kNever;
  return schedule_->next();
}

void Pacer::Answered(const Ticket& ticket, int status, uint64_t body_bytes, Instant now) {
  --outstanding_;
  const bool failed = status >= kFirstFailedStatus;
  if (!failed && now >= start_ && now < end_) ++tally_.in_window;
  if (recent_ != nullptr) {
    ++recent_->answered;
    recent_->latency.Record(now - (schedule_ ? ticket.due : ticket.sent));
  }
  if (failed) [[unlikely]] {
    tally_.Fail(Failure::kStatus, "the answer is 4xx or 5xx");
    if (recent_ != nullptr) ++recent_->failed;
  }
  if (ticket.due < start_) return Ended(now);
  last_answer_ = now;
  ++tally_.answered;
  tally_.body_bytes += body_bytes;
  ++tally_.by_status[static_cast<size_t>(status) % Tally::kMaxStatus];
  tally_.service.Record(now - ticket.sent);
  if (schedule_) tally_.response.Record(now - ticket.due);
  Ended(now);
}

void Pacer::Failed(const Ticket& ticket, Failure failure, std::string_view reason, Instant now) {
  --outstanding_;
  tally_.Fail(failure, reason);
  if (recent_ != nullptr) ++recent_->failed;
  if (ticket.due >= start_) last_answer_ = now;
  Ended(now);
}

void Pacer::Return(const Ticket& ticket) {
  --outstanding_;
  returned_.push_back(ticket);
}

Duration Pacer::measured(Instant now) const {
  return start_ == kNever ? Duration::zero() : std::min(now, end_) - start_;
}

}  // namespace corelane::load
