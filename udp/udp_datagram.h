// UDP datagrams in and out: the header, and the checksum as each IP version demands it.

#ifndef CORELANE_UDP_UDP_DATAGRAM_H_
#define CORELANE_UDP_UDP_DATAGRAM_H_

#include <cstdint>

#include "core/ip_address.h"
#include "core/packet.h"
#include "ip/drop_reason.h"
#include "ip/ingress.h"

namespace corelane::udp {

// A received datagram, checked.
struct UdpIngress {
  Endpoint src;
  Endpoint dst;
  uint32_t data_offset = 0;  // from packet.data()
  uint32_t data_length = 0;
};

// packet: a whole one, its IP header at data(), the UDP header contiguous with it. The checksum is
// verified unless the device has done so; zero means "none" in IPv4 and is refused in IPv6 (RFC
// 8200 §8.1).
ip::DropReason ParseUdp(const PacketBuf& packet, const ip::IpIngress& ip, UdpIngress& udp);

enum class UdpChecksum : uint8_t {
  kFull,     // computed here
  kPartial,  // the pseudo-header's sum, for the device to complete (ChecksumState::kPartial)
  kNone,     // zero; IPv4 only, taken as kFull for IPv6
};

// Puts the header in front of `packet`, a payload with headroom for it. False: the payload is too
// long for one datagram (65507 bytes over IPv4, 65527 over IPv6); `packet` is unchanged then.
bool BuildDatagram(PacketBuf& packet, const Endpoint& src, const Endpoint& dst,
                   UdpChecksum checksum);

}  // namespace corelane::udp

#endif  // CORELANE_UDP_UDP_DATAGRAM_H_
