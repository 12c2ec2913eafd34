#include "http/middleware/security_headers.h"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace corelane::http {

Middleware SecurityHeaders(const SecurityHeadersOptions& options) {
  using Lines = std::vector<std::pair<std::string_view, std::string>>;
  auto lines = std::make_shared<Lines>();
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) lines->emplace_back(name, value);
  };
  add("X-Content-Type-Options", options.content_type_options);
  add("X-Frame-Options", options.frame_options);
  add("Referrer-Policy", options.referrer_policy);
  add("Cross-Origin-Opener-Policy", options.cross_origin_opener_policy);
  add("Content-Security-Policy", options.content_security_policy);
  add("Permissions-Policy", options.permissions_policy);
  if (options.hsts_max_age) {
    add("Strict-Transport-Security",
        "max-age=" + std::to_string(options.hsts_max_age->count()) +
            (options.hsts_include_subdomains ? "; includeSubDomains" : ""));
  }
  return [lines = std::shared_ptr<const Lines>(lines)](const Request& request,
                                                       Next next) -> Task<Response> {
    Response response = co_await next(request);
    for (const auto& [name, value] : *lines) {
      if (!response.Find(name)) response.Add(name, value);
    }
    co_return response;
  };
}

}  // namespace corelane::http
