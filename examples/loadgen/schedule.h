// Schedule: when the requests of an open loop are due, whatever became of those before.
//
//   Schedule schedule(1000, Arrivals::kConstant, seed);
//   for (schedule.Start(now); schedule.next() <= now; schedule.Pop()) Send(schedule.next());
//
// It has no end and loses no time: who comes late finds all that was due since.

#ifndef CORELANE_EXAMPLES_LOADGEN_SCHEDULE_H_
#define CORELANE_EXAMPLES_LOADGEN_SCHEDULE_H_

#include <cstdint>

#include "core/random.h"
#include "core/time.h"

namespace corelane::load {

enum class Arrivals : uint8_t {
  kConstant,  // Evenly spaced.
  kPoisson,   // Independent of each other: exponentially distributed gaps.
};

class Schedule {
 public:
  // rate: per second, above 0.
  Schedule(double rate, Arrivals arrivals, uint64_t seed)
      : interval_(1e9 / rate), arrivals_(arrivals), random_(seed) {}

  // The first constant one is due so many intervals after `at`: that of several schedules which
  // share a rate.
  void Start(Instant at, double phase = 0);
  Instant next() const { return next_; }
  void Pop();

 private:
  double Gap();

  double interval_;  // Nanoseconds.
  Arrivals arrivals_;
  Random random_;
  Instant start_{};
  Instant next_ = kNever;
  double first_ = 0;
  uint64_t popped_ = 0;
  double offset_ = 0;  // Of Poisson's, nanoseconds since start_.
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_SCHEDULE_H_
