// Random: a small, fast, reproducible generator for simulation, sampling and jitter.
//
// xoshiro256** seeded by splitmix64 (Blackman, Vigna). Its output can be predicted from earlier
// output: whatever an attacker must not guess (ports, ISNs, keys) comes from SipHash with a secret.

#ifndef CORELANE_CORE_RANDOM_H_
#define CORELANE_CORE_RANDOM_H_

#include <bit>
#include <cstdint>

namespace corelane {

// A value type: a copy continues with the same sequence. Also a UniformRandomBitGenerator.
class Random {
 public:
  using result_type = uint64_t;

  constexpr explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  constexpr uint64_t Next64() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  constexpr uint32_t Next32() { return static_cast<uint32_t>(Next64() >> 32); }

  // Uniform in [0, n), without bias; 0 for n == 0.
  constexpr uint64_t Below(uint64_t n) {
    if (n == 0) return 0;
    // Lemire, "Fast Random Integer Generation in an Interval".
    auto product = static_cast<unsigned __int128>(Next64()) * n;
    if (static_cast<uint64_t>(product) < n) {
      const uint64_t threshold = (0 - n) % n;
      while (static_cast<uint64_t>(product) < threshold)
        product = static_cast<unsigned __int128>(Next64()) * n;
    }
    return static_cast<uint64_t>(product >> 64);
  }
  // Uniform in [0, 1).
  constexpr double UniformDouble() { return static_cast<double>(Next64() >> 11) * 0x1p-53; }
  // True with probability p: never for p <= 0, always for p >= 1.
  constexpr bool Chance(double p) { return UniformDouble() < p; }

  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  constexpr uint64_t operator()() { return Next64(); }

 private:
  uint64_t state_[4] = {};
};

}  // namespace corelane

#endif  // CORELANE_CORE_RANDOM_H_
