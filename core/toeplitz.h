// Toeplitz: the receive-side scaling hash of NICs ("RSS hashing functions", Microsoft).
//
// Software computes it to know which queue the device will pick, and in the device's place where it
// picks none.

#ifndef CORELANE_CORE_TOEPLITZ_H_
#define CORELANE_CORE_TOEPLITZ_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ip_address.h"

namespace corelane {

// The hash under one key. Immutable after construction, so any thread may use it.
class Toeplitz {
 public:
  static constexpr size_t kKeySize = 40;
  static constexpr size_t kMaxInput = 36;  // bytes: two IPv6 addresses and two ports
  using Key = std::array<uint8_t, kKeySize>;

  // The key that drivers use by default and the specification's test vectors are for.
  static const Key kMicrosoftKey;
  // 0x6d5a repeated: both directions of a flow hash to the same value (Woo, Park: "Scalable TCP
  // Session Monitoring with Symmetric Receive-side Scaling").
  static const Key kSymmetricKey;

  // The first 40 bytes of `key` are used: longer keys of devices are for longer inputs. CHECKs that
  // there are as many.
  explicit Toeplitz(std::span<const uint8_t> key);

  // The 4-tuple of a packet, ports in host order. Both addresses are of src's family.
  uint32_t Hash(const IpAddress& src, uint16_t src_port, const IpAddress& dst,
                uint16_t dst_port) const;
  // The 2-tuple, for packets without ports that the device could read.
  uint32_t Hash(const IpAddress& src, const IpAddress& dst) const;
  // Of any input of at most kMaxInput bytes.
  uint32_t HashBytes(std::span<const uint8_t> input) const;

  const Key& key() const { return key_; }

 private:
  uint32_t Nibbles(size_t position, uint8_t byte) const {
    return table_[2 * position][byte >> 4] ^ table_[2 * position + 1][byte & 15];
  }

  Key key_;
  // table_[i][n]: what input bits n contribute as the i-th four bits.
  std::array<std::array<uint32_t, 16>, 2 * kMaxInput> table_;
};

}  // namespace corelane

#endif  // CORELANE_CORE_TOEPLITZ_H_
