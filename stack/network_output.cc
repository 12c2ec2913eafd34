// Packets that leave: paths, checksums, IP and Ethernet headers.

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/checksum.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"
#include "ip/source_address.h"
#include "stack/copy_flat.h"
#include "stack/network.h"
#include "stack/segmentation.h"
#include "stack/vlan_tag.h"
#include "tcp/segment.h"

namespace corelane::stack {
namespace {

using ip::DropReason;

// Payload of a segment without options that fits an IP packet of `mtu` bytes (RFC 6691 §2).
uint16_t TcpMss(uint32_t mtu, bool v4) {
  const uint32_t headers = (v4 ? 20u : 40u) + static_cast<uint32_t>(tcp::kMinHeaderLength);
  return static_cast<uint16_t>(std::min<uint32_t>(mtu - headers, 65495));
}

bool IsGroup(const IpAddress& address) {
  return address.is_v4() ? address.v4().IsMulticast() : address.v6().IsMulticast();
}

MacAddress GroupMac(const IpAddress& group) {
  return group.is_v4() ? arp::Ipv4MulticastMac(group.v4().value())
                       : arp::Ipv6MulticastMac(group.v6().low());
}

constexpr size_t kIpv4ChecksumOffset = 10;

void EmitIpv4(const Path& path, uint8_t protocol, size_t length, bool dont_fragment, uint8_t* to) {
  ip::Ipv4Header ip{.src = path.local().v4(), .dst = path.remote().v4(), .protocol = protocol};
  ip.ttl = ip::kDefaultTtl;
  ip.total_length = static_cast<uint16_t>(length + ip::Ipv4Header::length());
  // RFC 6864 §4.1: an atomic datagram's identification says nothing.
  ip.dont_fragment = dont_fragment;
  ip.Emit(to);
}

void EmitIpv6(const Path& path, uint8_t protocol, size_t length, uint8_t* to) {
  ip::Ipv6Header ip{.src = path.local().v6(), .dst = path.remote().v6(), .next_header = protocol};
  ip.hop_limit = ip::kDefaultTtl;
  ip.payload_length = static_cast<uint16_t>(length);
  ip.Emit(to);
}

}  // namespace

[[gnu::always_inline]] inline void Network::Enqueue(Interface& interface, PacketBuf packet) {
  if (packet->next_segment != nullptr &&
      packet.segments() > interface.capabilities().MaxSegments(packet->segment_size != 0))
      [[unlikely]] {
    packet = CopyFlat(*packet.head(), interface.cache());
    if (!packet) {
      Drop(DropReason::kNoBuffer);
      return;
    }
  }
  if (interface.vlan() && !PutTag(packet, *interface.vlan(), interface.capabilities().vlan_insert))
      [[unlikely]] {
    Drop(DropReason::kNoBuffer);
    return;
  }
  if (!interface.Enqueue(std::move(packet))) Drop(DropReason::kDeviceFull);
}

bool Network::RefreshSlow(Path& path, Instant now) {
  const uint64_t generation = Generation();
  const IpAddress& remote = path.remote();
  const ip::InterfaceAddress* const own = addresses_.Find(path.local());
  const ip::Route* route = routes_.Lookup(remote);
  if (own != nullptr && (route == nullptr || route->interface != own->interface)) {
    // Link-local destinations and hosts with several interfaces: our address decides.
    route = routes_.LookupOn(own->interface, remote);
  }
  if (path.generation != generation) path.neighbor = arp::NeighborHandle();
  path.generation = generation;
  path.mtu_checked = now;
  path.local_interface = own != nullptr ? own->interface : Path::kNoInterface;
  if (route == nullptr) {
    path.interface = nullptr;
    return false;
  }
  path.interface = interfaces_[route->interface].get();
  path.next_hop = route->NextHop(remote);
  const uint32_t link_mtu = route->mtu != 0 ? std::min<uint32_t>(route->mtu, path.interface->mtu())
                                            : path.interface->mtu();
  path.mtu = path_mtu_.Get(remote, link_mtu, now);
  path.tcp_mss = TcpMss(path.mtu, path.is_v4());
  FillTcpHeader(path);
  return true;
}

void Network::FillTcpHeader(Path& path) {
  uint8_t* const p = path.tcp_header.data();
  uint8_t* const header = p + Path::kIpOffset;
  path.interface->mac().CopyTo(p + 6);
  if (path.is_v4()) {
    StoreBe16(p + 12, arp::ether_type::kIpv4);
    EmitIpv4(path, ip::protocol::kTcp, 0, true, header);
    StoreBe16(header + 2, 0);
    StoreBe16(header + kIpv4ChecksumOffset, 0);
    path.header_sum = SumBytes({header, ip::Ipv4Header::length()});
  } else {
    StoreBe16(p + 12, arp::ether_type::kIpv6);
    EmitIpv6(path, ip::protocol::kTcp, 0, header);
  }
}

std::optional<IpAddress> Network::SourceFor(const IpAddress& remote) const {
  const ip::Route* const route = routes_.Lookup(remote);
  if (route == nullptr) return std::nullopt;
  if (route->preferred_source) return route->preferred_source;
  return ip::SelectSource(addresses_, route->interface, remote, route->NextHop(remote));
}

// More than one frame's payload.
void Network::SendLongTcp(Path& path, PacketBuf segment, Instant now) {
  const driver::Capabilities& device = path.interface->capabilities();
  if (device.tso && segment.packet_size() <= device.max_tso_size &&
      segment.segments() <= device.MaxSegments(true)) {
    SendTcpFrame(path, std::move(segment), now);
    return;
  }
  Segmenter cut(std::move(segment), path.interface->cache());
  while (PacketBuf frame = cut.Next()) SendTcpFrame(path, std::move(frame), now);
  if (!cut.done()) Drop(DropReason::kNoBuffer);
}

// The field is zero.
[[gnu::always_inline]] inline void Network::CompleteChecksum(Path& path, PacketBuf& packet) {
  uint8_t* const field = packet.data() + tcp::kChecksumOffset;
  const size_t length = packet.packet_size();
  const Sum16 pseudo = path.PseudoSum(length, ip::protocol::kTcp);
  if (path.interface->capabilities().tx_checksum_l4) {
    const uint16_t raw = pseudo.raw();
    std::memcpy(field, &raw, sizeof raw);
    packet->flags &= static_cast<uint8_t>(~PacketHead::kHasPayloadSum);
    return;
  }
  Sum16 sum;
  if ((packet->flags & PacketHead::kHasPayloadSum) != 0) {
    sum = SumBytes({packet.data(), packet->payload_offset}) + Sum16::FromRaw(packet->data_sum);
    packet->flags &= static_cast<uint8_t>(~PacketHead::kHasPayloadSum);
  } else {
    sum = SumPacket(packet, 0, length);
  }
  (pseudo + sum).StoreComplement(field);
  packet->l4_checksum = ChecksumState::kGood;
}

// One frame's worth, l4_checksum kPartial: the headers of the path in front of it.
void Network::SendTcpFrame(Path& path, PacketBuf packet, Instant now) {
  CompleteChecksum(path, packet);
  const bool v4 = path.is_v4();
  const size_t length = packet.packet_size();
  const size_t ip_header = v4 ? ip::Ipv4Header::length() : ip::Ipv6Header::length();
  const size_t headers = Path::kIpOffset + ip_header;
  const MacAddress* const mac = neighbors_.Find(path.neighbor, now);
  if (mac == nullptr || packet.headroom() < headers) [[unlikely]] {
    if (PrependIp(path, packet, ip::protocol::kTcp, true)) {
      SendToNeighbor(*path.interface, path.next_hop, path.neighbor, std::move(packet), now);
    } else {
      Drop(DropReason::kPacketTooBig);
    }
    return;
  }
  uint8_t* const p = packet.Prepend(headers);
  uint8_t* const header = p + Path::kIpOffset;
  std::memcpy(p, path.tcp_header.data(), Path::kIpOffset + ip::Ipv4Header::length());
  mac->CopyTo(p);
  if (v4) {
    const auto total = static_cast<uint16_t>(length + ip_header);
    StoreBe16(header + 2, total);
    (path.header_sum + Sum16::OfWord(total)).StoreComplement(header + kIpv4ChecksumOffset);
  } else {
    std::memcpy(header + 20, path.tcp_header.data() + Path::kIpOffset + 20, 20);
    StoreBe16(header + 4, static_cast<uint16_t>(length));
  }
  packet->l3_checksum = ChecksumState::kGood;
  packet->l4_protocol = ip::protocol::kTcp;
  packet->l3_offset = Path::kIpOffset;
  packet->l4_offset = static_cast<uint16_t>(headers);
  packet->payload_offset = static_cast<uint16_t>(packet->payload_offset + headers);
  Enqueue(*path.interface, std::move(packet));
}

bool Network::PrependIp(Path& path, PacketBuf& packet, uint8_t protocol, bool dont_fragment) {
  const size_t length = packet.packet_size();
  const bool v4 = path.is_v4();
  const size_t header = v4 ? ip::Ipv4Header::length() : ip::Ipv6Header::length();
  if (packet.headroom() < header + arp::EthernetHeader::kMaxLength ||
      length + header > 65535 + 40) {
    return false;
  }
  if (v4) {
    EmitIpv4(path, protocol, length, dont_fragment, packet.Prepend(header));
  } else {
    EmitIpv6(path, protocol, length, packet.Prepend(header));
  }
  packet->l3_checksum = ChecksumState::kGood;
  packet->l4_protocol = protocol;
  packet->l4_offset = static_cast<uint16_t>(header);
  packet->payload_offset = static_cast<uint16_t>(packet->payload_offset + header);
  return true;
}

void Network::SendDatagram(Path& path, PacketBuf packet, uint8_t protocol, Instant now) {
  if (!Refresh(path, now)) {
    Drop(DropReason::kNoRoute);
    return;
  }
  if (!PrependIp(path, packet, protocol, false)) {
    Drop(DropReason::kPacketTooBig);
    return;
  }
  if (packet.packet_size() <= path.mtu) {
    SendToNeighbor(*path.interface, path.next_hop, path.neighbor, std::move(packet), now);
    return;
  }
  PacketQueue fragments;
  if (!Fragment(packet, path.local(), path.remote(), protocol, path.mtu, fragments)) return;
  while (PacketBuf fragment = fragments.PopFront()) {
    SendToNeighbor(*path.interface, path.next_hop, path.neighbor, std::move(fragment), now);
  }
}

bool Network::Fragment(const PacketBuf& packet, const IpAddress& from, const IpAddress& to,
                       uint8_t protocol, uint32_t mtu, PacketQueue& out) {
  const uint32_t id = identification_.Next(from, to, protocol);
  const bool done =
      to.is_v4()
          ? ip::FragmentIpv4(packet, mtu, static_cast<uint16_t>(id), *control_pool_, out)
          : ip::FragmentIpv6(packet, std::max(mtu, ip::kIpv6MinimumMtu), id, *control_pool_, out);
  if (!done) Drop(DropReason::kNoBuffer);
  return done;
}

void Network::SendIcmpError(const ip::IcmpErrorRequest& error, const ip::IpIngress& ip,
                            const PacketBuf& packet, ip::DestinationKind kind, Instant now) {
  if (!ip::MaySendIcmpError(error, ip, packet, kind, link_group_)) return;
  if (!icmp_limiter_.Allow(now)) {
    Drop(DropReason::kIcmpRateLimited);
    return;
  }
  IpAddress source = ip.dst;
  if (kind != ip::DestinationKind::kUnicast) {
    const auto selected = SourceFor(ip.src);
    if (!selected) return;
    source = *selected;
  }
  PacketBuf reply = ip::BuildIcmpError(*control_pool_, error, ip, packet, source);
  if (!reply) {
    Drop(DropReason::kNoBuffer);
    return;
  }
  SendIp(std::move(reply), ip.src, std::nullopt, now);
}

void Network::SendIp(PacketBuf packet, const IpAddress& destination,
                     std::optional<uint16_t> interface, Instant now) {
  const ip::Route* route = routes_.Lookup(destination);
  if (interface && (route == nullptr || route->interface != *interface)) {
    route = routes_.LookupOn(*interface, destination);
  }
  if (IsGroup(destination) && interface) {
    const bool v4 = destination.is_v4();
    SendFrame(*interfaces_[*interface], GroupMac(destination),
              v4 ? arp::ether_type::kIpv4 : arp::ether_type::kIpv6, std::move(packet));
    return;
  }
  if (route == nullptr) {
    Drop(DropReason::kNoRoute);
    return;
  }
  Interface& out = *interfaces_[route->interface];
  if (packet.packet_size() > out.mtu()) {
    // A long echo came in fragments and leaves in fragments.
    PacketQueue fragments;
    if (!Fragment(packet, IpAddress(), destination, ip::protocol::kIcmp, out.mtu(), fragments))
      return;
    while (PacketBuf fragment = fragments.PopFront()) {
      arp::NeighborHandle handle;
      SendToNeighbor(out, route->NextHop(destination), handle, std::move(fragment), now);
    }
    return;
  }
  arp::NeighborHandle handle;
  SendToNeighbor(out, route->NextHop(destination), handle, std::move(packet), now);
}

void Network::SendToNeighbor(Interface& interface, const IpAddress& next_hop,
                             arp::NeighborHandle& handle, PacketBuf packet, Instant now) {
  const bool v4 = next_hop.is_v4();
  const uint16_t type = v4 ? arp::ether_type::kIpv4 : arp::ether_type::kIpv6;
  const MacAddress* mac = neighbors_.Find(handle, now);
  if (mac == nullptr) [[unlikely]] {
    if (IsGroup(next_hop)) {
      SendFrame(interface, GroupMac(next_hop), type, std::move(packet));
      return;
    }
    if (v4 && addresses_.IsBroadcast(interface.index(), next_hop)) {
      SendFrame(interface, MacAddress::kBroadcast, type, std::move(packet));
      return;
    }
    mac = neighbors_.Lookup(interface.index(), next_hop, now, handle);
    if (mac == nullptr) {
      if (handle.entry == nullptr) {
        Drop(DropReason::kNeighborQueueFull);
        return;
      }
      neighbors_.Hold(handle, std::move(packet), now);
      PumpNeighbors(now);
      return;
    }
    PumpNeighbors(now);  // the use of a stale entry begins its probing
    mac = neighbors_.Lookup(interface.index(), next_hop, now, handle);
    if (mac == nullptr) return;
  }
  SendFrame(interface, *mac, type, std::move(packet));
}

void Network::SendFrame(Interface& interface, const MacAddress& to, uint16_t ether_type,
                        PacketBuf packet) {
  constexpr size_t kHeader = arp::EthernetView::kUntaggedLength;
  if (packet.headroom() < kHeader) {
    Drop(DropReason::kNoBuffer);
    return;
  }
  uint8_t* const p = packet.Prepend(kHeader);
  to.CopyTo(p);
  interface.mac().CopyTo(p + 6);
  StoreBe16(p + 12, ether_type);
  packet->l3_offset = kHeader;
  packet->l4_offset = static_cast<uint16_t>(packet->l4_offset + kHeader);
  packet->payload_offset = static_cast<uint16_t>(packet->payload_offset + kHeader);
  Enqueue(interface, std::move(packet));
}

}  // namespace corelane::stack
