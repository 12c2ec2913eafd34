// When a request is sent again, and where to: redirects and retries, as plain functions.

#ifndef CORELANE_HTTP_CLIENT_POLICY_H_
#define CORELANE_HTTP_CLIENT_POLICY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/random.h"
#include "core/time.h"
#include "http/client/error.h"
#include "http/client/options.h"
#include "http/client/request.h"
#include "http/client/url.h"

namespace corelane::http {

// --- Redirects (RFC 9110 §15.4) ---

// 301, 302, 303, 307, 308: what Location is followed for.
bool IsRedirect(int status);
// Changes `request` to what `status` asks for: 303, and 301 and 302 of a POST, become a GET without
// the body; credentials stay with their origin. An error: why it must not be followed.
std::optional<ClientError> ApplyRedirect(int status, const Url& from, const Url& to,
                                         const RedirectOptions& options, OutgoingRequest& request);

// --- Retries ---

// Exponential back-off with full jitter: uniform in [0, min(cap, base * 2^attempt)].
Duration BackOff(const RetryOptions& options, int attempt, Random& random);

// Retry-After (RFC 9110 §10.2.3): seconds, or an IMF-fixdate counted from `unix_seconds`.
std::optional<Duration> ParseRetryAfter(std::string_view value, int64_t unix_seconds);

// A token bucket, so that retries cannot multiply the load of a service in trouble.
class RetryBudget {
 public:
  explicit RetryBudget(const RetryOptions& options)
      : ratio_(options.budget_ratio),
        most_(options.budget_reserve),
        tokens_(options.budget_reserve) {}

  void OnRequest() {
    tokens_ += ratio_;
    if (tokens_ > most_) tokens_ = most_;
  }
  bool Take() {
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double ratio_;
  double most_;
  double tokens_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_POLICY_H_
