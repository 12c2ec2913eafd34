// Why a received packet, or one to be sent, was not passed on: one enum for all layers, and the
// counters that go with it.

#ifndef CORELANE_IP_DROP_REASON_H_
#define CORELANE_IP_DROP_REASON_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/counter.h"

namespace corelane::ip {

enum class DropReason : uint8_t {
  kNone,  // not dropped

  // Link layer.
  kFrameMalformed,
  kFrameNotForUs,
  kUnknownEtherType,
  kUnknownVlan,
  kArpMalformed,
  kArpNotForUs,

  // IP.
  kIpTruncated,  // the header, or the length it states, reaches past the packet
  kIpBadVersion,
  kIpBadHeaderLength,
  kIpBadChecksum,
  kIpBadOption,  // an IPv4 option's length is wrong
  kIpSourceRoute,
  kIpMartianSource,       // multicast, broadcast, loopback or v4-mapped
  kIpMartianDestination,  // loopback, unspecified or v4-mapped
  kIpNotForUs,
  kIpUnknownProtocol,
  kIpv6BadExtension,  // an extension header's length or order is wrong
  kIpv6TooManyExtensions,
  kIpv6UnknownOption,        // skipped by the sender's wish; action 01
  kIpv6UnknownOptionReport,  // action 10, or 11 and not multicast: RFC 8200 §4.2
  kIpv6RoutingHeader,        // a routing type that is not understood, with segments left

  // Fragments.
  kFragmentMalformed,
  kFragmentTooSmall,  // the first fragment lacks the headers (RFC 1858, 7112)
  kFragmentTooLarge,  // would make a packet of more than 65535 bytes
  kFragmentOverlap,
  kFragmentDuplicate,
  kFragmentLimit,  // memory, count or share of one source
  kFragmentTimeout,
  kFragmentBadEcn,  // RFC 3168 §5.3: Not-ECT and CE in one packet

  // ICMP and neighbor discovery.
  kIcmpMalformed,
  kIcmpBadChecksum,
  kIcmpNotForUs,  // no such flow, or an error that nobody wants
  kIcmpIgnored,   // a type or code that is not acted upon
  kIcmpRateLimited,
  kNdpInvalid,  // RFC 4861 §6.1, §7.1

  // UDP.
  kUdpMalformed,
  kUdpBadChecksum,
  kUdpNoChecksum,  // IPv6 without one (RFC 8200 §8.1)
  kUdpNoSocket,
  kUdpQueueFull,

  // TCP.
  kTcpMalformed,
  kTcpBadChecksum,
  kTcpBadOption,
  kTcpBadFlags,
  kTcpNoListener,
  kTcpListenOverflow,
  kTcpOutOfWindow,
  kTcpBadAck,
  kTcpPaws,
  kTcpTimeWait,
  kTcpClosed,
  kTcpMemory,
  kTcpReassemblyLimit,

  // Between lanes.
  kForwardRingFull,
  kForwardedTooOften,

  // Sending.
  kNoRoute,
  kNoSourceAddress,
  kNeighborQueueFull,
  kNeighborUnreachable,
  kPacketTooBig,
  kNoBuffer,
  kDeviceFull,

  kCount,
};

inline constexpr size_t kDropReasons = static_cast<size_t>(DropReason::kCount);

// "ip-bad-checksum"; for metrics and people.
std::string_view ToString(DropReason reason);

// One writer, any reader.
class DropCounters {
 public:
  void Count(DropReason reason, uint64_t n = 1) {
    counters_[static_cast<size_t>(reason)].Increment(n);
  }
  uint64_t value(DropReason reason) const { return counters_[static_cast<size_t>(reason)].value(); }
  // Of all reasons but kNone.
  uint64_t total() const {
    uint64_t sum = 0;
    for (size_t i = 1; i < kDropReasons; ++i) sum += counters_[i].value();
    return sum;
  }

 private:
  std::array<Counter, kDropReasons> counters_;
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_DROP_REASON_H_
