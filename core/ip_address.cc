#include "core/ip_address.h"

#include <charconv>

namespace corelane {
namespace {

// A decimal number of 1..max_digits digits without leading zeros, at most `limit`, that is all of
// `text`.
std::optional<uint32_t> ParseDecimal(std::string_view text, size_t max_digits, uint32_t limit) {
  if (text.empty() || text.size() > max_digits) return std::nullopt;
  if (text[0] == '0' && text.size() > 1) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  if (value > limit) return std::nullopt;
  return value;
}

std::optional<uint16_t> ParseGroup(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Groups separated by single colons, the last one possibly a dotted IPv4 address where `v4_tail`.
// Appends to groups[count...]; false on a syntax error or more than 8 groups in all.
bool ParseGroups(std::string_view text, bool v4_tail, std::array<uint16_t, 8>& groups,
                 size_t& count) {
  while (true) {
    const size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    const bool last = colon == std::string_view::npos;
    if (last && v4_tail && part.find('.') != std::string_view::npos) {
      const auto v4 = Ipv4Address::Parse(part);
      if (!v4 || count > 6) return false;
      groups[count++] = static_cast<uint16_t>(v4->value() >> 16);
      groups[count++] = static_cast<uint16_t>(v4->value());
      return true;
    }
    const auto group = ParseGroup(part);
    if (!group || count > 7) return false;
    groups[count++] = *group;
    if (last) return true;
    text.remove_prefix(colon + 1);
  }
}

}  // namespace

std::optional<Ipv4Address> Ipv4Address::Parse(std::string_view text) {
  Ipv4Address address;
  for (size_t i = 0; i < 4; ++i) {
    const size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const auto number = ParseDecimal(text.substr(0, dot), 3, 255);
    if (!number) return std::nullopt;
    address.bytes_[i] = static_cast<uint8_t>(*number);
    if (i < 3) text.remove_prefix(dot + 1);
  }
  return address;
}

std::string Ipv4Address::ToString() const {
  std::string text;
  text.reserve(15);
  for (const uint8_t byte : bytes_) {
    if (!text.empty()) text += '.';
    text += std::to_string(byte);
  }
  return text;
}

std::optional<Ipv6Address> Ipv6Address::Parse(std::string_view text) {
  std::array<uint16_t, 8> front = {};
  std::array<uint16_t, 8> back = {};
  size_t in_front = 0;
  size_t in_back = 0;
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!ParseGroups(text, true, front, in_front) || in_front != 8) return std::nullopt;
  } else {
    const std::string_view head = text.substr(0, gap);
    const std::string_view tail = text.substr(gap + 2);
    if (!head.empty() && !ParseGroups(head, false, front, in_front)) return std::nullopt;
    if (!tail.empty() && !ParseGroups(tail, true, back, in_back)) return std::nullopt;
    // "::" stands for one group of zeros at least.
    if (in_front + in_back > 7) return std::nullopt;
  }
  Ipv6Address address;
  for (size_t i = 0; i < in_front; ++i) StoreBe16(&address.bytes_[2 * i], front[i]);
  for (size_t i = 0; i < in_back; ++i) StoreBe16(&address.bytes_[16 - 2 * (in_back - i)], back[i]);
  return address;
}

std::string Ipv6Address::ToString() const {
  if (IsV4Mapped()) return "::ffff:" + Ipv4Address::FromBytes(&bytes_[12]).ToString();  // §5
  // RFC 5952 §4.2: the longest run of at least two zero groups, the first of equals, becomes "::".
  size_t best = 8;
  size_t best_length = 1;
  for (size_t i = 0; i < 8;) {
    size_t end = i;
    while (end < 8 && LoadBe16(&bytes_[2 * end]) == 0) ++end;
    if (end - i > best_length) {
      best = i;
      best_length = end - i;
    }
    i = std::max(end, i + 1);
  }
  std::string text;
  text.reserve(39);
  for (size_t i = 0; i < 8;) {
    if (i == best) {
      text += "::";
      i += best_length;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[4];
    const auto end = std::to_chars(digits, digits + 4, LoadBe16(&bytes_[2 * i]), 16).ptr;
    text.append(digits, end);
    ++i;
  }
  return text;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  if (const auto v4 = Ipv4Address::Parse(text)) return IpAddress(*v4);
  if (const auto v6 = Ipv6Address::Parse(text)) return IpAddress(*v6);
  return std::nullopt;
}

std::string IpAddress::ToString() const { return is_v4() ? v4().ToString() : v6_.ToString(); }

std::optional<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto length = ParseDecimal(text.substr(slash + 1), 3, address->bit_length());
  if (!length) return std::nullopt;
  return IpPrefix{*address, static_cast<uint8_t>(*length)};
}

std::string IpPrefix::ToString() const { return address.ToString() + "/" + std::to_string(length); }

std::optional<Endpoint> Endpoint::Parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = ParseDecimal(text.substr(colon + 1), 5, 65535);
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  Endpoint endpoint;
  endpoint.port = static_cast<uint16_t>(*port);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    const auto v6 = Ipv6Address::Parse(host.substr(1, host.size() - 2));
    if (!v6) return std::nullopt;
    endpoint.address = *v6;
    return endpoint;
  }
  const auto v4 = Ipv4Address::Parse(host);
  if (!v4) return std::nullopt;
  endpoint.address = *v4;
  return endpoint;
}

std::string Endpoint::ToString() const {
  const std::string host = address.ToString();
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

}  // namespace corelane
