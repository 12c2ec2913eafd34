#include "http/client/url.h"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>
#include <utility>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kMaxUrlBytes = 64 << 10;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLowerAscii(c);
  return lower;
}

// As much of it as a message should show.
std::string Shown(std::string_view text) {
  constexpr size_t kShown = 200;
  std::string shown;
  for (const char c : text.substr(0, kShown)) shown.push_back(c >= ' ' && c < 0x7f ? c : '?');
  if (text.size() > kShown) shown += "...";
  return shown;
}

std::nullopt_t Refuse(std::string_view text, std::string reason, std::string* why) {
  if (why != nullptr) *why = "URL '" + Shown(text) + "': " + std::move(reason);
  return std::nullopt;
}

// What a lenient reader of Location escapes: everything that no URL may hold.
std::string EscapeIllegal(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool illegal = byte <= ' ' || byte >= 0x7f ||
                         std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos;
    if (illegal) {
      escaped += {'%', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      escaped.push_back(c);
    }
  }
  return escaped;
}

bool IsHostName(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (const char c : host) {
    const bool good =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (!good) return false;
  }
  return true;
}

}  // namespace

std::string Url::host_and_port() const {
  const bool v6 = host_.find(':') != std::string::npos;
  return (v6 ? "[" + host_ + "]" : host_) + ":" + std::to_string(port_);
}

std::optional<Url> Url::Parse(std::string_view text, std::string* why) {
  if (text.size() > kMaxUrlBytes) return Refuse(text, "longer than 65536 bytes", why);
  const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (parsed.has_error()) {
    const bool absolute = text.find("://") != std::string_view::npos;
    return Refuse(text,
                  absolute ? "not a URL: expected scheme://host[:port][/path][?query]"
                           : "no scheme: expected http://... or https://...",
                  why);
  }
  // RFC 3986 §3.3: behind an authority a path begins with "/", which Boost 1.81 does not check.
  const auto path = parsed->encoded_path();
  if (!path.empty() && path.front() != '/') {
    return Refuse(text, "'" + Shown({path.data(), path.size()}) + "' behind the host: expected '/'",
                  why);
  }
  boost::urls::url parts(*parsed);
  Url url;
  url.scheme_ = Lower(parts.scheme());
  if (url.scheme_ != "http" && url.scheme_ != "https") {
    return Refuse(text, "scheme '" + url.scheme_ + "': expected http or https", why);
  }
  const bool v6 = parts.host_type() == boost::urls::host_type::ipv6;
  if (parts.host_type() == boost::urls::host_type::ipvfuture) {
    return Refuse(text, "host: expected a name, an IPv4 address or [IPv6 address]", why);
  }
  url.host_ = Lower(v6 ? std::string(parts.host_address()) : std::string(parts.host_name()));
  if (!v6 && url.host_.empty()) url.host_ = Lower(std::string(parts.host()));
  if (url.host_.empty()) return Refuse(text, "no host", why);
  if (v6 ? url.host_.find('%') != std::string::npos : !IsHostName(url.host_)) {
    return Refuse(text, "host '" + Shown(url.host_) + "': expected an ASCII name or an address",
                  why);
  }
  const uint16_t usual = url.secure() ? 443 : 80;
  if (parts.has_port() && !parts.port().empty()) {
    const std::optional<uint64_t> port = ParseDecimal({parts.port().data(), parts.port().size()});
    if (!port || *port == 0 || *port > 65535) {
      return Refuse(text, "port '" + std::string(parts.port()) + "': expected 1 to 65535", why);
    }
    url.port_ = static_cast<uint16_t>(*port);
  } else {
    url.port_ = usual;
  }
  url.has_credentials_ = parts.has_userinfo();
  url.user_ = parts.user();
  url.password_ = parts.password();
  url.authority_ = v6 ? "[" + url.host_ + "]" : url.host_;
  if (url.port_ != usual) url.authority_ += ":" + std::to_string(url.port_);
  parts.normalize_path();
  url.target_ = std::string(parts.encoded_path());
  // RFC 3986 §5.2.4: there is nothing above the root.
  while (url.target_.starts_with("/../")) url.target_.erase(0, 3);
  if (url.target_ == "/..") url.target_ = "/";
  if (url.target_.empty() || url.target_[0] != '/') url.target_.insert(0, "/");
  if (parts.has_query()) url.target_ += "?" + std::string(parts.encoded_query());
  return url;
}

std::optional<Url> Url::Resolve(std::string_view reference, std::string* why) const {
  if (reference.size() > kMaxUrlBytes) return Refuse(reference, "longer than 65536 bytes", why);
  const std::string escaped = EscapeIllegal(reference);
  const auto relative = boost::urls::parse_uri_reference(escaped);
  if (relative.has_error()) return Refuse(reference, "not a URL or a relative reference", why);
  const std::string base_text = text();
  const auto base = boost::urls::parse_uri(base_text);
  boost::urls::url resolved;
  if (base.has_error() || boost::urls::resolve(*base, *relative, resolved).has_error()) {
    return Refuse(reference, "cannot be resolved against '" + Shown(base_text) + "'", why);
  }
  return Parse({resolved.data(), resolved.size()}, why);
}

}  // namespace corelane::http
