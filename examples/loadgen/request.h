// What is asked for: the URL, and the one request that is sent again and again.

#ifndef CORELANE_EXAMPLES_LOADGEN_REQUEST_H_
#define CORELANE_EXAMPLES_LOADGEN_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/wire/method.h"

namespace corelane::load {

// "https://[::1]:8443/path?query" (RFC 3986 §3, RFC 9110 §4.2); a fragment is left out.
struct Url {
  bool secure = false;
  std::string host;       // Without the brackets of an IPv6 address.
  std::string authority;  // As written: what Host and :authority say.
  uint16_t port = 80;
  std::string target;  // At least "/".

  // Nothing where it is no http or https URL, has user information, or holds what must not be in a
  // request.
  static std::optional<Url> Parse(std::string_view text);
};

using Field = std::pair<std::string, std::string>;

// "Name: value" as of --header.
std::optional<Field> ParseField(std::string_view text);

struct Request {
  Url url;
  std::string method = "GET";
  std::vector<Field> fields;
  std::string body;

  http::Method known_method() const { return http::ParseMethod(method); }
  std::string_view scheme() const { return url.secure ? "https" : "http"; }
  // A Host of `fields` before the URL's.
  std::string_view authority() const;
  // Names in lower case, with content-length and user-agent where they belong and were not given,
  // without host.
  std::vector<Field> SentFields() const;
  // All of it as HTTP/1.1 (RFC 9112 §3).
  std::string Http1() const;
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOADGEN_REQUEST_H_
