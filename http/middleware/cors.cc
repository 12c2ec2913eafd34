#include "http/middleware/cors.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

// What does not change from request to request.
struct Policy {
  CorsOptions options;
  std::string methods;
  std::string headers;
  std::string expose;
  std::string max_age;
};

std::string Join(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& element : list) {
    if (!text.empty()) text += ", ";
    text += element;
  }
  return text;
}

absl::Status Problem(std::string_view option, std::string_view value, std::string_view right) {
  const std::string text = "cors: " + std::string(option) + ": value \"" + std::string(value) +
                           "\": expected " + std::string(right);
  return absl::InvalidArgumentError(text);
}

// scheme "://" host [ ":" port ], as browsers send it: lower case, without a path.
bool IsOrigin(std::string_view text) {
  if (text == "null") return true;
  const size_t at = text.find("://");
  if (at == 0 || at == std::string_view::npos) return false;
  const std::string_view host = text.substr(at + 3);
  const bool lower = std::none_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || c == ' ' || c == '*';
  });
  return lower && !host.empty() && IsHostAndPort(host);
}

absl::Status Check(const CorsOptions& options) {
  if (options.any_origin && options.credentials) {
    return Problem("credentials", "true", "false with any_origin; list the origins to have both");
  }
  for (const std::string& origin : options.origins) {
    if (!IsOrigin(origin)) {
      return Problem("origins", origin, "scheme://host[:port] in lower case, without a path");
    }
  }
  for (const auto& [name, list] : {std::pair{"methods", &options.methods},
                                   {"headers", &options.headers},
                                   {"expose", &options.expose}}) {
    for (const std::string& element : *list) {
      if (!IsToken(element)) return Problem(name, element, "a token");
      if (element == "*" && options.credentials) {
        return Problem(name, element, "names: with credentials \"*\" is no wildcard");
      }
    }
  }
  if (options.max_age && options.max_age->count() < 0) {
    return Problem("max_age", std::to_string(options.max_age->count()), "0 or more seconds");
  }
  return absl::OkStatus();
}

bool Allows(const CorsOptions& options, std::string_view origin) {
  return options.any_origin ||
         std::find(options.origins.begin(), options.origins.end(), origin) !=
             options.origins.end() ||
         (options.allow_origin && options.allow_origin(origin));
}

// A shared cache must not give one origin's answer to another (RFC 9110 §12.5.5).
void VaryByOrigin(const CorsOptions& options, Response& response) {
  if (!options.any_origin) response.Add("Vary", "Origin");
}

void Grant(const CorsOptions& options, std::string_view origin, Response& response) {
  response.Set("Access-Control-Allow-Origin", options.any_origin ? "*" : origin);
  if (options.credentials) response.Set("Access-Control-Allow-Credentials", "true");
}

Response AnswerPreflight(const Policy& policy, std::string_view origin) {
  Response response(204);
  VaryByOrigin(policy.options, response);
  if (!Allows(policy.options, origin)) return response;
  Grant(policy.options, origin, response);
  if (!policy.methods.empty()) response.Add("Access-Control-Allow-Methods", policy.methods);
  if (!policy.headers.empty()) response.Add("Access-Control-Allow-Headers", policy.headers);
  if (!policy.max_age.empty()) response.Add("Access-Control-Max-Age", policy.max_age);
  return response;
}

}  // namespace

absl::StatusOr<Middleware> Cors(CorsOptions options) {
  if (const absl::Status status = Check(options); !status.ok()) return status;
  auto made = std::make_shared<Policy>();
  made->methods = Join(options.methods);
  made->headers = Join(options.headers);
  made->expose = Join(options.expose);
  if (options.max_age) made->max_age = std::to_string(options.max_age->count());
  made->options = std::move(options);
  const std::shared_ptr<const Policy> policy = std::move(made);
  Middleware middleware = [policy](const Request& request, Next next) -> Task<Response> {
    const std::optional<std::string_view> origin = request.Header("origin");
    if (origin && request.method() == Method::kOptions &&
        request.Header("access-control-request-method")) {
      co_return AnswerPreflight(*policy, *origin);
    }
    Response response = co_await next(request);
    VaryByOrigin(policy->options, response);
    if (!origin || !Allows(policy->options, *origin)) co_return response;
    Grant(policy->options, *origin, response);
    if (!policy->expose.empty()) response.Add("Access-Control-Expose-Headers", policy->expose);
    co_return response;
  };
  return middleware;
}

}  // namespace corelane::http
