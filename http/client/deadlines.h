// All deadlines of one client on a timer wheel, over one external alarm.

#ifndef CORELANE_HTTP_CLIENT_DEADLINES_H_
#define CORELANE_HTTP_CLIENT_DEADLINES_H_

#include "core/time.h"
#include "core/timer_wheel.h"
#include "http/client/transport.h"

namespace corelane::http {

// A member of what it belongs to; that must outlive it or disarm it.
class Deadline : public TimerNode {
 public:
  Deadline(void (*fire)(void*), void* context) : fire_(fire), context_(context) {}

 private:
  friend class Deadlines;
  void (*fire_)(void*);
  void* context_;
};

class Deadlines {
 public:
  explicit Deadlines(Alarm& alarm) : alarm_(alarm), wheel_(alarm.Now()) {}

  Instant now() const { return alarm_.Now(); }
  // kNever disarms.
  void Arm(Deadline& deadline, Instant at) {
    wheel_.Arm(deadline, at);
    if (at < alarm_at_) SetAlarm(at);
  }
  // zero: none.
  void ArmAfter(Deadline& deadline, Duration after) {
    Arm(deadline, after > Duration::zero() ? now() + after : kNever);
  }
  void Cancel(Deadline& deadline) { wheel_.Cancel(deadline); }

  // Moves the alarm to where it is needed; off, where nothing is armed.
  void Settle() { SetAlarm(wheel_.NextDeadline()); }

  void OnAlarm() {
    alarm_at_ = kNever;
    wheel_.Advance(now(), [](TimerNode& node) {
      auto& deadline = static_cast<Deadline&>(node);
      deadline.fire_(deadline.context_);
    });
    const Instant next = wheel_.NextDeadline();
    if (next < alarm_at_) SetAlarm(next);
  }

 private:
  void SetAlarm(Instant at) {
    alarm_at_ = at;
    alarm_.Set(at);
  }

  Alarm& alarm_;
  TimerWheel wheel_;
  Instant alarm_at_ = kNever;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_DEADLINES_H_
