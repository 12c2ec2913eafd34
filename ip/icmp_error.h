// ICMP and ICMPv6 errors: when they may be sent, how they are built, what a received one says.
//
//   IcmpErrorRequest error{.kind = IcmpErrorKind::kPortUnreachable};
//   if (MaySendIcmpError(error, ip, packet, kind, link_group) && bucket.Allow(now))
//     PacketBuf reply = BuildIcmpError(pool, error, ip, packet, source);

#ifndef CORELANE_IP_ICMP_ERROR_H_
#define CORELANE_IP_ICMP_ERROR_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ip_address.h"
#include "core/packet.h"
#include "ip/address_table.h"
#include "ip/drop_reason.h"
#include "ip/ingress.h"

namespace corelane::ip {

// What happened, in terms of both versions.
enum class IcmpErrorKind : uint8_t {
  kNetworkUnreachable,
  kHostUnreachable,
  kProtocolUnreachable,  // IPv6: parameter problem, unknown next header
  kPortUnreachable,
  kProhibited,
  kPacketTooBig,  // IPv4: fragmentation needed
  kTtlExceeded,
  kReassemblyTimeout,
  kParameterProblem,
};

struct IcmpErrorRequest {
  IcmpErrorKind kind = IcmpErrorKind::kPortUnreachable;
  uint32_t mtu = 0;          // kPacketTooBig
  uint8_t problem_code = 0;  // kParameterProblem: IpIngress::problem_code
  uint32_t pointer = 0;      // kParameterProblem; kProtocolUnreachable: IpIngress::protocol_offset
};

// The "must not send" rules of RFC 1122 §3.2.2, RFC 1812 §4.3.2.7 and RFC 4443 §2.4 (e). packet:
// the offending one, its IP header at data(). kind: of its destination. link_group: it came as a
// link-layer broadcast or multicast. Rate limits are the caller's.
bool MaySendIcmpError(const IcmpErrorRequest& error, const IpIngress& ip, const PacketBuf& packet,
                      DestinationKind kind, bool link_group);

// A whole IP packet that tells ip.src of the error and quotes as much of `packet` as RFC 1812
// §4.3.2.3 (576 bytes in all) or RFC 4443 §2.4 (c) (1280) allow. source: the address to send from.
// Null: the pool is exhausted.
PacketBuf BuildIcmpError(PacketPool& pool, const IcmpErrorRequest& error, const IpIngress& ip,
                         const PacketBuf& packet, const IpAddress& source);

// A received error and the packet of ours that it is about.
struct IcmpErrorReport {
  IcmpErrorKind kind = IcmpErrorKind::kHostUnreachable;
  uint8_t type = 0;
  uint8_t code = 0;
  // RFC 1122 §4.2.3.9: soft for TCP: nothing that should end a connection.
  bool hard = false;
  uint32_t mtu = 0;            // kPacketTooBig; 0: the router did not say
  uint32_t quoted_length = 0;  // of the whole IP packet quoted, as its header says
  IpAddress src;               // ours
  IpAddress dst;
  uint8_t protocol = 0;
  bool has_ports = false;  // the quotation reaches that far: true for TCP, UDP
  uint16_t src_port = 0;   // ours
  uint16_t dst_port = 0;
  bool has_sequence = false;  // TCP
  uint32_t tcp_sequence = 0;
};

// message: an ICMP or ICMPv6 error whose checksum is good, as far as it is contiguous.
// kIcmpIgnored: not an error, or one that a host does not act upon (source quench, redirect).
DropReason ParseIcmpv4Error(std::span<const uint8_t> message, IcmpErrorReport& report);
DropReason ParseIcmpv6Error(std::span<const uint8_t> message, IcmpErrorReport& report);

}  // namespace corelane::ip

#endif  // CORELANE_IP_ICMP_ERROR_H_
