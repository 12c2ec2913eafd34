// Any bytes as an IP packet with a UDP datagram.

#include <cstdlib>
#include <cstring>

#include "udp/udp_datagram.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane;  // NOLINT(google-build-using-namespace)
  if (size == 0 || size > 2000) return 0;
  PacketPool pool(2);
  PacketBuf packet = pool.Allocate();
  std::memcpy(packet.Append(size), data, size);
  ip::IpIngress ip;
  const ip::DropReason drop = (data[0] >> 4) == 6 ? ip::ParseIpv6(packet.bytes(), size, ip)
                                                  : ip::ParseIpv4(packet.bytes(), size, true, ip);
  if (drop != ip::DropReason::kNone || ip.fragment) return 0;
  udp::UdpIngress udp;
  for (const ChecksumState state : {ChecksumState::kNone, ChecksumState::kGood}) {
    packet->l4_checksum = state;
    if (udp::ParseUdp(packet, ip, udp) != ip::DropReason::kNone) continue;
    if (size_t{udp.data_offset} + udp.data_length > size || udp.dst.port == 0) std::abort();
  }
  return 0;
}
