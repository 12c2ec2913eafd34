// What the coroutine of one exchange waits for within its engine, and until when.

#ifndef CORELANE_HTTP_HANDLER_WAIT_H_
#define CORELANE_HTTP_HANDLER_WAIT_H_

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <utility>

#include "core/time.h"

namespace corelane::http {

class HandlerWait {
 public:
  enum class For : uint8_t {
    kOutside,  // Something that is not the engine's: it resumes the coroutine by itself.
    kBody,
    kBodyOr,  // Interrupt, or time.
    kSleep,   // Time, Interrupt, or the server's end.
    kInterrupt,
  };

  void Suspend(For what, Duration most, std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    what_ = what;
    sleep_for_ = most;
    wake_at_ = kNever;
  }
  // False when nobody waits for that.
  bool Interrupt() {
    if (what_ == For::kOutside || what_ == For::kBody) return false;
    interrupted_ = true;
    return true;
  }
  void SetTimeout(Duration duration, Instant now) {
    until_ = duration == Duration::max() ? kNever : now + duration;
  }

  For what() const { return what_; }
  bool outside() const { return what_ == For::kOutside; }
  bool wants_body() const { return what_ == For::kBody || what_ == For::kBodyOr; }
  bool timed_out() const { return timed_out_; }

  // Whether the wait is over, whatever there is of the body.
  bool Over(Instant now, bool stopping) {
    if (outside()) return false;
    if (wake_at_ == kNever && sleep_for_ != Duration::max()) wake_at_ = now + sleep_for_;
    return interrupted_ || timed_out_ || now >= wake_at_ || (stopping && what_ == For::kSleep);
  }
  // When it is, or the handler's time is up; after Over.
  Instant due() const { return outside() ? until_ : std::min(wake_at_, until_); }
  // True when the handler's time is up at `now`, once.
  bool TimeOut(Instant now) {
    if (now < until_) return false;
    until_ = kNever;
    timed_out_ = true;
    return true;
  }

  void Resume() {
    interrupted_ = false;
    what_ = For::kOutside;
    std::exchange(waiter_, {}).resume();
  }
  // A coroutine begins. What one has left that goes on beside it (a duplex source's) stays.
  void Begin() {
    if (!waiter_) Clear();
  }
  // The coroutine has gone.
  void Clear() {
    waiter_ = {};
    what_ = For::kOutside;
    interrupted_ = false;
  }
  // For the next exchange.
  void Reset() { *this = HandlerWait(); }

 private:
  std::coroutine_handle<> waiter_;
  Duration sleep_for_ = Duration::max();
  Instant wake_at_ = kNever;
  Instant until_ = kNever;
  For what_ = For::kOutside;
  bool interrupted_ = false;
  bool timed_out_ = false;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_HANDLER_WAIT_H_
