// So many requests a second for each client, or whatever else the key is.
//
//   RateLimitOptions options;
//   options.per_second = 5;
//   options.burst = 20;
//   options.key = [](const Request& request) {       // else the client's address
//     return std::string(request.Header("x-api-key").value_or(""));
//   };
//   router.Use(*RateLimit(clock, options));

#ifndef CORELANE_HTTP_MIDDLEWARE_RATE_LIMIT_H_
#define CORELANE_HTTP_MIDDLEWARE_RATE_LIMIT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "core/time.h"
#include "http/message.h"
#include "http/middleware.h"

namespace corelane::http {

struct RateLimitOptions {
  RateLimitOptions() {}

  double per_second = 10;  // In the long run.
  uint32_t burst = 20;     // At once, after a pause.
  // Keys that are remembered. The one that has been quiet for longest is forgotten for a new one,
  // and would start anew with a full burst.
  size_t max_keys = 10000;
  // Of what the limit holds for; an empty key is not limited. Null: the client's address, of IPv6
  // its first 64 bits, which are one site's.
  std::function<std::string(const Request&)> key;
  // Keeps clients from choosing keys that collide in the table.
  uint64_t hash_seed = 0;
};

// A token bucket for each key. Answers 429 with Retry-After in seconds, without calling what is
// inside. The table belongs to the server's thread: with several lanes each has its own, and the
// limit holds on each. `clock` outlives the router.
absl::StatusOr<Middleware> RateLimit(const Clock& clock, RateLimitOptions options);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_RATE_LIMIT_H_
