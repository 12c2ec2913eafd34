// ICMP for IPv4 (RFC 792).

#ifndef CORELANE_IP_ICMPV4_H_
#define CORELANE_IP_ICMPV4_H_

#include <cstdint>

#include "ip/icmp_header.h"

namespace corelane::ip {

namespace icmpv4_type {
inline constexpr uint8_t kEchoReply = 0;
inline constexpr uint8_t kUnreachable = 3;
inline constexpr uint8_t kSourceQuench = 4;
inline constexpr uint8_t kRedirect = 5;
inline constexpr uint8_t kEchoRequest = 8;
inline constexpr uint8_t kTimeExceeded = 11;
inline constexpr uint8_t kParameterProblem = 12;
}  // namespace icmpv4_type

// Codes of kUnreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
namespace icmpv4_unreachable {
inline constexpr uint8_t kNetwork = 0;
inline constexpr uint8_t kHost = 1;
inline constexpr uint8_t kProtocol = 2;
inline constexpr uint8_t kPort = 3;
inline constexpr uint8_t kFragmentationNeeded = 4;
inline constexpr uint8_t kSourceRouteFailed = 5;
inline constexpr uint8_t kNetworkProhibited = 9;
inline constexpr uint8_t kHostProhibited = 10;
inline constexpr uint8_t kAdministrativelyProhibited = 13;
}  // namespace icmpv4_unreachable

// Codes of kTimeExceeded.
namespace icmpv4_time_exceeded {
inline constexpr uint8_t kTtl = 0;
inline constexpr uint8_t kReassembly = 1;
}  // namespace icmpv4_time_exceeded

class Icmpv4View : public IcmpView<Icmpv4View> {
 public:
  // Fragmentation needed (RFC 1191 §4); 0 from routers that do not state it.
  constexpr uint16_t next_hop_mtu() const { return static_cast<uint16_t>(rest()); }
  // Parameter problem.
  constexpr uint8_t pointer() const { return static_cast<uint8_t>(rest() >> 24); }
  // RFC 792 and RFC 1122 §3.2.2: these quote a packet.
  constexpr bool is_error() const {
    return type() == icmpv4_type::kUnreachable || type() == icmpv4_type::kSourceQuench ||
           type() == icmpv4_type::kRedirect || type() == icmpv4_type::kTimeExceeded ||
           type() == icmpv4_type::kParameterProblem;
  }
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_ICMPV4_H_
