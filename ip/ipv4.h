// The IPv4 header (RFC 791 §3.1) and its options.
//
//    0      1      2        4             6               8     9        10         12    16    20
//   +---+---+------+--------+------+------+---------------+-----+--------+----------+-----+-----+-
//   |4 |IHL | TOS  | length |  identifi.. | flags, offset | TTL | proto. | checksum | src | dst |
//   +---+---+------+--------+------+------+---------------+-----+--------+----------+-----+-----+-

#ifndef CORELANE_IP_IPV4_H_
#define CORELANE_IP_IPV4_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/ip_address.h"
#include "ip/protocol.h"

namespace corelane::ip {

// What a walk over the options found; the walk checks every length.
struct Ipv4Options {
  bool source_route = false;  // loose or strict
  bool record_route = false;
  bool timestamp = false;
  bool router_alert = false;  // RFC 2113
  bool other = false;
};

// A header, checked once: version, IHL and total length agree with each other and with the bytes as
// far as the header reaches. The payload may be longer than the bytes at hand: in a packet of
// several segments, or in an ICMP error's quotation. Borrows the bytes.
class Ipv4View {
 public:
  static constexpr size_t kMinimumLength = 20;

  static constexpr std::optional<Ipv4View> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kMinimumLength || bytes[0] >> 4 != 4) return std::nullopt;
    const Ipv4View view(bytes);
    if (view.header_length() < kMinimumLength || view.header_length() > bytes.size() ||
        view.total_length() < view.header_length())
      return std::nullopt;
    return view;
  }

  constexpr size_t header_length() const { return size_t{4} * (bytes_[0] & 0x0f); }
  constexpr uint8_t dscp() const { return bytes_[1] >> 2; }
  constexpr uint8_t ecn() const { return bytes_[1] & 3; }
  constexpr uint16_t total_length() const { return LoadBe16(&bytes_[2]); }
  constexpr uint16_t identification() const { return LoadBe16(&bytes_[4]); }
  constexpr bool dont_fragment() const { return (bytes_[6] & 0x40) != 0; }
  constexpr bool more_fragments() const { return (bytes_[6] & 0x20) != 0; }
  // In bytes, a multiple of 8.
  constexpr uint32_t fragment_offset() const { return (LoadBe16(&bytes_[6]) & 0x1fffu) * 8; }
  constexpr bool is_fragment() const { return (LoadBe16(&bytes_[6]) & 0x3fff) != 0; }
  constexpr uint8_t ttl() const { return bytes_[8]; }
  constexpr uint8_t protocol() const { return bytes_[9]; }
  constexpr uint16_t checksum() const { return LoadBe16(&bytes_[10]); }
  constexpr Ipv4Address src() const { return Ipv4Address::FromBytes(&bytes_[12]); }
  constexpr Ipv4Address dst() const { return Ipv4Address::FromBytes(&bytes_[16]); }
  constexpr std::span<const uint8_t> options() const {
    return bytes_.subspan(kMinimumLength, header_length() - kMinimumLength);
  }
  // What is at hand of the payload, padding behind total_length() excluded.
  constexpr std::span<const uint8_t> payload() const {
    const size_t end = bytes_.size() < total_length() ? bytes_.size() : total_length();
    return bytes_.subspan(header_length(), end - header_length());
  }

  bool HasValidChecksum() const { return SumBytes(bytes_.first(header_length())).IsValid(); }
  // Null: an option's length is wrong (RFC 1122 §3.2.1.8).
  std::optional<Ipv4Options> WalkOptions() const;

 private:
  constexpr explicit Ipv4View(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::span<const uint8_t> bytes_;
};

// A header without options, to be written.
struct Ipv4Header {
  Ipv4Address src;
  Ipv4Address dst;
  uint8_t protocol = 0;
  uint8_t ttl = kDefaultTtl;
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint16_t total_length = 0;  // header and payload
  uint16_t identification = 0;
  bool dont_fragment = false;
  bool more_fragments = false;
  uint32_t fragment_offset = 0;  // bytes, a multiple of 8

  // Options are not kept.
  static constexpr Ipv4Header FromView(const Ipv4View& view) {
    return {view.src(),
            view.dst(),
            view.protocol(),
            view.ttl(),
            view.dscp(),
            view.ecn(),
            view.total_length(),
            view.identification(),
            view.dont_fragment(),
            view.more_fragments(),
            view.fragment_offset()};
  }

  static constexpr size_t length() { return Ipv4View::kMinimumLength; }
  // Writes length() bytes, checksum included.
  constexpr void Emit(uint8_t* to) const {
    const auto flags = static_cast<uint16_t>((dont_fragment ? 0x4000u : 0u) |
                                             (more_fragments ? 0x2000u : 0u) | fragment_offset / 8);
    const uint32_t first = 0x45000000u | uint32_t{dscp} << 18 | uint32_t{ecn} << 16 | total_length;
    const uint32_t second = uint32_t{identification} << 16 | flags;
    const uint32_t third = uint32_t{ttl} << 24 | uint32_t{protocol} << 16;
    StoreBe32(to, first);
    StoreBe32(to + 4, second);
    src.CopyTo(to + 12);
    dst.CopyTo(to + 16);
    // RFC 1071: the sum of 32-bit words folds to the sum of 16-bit words.
    uint64_t sum = uint64_t{first} + second + third + src.value() + dst.value();
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    StoreBe32(to + 8, third | (~static_cast<uint32_t>(sum) & 0xffff));
  }

  friend constexpr bool operator==(const Ipv4Header&, const Ipv4Header&) = default;
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_IPV4_H_
