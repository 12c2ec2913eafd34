// Fields that make browsers careful.

#ifndef CORELANE_HTTP_MIDDLEWARE_SECURITY_HEADERS_H_
#define CORELANE_HTTP_MIDDLEWARE_SECURITY_HEADERS_H_

#include <chrono>
#include <optional>
#include <string>

#include "http/middleware.h"

namespace corelane::http {

// Each field is left out where its value is empty, and where the handler has set it itself.
struct SecurityHeadersOptions {
  SecurityHeadersOptions() {}

  std::string content_type_options = "nosniff";
  std::string frame_options = "DENY";
  std::string referrer_policy = "strict-origin-when-cross-origin";
  std::string cross_origin_opener_policy = "same-origin";
  std::string content_security_policy;  // Depends on the pages: "default-src 'self'".
  std::string permissions_policy;
  // Strict-Transport-Security (RFC 6797). Set it where all is served over TLS: browsers hold on to
  // it.
  std::optional<std::chrono::seconds> hsts_max_age;
  bool hsts_include_subdomains = false;
};

Middleware SecurityHeaders(const SecurityHeadersOptions& options = SecurityHeadersOptions());

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_SECURITY_HEADERS_H_
