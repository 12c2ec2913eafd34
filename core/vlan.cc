#include "core/vlan.h"

#include <charconv>

namespace corelane {
namespace {

// Digits only, up to `most`.
std::optional<uint16_t> ParseNumber(std::string_view text, uint16_t most) {
  uint16_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number > most) return std::nullopt;
  return number;
}

}  // namespace

std::optional<Vlan> Vlan::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  Vlan vlan;
  const auto id = ParseNumber(text.substr(0, colon), kMaxId);
  if (!id || *id == 0) return std::nullopt;
  vlan.id = *id;
  if (colon == std::string_view::npos) return vlan;
  const auto priority = ParseNumber(text.substr(colon + 1), kMaxPriority);
  if (!priority) return std::nullopt;
  vlan.priority = static_cast<uint8_t>(*priority);
  return vlan;
}

std::string Vlan::ToString() const {
  const std::string text = std::to_string(id);
  return priority == 0 ? text : text + ":" + std::to_string(priority);
}

}  // namespace corelane
