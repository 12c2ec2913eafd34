#include "core/mac_address.h"

namespace corelane {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// The value of a hexadecimal digit, or -1.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<MacAddress> MacAddress::Parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  const char separator = text[2];
  if (separator != ':' && separator != '-') return std::nullopt;
  MacAddress address;
  for (size_t i = 0; i < 6; ++i) {
    if (i > 0 && text[3 * i - 1] != separator) return std::nullopt;
    const int high = HexDigit(text[3 * i]);
    const int low = HexDigit(text[3 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    address.bytes_[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return address;
}

std::string MacAddress::ToString() const {
  std::string text;
  text.reserve(17);
  for (const uint8_t byte : bytes_) {
    if (!text.empty()) text += ':';
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

}  // namespace corelane
