#include "http/client/proxy.h"

#include <cstdlib>
#include <utility>

#include "core/ip_address.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

// "name", "name:port", "[v6]", "[v6]:port", "v6"; the port is 0 where there is none.
std::pair<std::string_view, uint64_t> SplitPort(std::string_view text) {
  const size_t bracket = text.find(']');
  const size_t colon = text.rfind(':');
  const bool bare_v6 = bracket == std::string_view::npos && text.find(':') != colon;
  uint64_t port = 0;
  if (!bare_v6 && colon != std::string_view::npos &&
      (bracket == std::string_view::npos || colon > bracket)) {
    port = ParseDecimal(text.substr(colon + 1)).value_or(0);
    text = text.substr(0, colon);
  }
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  return {text, port};
}

bool EndsWithIgnoreCase(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && EqualsIgnoreCase(text.substr(text.size() - end.size()), end);
}

bool Matches(std::string_view rule, const Url& url) {
  if (rule == "*") return true;
  const auto address = IpAddress::Parse(url.host());
  if (rule.find('/') != std::string_view::npos) {
    const auto prefix = IpPrefix::Parse(rule);
    return prefix && address && prefix->Contains(*address);
  }
  auto [name, port] = SplitPort(rule);
  if (port != 0 && port != url.port()) return false;
  if (address) {
    const auto other = IpAddress::Parse(name);
    return other && *other == *address;
  }
  if (name.starts_with("*.")) name.remove_prefix(1);
  if (name.starts_with(".")) name.remove_prefix(1);
  if (name.empty()) return false;
  if (EqualsIgnoreCase(name, url.host())) return true;
  return EndsWithIgnoreCase(url.host(), "." + std::string(name));
}

}  // namespace

const Url* ProxySettings::For(const Url& url) const {
  const std::optional<Url>& proxy = url.secure() ? for_https : for_http;
  if (!proxy) return nullptr;
  for (const std::string& rule : without) {
    if (Matches(rule, url)) return nullptr;
  }
  return &*proxy;
}

std::optional<ProxySettings> ProxyFromEnvironment(
    std::string* why, const std::function<const char*(const char*)>& get) {
  const auto read = [&get](const char* name) -> std::string_view {
    const char* const value = get ? get(name) : std::getenv(name);
    return value == nullptr ? std::string_view() : TrimBlanks(value);
  };
  ProxySettings settings;
  const auto take = [&](std::initializer_list<const char*> names, std::optional<Url>& into) {
    for (const char* const name : names) {
      const std::string_view value = read(name);
      if (value.empty()) continue;
      const bool scheme = value.find("://") != std::string_view::npos;
      std::string problem;
      into = Url::Parse(scheme ? std::string(value) : "http://" + std::string(value), &problem);
      if (into && into->secure()) {
        into.reset();
        problem = "scheme 'https': expected http";
      }
      if (into) return true;
      if (why != nullptr) {
        *why = std::string(name) + ", value '" + std::string(value) + "': " + problem;
      }
      return false;
    }
    return true;
  };
  if (!take({"http_proxy", "all_proxy", "ALL_PROXY"}, settings.for_http) ||
      !take({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}, settings.for_https)) {
    return std::nullopt;
  }
  std::string_view without = read("no_proxy");
  if (without.empty()) without = read("NO_PROXY");
  ForEachListElement(without, [&](std::string_view rule) { settings.without.emplace_back(rule); });
  return settings;
}

}  // namespace corelane::http
