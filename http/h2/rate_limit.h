// A token bucket: so many at once, and then so many per second.

#ifndef CORELANE_HTTP_H2_RATE_LIMIT_H_
#define CORELANE_HTTP_H2_RATE_LIMIT_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/time.h"

namespace corelane::h2 {

struct RateLimit {
  uint32_t burst;
  uint32_t per_second;
};

// Starts full. Exact in whole tokens: the remainder of a second is never lost.
class TokenBucket {
 public:
  explicit TokenBucket(RateLimit limit) : limit_(limit), tokens_(limit.burst) {}

  // False when there is none left. `now` never goes backwards.
  bool Take(Instant now) {
    if (tokens_ == 0) Refill(now);
    if (tokens_ == 0) return false;
    if (tokens_ == limit_.burst) refilled_ = now;
    --tokens_;
    return true;
  }

 private:
  void Refill(Instant now) {
    if (limit_.per_second == 0) return;
    const Duration token = std::chrono::nanoseconds(std::chrono::seconds(1)) / limit_.per_second;
    const int64_t gained = (now - refilled_) / token;
    if (gained <= 0) return;
    tokens_ = static_cast<uint32_t>(std::min<int64_t>(gained, limit_.burst));
    refilled_ += gained * token;
  }

  RateLimit limit_;
  uint32_t tokens_;
  Instant refilled_{};
};

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_RATE_LIMIT_H_
