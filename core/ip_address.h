// IP addresses, prefixes and endpoints: plain values in network order.
//
// Ipv4Address and Ipv6Address are what the headers of one version carry. IpAddress holds either, in
// 16 bytes (an IPv4 address as its v4-mapped form ::ffff:a.b.c.d, RFC 4291 §2.5.5.2), so that
// transports and tables need one key type. Comparison is by numerical value.

#ifndef CORELANE_CORE_IP_ADDRESS_H_
#define CORELANE_CORE_IP_ADDRESS_H_

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/bytes.h"
#include "core/check.h"

namespace corelane {

class Ipv4Address {
 public:
  constexpr Ipv4Address() = default;  // 0.0.0.0
  // Ipv4Address(0x0a000001) is 10.0.0.1.
  constexpr explicit Ipv4Address(uint32_t host) { StoreBe32(bytes_.data(), host); }
  constexpr Ipv4Address(uint8_t a, uint8_t b, uint8_t c, uint8_t d) : bytes_{a, b, c, d} {}
  // From four bytes of a header.
  static constexpr Ipv4Address FromBytes(const uint8_t* p) {
    Ipv4Address address;
    std::copy_n(p, 4, address.bytes_.data());
    return address;
  }
  // Four decimal numbers without leading zeros: "192.0.2.1".
  static std::optional<Ipv4Address> Parse(std::string_view text);
  static constexpr Ipv4Address Loopback() { return Ipv4Address(127, 0, 0, 1); }
  static constexpr Ipv4Address Broadcast() { return Ipv4Address(0xffffffff); }

  constexpr uint32_t value() const { return LoadBe32(bytes_.data()); }  // host order
  constexpr std::span<const uint8_t, 4> bytes() const { return bytes_; }
  constexpr void CopyTo(uint8_t* to) const { std::copy_n(bytes_.data(), 4, to); }
  std::string ToString() const;

  constexpr bool IsUnspecified() const { return value() == 0; }
  constexpr bool IsLoopback() const { return bytes_[0] == 127; }            // RFC 1122 §3.2.1.3
  constexpr bool IsMulticast() const { return (bytes_[0] & 0xf0) == 224; }  // RFC 1112 §4
  constexpr bool IsBroadcast() const { return value() == 0xffffffff; }      // limited broadcast
  constexpr bool IsLinkLocal() const { return bytes_[0] == 169 && bytes_[1] == 254; }  // RFC 3927

  friend constexpr bool operator==(const Ipv4Address& a, const Ipv4Address& b) {
    return a.value() == b.value();
  }
  friend constexpr std::strong_ordering operator<=>(const Ipv4Address& a, const Ipv4Address& b) {
    return a.value() <=> b.value();
  }
  template <typename H>
  friend H AbslHashValue(H h, const Ipv4Address& a) {
    return H::combine(std::move(h), a.value());
  }

 private:
  std::array<uint8_t, 4> bytes_ = {};
};
static_assert(sizeof(Ipv4Address) == 4 && alignof(Ipv4Address) == 1);

class Ipv6Address {
  using Words = std::array<uint64_t, 2>;  // in memory order

