// Cross-origin resource sharing (the Fetch standard's CORS protocol).
//
//   CorsOptions options;
//   options.origins = {"https://app.example"};
//   options.credentials = true;
//   router.Use(*Cors(options));
//
// Answers preflights itself, so it goes outside of what asks for credentials. It refuses nobody:
// the browser keeps from the page what the fields do not allow.

#ifndef CORELANE_HTTP_MIDDLEWARE_CORS_H_
#define CORELANE_HTTP_MIDDLEWARE_CORS_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "http/middleware.h"

namespace corelane::http {

struct CorsOptions {
  CorsOptions() {}

  // Whose pages may read: any, these ("https://a.example:8443", "null"), or those that
  // allow_origin() agrees with besides.
  bool any_origin = false;
  std::vector<std::string> origins;
  std::function<bool(std::string_view origin)> allow_origin;
  // With cookies and the like. Not together with any_origin, nor with "*" below: to browsers that
  // is an error, and to answer each origin with itself would give every page the user's rights.
  bool credentials = false;
  // What a preflight may ask for. "*" is any.
  std::vector<std::string> methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  // Request fields beyond the safelisted ones. "*" is any but Authorization.
  std::vector<std::string> headers;
  // Response fields that the page may see beyond the safelisted ones.
  std::vector<std::string> expose;
  // How long a browser may remember a preflight.
  std::optional<std::chrono::seconds> max_age;
};

// An error names the option, its value and what would be right.
absl::StatusOr<Middleware> Cors(CorsOptions options);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_CORS_H_
