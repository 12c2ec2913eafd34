// Monotonic time for everything below the runtime.
//
// Nothing in the stack reads a clock: each turn of a worker reads one `Clock` once and hands the
// Instant down. An Instant has no meaning outside the process; only differences count.

#ifndef CORELANE_CORE_TIME_H_
#define CORELANE_CORE_TIME_H_

#include <chrono>
#include <cstdint>

namespace corelane {

// A signed span of time with nanosecond resolution.
using Duration = std::chrono::nanoseconds;

// Names the time line of Instant; it has no now(), on purpose.
struct StackTimeline {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<StackTimeline, Duration>;
  static constexpr bool is_steady = true;
};

// A point on the time line of one stack.
using Instant = StackTimeline::time_point;

// Later than every deadline: "no deadline".
inline constexpr Instant kNever = Instant::max();

constexpr int64_t ToMicroseconds(Duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}
constexpr int64_t ToMilliseconds(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

// Where a worker gets its time from. Not called on the data path more than once a turn.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
};

// CLOCK_MONOTONIC. Thread-safe.
class RealClock final : public Clock {
 public:
  Instant Now() const override;
};

// Time that moves only when told to. For tests and simulation; not thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant start = Instant{std::chrono::seconds(1)}) : now_(start) {}

  Instant Now() const override { return now_; }
  void Advance(Duration by) { now_ += by; }
  // Never moves backwards: an earlier `to` is ignored.
  void AdvanceTo(Instant to) {
    if (to > now_) now_ = to;
  }

 private:
  Instant now_;
};

}  // namespace corelane

#endif  // CORELANE_CORE_TIME_H_
