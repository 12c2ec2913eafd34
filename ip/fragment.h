// Fragmentation of what this host sends (RFC 791 §3.2, RFC 8200 §4.5), for UDP and ICMP.
//
// The packets given must be complete: no checksum left to the device. The payload is copied into
// the fragments.

#ifndef CORELANE_IP_FRAGMENT_H_
#define CORELANE_IP_FRAGMENT_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/flow_hash.h"
#include "core/ip_address.h"
#include "core/packet.h"
#include "core/random.h"

namespace corelane::ip {

// Cuts `packet`, an IPv4 packet without options, into fragments of at most `mtu` bytes (>= 28),
// appended to `out`. False: the header is not such, or the pool is exhausted; `out` is unchanged
// then.
bool FragmentIpv4(const PacketBuf& packet, size_t mtu, uint16_t identification, PacketPool& pool,
                  PacketQueue& out);
// The same for an IPv6 packet without extension headers; mtu >= 1280.
bool FragmentIpv6(const PacketBuf& packet, size_t mtu, uint32_t identification, PacketPool& pool,
                  PacketQueue& out);

// Identification values: unique per addresses for as long as possible (RFC 6864 §4.3), and not to
// be guessed from those that other destinations see (RFC 7739 §5.3: a counter per hash bucket).
class IdentificationSource {
 public:
  explicit IdentificationSource(Random random);
  uint32_t Next(const IpAddress& src, const IpAddress& dst, uint8_t protocol);

 private:
  FlowHashKey key_;
  std::array<uint32_t, 1024> counters_;
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_FRAGMENT_H_
