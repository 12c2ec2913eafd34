#include "ip/source_address.h"

#include <algorithm>
#include <bit>

namespace corelane::ip {
namespace {

constexpr uint8_t kScopeLinkLocal = 0x2;
constexpr uint8_t kScopeSiteLocal = 0x5;
constexpr uint8_t kScopeGlobal = 0xe;

// RFC 6724 §2.2: leading bits in common, at most the source's prefix length.
int CommonPrefixLength(const InterfaceAddress& source, const IpAddress& destination) {
  const uint64_t high = source.prefix.address.high() ^ destination.high();
  const uint64_t low = source.prefix.address.low() ^ destination.low();
  int bits = high != 0 ? std::countl_zero(high) : 64 + std::countl_zero(low);
  if (destination.is_v4()) bits -= 96;
  return std::min<int>(bits, source.prefix.length);
}

// Whether `a` is a better source than `b` (RFC 6724 §5, rules 1 to 8; all candidates are on the
// outgoing interface, which is rule 5, and none is a home or temporary address, rules 4 and 7).
bool IsBetter(const InterfaceAddress& a, const InterfaceAddress& b, const IpAddress& destination,
              const IpAddress& next_hop) {
  const IpAddress& sa = a.prefix.address;
  const IpAddress& sb = b.prefix.address;
  if ((sa == destination) != (sb == destination)) return sa == destination;  // Rule 1
  const uint8_t scope_a = AddressScope(sa);
  const uint8_t scope_b = AddressScope(sb);
  const uint8_t scope = AddressScope(destination);
  if (scope_a < scope_b) return scope_a >= scope;  // Rule 2
  if (scope_b < scope_a) return scope_b < scope;
  const bool deprecated_a = a.state == AddressState::kDeprecated;
  const bool deprecated_b = b.state == AddressState::kDeprecated;
  if (deprecated_a != deprecated_b) return deprecated_b;  // Rule 3
  // RFC 1122 §3.3.4.3: an address of the network that the packet leaves by.
  const bool near_a = a.prefix.Contains(next_hop);
  const bool near_b = b.prefix.Contains(next_hop);
  if (destination.is_v4() && near_a != near_b) return near_a;
  const uint8_t label = AddressLabel(destination);
  const bool same_a = AddressLabel(sa) == label;
  const bool same_b = AddressLabel(sb) == label;
  if (same_a != same_b) return same_a;                                             // Rule 6
  return CommonPrefixLength(a, destination) > CommonPrefixLength(b, destination);  // Rule 8
}

}  // namespace

std::optional<IpAddress> SelectSource(const AddressTable& addresses, uint16_t interface,
                                      const IpAddress& destination, const IpAddress& next_hop) {
  const InterfaceAddress* best = nullptr;
  for (const InterfaceAddress& candidate : addresses.addresses()) {
    if (candidate.interface != interface || candidate.state == AddressState::kTentative ||
        candidate.prefix.address.is_v4() != destination.is_v4())
      continue;
    if (best == nullptr || IsBetter(candidate, *best, destination, next_hop)) best = &candidate;
  }
  if (best == nullptr) return std::nullopt;
  return best->prefix.address;
}

uint8_t AddressScope(const IpAddress& address) {
  if (address.is_v4()) {
    // RFC 6724 §3.2.
    return address.v4().IsLinkLocal() || address.v4().IsLoopback() ? kScopeLinkLocal : kScopeGlobal;
  }
  const Ipv6Address& v6 = address.v6();
  if (v6.IsMulticast()) return v6.bytes()[1] & 0x0f;
  if (v6.IsLinkLocal() || v6.IsLoopback()) return kScopeLinkLocal;
  if (v6.high() >> 54 == 0x3fb) return kScopeSiteLocal;  // fec0::/10, deprecated (RFC 3879)
  return kScopeGlobal;
}

uint8_t AddressLabel(const IpAddress& address) {
  const Ipv6Address& v6 = address.v6();
  if (address.is_v4()) return 4;
  if (v6.IsLoopback()) return 0;
  if (v6.high() == 0 && v6.low() >> 32 == 0) return 3;  // ::/96
  if (v6.high() >> 48 == 0x2002) return 2;              // 6to4
  if (v6.high() >> 32 == 0x2001'0000) return 5;         // Teredo
  if (v6.high() >> 57 == 0x7e) return 13;               // fc00::/7
  if (v6.high() >> 54 == 0x3fb) return 11;              // fec0::/10
  if (v6.high() >> 48 == 0x3ffe) return 12;             // 6bone
  return 1;
}

}  // namespace corelane::ip
