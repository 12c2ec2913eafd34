#include "core/siphash.h"

#include <bit>
#include <cstring>

namespace corelane {
namespace {

static_assert(std::endian::native == std::endian::little);

struct State {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  template <int kRounds>
  void Absorb(uint64_t word) {
    v3 ^= word;
    for (int i = 0; i < kRounds; ++i) Round();
    v0 ^= word;
  }
};

template <int kCompression, int kFinalization>
uint64_t Hash(const SipKey& key, std::span<const uint8_t> bytes) {
  State state{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d, key.k0 ^ 0x6c7967656e657261,
              key.k1 ^ 0x7465646279746573};
  const uint8_t* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    state.Absorb<kCompression>(word);
  }
  uint64_t last = 0;
  size_t taken = 0;
  if (left & 4) {
    std::memcpy(&last, p, 4);
    taken = 4;
  }
  for (; taken < left; ++taken) last |= uint64_t{p[taken]} << (8 * taken);
  state.Absorb<kCompression>(last | static_cast<uint64_t>(bytes.size()) << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < kFinalization; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace

uint64_t SipHash24(const SipKey& key, std::span<const uint8_t> bytes) {
  return Hash<2, 4>(key, bytes);
}

uint64_t SipHash13(const SipKey& key, std::span<const uint8_t> bytes) {
  return Hash<1, 3>(key, bytes);
}

}  // namespace corelane
