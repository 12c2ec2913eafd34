// ARP for IPv4 over Ethernet (RFC 826).

#ifndef CORELANE_ARP_ARP_PACKET_H_
#define CORELANE_ARP_ARP_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/mac_address.h"

namespace corelane::arp {

namespace arp_operation {
inline constexpr uint16_t kRequest = 1;
inline constexpr uint16_t kReply = 2;
}  // namespace arp_operation

// A packet behind its Ethernet header, checked once. Borrows the bytes.
class ArpView {
 public:
  static constexpr size_t kLength = 28;

  // Null: too short, another hardware or protocol type, another operation, or a sender that can be
  // no station (a group or zero MAC address, RFC 1812 §3.3.2; a multicast or broadcast IP address).
  static constexpr std::optional<ArpView> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kLength) return std::nullopt;
    const uint8_t* p = bytes.data();
    // Ethernet, IPv4, address lengths 6 and 4.
    if (LoadBe64(p) >> 16 != 0x0001'0800'0604) return std::nullopt;
    const ArpView view(p);
    if (view.operation() != arp_operation::kRequest && view.operation() != arp_operation::kReply)
      return std::nullopt;
    if (view.sender_mac().IsMulticast() || view.sender_mac().IsZero()) return std::nullopt;
    if (view.sender_ip().IsMulticast() || view.sender_ip().IsBroadcast()) return std::nullopt;
    return view;
  }

  constexpr uint16_t operation() const { return LoadBe16(bytes_ + 6); }
  constexpr MacAddress sender_mac() const { return MacAddress::FromBytes(bytes_ + 8); }
  // 0.0.0.0 in a probe for an address conflict (RFC 5227 §1.1).
  constexpr Ipv4Address sender_ip() const { return Ipv4Address::FromBytes(bytes_ + 14); }
  constexpr MacAddress target_mac() const { return MacAddress::FromBytes(bytes_ + 18); }
  constexpr Ipv4Address target_ip() const { return Ipv4Address::FromBytes(bytes_ + 24); }

 private:
  constexpr explicit ArpView(const uint8_t* bytes) : bytes_(bytes) {}

  const uint8_t* bytes_;
};

// A packet to be written.
struct ArpPacket {
  uint16_t operation = arp_operation::kRequest;
  MacAddress sender_mac;
  Ipv4Address sender_ip;
  MacAddress target_mac;
  Ipv4Address target_ip;

  static constexpr ArpPacket FromView(const ArpView& view) {
    return {view.operation(), view.sender_mac(), view.sender_ip(), view.target_mac(),
            view.target_ip()};
  }

  static constexpr size_t length() { return ArpView::kLength; }
  // Writes length() bytes.
  constexpr void Emit(uint8_t* to) const {
    StoreBe16(to, 1);           // Ethernet
    StoreBe16(to + 2, 0x0800);  // IPv4
    to[4] = 6;
    to[5] = 4;
    StoreBe16(to + 6, operation);
    sender_mac.CopyTo(to + 8);
    sender_ip.CopyTo(to + 14);
    target_mac.CopyTo(to + 18);
    target_ip.CopyTo(to + 24);
  }

  friend constexpr bool operator==(const ArpPacket&, const ArpPacket&) = default;
};

}  // namespace corelane::arp

#endif  // CORELANE_ARP_ARP_PACKET_H_
