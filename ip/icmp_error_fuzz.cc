// Any bytes as a received ICMP and ICMPv6 error, and as a packet to be answered with one.

#include <cstdlib>

#include "ip/icmp_error.h"
#include "ip/test_packets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane;      // NOLINT(google-build-using-namespace)
  using namespace corelane::ip;  // NOLINT(google-build-using-namespace)
  IcmpErrorReport report;
  if (ParseIcmpv4Error({data, size}, report) == DropReason::kNone) {
    if (!report.src.is_v4() || !report.dst.is_v4()) std::abort();
    if (report.has_sequence && !report.has_ports) std::abort();
  }
  if (ParseIcmpv6Error({data, size}, report) == DropReason::kNone) {
    if (report.src.is_v4() || report.dst.is_v4()) std::abort();
  }
  if (size == 0 || size > 2000) return 0;

  PacketPool pool(4);
  PacketBuf packet = MakePacket(pool, {data, size});
  IpIngress ip;
  const DropReason drop = (data[0] >> 4) == 6 ? ParseIpv6(packet.bytes(), size, ip)
                                              : ParseIpv4(packet.bytes(), size, true, ip);
  switch (drop) {
    case DropReason::kIpTruncated:
    case DropReason::kIpBadVersion:
    case DropReason::kIpBadHeaderLength:
    case DropReason::kIpBadChecksum:
    case DropReason::kIpMartianSource:
    case DropReason::kIpMartianDestination:
      return 0;
    default:
      break;
  }
  IcmpErrorRequest error{.kind = IcmpErrorKind::kParameterProblem};
  error.problem_code = ip.problem_code;
  error.pointer = ip.problem_pointer;
  if (!MaySendIcmpError(error, ip, packet, DestinationKind::kUnicast, false)) return 0;
  const PacketBuf reply = BuildIcmpError(pool, error, ip, packet, ip.dst);
  IpIngress reply_ip;
  const DropReason reply_drop = Parse(reply, reply_ip);
  // A multicast destination is no source: the stack passes an address of its own.
  if (reply_drop != DropReason::kNone && reply_drop != DropReason::kIpMartianSource) std::abort();
  if (reply.packet_size() > 1280) std::abort();
  return 0;
}
