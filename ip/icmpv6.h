// ICMPv6 (RFC 4443): the common header; neighbor discovery is in ip/ndp.h.
//
//    0      1      2          4                      8
//   +------+------+----------+----------------------+------------------------------
//   | type | code | checksum | id and seq, MTU, ... | echoed data, or quoted packet
//   +------+------+----------+----------------------+------------------------------

#ifndef CORELANE_IP_ICMPV6_H_
#define CORELANE_IP_ICMPV6_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/checksum.h"

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

// A message's header, checked for length only: the checksum covers the whole message, which may lie
// in several segments. Borrows the bytes.
class Icmpv6View {
 public:
  static constexpr size_t kHeaderLength = 8;

  // RFC 4443 §2.1 has four bytes of header; all messages in use have eight.
  static constexpr std::optional<Icmpv6View> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kHeaderLength) return std::nullopt;
    return Icmpv6View(bytes);
  }

  constexpr uint8_t type() const { return bytes_[0]; }
  constexpr uint8_t code() const { return bytes_[1]; }
  constexpr uint16_t checksum() const { return LoadBe16(&bytes_[2]); }
  constexpr uint32_t rest() const { return LoadBe32(&bytes_[4]); }
  // Echo.
  constexpr uint16_t identifier() const { return LoadBe16(&bytes_[4]); }
  constexpr uint16_t sequence() const { return LoadBe16(&bytes_[6]); }
  // Packet too big.
  constexpr uint32_t mtu() const { return rest(); }
  // Parameter problem.
  constexpr uint32_t pointer() const { return rest(); }
  // What is at hand of the data: of an error, the packet it quotes.
  constexpr std::span<const uint8_t> body() const { return bytes_.subspan(kHeaderLength); }
  // RFC 4443 §2.1.
  constexpr bool is_error() const { return type() < 128; }
  // These are handled by ip/ndp.h.
  constexpr bool is_neighbor_discovery() const {
    return type() >= icmpv6_type::kRouterSolicitation && type() <= icmpv6_type::kRedirect;
  }

 private:
  constexpr explicit Icmpv6View(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::span<const uint8_t> bytes_;
};

// A header to be written.
struct Icmpv6Header {
  uint8_t type = 0;
  uint8_t code = 0;
  uint32_t rest = 0;  // the four bytes behind the checksum

  static constexpr Icmpv6Header Echo(uint8_t type, uint16_t identifier, uint16_t sequence) {
    return {type, 0, uint32_t{identifier} << 16 | sequence};
  }
  static constexpr Icmpv6Header FromView(const Icmpv6View& view) {
    return {view.type(), view.code(), view.rest()};
  }

  static constexpr size_t length() { return Icmpv6View::kHeaderLength; }
  // Writes length() bytes; sum: of the pseudo-header (RFC 8200 §8.1) and of everything behind them.
  constexpr void Emit(uint8_t* to, Sum16 sum) const {
    to[0] = type;
    to[1] = code;
    StoreBe32(to + 4, rest);
    sum += Sum16::OfWord(static_cast<uint16_t>(type << 8 | code)) +
           Sum16::OfWord(static_cast<uint16_t>(rest >> 16)) +
           Sum16::OfWord(static_cast<uint16_t>(rest));
    const auto complement = static_cast<uint16_t>(~sum.raw());
    to[2] = static_cast<uint8_t>(complement);
    to[3] = static_cast<uint8_t>(complement >> 8);
  }

  friend constexpr bool operator==(const Icmpv6Header&, const Icmpv6Header&) = default;
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_ICMPV6_H_
