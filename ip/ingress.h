// The first look at a received IP packet: one pass that checks the header and leaves everything
// that later layers want to know in a plain struct.
//
//   IpIngress ip;
//   DropReason drop = ParseIpv4(packet.bytes(), packet.packet_size(), good, ip);
//   if (drop == DropReason::kNone) { packet.TrimBack(packet.packet_size() - ip.packet_length());
//   ... }

#ifndef CORELANE_IP_INGRESS_H_
#define CORELANE_IP_INGRESS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ip_address.h"
#include "ip/drop_reason.h"

namespace corelane::ip {

struct IpIngress {
  IpAddress src;
  IpAddress dst;
  uint8_t protocol = 0;  // of the payload, behind all extension headers
  uint8_t ttl = 0;       // or hop limit
  uint8_t ecn = 0;
  uint8_t dscp = 0;
  uint16_t header_length = 0;  // options or extension headers included: where the payload begins
  bool fragment = false;       // one of several: to be reassembled before any other use
  bool router_alert = false;
  uint32_t payload_length = 0;  // bytes behind header_length, link padding excluded

  // Of a fragment. IPv6: header_length includes the fragment header.
  bool more_fragments = false;
  uint32_t fragment_offset = 0;  // bytes
  uint32_t identification = 0;
  uint16_t fragment_header_offset = 0;    // IPv6: where the fragment header is
  uint16_t fragment_protocol_offset = 0;  // IPv6: the field that names it

  // Offset of the field that names `protocol`: what an error about an unknown one points at.
  uint16_t protocol_offset = 0;
  // After a drop that RFC 8200 answers with a parameter problem (kIpv6BadExtension,
  // kIpv6UnknownOptionReport, kIpv6RoutingHeader): code and pointer.
  uint8_t problem_code = 0;
  uint16_t problem_pointer = 0;

  bool is_v4() const { return src.is_v4(); }
  size_t packet_length() const { return size_t{header_length} + payload_length; }
};

// first_segment: the packet's bytes from the IP header on, as far as they are contiguous; all IP
// headers must lie in them. packet_size: bytes of the whole packet, link padding included.
// checksum_already_good: the device has checked the header checksum. The packet came from a wire:
// loopback addresses are martians. `ip` is filled as far as the parser came, so that an error can
// be sent about a dropped packet; src and dst are valid unless the reason is kIpTruncated,
// kIpBadVersion, kIpBadHeaderLength or kIpBadChecksum.
DropReason ParseIpv4(std::span<const uint8_t> first_segment, size_t packet_size,
                     bool checksum_already_good, IpIngress& ip);
DropReason ParseIpv6(std::span<const uint8_t> first_segment, size_t packet_size, IpIngress& ip);

}  // namespace corelane::ip

#endif  // CORELANE_IP_INGRESS_H_
