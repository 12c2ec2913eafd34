#include "ip/ingress.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "ip/ipv4.h"
#include "ip/ipv6.h"

namespace corelane::ip {
namespace {

// The header checksum of the common header without options.
bool HasGoodShortChecksum(const uint8_t* p) {
  uint64_t a, b;
  uint32_t c;
  std::memcpy(&a, p, 8);
  std::memcpy(&b, p + 8, 8);
  std::memcpy(&c, p + 16, 4);
  uint64_t sum = a + b;
  sum += sum < b ? 1 : 0;
  sum = (sum & 0xffffffff) + (sum >> 32) + c;
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

// An IPv4 address of a header as IpAddress, in two whole words: bytes stored one by one would stall
// whoever loads the address next.
IpAddress MappedFromWire(const uint8_t* p) {
  static_assert(std::endian::native == std::endian::little);
  uint32_t raw;
  std::memcpy(&raw, p, 4);
  const std::array<uint64_t, 2> words = {0, uint64_t{raw} << 32 | 0xffff'0000};
  return Ipv6Address(std::bit_cast<std::array<uint8_t, 16>>(words));
}

DropReason CheckAddresses(Ipv4Address src, Ipv4Address dst) {
  // RFC 1122 §3.2.1.3: no such source exists; 127/8 never appears outside a host.
  if (src.IsMulticast() || src.IsBroadcast() || src.IsLoopback())
    return DropReason::kIpMartianSource;
  if (dst.IsLoopback() || dst.IsUnspecified()) return DropReason::kIpMartianDestination;
  return DropReason::kNone;
}

// RFC 4291 §2.5.3, §2.7, RFC 6890: a source is no group, ::1 and v4-mapped addresses never appear
// on a wire. (A mapped one would pass for IPv4 in everything that follows.)
DropReason CheckAddresses(const Ipv6Address& src, const Ipv6Address& dst) {
  if (src.IsMulticast() || src.IsLoopback() || src.IsV4Mapped())
    return DropReason::kIpMartianSource;
  if (dst.IsLoopback() || dst.IsUnspecified() || dst.IsV4Mapped())
    return DropReason::kIpMartianDestination;
  // RFC 4291 §2.7: scope 0 is reserved, scope 1 never leaves an interface.
  if (dst.IsMulticast() && (dst.bytes()[1] & 0x0f) <= 1) return DropReason::kIpMartianDestination;
  return DropReason::kNone;
}

[[gnu::noinline]] DropReason CheckOptions(const Ipv4View& view, IpIngress& ip) {
  const auto options = view.WalkOptions();
  if (!options) return DropReason::kIpBadOption;
  // RFC 6274 §3.13.2.3, RFC 7126 §4.3: source-routed packets are dropped.
  if (options->source_route) return DropReason::kIpSourceRoute;
  ip.router_alert = options->router_alert;
  return DropReason::kNone;
}

}  // namespace

DropReason ParseIpv4(std::span<const uint8_t> first_segment, size_t packet_size,
                     bool checksum_already_good, IpIngress& ip) {
  const uint8_t* p = first_segment.data();
  if (first_segment.size() < Ipv4View::kMinimumLength) return DropReason::kIpTruncated;
  if (p[0] >> 4 != 4) return DropReason::kIpBadVersion;
  const size_t header_length = size_t{4} * (p[0] & 0x0f);
  if (header_length < Ipv4View::kMinimumLength) return DropReason::kIpBadHeaderLength;
  const size_t total_length = LoadBe16(p + 2);
  if (header_length > first_segment.size() || total_length > packet_size)
    return DropReason::kIpTruncated;
  if (total_length < header_length) return DropReason::kIpBadHeaderLength;
  const bool plain = header_length == Ipv4View::kMinimumLength;
  if (!checksum_already_good &&
      !(plain ? HasGoodShortChecksum(p) : SumBytes(first_segment.first(header_length)).IsValid()))
    return DropReason::kIpBadChecksum;

  const Ipv4Address src = Ipv4Address::FromBytes(p + 12);
  const Ipv4Address dst = Ipv4Address::FromBytes(p + 16);
  const uint16_t fragment = LoadBe16(p + 6);
  ip.src = MappedFromWire(p + 12);
  ip.dst = MappedFromWire(p + 16);
  ip.protocol = p[9];
  ip.ttl = p[8];
  ip.ecn = p[1] & 3;
  ip.dscp = p[1] >> 2;
  ip.header_length = static_cast<uint16_t>(header_length);
  ip.payload_length = static_cast<uint32_t>(total_length - header_length);
  ip.fragment = (fragment & 0x3fff) != 0;
  ip.more_fragments = (fragment & 0x2000) != 0;
  ip.fragment_offset = (fragment & 0x1fffu) * 8;
  ip.identification = LoadBe16(p + 4);
  ip.router_alert = false;
  ip.fragment_header_offset = 0;
  ip.fragment_protocol_offset = 0;
  ip.protocol_offset = 9;
  ip.problem_code = 0;
  ip.problem_pointer = 0;
  if (const DropReason drop = CheckAddresses(src, dst); drop != DropReason::kNone) return drop;
  if (!plain) [[unlikely]]
    return CheckOptions(*Ipv4View::Parse(first_segment), ip);
  return DropReason::kNone;
}

DropReason ParseIpv6(std::span<const uint8_t> first_segment, size_t packet_size, IpIngress& ip) {
  if (first_segment.size() < Ipv6View::kLength) return DropReason::kIpTruncated;
  if (first_segment[0] >> 4 != 6) return DropReason::kIpBadVersion;
  const Ipv6View view = *Ipv6View::Parse(first_segment);
  const size_t total = Ipv6View::kLength + view.payload_length();
  if (total > packet_size) return DropReason::kIpTruncated;
  const Ipv6Address src = view.src();
  const Ipv6Address dst = view.dst();
  ip = IpIngress{.src = src,
                 .dst = dst,
                 .protocol = view.next_header(),
                 .ttl = view.hop_limit(),
                 .ecn = view.ecn(),
                 .dscp = view.dscp(),
                 .header_length = Ipv6View::kLength,
                 .payload_length = view.payload_length()};
  ip.protocol_offset = 6;
  if (const DropReason drop = CheckAddresses(src, dst); drop != DropReason::kNone) return drop;
  if (!IsExtensionHeader(ip.protocol)) [[likely]]
    return DropReason::kNone;

  Ipv6Chain chain;
  const DropReason drop =
      WalkExtensionHeaders(first_segment.first(std::min(first_segment.size(), total)), ip.protocol,
                           Ipv6View::kLength, 6, dst.IsMulticast(), chain);
  ip.problem_code = chain.problem_code;
  ip.problem_pointer = chain.problem_pointer;
  ip.router_alert = chain.router_alert;
  if (drop != DropReason::kNone) return drop;
  ip.protocol = chain.protocol;
  ip.protocol_offset = chain.protocol_offset;
  ip.header_length = chain.header_length;
  ip.payload_length = static_cast<uint32_t>(total - chain.header_length);
  ip.fragment = chain.fragment;
  if (chain.fragment) {
    ip.more_fragments = chain.fragment_header.more_fragments;
    ip.fragment_offset = chain.fragment_header.fragment_offset;
    ip.identification = chain.fragment_header.identification;
    ip.fragment_header_offset = chain.fragment_header_offset;
    ip.fragment_protocol_offset = chain.fragment_protocol_offset;
  }
  return DropReason::kNone;
}

}  // namespace corelane::ip
