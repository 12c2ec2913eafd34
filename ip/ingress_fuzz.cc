// Any bytes as an IPv4 and as an IPv6 packet: what passes states offsets inside the packet.

#include <algorithm>
#include <cstdlib>

#include "ip/ingress.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::ip;  // NOLINT(google-build-using-namespace)
  const std::span<const uint8_t> bytes(data, size);
  const auto check = [&](const IpIngress& ip) {
    if (ip.packet_length() > size || ip.header_length > size) std::abort();
    if (ip.protocol_offset >= ip.header_length) std::abort();
    if (ip.src.IsMulticast() || ip.src.IsLoopback()) std::abort();
    if (ip.fragment && !ip.is_v4() && ip.fragment_header_offset + 8 != ip.header_length)
      std::abort();
  };
  IpIngress ip;
  if (ParseIpv4(bytes, size, true, ip) == DropReason::kNone) {
    if (!ip.is_v4()) std::abort();
    check(ip);
  }
  ParseIpv4(bytes, size, false, ip);
  // Only a part is contiguous.
  ParseIpv4(bytes.first(std::min<size_t>(size, 24)), size, true, ip);
  ip = {};
  if (ParseIpv6(bytes, size, ip) == DropReason::kNone) {
    if (ip.is_v4()) std::abort();
    check(ip);
  }
  ParseIpv6(bytes.first(std::min<size_t>(size, 52)), size, ip);
  return 0;
}
