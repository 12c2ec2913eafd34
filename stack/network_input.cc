// Frames that arrive: Ethernet, ARP, IP, ICMP.

#include <algorithm>
#include <utility>

#include "arp/arp_packet.h"
#include "arp/arp_responder.h"
#include "ip/icmp_echo.h"
#include "ip/icmpv4.h"
#include "ip/icmpv6.h"
#include "ip/ndp_responder.h"
#include "ip/protocol.h"
#include "ip/source_address.h"
#include "stack/network.h"
#include "stack/tcp_layer.h"
#include "stack/vlan_tag.h"

namespace corelane::stack {
namespace {

using ip::DropReason;

// Headers of all layers are within this; what a device scattered is pulled together up to here.
constexpr size_t kHeadersMax = 128;

// Whatever the device left in the heads is of its own or the sender's making: sums of payload are
// ours to compute.
void ForgetSums(PacketBuf& packet) {
  for (PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
    s->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
  }
}

}  // namespace

void Network::Input(Interface& interface, PacketBuf packet, Instant now) {
  ForgetSums(packet);
  packet->interface = interface.index();
  if (interface.vlan()) [[unlikely]] {
    const DropReason drop = TakeTag(packet, *interface.vlan(), *control_pool_);
    if (drop != DropReason::kNone) {
      Drop(drop);
      return;
    }
  }
  if (tcp_->TakeKnown(interface, packet, now)) [[likely]] {
    return;
  }
  const auto frame = arp::EthernetView::Parse(packet.bytes());
  if (!frame) {
    Drop(DropReason::kFrameMalformed);
    return;
  }
  const MacAddress destination = frame->destination();
  link_group_ = destination.IsMulticast();
  if (!(destination == interface.mac()) && !link_group_) {
    Drop(DropReason::kFrameNotForUs);
    return;
  }
  if (!IsOfNoVlan(packet)) {
    Drop(DropReason::kUnknownVlan);
    return;
  }
  packet->flags &= static_cast<uint8_t>(~PacketHead::kHasVlan);  // an answer may leave in it
  const uint16_t type = frame->ether_type();
  packet.TrimFront(frame->length());
  switch (type) {
    case arp::ether_type::kIpv4:
      InputIp(interface, std::move(packet), true, now);
      break;
    case arp::ether_type::kIpv6:
      InputIp(interface, std::move(packet), false, now);
      break;
    case arp::ether_type::kArp:
      InputArp(interface, packet, now);
      break;
    default:
      Drop(DropReason::kUnknownEtherType);
  }
}

void Network::InputArp(Interface& interface, PacketBuf& packet, Instant now) {
  if (SteerToOwner(packet, Forwarded::Kind::kArp)) return;
  packet.PullUp(std::min(packet.packet_size(), arp::ArpPacket::length()));
  const auto view = arp::ArpView::Parse(packet.bytes());
  if (!view) {
    Drop(DropReason::kArpMalformed);
    return;
  }
  const arp::ArpReaction reaction =
      arp::OnArp(*view, interface.index(), interface.mac(),
                 addresses_.IsUnicast(interface.index(), view->target_ip()),
                 addresses_.IsUnicast(interface.index(), view->sender_ip()), neighbors_, now);
  if (reaction.for_us) {
    counters_.arp_in.Increment(1);
  } else {
    Drop(DropReason::kArpNotForUs);
  }
  // RFC 5227 §2.4 (c): a host that is configured by hand keeps its address.
  if (reaction.conflict) counters_.address_conflicts.Increment(1);
  if (reaction.reply) {
    PacketBuf reply = control_pool_->Allocate();
    if (reply) {
      reaction.packet.Emit(reply.Append(arp::ArpPacket::length()));
      SendFrame(interface, reaction.packet.target_mac, arp::ether_type::kArp, std::move(reply));
    } else {
      Drop(DropReason::kNoBuffer);
    }
  }
  PumpNeighbors(now);
}

// RFC 1122 §3.2.1.3: no packet comes from a broadcast address, nor from this host by the wire. (In
// IPv6 such a packet is only known by going where it comes from: neighbor discovery has to see
// others that claim our address.)
bool Network::IsMartianSource(const Interface& interface, const ip::IpIngress& ip) const {
  if (!ip.is_v4()) return ip.src == ip.dst;
  const ip::DestinationKind from = addresses_.Classify(interface.index(), ip.src);
  return from == ip::DestinationKind::kBroadcast || from == ip::DestinationKind::kUnicast;
}

void Network::InputIp(Interface& interface, PacketBuf packet, bool v4, Instant now) {
  if (packet->next_segment != nullptr && packet.size() < kHeadersMax) [[unlikely]] {
    // The common split, headers here and payload there, needs no pulling: only a header that is cut
    // in two does.
    const size_t ip_header = v4 ? 20 : 40;
    if (packet.size() < ip_header + tcp::kMaxHeaderLength) {
      const bool tcp_header_whole =
          packet.size() >= ip_header + tcp::kMinHeaderLength &&
          packet.size() >= ip_header + static_cast<size_t>(packet.data()[ip_header + 12] >> 4) * 4;
      const bool plain = v4 ? packet.data()[0] == 0x45 && packet.data()[9] == ip::protocol::kTcp
                            : packet.data()[6] == ip::protocol::kTcp;
      if (!(plain && tcp_header_whole)) packet.PullUp(std::min(packet.packet_size(), kHeadersMax));
    }
  }
  ip::IpIngress ip;
  const DropReason bad = v4 ? ip::ParseIpv4(packet.bytes(), packet.packet_size(),
                                            packet->l3_checksum == ChecksumState::kGood, ip)
                            : ip::ParseIpv6(packet.bytes(), packet.packet_size(), ip);
  if (bad != DropReason::kNone) [[unlikely]] {
    Drop(bad);
    const bool answers = bad == DropReason::kIpv6BadExtension ||
                         bad == DropReason::kIpv6UnknownOptionReport ||
                         bad == DropReason::kIpv6RoutingHeader;
    if (answers) AnswerBadHeader(ip, packet, addresses_.Classify(interface.index(), ip.dst), now);
    return;
  }
  const ip::DestinationKind kind = addresses_.Classify(interface.index(), ip.dst);
  if (kind == ip::DestinationKind::kNotOurs) {
    Drop(DropReason::kIpNotForUs);
    return;
  }
  if (IsMartianSource(interface, ip)) {
    Drop(DropReason::kIpMartianSource);
    return;
  }
  // RFC 1122 §3.3.6: a unicast packet in a broadcast frame is for somebody else, or a trick.
  if (v4 && link_group_ && kind == ip::DestinationKind::kUnicast) {
    Drop(DropReason::kIpNotForUs);
    return;
  }
  if (packet.packet_size() > ip.packet_length()) {
    packet.TrimBack(packet.packet_size() - ip.packet_length());
  }
  if (ip.fragment) [[unlikely]] {
    if (lane_ != nullptr && SteerFragment(packet, ip)) return;
    const DropReason drop = reassembler_.Input(packet, ip, now);
    if (drop != DropReason::kNone) {
      Drop(drop);
      if (reassembler_.ReportsProblem()) AnswerBadHeader(ip, packet, kind, now);
      return;
    }
    counters_.fragments_in.Increment(1);
    if (packet) {
      counters_.reassembled.Increment(1);
      journey_ = {};
      InputReassembled(interface, std::move(packet), now);
    }
    return;
  }
  Dispatch(interface, std::move(packet), ip, kind, now);
}

void Network::InputReassembled(Interface& interface, PacketBuf packet, Instant now) {
  packet.PullUp(std::min(packet.packet_size(), kHeadersMax));
  const bool v4 = packet.data()[0] >> 4 == 4;
  packet->interface = interface.index();
  ip::IpIngress ip;
  const DropReason bad = v4 ? ip::ParseIpv4(packet.bytes(), packet.packet_size(), true, ip)
                            : ip::ParseIpv6(packet.bytes(), packet.packet_size(), ip);
  if (bad != DropReason::kNone || ip.fragment) {
    Drop(bad != DropReason::kNone ? bad : DropReason::kFragmentMalformed);
    return;
  }
  Dispatch(interface, std::move(packet), ip, addresses_.Classify(interface.index(), ip.dst), now);
}

void Network::Dispatch(Interface& interface, PacketBuf packet, ip::IpIngress& ip,
                       ip::DestinationKind kind, Instant now) {
  const bool v4 = ip.is_v4();
  switch (ip.protocol) {
    case ip::protocol::kTcp:
      // RFC 9293 §3.9.2.3, MUST-57: TCP speaks to one host only.
      if (kind != ip::DestinationKind::kUnicast || link_group_) {
        Drop(DropReason::kIpNotForUs);
        return;
      }
      if (lane_ != nullptr && SteerTransport(packet, ip)) return;
      tcp_->OnPacket(std::move(packet), ip, now);
      return;
    case ip::protocol::kUdp: {
      if (lane_ != nullptr) {
        const bool group = kind != ip::DestinationKind::kUnicast;
        if (group ? SteerGroup(packet, ip) : SteerTransport(packet, ip)) return;
      }
      const DropReason drop = sink_->OnUdp(packet, ip, kind, now);
      if (drop == DropReason::kNone) return;
      Drop(drop);
      if (drop == DropReason::kUdpNoSocket) {
        SendIcmpError({.kind = ip::IcmpErrorKind::kPortUnreachable}, ip, packet, kind, now);
      }
      return;
    }
    default:
      break;
  }
  if (ip.protocol == (v4 ? ip::protocol::kIcmp : ip::protocol::kIcmpv6)) {
    InputIcmp(interface, std::move(packet), ip, kind, now);
    return;
  }
  if (ip.protocol == ip::protocol::kNoNextHeader && !v4) {
    counters_.no_next_header.Increment(1);
    return;
  }
  Drop(DropReason::kIpUnknownProtocol);
  SendIcmpError({.kind = ip::IcmpErrorKind::kProtocolUnreachable, .pointer = ip.protocol_offset},
                ip, packet, kind, now);
}

void Network::AnswerBadHeader(const ip::IpIngress& ip, const PacketBuf& packet,
                              ip::DestinationKind kind, Instant now) {
  SendIcmpError({.kind = ip::IcmpErrorKind::kParameterProblem,
                 .problem_code = ip.problem_code,
                 .pointer = ip.problem_pointer},
                ip, packet, kind, now);
}

void Network::InputIcmp(Interface& interface, PacketBuf packet, const ip::IpIngress& ip,
                        ip::DestinationKind kind, Instant now) {
  if (!ip::HasValidIcmpChecksum(packet, ip)) {
    Drop(DropReason::kIcmpBadChecksum);
    return;
  }
  const bool v4 = ip.is_v4();
  // Errors quote at most 1280 bytes; what is longer is an echo, which is answered where it lies.
  packet.PullUp(std::min<size_t>(packet.packet_size(), ip.header_length + size_t{128}));
  const auto message = packet.bytes().subspan(ip.header_length);
  if (message.empty()) {
    Drop(DropReason::kIcmpMalformed);
    return;
  }
  const uint8_t type = message[0];
  if (!v4 && type >= ip::icmpv6_type::kRouterSolicitation && type <= ip::icmpv6_type::kRedirect) {
    if (SteerToOwner(packet, Forwarded::Kind::kIp)) return;
    InputNdp(interface, packet, ip, now);
    return;
  }
  const uint8_t request = v4 ? ip::icmpv4_type::kEchoRequest : ip::icmpv6_type::kEchoRequest;
  if (type == request) {
    if (message.size() < 2 || message[1] != 0) {
      Drop(DropReason::kIcmpMalformed);
      return;
    }
    if (ip.src.IsUnspecified()) {  // nobody can be answered there
      Drop(DropReason::kIpMartianSource);
      return;
    }
    std::optional<IpAddress> source = ip.dst;
    if (kind != ip::DestinationKind::kUnicast) {
      // RFC 1122 §3.2.2.6: a broadcast echo may be ignored, and amplifies when it is not. RFC 4443
      // §4.2 answers groups.
      if (v4) {
        Drop(DropReason::kIcmpIgnored);
        return;
      }
      source = ip::SelectSource(addresses_, interface.index(), ip.src, ip.src);
    }
    if (!source || !ip::MakeEchoReply(packet, ip, *source, *control_pool_)) {
      Drop(DropReason::kNoBuffer);
      return;
    }
    counters_.echoes_in.Increment(1);
    SendIp(std::move(packet), ip.src, interface.index(), now);
    return;
  }
  ip::IcmpErrorReport report;
  const DropReason drop =
      v4 ? ip::ParseIcmpv4Error(message, report) : ip::ParseIcmpv6Error(message, report);
  if (drop != DropReason::kNone) {
    Drop(drop);
    return;
  }
  if (lane_ != nullptr && SteerReport(packet, report)) return;
  counters_.icmp_errors_in.Increment(1);
  sink_->OnIcmpError(report, now);
}

void Network::InputNdp(Interface& interface, PacketBuf& packet, const ip::IpIngress& ip,
                       Instant now) {
  if (!packet.PullUp(packet.packet_size())) {
    Drop(DropReason::kNdpInvalid);
    return;
  }
  const ip::NdpContext context{ip.src.v6(), ip.dst.v6(), ip.ttl};
  const auto message = ip::NdpView::Parse(packet.bytes().subspan(ip.header_length), context);
  if (!message) {
    Drop(DropReason::kNdpInvalid);
    return;
  }
  counters_.ndp_in.Increment(1);
  const ip::NdpReaction reaction =
      ip::OnNdp(*message, context, interface.index(), addresses_, interface.mac(), neighbors_, now);
  if (reaction.conflict) counters_.address_conflicts.Increment(1);
  if (reaction.reply) {
    PacketBuf reply = ip::BuildNdpPacket(*control_pool_, reaction.advertisement, reaction.source,
                                         reaction.destination);
    if (reply) {
      SendIp(std::move(reply), reaction.destination, interface.index(), now);
    } else {
      Drop(DropReason::kNoBuffer);
    }
  }
  PumpNeighbors(now);
}

}  // namespace corelane::stack
