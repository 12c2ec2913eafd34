// The header that ICMP (RFC 792) and ICMPv6 (RFC 4443 §2.1) share; ip/icmpv4.h and ip/icmpv6.h say
// what it means in each.
//
//    0      1      2          4                      8
//   +------+------+----------+----------------------+------------------------------
//   | type | code | checksum | id and seq, MTU, ... | echoed data, or quoted packet
//   +------+------+----------+----------------------+------------------------------

#ifndef CORELANE_IP_ICMP_HEADER_H_
#define CORELANE_IP_ICMP_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/checksum.h"

namespace corelane::ip {

// A message's header, checked for length only: the checksum covers the whole message, which may lie
// in several segments. Borrows the bytes. View derives from it. (ICMPv6 has four bytes of header,
// but all messages in use have eight.)
template <class View>
class IcmpView {
 public:
  static constexpr size_t kHeaderLength = 8;

  static constexpr std::optional<View> Parse(std::span<const uint8_t> bytes) {
    if (bytes.size() < kHeaderLength) return std::nullopt;
    View view;
    view.bytes_ = bytes;
    return view;
  }

  constexpr uint8_t type() const { return bytes_[0]; }
  constexpr uint8_t code() const { return bytes_[1]; }
  constexpr uint16_t checksum() const { return LoadBe16(&bytes_[2]); }
  constexpr uint32_t rest() const { return LoadBe32(&bytes_[4]); }
  // Echo.
  constexpr uint16_t identifier() const { return LoadBe16(&bytes_[4]); }
  constexpr uint16_t sequence() const { return LoadBe16(&bytes_[6]); }
  // What is at hand of the data: of an error, the packet it quotes.
  constexpr std::span<const uint8_t> body() const { return bytes_.subspan(kHeaderLength); }

 private:
  friend View;
  constexpr IcmpView() = default;

  std::span<const uint8_t> bytes_;
};

// A header to be written.
struct IcmpHeader {
  uint8_t type = 0;
  uint8_t code = 0;
  uint32_t rest = 0;  // the four bytes behind the checksum

  static constexpr IcmpHeader Echo(uint8_t type, uint16_t identifier, uint16_t sequence) {
    return {type, 0, uint32_t{identifier} << 16 | sequence};
  }
  template <class View>
  static constexpr IcmpHeader FromView(const IcmpView<View>& view) {
    return {view.type(), view.code(), view.rest()};
  }

  static constexpr size_t length() { return 8; }
  // Writes length() bytes. sum: of everything behind them and, for ICMPv6, of the pseudo-header
  // (RFC 8200 §8.1).
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

  friend constexpr bool operator==(const IcmpHeader&, const IcmpHeader&) = default;
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_ICMP_HEADER_H_
