// TokenBucket: at most `burst` at once and `rate` per second in the long run (RFC 4443 §2.4 (f)).
//
// Kept as the one instant at which the bucket will be full (generic cell rate algorithm): no
// floating point, nothing to refill, any span of idle time.

#ifndef CORELANE_IP_RATE_LIMITER_H_
#define CORELANE_IP_RATE_LIMITER_H_

#include <algorithm>
#include <cstdint>

#include "core/time.h"

namespace corelane::ip {

class TokenBucket {
 public:
  // rate: tokens per second, at least 1; 0 allows nothing. burst: at least 1.
  constexpr TokenBucket(uint32_t rate, uint32_t burst)
      : interval_(rate == 0 ? Duration::max() : Duration(std::chrono::seconds(1)) / rate),
        tolerance_(rate == 0 ? Duration::zero() : interval_ * (std::max<uint32_t>(burst, 1) - 1)) {}

  // Takes a token if there is one.
  constexpr bool Allow(Instant now) {
    if (interval_ == Duration::max()) return false;
    const Instant start = std::max(full_at_, now);
    if (start - now > tolerance_) return false;
    full_at_ = start + interval_;
    return true;
  }

 private:
  Duration interval_;
  Duration tolerance_;
  Instant full_at_{};
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_RATE_LIMITER_H_