 public:
  constexpr Ipv6Address() = default;  // ::
  constexpr explicit Ipv6Address(const std::array<uint8_t, 16>& bytes) : bytes_(bytes) {}
  // From the upper and the lower half in host order.
  [[gnu::always_inline]] constexpr Ipv6Address(uint64_t high, uint64_t low)
      : bytes_(std::bit_cast<std::array<uint8_t, 16>>(
            Words{internal::SwapBytes(high), internal::SwapBytes(low)})) {}
  // From sixteen bytes of a header.
  static constexpr Ipv6Address FromBytes(const uint8_t* p) {
    Ipv6Address address;
    std::copy_n(p, 16, address.bytes_.data());
    return address;
  }
  // The forms of RFC 4291 §2.2: "2001:db8::1", "::", "64:ff9b::192.0.2.1". No zone.
  static std::optional<Ipv6Address> Parse(std::string_view text);
  static constexpr Ipv6Address Loopback() { return Ipv6Address(0, 1); }
  static constexpr Ipv6Address AllNodes() { return Ipv6Address(0xff02'0000'0000'0000, 1); }
  static constexpr Ipv6Address AllRouters() { return Ipv6Address(0xff02'0000'0000'0000, 2); }

  constexpr uint64_t high() const { return LoadBe64(bytes_.data()); }
  constexpr uint64_t low() const { return LoadBe64(bytes_.data() + 8); }
  constexpr std::span<const uint8_t, 16> bytes() const { return bytes_; }
  constexpr void CopyTo(uint8_t* to) const { std::copy_n(bytes_.data(), 16, to); }
  // The canonical form of RFC 5952.
  std::string ToString() const;

  constexpr bool IsUnspecified() const { return *this == Ipv6Address(); }
  constexpr bool IsLoopback() const { return high() == 0 && low() == 1; }
  constexpr bool IsMulticast() const { return bytes_[0] == 0xff; }
  // fe80::/10 (RFC 4291 §2.5.6).
  constexpr bool IsLinkLocal() const { return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80; }
  constexpr bool IsV4Mapped() const {
    const Words w = words();
    return w[0] == 0 && static_cast<uint32_t>(w[1]) == 0xffff'0000;
  }
  // ff02::1:ffXX:XXXX with the low 24 bits of this address (RFC 4291 §2.7.1).
  constexpr Ipv6Address SolicitedNode() const {
    return Ipv6Address(0xff02'0000'0000'0000, 0x0000'0001'ff00'0000 | (low() & 0xff'ffff));
  }

  friend constexpr bool operator==(const Ipv6Address& a, const Ipv6Address& b) {
    const Words x = a.words();
    const Words y = b.words();
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
  }
  friend constexpr std::strong_ordering operator<=>(const Ipv6Address& a, const Ipv6Address& b) {
    if (const auto order = a.high() <=> b.high(); order != 0) return order;
    return a.low() <=> b.low();
  }
  template <typename H>
  friend H AbslHashValue(H h, const Ipv6Address& a) {
    return H::combine(std::move(h), a.high(), a.low());
  }

 private:
  constexpr Words words() const { return std::bit_cast<Words>(bytes_); }

  std::array<uint8_t, 16> bytes_ = {};
};
static_assert(sizeof(Ipv6Address) == 16 && alignof(Ipv6Address) == 1);

class IpAddress {
 public:
  constexpr IpAddress() = default;                            // ::
  [[gnu::always_inline]] constexpr IpAddress(Ipv4Address v4)  // NOLINT(google-explicit-constructor)
      : v6_(0, 0xffff'0000'0000 | v4.value()) {}
  constexpr IpAddress(const Ipv6Address& v6) : v6_(v6) {}  // NOLINT(google-explicit-constructor)
  // What Ipv4Address or Ipv6Address parse.
  static std::optional<IpAddress> Parse(std::string_view text);

  constexpr bool is_v4() const { return v6_.IsV4Mapped(); }
  constexpr bool is_v6() const { return !is_v4(); }
  // Only where is_v4().
  constexpr Ipv4Address v4() const {
    CL_DCHECK(is_v4());
    return Ipv4Address::FromBytes(v6_.bytes().data() + 12);
  }
  // Of an IPv4 address: its v4-mapped form.
  constexpr const Ipv6Address& v6() const { return v6_; }
  constexpr uint64_t high() const { return v6_.high(); }
  constexpr uint64_t low() const { return v6_.low(); }
  // Bits of an address of this family: 32 or 128.
  constexpr uint8_t bit_length() const { return is_v4() ? 32 : 128; }
  // As the family writes it: an IPv4 address in dotted decimal.
  std::string ToString() const;

  // 0.0.0.0 or ::.
  constexpr bool IsUnspecified() const {
    return high() == 0 && (low() == 0 || low() == 0xffff'0000'0000);
  }
  constexpr bool IsLoopback() const { return is_v4() ? v4().IsLoopback() : v6_.IsLoopback(); }
  constexpr bool IsMulticast() const { return is_v4() ? v4().IsMulticast() : v6_.IsMulticast(); }
  constexpr bool IsLinkLocal() const { return is_v4() ? v4().IsLinkLocal() : v6_.IsLinkLocal(); }
  // 255.255.255.255.
  constexpr bool IsBroadcast() const { return is_v4() && v4().IsBroadcast(); }

  friend constexpr bool operator==(const IpAddress&, const IpAddress&) = default;
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return AbslHashValue(std::move(h), a.v6_);
  }

 private:
  Ipv6Address v6_;
};
static_assert(sizeof(IpAddress) == 16);

// An address and how many of its leading bits name the network.
struct IpPrefix {
  IpAddress address;   // host bits are kept: an interface's own address
  uint8_t length = 0;  // 0..address.bit_length()

  // "10.0.0.1/24", "2001:db8::/32"; the length is required.
  static std::optional<IpPrefix> Parse(std::string_view text);
  std::string ToString() const;

  // Whether `other` is of the same family and agrees in the first `length` bits.
  constexpr bool Contains(const IpAddress& other) const {
    if (address.is_v4() != other.is_v4()) return false;
    const uint64_t high = (address.high() ^ other.high()) & HighMask();
    return (high | ((address.low() ^ other.low()) & LowMask())) == 0;
  }
  // The same prefix with the host bits zero.
  constexpr IpPrefix Masked() const {
    return {Ipv6Address(address.high() & HighMask(), address.low() & LowMask()), length};
  }

  friend constexpr bool operator==(const IpPrefix&, const IpPrefix&) = default;
  friend constexpr auto operator<=>(const IpPrefix&, const IpPrefix&) = default;

 private:
  // Leading bits of the 128-bit form that must agree: an IPv4 prefix also covers ::ffff:0:0/96.
  constexpr int mapped_length() const { return address.is_v4() ? length + 96 : length; }
  constexpr uint64_t HighMask() const { return LeadingOnes(std::min(mapped_length(), 64)); }
  constexpr uint64_t LowMask() const { return LeadingOnes(std::max(mapped_length() - 64, 0)); }
  static constexpr uint64_t LeadingOnes(int n) { return n == 0 ? 0 : ~uint64_t{0} << (64 - n); }
};

// One side of a transport flow.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;  // host order

  // "10.0.0.1:80", "[2001:db8::1]:80".
  static std::optional<Endpoint> Parse(std::string_view text);
  std::string ToString() const;

  friend constexpr bool operator==(const Endpoint&, const Endpoint&) = default;
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    return H::combine(std::move(h), e.address, e.port);
  }
};

}  // namespace corelane

#endif  // CORELANE_CORE_IP_ADDRESS_H_
