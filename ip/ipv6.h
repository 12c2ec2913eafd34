// The IPv6 header (RFC 8200 §3) and its chain of extension headers (§4).
//
//    0        1..3            4              6          7          8     24    40
//   +--------+---------------+--------------+----------+----------+-----+-----+-------------
//   |6| class|  flow label   | payload len. | next hdr | hop lim. | src | dst | extensions..
//   +--------+---------------+--------------+----------+----------+-----+-----+-------------

#ifndef CORELANE_IP_IPV6_H_
#define CORELANE_IP_IPV6_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "ip/drop_reason.h"
#include "ip/protocol.h"

namespace corelane::ip {

// The fixed header, checked once: version and length. Borrows the bytes, of which there may be
// fewer than the payload length says.
class Ipv6View {
 public:
  static constexpr size_t kLength = 40;

  static constexpr std::optional<Ipv6View> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kLength || bytes[0] >> 4 != 6) return std::nullopt;
    return Ipv6View(bytes);
  }

  constexpr uint8_t dscp() const { return (LoadBe16(&bytes_[0]) >> 6) & 0x3f; }
  constexpr uint8_t ecn() const { return (bytes_[1] >> 4) & 3; }
  constexpr uint32_t flow_label() const { return LoadBe32(&bytes_[0]) & 0xfffff; }
  constexpr uint16_t payload_length() const { return LoadBe16(&bytes_[4]); }
  constexpr uint8_t next_header() const { return bytes_[6]; }
  constexpr uint8_t hop_limit() const { return bytes_[7]; }
  constexpr Ipv6Address src() const { return Ipv6Address::FromBytes(&bytes_[8]); }
  constexpr Ipv6Address dst() const { return Ipv6Address::FromBytes(&bytes_[24]); }
  // What is at hand of the payload, extension headers included.
  constexpr std::span<const uint8_t> payload() const {
    const size_t end = kLength + payload_length();
    return bytes_.subspan(kLength, (bytes_.size() < end ? bytes_.size() : end) - kLength);
  }

 private:
  constexpr explicit Ipv6View(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::span<const uint8_t> bytes_;
};

// A fixed header to be written.
struct Ipv6Header {
  Ipv6Address src;
  Ipv6Address dst;
  uint8_t next_header = 0;
  uint8_t hop_limit = kDefaultTtl;
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint32_t flow_label = 0;      // 20 bits
  uint16_t payload_length = 0;  // all behind the fixed header

  static constexpr Ipv6Header FromView(const Ipv6View& view) {
    return {view.src(),  view.dst(), view.next_header(), view.hop_limit(),
            view.dscp(), view.ecn(), view.flow_label(),  view.payload_length()};
  }

  static constexpr size_t length() { return Ipv6View::kLength; }
  // Writes length() bytes.
  constexpr void Emit(uint8_t* to) const {
    StoreBe32(to,
              0x60000000u | uint32_t{dscp} << 22 | uint32_t{ecn} << 20 | (flow_label & 0xfffff));
    StoreBe16(to + 4, payload_length);
    to[6] = next_header;
    to[7] = hop_limit;
    src.CopyTo(to + 8);
    dst.CopyTo(to + 24);
  }

  friend constexpr bool operator==(const Ipv6Header&, const Ipv6Header&) = default;
};

// The fragment header (RFC 8200 §4.5).
struct Ipv6FragmentHeader {
  uint8_t next_header = 0;
  uint32_t fragment_offset = 0;  // bytes, a multiple of 8
  bool more_fragments = false;
  uint32_t identification = 0;

  static constexpr size_t kLength = 8;
  static constexpr std::optional<Ipv6FragmentHeader> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kLength) return std::nullopt;
    const uint16_t offset = LoadBe16(&bytes[2]);
    return Ipv6FragmentHeader{bytes[0], offset & 0xfff8u, (offset & 1) != 0, LoadBe32(&bytes[4])};
  }
  static constexpr size_t length() { return kLength; }
  constexpr void Emit(uint8_t* to) const {
    to[0] = next_header;
    to[1] = 0;
    StoreBe16(to + 2, static_cast<uint16_t>(fragment_offset | (more_fragments ? 1 : 0)));
    StoreBe32(to + 4, identification);
  }
  friend constexpr bool operator==(const Ipv6FragmentHeader&, const Ipv6FragmentHeader&) = default;
};

// Where a walk over the extension headers ended. Offsets count from the IPv6 header.
struct Ipv6Chain {
  uint8_t protocol = 0;          // of what follows: a transport, kNoNextHeader, or unknown to us
  uint16_t header_length = 0;    // where that begins
  uint16_t protocol_offset = 0;  // of the field that names it
  // A fragment header that makes the packet a fragment ends the walk; an atomic one (offset 0, no
  // more fragments: RFC 6946) is passed over.
  bool fragment = false;
  Ipv6FragmentHeader fragment_header;
  uint16_t fragment_header_offset = 0;
  uint16_t fragment_protocol_offset = 0;  // of the field that names the fragment header
  bool router_alert = false;              // RFC 2711
  // Where a parameter problem is, for the ICMPv6 error, when the walk fails.
  uint8_t problem_code = 0;
  uint16_t problem_pointer = 0;
};

inline constexpr int kMaxExtensionHeaders = 8;
inline constexpr int kMaxOptions = 32;

// Walks the extension headers of the packet that `bytes` begins with, from `offset` on, where a
// header of type `next_header` begins, as the field at next_header_offset says: 40 and 6 for all of
// them. Bounded by kMaxExtensionHeaders and kMaxOptions (padding of one byte not counted).
// destination_is_multicast decides about options of action 11.
DropReason WalkExtensionHeaders(std::span<const uint8_t> bytes, uint8_t next_header, size_t offset,
                                size_t next_header_offset, bool destination_is_multicast,
                                Ipv6Chain& chain);

constexpr bool IsExtensionHeader(uint8_t next_header) {
  return next_header == protocol::kHopByHop || next_header == protocol::kRouting ||
         next_header == protocol::kFragment || next_header == protocol::kDestinationOptions;
}

}  // namespace corelane::ip

#endif  // CORELANE_IP_IPV6_H_
