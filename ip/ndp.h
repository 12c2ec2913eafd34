// Neighbor discovery messages (RFC 4861 §4): views with all validity checks of §6.1 and §7.1, and
// values to be written.
//
//   auto message = NdpView::Parse(icmp_bytes, {ip.src.v6(), ip.dst.v6(), ip.ttl});
//   if (message && message->type() == icmpv6_type::kNeighborSolicitation) ... message->target() ...

#ifndef CORELANE_IP_NDP_H_
#define CORELANE_IP_NDP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/mac_address.h"
#include "core/packet.h"
#include "ip/icmpv6.h"
#include "ip/ipv6.h"

namespace corelane::ip {

namespace ndp_option {
inline constexpr uint8_t kSourceLinkLayer = 1;
inline constexpr uint8_t kTargetLinkLayer = 2;
inline constexpr uint8_t kPrefixInformation = 3;
inline constexpr uint8_t kRedirectedHeader = 4;
inline constexpr uint8_t kMtu = 5;
inline constexpr uint8_t kNonce = 14;  // RFC 3971 §5.3.2, RFC 7527
}  // namespace ndp_option

// RFC 4861 §6.1, §7.1: no router has forwarded the packet.
inline constexpr uint8_t kNdpHopLimit = 255;

// What the IP header says about a message.
struct NdpContext {
  Ipv6Address src;
  Ipv6Address dst;
  uint8_t hop_limit;
};

// One option; `data` is what follows type and length.
struct NdpOption {
  uint8_t type;
  std::span<const uint8_t> data;
};

// Walks options whose lengths have been checked.
class NdpOptions {
 public:
  constexpr explicit NdpOptions(std::span<const uint8_t> bytes) : rest_(bytes) {}
  constexpr std::optional<NdpOption> Next() {
    if (rest_.size() < 8) return std::nullopt;
    const size_t length = size_t{8} * rest_[1];
    if (length == 0 || length > rest_.size()) return std::nullopt;
    const NdpOption option{rest_[0], rest_.subspan(2, length - 2)};
    rest_ = rest_.subspan(length);
    return option;
  }

 private:
  std::span<const uint8_t> rest_;
};

// Prefix information (RFC 4861 §4.6.2). Lifetimes in seconds; 0xffffffff: for ever.
struct NdpPrefix {
  IpPrefix prefix;
  bool on_link = false;
  bool autonomous = false;
  uint32_t valid_lifetime = 0;
  uint32_t preferred_lifetime = 0;

  friend constexpr bool operator==(const NdpPrefix&, const NdpPrefix&) = default;
};

// A router or neighbor solicitation or advertisement that has passed every check but the checksum.
// Borrows the bytes.
class NdpView {
 public:
  // bytes: the whole ICMPv6 message, which must be contiguous. Null: invalid, to be dropped without
  // a word (RFC 4861 §6.1, §7.1), or a redirect.
  static std::optional<NdpView> Parse(std::span<const uint8_t> bytes, const NdpContext& context);

  uint8_t type() const { return bytes_[0]; }
  NdpOptions options() const { return NdpOptions(bytes_.subspan(fixed_length_)); }
  // The address in the first option of that kind (kSourceLinkLayer or kTargetLinkLayer).
  std::optional<MacAddress> LinkLayerAddress(uint8_t option) const;

  // Neighbor solicitation and advertisement.
  Ipv6Address target() const;
  // Neighbor advertisement.
  bool router() const { return (bytes_[4] & 0x80) != 0; }
  bool solicited() const { return (bytes_[4] & 0x40) != 0; }
  bool override_flag() const { return (bytes_[4] & 0x20) != 0; }
  // Router advertisement. Zero: not specified.
  uint8_t hop_limit() const { return bytes_[4]; }
  bool managed() const { return (bytes_[5] & 0x80) != 0; }
  bool other_configuration() const { return (bytes_[5] & 0x40) != 0; }
  uint16_t router_lifetime_s() const { return LoadBe16(&bytes_[6]); }
  uint32_t reachable_time_ms() const { return fixed_length_ >= 16 ? LoadBe32(&bytes_[8]) : 0; }
  uint32_t retrans_timer_ms() const { return fixed_length_ >= 16 ? LoadBe32(&bytes_[12]) : 0; }

