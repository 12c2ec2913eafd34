// Histogram: latencies with three significant digits in constant memory, in the layout that
// HdrHistogram made known.
//
//   Histogram all;
//   all.Record(received - sent);
//   all.Percentile(99.9);
//
// Values below 2048 ns have a slot each. Above, each power of two has 1024 slots:
//
//   value     0 .. 2047   2048 .. 4095   4096 .. 8191   ...   2^41 .. 2^42 - 1 (73 minutes)
//   a slot      1 ns          2 ns           4 ns                  2^31 ns
//
// so a slot is never wider than a 1024th of its values. What is longer counts as the longest. One
// thread.

#ifndef CORELANE_EXAMPLES_LOADGEN_HISTOGRAM_H_
#define CORELANE_EXAMPLES_LOADGEN_HISTOGRAM_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/time.h"

namespace corelane::load {

class Histogram {
 public:
  static constexpr int kMaxBits = 42;
  static constexpr Duration kMax{(int64_t{1} << kMaxBits) - 1};

  Histogram() : slots_(kSlots) {}

  // Negative ones count as 0.
  void Record(Duration latency) {
    const auto value = static_cast<uint64_t>(std::clamp<int64_t>(latency.count(), 0, kMax.count()));
    ++slots_[SlotOf(value)];
    ++count_;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
    sum_ += static_cast<double>(value);
    squares_ += static_cast<double>(value) * static_cast<double>(value);
  }
  void Merge(const Histogram& other);
  void Reset();

  uint64_t count() const { return count_; }
  // 0 where nothing was recorded; so are the others.
  Duration min() const { return Duration(count_ == 0 ? 0 : static_cast<int64_t>(min_)); }
  Duration max() const { return Duration(static_cast<int64_t>(max_)); }
  Duration Mean() const;
  Duration StandardDeviation() const;
  // So many percent of all are at most as long: the end of the slot that the value is in, so at
  // most a 1024th more than it.
  Duration Percentile(double percent) const;
  // How many were at most as long, within the same precision.
  uint64_t CountUpTo(Duration latency) const;

 private:
  static constexpr int kSubBits = 11;
  static constexpr size_t kHalf = size_t{1} << (kSubBits - 1);
  static constexpr size_t kSlots = (kMaxBits - kSubBits + 2) * kHalf;

  static size_t SlotOf(uint64_t value) {
    const int shift = std::max(static_cast<int>(std::bit_width(value)) - kSubBits, 0);
    return static_cast<size_t>(shift) * kHalf + static_cast<size_t>(value >> shift);
  }
  // The largest value of the slot.
  static uint64_t LastOf(size_t slot);

  std::vector<uint64_t> slots_;
  uint64_t count_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
  double sum_ = 0;
  double squares_ = 0;
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_HISTOGRAM_H_
