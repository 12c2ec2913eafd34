// ICMPv6 (RFC 4443): the common header; neighbor discovery is in ip/ndp.h.

#ifndef CORELANE_IP_ICMPV6_H_
#define CORELANE_IP_ICMPV6_H_

#include <cstdint>

#include "ip/icmp_header.h"

namespace corelane::ip {

namespace icmpv6_type {
inline constexpr uint8_t kUnreachable = 1;
inline constexpr uint8_t kPacketTooBig = 2;
inline constexpr uint8_t kTimeExceeded = 3;
inline constexpr uint8_t kParameterProblem = 4;
inline constexpr uint8_t kEchoRequest = 128;
inline constexpr uint8_t kEchoReply = 129;
inline constexpr uint8_t kRouterSolicitation = 133;
inline constexpr uint8_t kRouterAdvertisement = 134;
inline constexpr uint8_t kNeighborSolicitation = 135;
inline constexpr uint8_t kNeighborAdvertisement = 136;
inline constexpr uint8_t kRedirect = 137;
}  // namespace icmpv6_type

namespace icmpv6_unreachable {
inline constexpr uint8_t kNoRoute = 0;
inline constexpr uint8_t kAdministrativelyProhibited = 1;
inline constexpr uint8_t kBeyondScope = 2;
inline constexpr uint8_t kAddress = 3;
inline constexpr uint8_t kPort = 4;
inline constexpr uint8_t kSourcePolicy = 5;
inline constexpr uint8_t kRejectRoute = 6;
}  // namespace icmpv6_unreachable

namespace icmpv6_time_exceeded {
inline constexpr uint8_t kHopLimit = 0;
inline constexpr uint8_t kReassembly = 1;
}  // namespace icmpv6_time_exceeded

namespace icmpv6_parameter_problem {
inline constexpr uint8_t kErroneousHeader = 0;
inline constexpr uint8_t kUnknownNextHeader = 1;
inline constexpr uint8_t kUnknownOption = 2;
inline constexpr uint8_t kIncompleteHeaderChain = 3;  // RFC 7112 §7
}  // namespace icmpv6_parameter_problem

class Icmpv6View : public IcmpView<Icmpv6View> {
 public:
  // Packet too big.
  constexpr uint32_t mtu() const { return rest(); }
  // Parameter problem.
  constexpr uint32_t pointer() const { return rest(); }
  // RFC 4443 §2.1.
  constexpr bool is_error() const { return type() < 128; }
  // These are handled by ip/ndp.h.
  constexpr bool is_neighbor_discovery() const {
    return type() >= icmpv6_type::kRouterSolicitation && type() <= icmpv6_type::kRedirect;
  }
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_ICMPV6_H_
