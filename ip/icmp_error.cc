#include "ip/icmp_error.h"

#include <algorithm>
#include <optional>

#include "ip/icmpv4.h"
#include "ip/icmpv6.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"

namespace corelane::ip {
namespace {

// Type, code and the four bytes behind the checksum.
struct Wire {
  uint8_t type;
  uint8_t code;
  uint32_t rest;
};

Wire ToIcmpv4(const IcmpErrorRequest& error) {
  using Kind = IcmpErrorKind;
  switch (error.kind) {
    case Kind::kNetworkUnreachable:
      return {icmpv4_type::kUnreachable, icmpv4_unreachable::kNetwork, 0};
    case Kind::kHostUnreachable:
      return {icmpv4_type::kUnreachable, icmpv4_unreachable::kHost, 0};
    case Kind::kProtocolUnreachable:
      return {icmpv4_type::kUnreachable, icmpv4_unreachable::kProtocol, 0};
    case Kind::kPortUnreachable:
      return {icmpv4_type::kUnreachable, icmpv4_unreachable::kPort, 0};
    case Kind::kProhibited:
      return {icmpv4_type::kUnreachable, icmpv4_unreachable::kAdministrativelyProhibited, 0};
    case Kind::kPacketTooBig:
      return {icmpv4_type::kUnreachable, icmpv4_unreachable::kFragmentationNeeded,
              std::min<uint32_t>(error.mtu, 0xffff)};
    case Kind::kTtlExceeded:
      return {icmpv4_type::kTimeExceeded, icmpv4_time_exceeded::kTtl, 0};
    case Kind::kReassemblyTimeout:
      return {icmpv4_type::kTimeExceeded, icmpv4_time_exceeded::kReassembly, 0};
    case Kind::kParameterProblem:
      return {icmpv4_type::kParameterProblem, 0, error.pointer << 24};
  }
  return {icmpv4_type::kUnreachable, icmpv4_unreachable::kHost, 0};
}

Wire ToIcmpv6(const IcmpErrorRequest& error) {
  using Kind = IcmpErrorKind;
  switch (error.kind) {
    case Kind::kNetworkUnreachable:
      return {icmpv6_type::kUnreachable, icmpv6_unreachable::kNoRoute, 0};
    case Kind::kHostUnreachable:
      return {icmpv6_type::kUnreachable, icmpv6_unreachable::kAddress, 0};
    case Kind::kProtocolUnreachable:
      return {icmpv6_type::kParameterProblem, icmpv6_parameter_problem::kUnknownNextHeader,
              error.pointer};
    case Kind::kPortUnreachable:
      return {icmpv6_type::kUnreachable, icmpv6_unreachable::kPort, 0};
    case Kind::kProhibited:
      return {icmpv6_type::kUnreachable, icmpv6_unreachable::kAdministrativelyProhibited, 0};
    case Kind::kPacketTooBig:
      return {icmpv6_type::kPacketTooBig, 0, error.mtu};
    case Kind::kTtlExceeded:
      return {icmpv6_type::kTimeExceeded, icmpv6_time_exceeded::kHopLimit, 0};
    case Kind::kReassemblyTimeout:
      return {icmpv6_type::kTimeExceeded, icmpv6_time_exceeded::kReassembly, 0};
    case Kind::kParameterProblem:
      return {icmpv6_type::kParameterProblem, error.problem_code, error.pointer};
  }
  return {icmpv6_type::kUnreachable, icmpv6_unreachable::kAddress, 0};
}

// The ICMP type of a packet that is about to be answered with an error; null: it is not ICMP.
// Extension headers are stepped over without a check, since one of them may be what is wrong.
// 0xff..: it ends before its type.
std::optional<uint8_t> IcmpTypeOf(const IpIngress& ip, const PacketBuf& packet, bool& truncated) {
  const std::span<const uint8_t> bytes =
      packet.bytes().first(std::min(packet.size(), ip.packet_length()));
  truncated = false;
  size_t offset = ip.header_length;
  uint8_t protocol = ip.protocol;
  if (!ip.is_v4()) {
    for (int i = 0; i < kMaxExtensionHeaders && IsExtensionHeader(protocol); ++i) {
      if (bytes.size() < offset + 8) break;
      const bool fragment = protocol == protocol::kFragment;
      protocol = bytes[offset];
      offset += fragment ? 8 : 8 + size_t{8} * bytes[offset + 1];
    }
  }
  if (protocol != (ip.is_v4() ? protocol::kIcmp : protocol::kIcmpv6)) return std::nullopt;
  if (offset >= bytes.size()) {
    truncated = true;
    return std::nullopt;
  }
  return bytes[offset];
}

bool IsIcmpv4ErrorType(uint8_t type) {
  // RFC 1122 §3.2.2: unknown types count as errors here: answering one could loop.
  return type != icmpv4_type::kEchoRequest && type != icmpv4_type::kEchoReply &&
         !(type >= 13 && type <= 18);
}

void ReadTransport(std::span<const uint8_t> payload, IcmpErrorReport& report) {
  if (report.protocol != protocol::kTcp && report.protocol != protocol::kUdp) return;
  if (payload.size() >= 4) {
    report.has_ports = true;
    report.src_port = LoadBe16(&payload[0]);
    report.dst_port = LoadBe16(&payload[2]);
  }
  if (report.protocol == protocol::kTcp && payload.size() >= 8) {
    report.has_sequence = true;
    report.tcp_sequence = LoadBe32(&payload[4]);
  }
}

std::optional<IcmpErrorKind> KindOfUnreachableV4(uint8_t code) {
  using Kind = IcmpErrorKind;
  switch (code) {  // RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1.
    case 0:
    case 6:
    case 11:
      return Kind::kNetworkUnreachable;
    case 1:
    case 5:
    case 7:
    case 8:
    case 12:
      return Kind::kHostUnreachable;
    case icmpv4_unreachable::kProtocol:
      return Kind::kProtocolUnreachable;
    case icmpv4_unreachable::kPort:
      return Kind::kPortUnreachable;
    case icmpv4_unreachable::kFragmentationNeeded:
      return Kind::kPacketTooBig;
    case 9:
    case 10:
    case 13:
    case 14:
    case 15:
      return Kind::kProhibited;
    default:
      return std::nullopt;
  }
}

std::optional<IcmpErrorKind> KindOfV4(const Icmpv4View& view) {
  switch (view.type()) {
    case icmpv4_type::kUnreachable:
      return KindOfUnreachableV4(view.code());
    case icmpv4_type::kTimeExceeded:
      return view.code() == icmpv4_time_exceeded::kTtl ? IcmpErrorKind::kTtlExceeded
                                                       : IcmpErrorKind::kReassemblyTimeout;
    case icmpv4_type::kParameterProblem:
      return IcmpErrorKind::kParameterProblem;
    default:  // RFC 6633 §3: source quench is ignored; redirects are not acted upon.
      return std::nullopt;
  }
}

std::optional<IcmpErrorKind> KindOfV6(const Icmpv6View& view) {
  using Kind = IcmpErrorKind;
  switch (view.type()) {
    case icmpv6_type::kUnreachable:
      switch (view.code()) {
        case icmpv6_unreachable::kNoRoute:
        case icmpv6_unreachable::kBeyondScope:
        case icmpv6_unreachable::kRejectRoute:
          return Kind::kNetworkUnreachable;
        case icmpv6_unreachable::kAdministrativelyProhibited:
        case icmpv6_unreachable::kSourcePolicy:
          return Kind::kProhibited;
        case icmpv6_unreachable::kPort:
          return Kind::kPortUnreachable;
        default:
          return Kind::kHostUnreachable;
      }
    case icmpv6_type::kPacketTooBig:
      return Kind::kPacketTooBig;
    case icmpv6_type::kTimeExceeded:
      return view.code() == icmpv6_time_exceeded::kHopLimit ? Kind::kTtlExceeded
                                                            : Kind::kReassemblyTimeout;
    case icmpv6_type::kParameterProblem:
      return view.code() == icmpv6_parameter_problem::kUnknownNextHeader
                 ? Kind::kProtocolUnreachable
                 : Kind::kParameterProblem;
    default:
      return std::nullopt;
  }
}

bool IsHard(IcmpErrorKind kind) {
  return kind == IcmpErrorKind::kProtocolUnreachable || kind == IcmpErrorKind::kPortUnreachable;
}

}  // namespace

bool MaySendIcmpError(const IcmpErrorRequest& error, const IpIngress& ip, const PacketBuf& packet,
                      DestinationKind kind, bool link_group) {
  bool truncated = false;
  const std::optional<uint8_t> type = IcmpTypeOf(ip, packet, truncated);
  if (truncated) return false;
  const bool group = link_group || kind == DestinationKind::kBroadcast || ip.dst.IsMulticast();
  if (ip.is_v4()) {
    // RFC 1122 §3.2.2: not about an ICMP error, a broadcast or multicast, a fragment other than the
    // first, or a source that is no single host.
    const Ipv4Address src = ip.src.v4();
    return !(type && IsIcmpv4ErrorType(*type)) && !group && ip.fragment_offset == 0 &&
           !src.IsUnspecified() && !src.IsLoopback() && src.value() < 0xe0000000;
  }
  // RFC 4443 §2.4 (e).
  if (type && (*type < 128 || *type == icmpv6_type::kRedirect)) return false;
  const bool group_allowed = error.kind == IcmpErrorKind::kPacketTooBig ||
                             (error.kind == IcmpErrorKind::kParameterProblem &&
                              error.problem_code == icmpv6_parameter_problem::kUnknownOption);
  if (group && !group_allowed) return false;
  return !ip.src.IsUnspecified() && !ip.src.IsMulticast();
}

PacketBuf BuildIcmpError(PacketPool& pool, const IcmpErrorRequest& error, const IpIngress& ip,
                         const PacketBuf& packet, const IpAddress& source) {
  const bool v4 = ip.is_v4();
  const size_t ip_header = v4 ? Ipv4Header::length() : Ipv6Header::length();
  const size_t headers = ip_header + IcmpHeader::length();
  const size_t limit = v4 ? kIpv4MinimumReassembly : kIpv6MinimumMtu;
  PacketBuf reply = pool.Allocate();
  if (!reply || reply.tailroom() < headers) return PacketBuf();
  const size_t quote =
      std::min({limit - headers, reply.tailroom() - headers, packet.packet_size(),
                ip.header_length == 0 ? packet.packet_size() : ip.packet_length()});
  uint8_t* p = reply.Append(headers + quote);
  packet.CopyOut(0, {p + headers, quote});
  const Sum16 quoted_sum = SumBytes({p + headers, quote});
  const auto message_length = static_cast<uint16_t>(IcmpHeader::length() + quote);
  if (v4) {
    Ipv4Header header{.src = source.v4(), .dst = ip.src.v4(), .protocol = protocol::kIcmp};
    header.total_length = static_cast<uint16_t>(ip_header + message_length);
    header.dont_fragment = true;  // Smaller than what any path carries whole, nearly.
    header.Emit(p);
    const Wire wire = ToIcmpv4(error);
    IcmpHeader{wire.type, wire.code, wire.rest}.Emit(p + ip_header, quoted_sum);
  } else {
    Ipv6Header header{.src = source.v6(), .dst = ip.src.v6(), .next_header = protocol::kIcmpv6};
    header.payload_length = message_length;
    header.Emit(p);
    const Wire wire = ToIcmpv6(error);
    IcmpHeader{wire.type, wire.code, wire.rest}.Emit(
        p + ip_header,
        quoted_sum + PseudoHeaderSum(source, ip.src, protocol::kIcmpv6, message_length));
  }
  return reply;
}

DropReason ParseIcmpv4Error(std::span<const uint8_t> message, IcmpErrorReport& report) {
  const auto view = Icmpv4View::Parse(message);
  if (!view) return DropReason::kIcmpMalformed;
  const auto kind = KindOfV4(*view);
  if (!kind) return DropReason::kIcmpIgnored;
  const auto quoted = Ipv4View::Parse(view->body());
  if (!quoted) return DropReason::kIcmpMalformed;
  report = IcmpErrorReport{.kind = *kind, .type = view->type(), .code = view->code()};
  report.hard = IsHard(*kind);
  if (*kind == IcmpErrorKind::kPacketTooBig) report.mtu = view->next_hop_mtu();
  report.quoted_length = quoted->total_length();
  report.src = quoted->src();
  report.dst = quoted->dst();
  report.protocol = quoted->protocol();
  if (quoted->fragment_offset() == 0) ReadTransport(quoted->payload(), report);
  return DropReason::kNone;
}

DropReason ParseIcmpv6Error(std::span<const uint8_t> message, IcmpErrorReport& report) {
  const auto view = Icmpv6View::Parse(message);
  if (!view) return DropReason::kIcmpMalformed;
  const auto kind = KindOfV6(*view);
  if (!kind) return DropReason::kIcmpIgnored;
  const auto quoted = Ipv6View::Parse(view->body());
  if (!quoted || quoted->src().IsV4Mapped() || quoted->dst().IsV4Mapped())
    return DropReason::kIcmpMalformed;
  Ipv6Chain chain;
  if (WalkExtensionHeaders(view->body(), quoted->next_header(), Ipv6View::kLength, 6, false,
                           chain) != DropReason::kNone)
    return DropReason::kIcmpMalformed;
  report = IcmpErrorReport{.kind = *kind, .type = view->type(), .code = view->code()};
  report.hard = IsHard(*kind);
  if (*kind == IcmpErrorKind::kPacketTooBig) report.mtu = view->mtu();
  report.quoted_length = static_cast<uint32_t>(Ipv6View::kLength) + quoted->payload_length();
  report.src = quoted->src();
  report.dst = quoted->dst();
  report.protocol = chain.protocol;
  const bool first = !chain.fragment || chain.fragment_header.fragment_offset == 0;
  const size_t end = std::min<size_t>(view->body().size(), report.quoted_length);
  if (first && chain.header_length <= end)
    ReadTransport(view->body().first(end).subspan(chain.header_length), report);
  return DropReason::kNone;
}

}  // namespace corelane::ip
