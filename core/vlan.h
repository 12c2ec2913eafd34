// Vlan: one of the virtual networks that share a link, and the priority of what is sent to it.

#ifndef CORELANE_CORE_VLAN_H_
#define CORELANE_CORE_VLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corelane {

// IEEE 802.1Q §9.6: an id of 0 names no network but carries a priority, and 4095 is reserved.
struct Vlan {
  static constexpr uint16_t kMaxId = 4094;
  static constexpr uint8_t kMaxPriority = 7;

  uint16_t id = 1;       // 1 to kMaxId
  uint8_t priority = 0;  // of what is sent: 0 to kMaxPriority

  // "7" or "7:3": id and priority, decimal and in range.
  static std::optional<Vlan> Parse(std::string_view text);
  // As Parse() reads it; without a priority of 0.
  std::string ToString() const;

  constexpr bool IsValid() const { return id >= 1 && id <= kMaxId && priority <= kMaxPriority; }
  // The tag control information of frames that are sent, never eligible to be dropped first.
  constexpr uint16_t tci() const { return static_cast<uint16_t>(priority << 13 | id); }
  static constexpr uint16_t IdOf(uint16_t tci) { return tci & 0x0fff; }

  friend constexpr bool operator==(const Vlan&, const Vlan&) = default;
};

}  // namespace corelane

#endif  // CORELANE_CORE_VLAN_H_
