// Protocol numbers of the IPv4 protocol and IPv6 next header fields (IANA), and small constants
// that both versions share.

#ifndef CORELANE_IP_PROTOCOL_H_
#define CORELANE_IP_PROTOCOL_H_

#include <cstdint>

namespace corelane::ip {

namespace protocol {
inline constexpr uint8_t kHopByHop = 0;
inline constexpr uint8_t kIcmp = 1;
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;
inline constexpr uint8_t kRouting = 43;
inline constexpr uint8_t kFragment = 44;
inline constexpr uint8_t kIcmpv6 = 58;
inline constexpr uint8_t kNoNextHeader = 59;
inline constexpr uint8_t kDestinationOptions = 60;
}  // namespace protocol

// ECN codepoints (RFC 3168 §5).
namespace ecn {
inline constexpr uint8_t kNotEct = 0;
inline constexpr uint8_t kEct1 = 1;
inline constexpr uint8_t kEct0 = 2;
inline constexpr uint8_t kCe = 3;
}  // namespace ecn

inline constexpr uint8_t kDefaultTtl = 64;
// RFC 8200 §5: every IPv6 link carries packets of this size.
inline constexpr uint32_t kIpv6MinimumMtu = 1280;
// RFC 791 §3.1: what every host takes in, in fragments or not.
inline constexpr uint32_t kIpv4MinimumReassembly = 576;

}  // namespace corelane::ip

#endif  // CORELANE_IP_PROTOCOL_H_
