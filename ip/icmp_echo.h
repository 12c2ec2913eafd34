// Echo replies (RFC 1122 §3.2.2.6, RFC 4443 §4.2), built from the request where it lies.

#ifndef CORELANE_IP_ICMP_ECHO_H_
#define CORELANE_IP_ICMP_ECHO_H_

#include "core/ip_address.h"
#include "core/packet.h"
#include "ip/ingress.h"

namespace corelane::ip {

// Whether the ICMP message of `packet` (its IP header at data(), not a fragment) is whole and its
// checksum good; trusts PacketHead::l4_checksum where a device looked at it.
bool HasValidIcmpChecksum(const PacketBuf& packet, const IpIngress& ip);

// Turns a request that HasValidIcmpChecksum() into the reply from `source`: addresses exchanged,
// type changed, the checksum updated (RFC 1624), IPv4 options and IPv6 extension headers left out.
// False: it is no echo request, or shared bytes could not be copied for lack of packets; `packet`
// is unchanged then.
bool MakeEchoReply(PacketBuf& packet, const IpIngress& ip, const IpAddress& source,
                   PacketPool& pool);

}  // namespace corelane::ip

#endif  // CORELANE_IP_ICMP_ECHO_H_
