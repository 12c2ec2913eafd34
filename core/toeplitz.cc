#include "core/toeplitz.h"

#include <algorithm>

#include "core/check.h"

namespace corelane {

const Toeplitz::Key Toeplitz::kMicrosoftKey = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

const Toeplitz::Key Toeplitz::kSymmetricKey = {
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
};

Toeplitz::Toeplitz(std::span<const uint8_t> key) {
  CL_CHECK(key.size() >= kKeySize);
  std::copy_n(key.begin(), kKeySize, key_.begin());
  for (size_t i = 0; i < table_.size(); ++i) {
    // Input bit b selects the 32 key bits from b on.
    const size_t byte = i / 2;
    const int shift = i % 2 == 0 ? 0 : 4;
    const uint64_t window = uint64_t{LoadBe32(&key_[byte])} << 32 |
                            uint64_t{byte + 4 < kKeySize ? key_[byte + 4] : uint8_t{0}} << 24;
    for (size_t n = 0; n < 16; ++n) {
      uint32_t sum = 0;
      for (int bit = 0; bit < 4; ++bit) {
        if ((n & (8u >> bit)) != 0) sum ^= static_cast<uint32_t>(window << (shift + bit) >> 32);
      }
      table_[i][n] = sum;
    }
  }
}

uint32_t Toeplitz::HashBytes(std::span<const uint8_t> input) const {
  CL_DCHECK(input.size() <= kMaxInput);
  uint32_t hash = 0;
  for (size_t i = 0; i < input.size(); ++i) hash ^= Nibbles(i, input[i]);
  return hash;
}

uint32_t Toeplitz::Hash(const IpAddress& src, const IpAddress& dst) const {
  std::array<uint8_t, 32> input;
  if (src.is_v4()) {
    src.v4().CopyTo(input.data());
    dst.v4().CopyTo(input.data() + 4);
    return HashBytes({input.data(), 8});
  }
  src.v6().CopyTo(input.data());
  dst.v6().CopyTo(input.data() + 16);
  return HashBytes(input);
}

uint32_t Toeplitz::Hash(const IpAddress& src, uint16_t src_port, const IpAddress& dst,
                        uint16_t dst_port) const {
  const size_t ports = src.is_v4() ? 8 : 32;
  return Hash(src, dst) ^ Nibbles(ports, static_cast<uint8_t>(src_port >> 8)) ^
         Nibbles(ports + 1, static_cast<uint8_t>(src_port)) ^
         Nibbles(ports + 2, static_cast<uint8_t>(dst_port >> 8)) ^
         Nibbles(ports + 3, static_cast<uint8_t>(dst_port));
}

}  // namespace corelane
