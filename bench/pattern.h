// The bytes that the end-to-end benchmarks send, and how a receiver verifies them.

#ifndef CORELANE_BENCH_PATTERN_H_
#define CORELANE_BENCH_PATTERN_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/random.h"

namespace corelane::bench {

// Random bytes that repeat after a prime number of them, so that a lost, doubled or displaced piece
// of any power-of-two or segment size shows.
class Pattern {
 public:
  static constexpr size_t kPeriod = 65521;

  Pattern() : bytes_(2 * kPeriod) {
    Random random(42);
    for (size_t i = 0; i < kPeriod; ++i) {
      bytes_[i] = bytes_[i + kPeriod] = static_cast<uint8_t>(random.Next64());
    }
  }

  // kPeriod bytes; offset < kPeriod.
  const uint8_t* At(size_t offset) const { return bytes_.data() + offset; }

 private:
  std::vector<uint8_t> bytes_;
};

// A place in the endless repetition of a pattern.
class Cursor {
 public:
  explicit Cursor(const Pattern& pattern, size_t start = 0)
      : pattern_(&pattern), offset_(start % Pattern::kPeriod) {}

  // The next bytes: `n` of them, or as many as lie in one piece.
  std::span<const uint8_t> Next(size_t n) const {
    return {pattern_->At(offset_), std::min(n, Pattern::kPeriod)};
  }
  // n <= kPeriod.
  void Advance(size_t n) {
    offset_ += n;
    if (offset_ >= Pattern::kPeriod) offset_ -= Pattern::kPeriod;
  }
  // Moves over `bytes`; false: they are not the next ones.
  bool Take(std::span<const uint8_t> bytes) {
    bool good = true;
    while (!bytes.empty()) {
      const std::span<const uint8_t> next = Next(bytes.size());
      good &= std::memcmp(bytes.data(), next.data(), next.size()) == 0;
      Advance(next.size());
      bytes = bytes.subspan(next.size());
    }
    return good;
  }

 private:
  const Pattern* pattern_;
  size_t offset_;
};

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_PATTERN_H_
