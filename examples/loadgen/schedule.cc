#include "examples/loadgen/schedule.h"

#include <cmath>

namespace corelane::load {

// 1 - U is in (0, 1], where the logarithm is finite.
double Schedule::Gap() { return -std::log(1 - random_.UniformDouble()) * interval_; }

void Schedule::Start(Instant at, double phase) {
  start_ = at;
  popped_ = 0;
  first_ = phase * interval_;
  offset_ = arrivals_ == Arrivals::kPoisson ? Gap() : first_;
  next_ = start_ + Duration(static_cast<int64_t>(offset_));
}

void Schedule::Pop() {
  if (arrivals_ == Arrivals::kPoisson) {
    offset_ += Gap();
  } else {
    // From the number, not from the one before: rounding must not add up.
    offset_ = first_ + static_cast<double>(++popped_) * interval_;
  }
  next_ = start_ + Duration(static_cast<int64_t>(offset_));
}

}  // namespace corelane::load
