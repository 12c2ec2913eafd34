// Texts of the plugin: put together and taken apart. Private to it.

#ifndef CORELANE_DRIVER_DPDK_TEXT_H_
#define CORELANE_DRIVER_DPDK_TEXT_H_

#include <charconv>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace corelane::driver::dpdk {

inline std::string Text(std::string_view text) { return std::string(text); }
inline std::string Text(std::integral auto number) { return std::to_string(number); }

// "0x1f"
inline std::string Hex(uint64_t number) {
  char digits[16];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number, 16).ptr;
  return "0x" + std::string(digits, end);
}

// Strings and numbers, one behind the other.
template <class... Parts>
std::string Cat(const Parts&... parts) {
  return (std::string() + ... + Text(parts));
}

// With `separator` between them.
template <class Range>
std::string Join(const Range& parts, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) out += separator;
    first = false;
    out += Text(part);
  }
  return out;
}

// The parts between separators; n separators make n + 1 parts, some perhaps empty.
inline std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == text.npos) return out;
    text.remove_prefix(end + 1);
  }
}

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_TEXT_H_
