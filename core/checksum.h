// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//
// A Sum16 is the one's-complement sum of 16-bit words in memory order, so that no byte is swapped
// on the way (RFC 1071 §2 (B)). Sums of parts add up; a part that begins at an odd offset of the
// whole is Swapped() first.
//
//   Sum16 sum = PseudoHeaderSum(src, dst, 17, length) + SumBytes(datagram);  // field zero
//   sum.StoreComplement(field);

#ifndef CORELANE_CORE_CHECKSUM_H_
#define CORELANE_CORE_CHECKSUM_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/ip_address.h"
#include "core/packet.h"

namespace corelane {

static_assert(std::endian::native == std::endian::little);

// A folded one's-complement sum. Zero has two forms: raw() == 0 only for no words or words that are
// all zero, 0xffff otherwise.
class Sum16 {
 public:
  constexpr Sum16() = default;
  // From raw() of another sum, or from 16 bits loaded in memory order.
  static constexpr Sum16 FromRaw(uint16_t raw) { return Sum16(raw); }
  // Of one word that the wire carries in network order.
  static constexpr Sum16 OfWord(uint16_t host_order) {
    return Sum16(static_cast<uint16_t>(host_order << 8 | host_order >> 8));
  }

  friend constexpr Sum16 operator+(Sum16 a, Sum16 b) {
    const uint32_t sum = uint32_t{a.raw_} + b.raw_;
    return Sum16(static_cast<uint16_t>(sum + (sum >> 16)));
  }
  // Takes words out of a sum again (RFC 1624 §3, equation 3).
  friend constexpr Sum16 operator-(Sum16 a, Sum16 b) {
    return a + Sum16(static_cast<uint16_t>(~b.raw_));
  }
  constexpr Sum16& operator+=(Sum16 other) { return *this = *this + other; }
  constexpr Sum16& operator-=(Sum16 other) { return *this = *this - other; }
  // The same bytes' sum, one byte further on.
  constexpr Sum16 Swapped() const { return OfWord(raw_); }

  constexpr uint16_t raw() const { return raw_; }
  // Of data that includes its checksum field (and pseudo-header): whether the checksum is right.
  constexpr bool IsValid() const { return raw_ == 0xffff; }
  // Writes the checksum of the data summed. RFC 768: a UDP sender stores 0xffff where this is 0.
  void StoreComplement(uint8_t* field) const {
    const auto complement = static_cast<uint16_t>(~raw_);
    std::memcpy(field, &complement, 2);
  }

  friend constexpr bool operator==(Sum16, Sum16) = default;

 private:
  constexpr explicit Sum16(uint16_t raw) : raw_(raw) {}

  uint16_t raw_ = 0;
};

// The sum of `bytes` as if they began at an even offset; an odd last byte is padded with zero.
Sum16 SumBytes(std::span<const uint8_t> bytes);

// Copies `from` to `to` (no overlap) and sums it in one pass.
Sum16 CopyAndSum(uint8_t* to, std::span<const uint8_t> from);

// The sum of [offset, offset + length) of the packet (offset + length <= packet_size()), as if that
// range began at an even offset. Segments that it covers whole and that have a data sum are not
// read.
Sum16 SumPacket(const PacketBuf& packet, size_t offset, size_t length);

// Of the pseudo-header: RFC 9293 §3.1 (IPv4) or RFC 8200 §8.1 (IPv6), by the family of `src`.
// length: bytes of the upper-layer header and data.
inline Sum16 PseudoHeaderSum(const IpAddress& src, const IpAddress& dst, uint8_t protocol,
                             uint32_t length) {
  const auto add = [](uint64_t sum, uint64_t word) {
    sum += word;
    return sum + (sum < word ? 1 : 0);
  };
  uint64_t sum = src.is_v4() ? uint64_t{src.v4().value()} + dst.v4().value()
                             : add(add(add(src.high(), src.low()), dst.high()), dst.low());
  sum = add(sum, uint64_t{protocol} + length);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return Sum16::OfWord(static_cast<uint16_t>(sum));
}

}  // namespace corelane

#endif  // CORELANE_CORE_CHECKSUM_H_
