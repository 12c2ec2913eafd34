// Which proxy a request goes through: http://... for plain requests in absolute-form (RFC 9112
// §3.2.2), CONNECT tunnels for https (RFC 9110 §9.3.6).
//
//   options.proxy = *ProxyFromEnvironment();

#ifndef CORELANE_HTTP_CLIENT_PROXY_H_
#define CORELANE_HTTP_CLIENT_PROXY_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client/url.h"

namespace corelane::http {

struct ProxySettings {
  ProxySettings() {}

  std::optional<Url> for_http;   // Of http:// requests. Userinfo becomes Proxy-Authorization.
  std::optional<Url> for_https;  // Of https:// requests.
  // Goes without: "example.com" and what is under it, "192.0.2.1", "10.0.0.0/8", "[::1]", each
  // with an optional ":port"; "*" for all.
  std::vector<std::string> without;

  // Null: none.
  const Url* For(const Url& url) const;
};

// From http_proxy, https_proxy, all_proxy and no_proxy, as curl reads them: in lower case, and all
// but HTTP_PROXY (which a CGI server sets from a request's field) also in upper case. A value
// without a scheme is http. nullopt: `why` names the variable, its value and what would be right.
// get: as getenv, which is the default.
std::optional<ProxySettings> ProxyFromEnvironment(
    std::string* why = nullptr, const std::function<const char*(const char*)>& get = nullptr);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_PROXY_H_