 private:
  NdpView(std::span<const uint8_t> bytes, size_t fixed_length)
      : bytes_(bytes), fixed_length_(fixed_length) {}

  std::span<const uint8_t> bytes_;
  size_t fixed_length_;
};

// The values below write a whole ICMPv6 message: length() bytes, the checksum included, for which
// they are told the packet's addresses.
struct NeighborSolicitation {
  Ipv6Address target;
  std::optional<MacAddress> source_mac;  // none when the source is :: (RFC 4861 §4.3)
  std::optional<std::array<uint8_t, 6>> nonce;

  static NeighborSolicitation FromView(const NdpView& view);
  size_t length() const { return 24 + (source_mac ? 8 : 0) + (nonce ? 8 : 0); }
  void Emit(uint8_t* to, const Ipv6Address& src, const Ipv6Address& dst) const;
  friend bool operator==(const NeighborSolicitation&, const NeighborSolicitation&) = default;
};

struct NeighborAdvertisement {
  Ipv6Address target;
  bool router = false;
  bool solicited = false;
  bool override_flag = false;
  std::optional<MacAddress> target_mac;

  static NeighborAdvertisement FromView(const NdpView& view);
  size_t length() const { return 24 + (target_mac ? 8 : 0); }
  void Emit(uint8_t* to, const Ipv6Address& src, const Ipv6Address& dst) const;
  friend bool operator==(const NeighborAdvertisement&, const NeighborAdvertisement&) = default;
};

struct RouterSolicitation {
  std::optional<MacAddress> source_mac;

  static RouterSolicitation FromView(const NdpView& view);
  size_t length() const { return 8 + (source_mac ? 8 : 0); }
  void Emit(uint8_t* to, const Ipv6Address& src, const Ipv6Address& dst) const;
  friend bool operator==(const RouterSolicitation&, const RouterSolicitation&) = default;
};

struct RouterAdvertisement {
  static constexpr size_t kMaxPrefixes = 8;  // more are ignored

  uint8_t hop_limit = 0;
  bool managed = false;
  bool other_configuration = false;
  uint16_t router_lifetime_s = 0;
  uint32_t reachable_time_ms = 0;
  uint32_t retrans_timer_ms = 0;
  std::optional<MacAddress> source_mac;
  std::optional<uint32_t> mtu;
  std::array<NdpPrefix, kMaxPrefixes> prefixes = {};
  size_t prefix_count = 0;

  static RouterAdvertisement FromView(const NdpView& view);
  size_t length() const { return 16 + (source_mac ? 8 : 0) + (mtu ? 8 : 0) + 32 * prefix_count; }
  void Emit(uint8_t* to, const Ipv6Address& src, const Ipv6Address& dst) const;
  friend bool operator==(const RouterAdvertisement&, const RouterAdvertisement&) = default;
};

// A whole IPv6 packet with one of the values above, hop limit 255. Null: the pool is exhausted.
template <class Message>
PacketBuf BuildNdpPacket(PacketPool& pool, const Message& message, const Ipv6Address& src,
                         const Ipv6Address& dst) {
  PacketBuf packet = pool.Allocate();
  if (!packet) return packet;
  Ipv6Header header{.src = src, .dst = dst, .next_header = protocol::kIcmpv6};
  header.hop_limit = kNdpHopLimit;
  header.payload_length = static_cast<uint16_t>(message.length());
  header.Emit(packet.Append(Ipv6Header::length()));
  message.Emit(packet.Append(message.length()), src, dst);
  return packet;
}

}  // namespace corelane::ip

#endif  // CORELANE_IP_NDP_H_
