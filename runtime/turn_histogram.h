// Histograms of durations whose bounds are powers of two: for what is measured in every turn.
//
//   bucket      0          1               2              ...   kBounds
//   holds  <= 2^First   <= 2^(First+1)   <= 2^(First+2)   ...   anything longer      nanoseconds
//
// TurnHistogram is the one that a worker fills and any thread may read.

#ifndef CORELANE_RUNTIME_TURN_HISTOGRAM_H_
#define CORELANE_RUNTIME_TURN_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/counter.h"
#include "core/time.h"

namespace corelane::runtime {

// Plain numbers, of one thread.
template <int kFirst, int kLast>
struct Log2Counts {
  static constexpr size_t kBounds = kLast - kFirst + 1;

  std::array<uint64_t, kBounds + 1> counts{};
  uint64_t sum = 0;  // nanoseconds

  // Of bucket < kBounds; the bound itself belongs to it.
  static constexpr Duration UpperBound(size_t bucket) {
    return Duration(int64_t{1} << (kFirst + static_cast<int>(bucket)));
  }
  static constexpr size_t BucketOf(Duration duration) {
    const auto ns = static_cast<uint64_t>(std::max<int64_t>(duration.count(), 1));
    const int width = std::bit_width(ns - 1);
    return static_cast<size_t>(std::clamp(width - kFirst, 0, static_cast<int>(kBounds)));
  }
  void Record(Duration duration) {
    ++counts[BucketOf(duration)];
    sum += static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0));
  }
};

// From 64 ns to a second. A few instructions to record; one thread records.
class TurnHistogram {
 public:
  using Counts = Log2Counts<6, 30>;

  void Record(Duration duration) {
    counts_[Counts::BucketOf(duration)].Increment();
    sum_.Increment(static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0)));
  }
  // Any thread. What is recorded meanwhile may be in some of the numbers only.
  Counts Read() const {
    Counts read;
    for (size_t i = 0; i < counts_.size(); ++i) read.counts[i] = counts_[i].value();
    read.sum = sum_.value();
    return read;
  }

 private:
  std::array<Counter, Counts::kBounds + 1> counts_;
  Counter sum_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_TURN_HISTOGRAM_H_
