// Ethernet II frames with up to two VLAN tags (IEEE 802.3 §3.2.6, 802.1Q §9).
//
//   +-------------+--------+----------------+-----------+---------
//   | destination | source | 0..2 tags of 4 | EtherType | payload
//   +-------------+--------+----------------+-----------+---------
//
//   if (auto frame = arp::EthernetView::Parse(packet.bytes())) packet.TrimFront(frame->length());

#ifndef CORELANE_ARP_ETHERNET_H_
#define CORELANE_ARP_ETHERNET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/mac_address.h"

namespace corelane::arp {

namespace ether_type {
inline constexpr uint16_t kIpv4 = 0x0800;
inline constexpr uint16_t kArp = 0x0806;
inline constexpr uint16_t kVlan = 0x8100;  // 802.1Q customer tag
inline constexpr uint16_t kIpv6 = 0x86dd;
inline constexpr uint16_t kServiceVlan = 0x88a8;  // 802.1ad service tag
// Smaller values are an 802.3 length, which nothing here understands.
inline constexpr uint16_t kFirst = 0x0600;
}  // namespace ether_type

// A frame's header, checked once. Borrows the bytes.
class EthernetView {
 public:
  static constexpr size_t kUntaggedLength = 14;
  static constexpr size_t kTagLength = 4;
  static constexpr size_t kMaxTags = 2;

  // Null: the bytes end inside the header. A third tag is left to the caller as an EtherType that
  // it does not know.
  static constexpr std::optional<EthernetView> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kUntaggedLength) return std::nullopt;
    size_t tags = 0;
    uint16_t type = LoadBe16(bytes.data() + 12);
    while (IsTag(type) && tags < kMaxTags) [[unlikely]] {
      ++tags;
      if (bytes.size() < kUntaggedLength + tags * kTagLength) return std::nullopt;
      type = LoadBe16(bytes.data() + 12 + tags * kTagLength);
    }
    return EthernetView(bytes.data(), static_cast<uint8_t>(tags), type);
  }

  constexpr MacAddress destination() const { return MacAddress::FromBytes(bytes_); }
  constexpr MacAddress source() const { return MacAddress::FromBytes(bytes_ + 6); }
  // Of the payload, behind all tags.
  constexpr uint16_t ether_type() const { return ether_type_; }
  constexpr size_t tags() const { return tags_; }
  // Tag control information (priority, DEI, VLAN id) of tag index < tags(); 0 is the outer one.
  constexpr uint16_t tci(size_t index) const {
    return index < tags_ ? LoadBe16(bytes_ + 14 + index * kTagLength) : 0;
  }
  static constexpr uint16_t VlanId(uint16_t tci) { return tci & 0x0fff; }
  constexpr size_t length() const { return kUntaggedLength + tags_ * kTagLength; }

 private:
  static constexpr bool IsTag(uint16_t type) {
    return type == ether_type::kVlan || type == ether_type::kServiceVlan;
  }
  constexpr EthernetView(const uint8_t* bytes, uint8_t tags, uint16_t ether_type)
      : bytes_(bytes), tags_(tags), ether_type_(ether_type) {}

  const uint8_t* bytes_;
  uint8_t tags_;
  uint16_t ether_type_;
};

// A header to be written.
struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  uint16_t ether_type = 0;
  uint8_t tags = 0;      // 0..2
  uint16_t tci[2] = {};  // outer first
  static constexpr size_t kMaxLength =
      EthernetView::kUntaggedLength + EthernetView::kMaxTags * EthernetView::kTagLength;

  static constexpr EthernetHeader FromView(const EthernetView& view) {
    EthernetHeader header{view.destination(), view.source(), view.ether_type(),
                          static_cast<uint8_t>(view.tags())};
    for (size_t i = 0; i < view.tags(); ++i) header.tci[i] = view.tci(i);
    return header;
  }

  constexpr size_t length() const {
    return EthernetView::kUntaggedLength + tags * EthernetView::kTagLength;
  }
  // Writes length() bytes. With two tags the outer one is a service tag.
  constexpr void Emit(uint8_t* to) const {
    destination.CopyTo(to);
    source.CopyTo(to + 6);
    to += 12;
    for (size_t i = 0; i < tags; ++i, to += EthernetView::kTagLength) {
      StoreBe16(to, i + 1 < tags ? ether_type::kServiceVlan : ether_type::kVlan);
      StoreBe16(to + 2, tci[i]);
    }
    StoreBe16(to, ether_type);
  }

  friend constexpr bool operator==(const EthernetHeader&, const EthernetHeader&) = default;
};

// The group address that carries an IP multicast destination (RFC 1112 §6.4, RFC 2464 §7).
constexpr MacAddress Ipv4MulticastMac(uint32_t group) {
  return MacAddress(0x01, 0x00, 0x5e, static_cast<uint8_t>(group >> 16 & 0x7f),
                    static_cast<uint8_t>(group >> 8), static_cast<uint8_t>(group));
}
constexpr MacAddress Ipv6MulticastMac(uint64_t group_low) {
  return MacAddress(0x33, 0x33, static_cast<uint8_t>(group_low >> 24),
                    static_cast<uint8_t>(group_low >> 16), static_cast<uint8_t>(group_low >> 8),
                    static_cast<uint8_t>(group_low));
}

}  // namespace corelane::arp

#endif  // CORELANE_ARP_ETHERNET_H_
