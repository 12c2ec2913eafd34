#include "examples/loadgen/histogram.h"

#include <cmath>

namespace corelane::load {

uint64_t Histogram::LastOf(size_t slot) {
  if (slot < 2 * kHalf) return slot;
  const auto shift = static_cast<int>(slot / kHalf) - 1;
  const uint64_t sub = slot - static_cast<size_t>(shift) * kHalf;
  return ((sub + 1) << shift) - 1;
}

void Histogram::Merge(const Histogram& other) {
  if (other.count_ == 0) return;
  const size_t last = SlotOf(other.max_);
  for (size_t i = SlotOf(other.min_); i <= last; ++i) slots_[i] += other.slots_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
  squares_ += other.squares_;
}

void Histogram::Reset() {
  if (count_ == 0) return;
  const auto begin = slots_.begin();
  std::fill(begin + static_cast<ptrdiff_t>(SlotOf(min_)),
            begin + static_cast<ptrdiff_t>(SlotOf(max_)) + 1, 0);
  count_ = 0;
  min_ = UINT64_MAX;
  max_ = 0;
  sum_ = squares_ = 0;
}

Duration Histogram::Mean() const {
  return Duration(count_ == 0 ? 0 : std::llround(sum_ / static_cast<double>(count_)));
}

Duration Histogram::StandardDeviation() const {
  if (count_ == 0) return Duration::zero();
  const double mean = sum_ / static_cast<double>(count_);
  const double variance = squares_ / static_cast<double>(count_) - mean * mean;
  return Duration(std::llround(std::sqrt(std::max(variance, 0.0))));
}

Duration Histogram::Percentile(double percent) const {
  if (count_ == 0) return Duration::zero();
  const double wanted = std::ceil(percent / 100 * static_cast<double>(count_));
  const uint64_t rank = wanted < 1 ? 1 : std::min(static_cast<uint64_t>(wanted), count_);
  uint64_t seen = 0;
  for (size_t i = SlotOf(min_);; ++i) {
    seen += slots_[i];
    if (seen >= rank) return Duration(static_cast<int64_t>(std::min(LastOf(i), max_)));
  }
}

uint64_t Histogram::CountUpTo(Duration latency) const {
  if (count_ == 0 || latency < Duration::zero()) return 0;
  const size_t last = SlotOf(std::min(static_cast<uint64_t>(latency.count()), max_));
  uint64_t seen = 0;
  for (size_t i = SlotOf(min_); i <= last; ++i) seen += slots_[i];
  return seen;
}

}  // namespace corelane::load
