// ICMP for IPv4 (RFC 792).
//
//    0      1      2          4                      8
//   +------+------+----------+----------------------+------------------------------
//   | type | code | checksum | id and seq, MTU, ... | echoed data, or quoted packet
//   +------+------+----------+----------------------+------------------------------

#ifndef CORELANE_IP_ICMPV4_H_
#define CORELANE_IP_ICMPV4_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/checksum.h"

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

// A message's header, checked for length only: the checksum covers the whole message, which may lie
// in several segments. Borrows the bytes.
class Icmpv4View {
 public:
  static constexpr size_t kHeaderLength = 8;

  static constexpr std::optional<Icmpv4View> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kHeaderLength) return std::nullopt;
    return Icmpv4View(bytes);
  }

  constexpr uint8_t type() const { return bytes_[0]; }
  constexpr uint8_t code() const { return bytes_[1]; }
  constexpr uint16_t checksum() const { return LoadBe16(&bytes_[2]); }
  constexpr uint32_t rest() const { return LoadBe32(&bytes_[4]); }
  // Echo.
  constexpr uint16_t identifier() const { return LoadBe16(&bytes_[4]); }
  constexpr uint16_t sequence() const { return LoadBe16(&bytes_[6]); }
  // Fragmentation needed (RFC 1191 §4); 0 from routers that do not state it.
  constexpr uint16_t next_hop_mtu() const { return LoadBe16(&bytes_[6]); }
  // Parameter problem.
  constexpr uint8_t pointer() const { return bytes_[4]; }
  // What is at hand of the data: of an error, the packet it quotes.
  constexpr std::span<const uint8_t> body() const { return bytes_.subspan(kHeaderLength); }
  // RFC 792 and RFC 1122 §3.2.2: these quote a packet.
  constexpr bool is_error() const {
    return type() == icmpv4_type::kUnreachable || type() == icmpv4_type::kSourceQuench ||
           type() == icmpv4_type::kRedirect || type() == icmpv4_type::kTimeExceeded ||
           type() == icmpv4_type::kParameterProblem;
  }

 private:
  constexpr explicit Icmpv4View(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::span<const uint8_t> bytes_;
};

// A header to be written.
struct Icmpv4Header {
  uint8_t type = 0;
  uint8_t code = 0;
  uint32_t rest = 0;  // the four bytes behind the checksum

  static constexpr Icmpv4Header Echo(uint8_t type, uint16_t identifier, uint16_t sequence) {
    return {type, 0, uint32_t{identifier} << 16 | sequence};
  }
  static constexpr Icmpv4Header FromView(const Icmpv4View& view) {
    return {view.type(), view.code(), view.rest()};
  }

  static constexpr size_t length() { return Icmpv4View::kHeaderLength; }
  // Writes length() bytes; body_sum: of everything behind them.
  constexpr void Emit(uint8_t* to, Sum16 body_sum) const {
    to[0] = type;
    to[1] = code;
    StoreBe32(to + 4, rest);
    const Sum16 sum = body_sum + Sum16::OfWord(static_cast<uint16_t>(type << 8 | code)) +
                      Sum16::OfWord(static_cast<uint16_t>(rest >> 16)) +
                      Sum16::OfWord(static_cast<uint16_t>(rest));
    const auto complement = static_cast<uint16_t>(~sum.raw());
    to[2] = static_cast<uint8_t>(complement);
    to[3] = static_cast<uint8_t>(complement >> 8);
  }

  friend constexpr bool operator==(const Icmpv4Header&, const Icmpv4Header&) = default;
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_ICMPV4_H_
