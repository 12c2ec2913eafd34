// MacAddress: the 48-bit address of an Ethernet interface.

#ifndef CORELANE_CORE_MAC_ADDRESS_H_
#define CORELANE_CORE_MAC_ADDRESS_H_

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/bytes.h"

namespace corelane {

// A value of six bytes in transmission order.
class MacAddress {
 public:
  static const MacAddress kBroadcast;  // ff:ff:ff:ff:ff:ff

  constexpr MacAddress() = default;
  constexpr explicit MacAddress(const std::array<uint8_t, 6>& bytes) : bytes_(bytes) {}
  constexpr MacAddress(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t e, uint8_t f)
      : bytes_{a, b, c, d, e, f} {}
  // From six bytes of a frame.
  static constexpr MacAddress FromBytes(const uint8_t* p) {
    MacAddress address;
    std::copy_n(p, 6, address.bytes_.data());
    return address;
  }
  // Six two-digit hexadecimal numbers between ':' or '-', one kind throughout.
  static std::optional<MacAddress> Parse(std::string_view text);

  constexpr std::span<const uint8_t, 6> bytes() const { return bytes_; }
  constexpr void CopyTo(uint8_t* to) const { std::copy_n(bytes_.data(), 6, to); }
  // Lower case, separated by ':'.
  std::string ToString() const;

  constexpr bool IsMulticast() const { return (bytes_[0] & 1) != 0; }  // broadcast included
  constexpr bool IsBroadcast() const { return *this == kBroadcast; }
  constexpr bool IsZero() const { return *this == MacAddress(); }

  friend constexpr bool operator==(const MacAddress& a, const MacAddress& b) {
    const uint8_t* const p = a.bytes_.data();
    const uint8_t* const q = b.bytes_.data();
    return ((LoadBe32(p) ^ LoadBe32(q)) | (LoadBe16(p + 4) ^ LoadBe16(q + 4))) == 0;
  }
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const MacAddress& a) {
    return H::combine_contiguous(std::move(h), a.bytes_.data(), a.bytes_.size());
  }

 private:
  std::array<uint8_t, 6> bytes_ = {};
};
static_assert(sizeof(MacAddress) == 6 && alignof(MacAddress) == 1);

inline constexpr MacAddress MacAddress::kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

}  // namespace corelane

#endif  // CORELANE_CORE_MAC_ADDRESS_H_
