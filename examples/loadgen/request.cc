#include "examples/loadgen/request.h"

#include <algorithm>

#include "http/wire/syntax.h"

namespace corelane::load {
namespace {

constexpr std::string_view kUserAgent = "corelane-load";

bool IsTarget(std::string_view text) {
  const char* const end = text.data() + text.size();
  return http::SkipTargetChars(text.data(), end) == end;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), http::ToLowerAscii);
  return lower;
}

// Splits "host:port" and "[address]:port".
bool SplitAuthority(Url& url) {
  std::string_view rest = url.authority;
  const bool bracketed = rest.starts_with('[');
  const size_t end = bracketed ? rest.find(']') : rest.find(':');
  if (bracketed && end == std::string_view::npos) return false;
  url.host = bracketed ? rest.substr(1, end - 1) : rest.substr(0, end);
  if (url.host.empty()) return false;
  rest =
      end == std::string_view::npos ? std::string_view() : rest.substr(end + (bracketed ? 1 : 0));
  url.port = url.secure ? 443 : 80;
  if (rest.empty()) return true;
  if (!rest.starts_with(':')) return false;
  const auto port = http::ParseDecimal(rest.substr(1));
  if (!port || *port == 0 || *port > 65535) return false;
  url.port = static_cast<uint16_t>(*port);
  return true;
}

}  // namespace

std::optional<Url> Url::Parse(std::string_view text) {
  Url url;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = text.substr(0, colon);
  url.secure = http::EqualsIgnoreCase(scheme, "https");
  if (!url.secure && !http::EqualsIgnoreCase(scheme, "http")) return std::nullopt;
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  url.authority = text.substr(0, end);
  url.target = text.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  const bool right = http::IsHostAndPort(url.authority) && IsTarget(url.target);
  if (!right || !SplitAuthority(url)) return std::nullopt;
  return url;
}

std::optional<Field> ParseField(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Field field(text.substr(0, colon), http::TrimBlanks(text.substr(colon + 1)));
  if (!http::IsToken(field.first) || !http::IsFieldValue(field.second)) return std::nullopt;
  return field;
}

std::string_view Request::authority() const {
  for (const Field& field : fields) {
    if (http::EqualsIgnoreCase(field.first, "host")) return field.second;
  }
  return url.authority;
}

std::vector<Field> Request::SentFields() const {
  std::vector<Field> sent;
  const auto has = [&](std::string_view name) {
    return std::any_of(sent.begin(), sent.end(), [&](const Field& f) { return f.first == name; });
  };
  for (const Field& field : fields) {
    std::string name = Lower(field.first);
    if (name != "host") sent.emplace_back(std::move(name), field.second);
  }
  if (!has("user-agent")) sent.emplace_back("user-agent", kUserAgent);
  // A method that has a body by its meaning says so also when it is empty (RFC 9110 §8.6).
  const bool expects_body = method == "POST" || method == "PUT" || method == "PATCH";
  if ((!body.empty() || expects_body) && !has("content-length")) {
    sent.emplace_back("content-length", std::to_string(body.size()));
  }
  return sent;
}

std::string Request::Http1() const {
  std::string text = method + " " + url.target + " HTTP/1.1\r\nhost: ";
  text += authority();
  text += "\r\n";
  for (const Field& field : SentFields()) text += field.first + ": " + field.second + "\r\n";
  return text + "\r\n" + body;
}

}  // namespace corelane::load
