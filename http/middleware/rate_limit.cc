#include "http/middleware/rate_limit.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/bytes.h"
#include "core/ip_address.h"
#include "core/siphash.h"
#include "core/thread_owner.h"

namespace corelane::http {
namespace {

// A bucket is one instant: when it would be full again, if nothing more came (the generic cell rate
// algorithm). A request moves it by `interval`, and may come while it is not more than `tolerance`
// ahead.
class Buckets {
 public:
  Buckets(const RateLimitOptions& options)
      : interval_(static_cast<int64_t>(1e9 / options.per_second)),
        tolerance_(interval_ * (options.burst - 1)),
        max_keys_(options.max_keys),
        places_(0, Hash{{options.hash_seed, ~options.hash_seed}}) {}

  // Zero: let it in. Else how long until it may come again.
  Duration Take(std::string_view key, Instant now) {
    owner_.Check();
    Instant& full_at = Find(key, now).full_at;
    full_at = std::max(full_at, now);
    const Duration wait = full_at - now - tolerance_;
    if (wait > Duration::zero()) return wait;
    full_at += interval_;
    return Duration::zero();
  }

 private:
  struct Bucket {
    std::string key;
    Instant full_at;
  };
  using Place = std::list<Bucket>::iterator;
  struct Hash {
    SipKey key;
    size_t operator()(std::string_view text) const {
      return SipHash13(key, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    }
  };

  Bucket& Find(std::string_view key, Instant now) {
    const auto found = places_.find(key);
    if (found != places_.end()) {
      buckets_.splice(buckets_.begin(), buckets_, found->second);
      return buckets_.front();
    }
    if (buckets_.size() == max_keys_) {  // Its node becomes the new key's.
      places_.erase(buckets_.back().key);
      buckets_.splice(buckets_.begin(), buckets_, std::prev(buckets_.end()));
    } else {
      buckets_.emplace_front();
    }
    buckets_.front() = {std::string(key), now};
    places_.emplace(buckets_.front().key, buckets_.begin());
    return buckets_.front();
  }

  const Duration interval_;
  const Duration tolerance_;
  const size_t max_keys_;
  std::list<Bucket> buckets_;                                 // What was asked for last is first.
  std::unordered_map<std::string_view, Place, Hash> places_;  // The keys are the buckets'.
  ThreadOwner owner_;
};

// The bytes of the client's address: short enough to need no memory of their own.
std::string ClientKey(const Request& request) {
  const IpAddress& address = request.connection().remote.address;
  char bytes[8];
  if (address.is_v4()) {
    StoreBe32(reinterpret_cast<uint8_t*>(bytes), address.v4().value());
    return std::string(bytes, 4);
  }
  StoreBe64(reinterpret_cast<uint8_t*>(bytes), address.high());
  return std::string(bytes, 8);
}

absl::Status Problem(std::string_view option, const std::string& value, std::string_view right) {
  return absl::InvalidArgumentError("rate limit: " + std::string(option) + ": value " + value +
                                    ": expected " + std::string(right));
}

absl::Status Check(const RateLimitOptions& options) {
  if (!(options.per_second >= 1e-6 && options.per_second <= 1e9)) {
    return Problem("per_second", std::to_string(options.per_second), "0.000001 to 1e9");
  }
  if (options.burst < 1 || options.burst > 1000000) {
    return Problem("burst", std::to_string(options.burst), "1 to 1000000");
  }
  if (static_cast<double>(options.burst) / options.per_second > 1e9) {
    return Problem("burst", std::to_string(options.burst), "one that is full again in 30 years");
  }
  if (options.max_keys < 1) return Problem("max_keys", "0", "1 or more");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Middleware> RateLimit(const Clock& clock, RateLimitOptions options) {
  if (const absl::Status status = Check(options); !status.ok()) return status;
  auto buckets = std::make_shared<Buckets>(options);
  if (!options.key) options.key = ClientKey;
  Middleware middleware = [&clock, buckets, key = std::move(options.key)](
                              const Request& request, Next next) -> Task<Response> {
    const std::string name = key(request);
    const Duration wait = name.empty() ? Duration::zero() : buckets->Take(name, clock.Now());
    if (wait == Duration::zero()) co_return co_await next(request);
    Response refused = Response::Static("text/plain", "too many requests\n", 429);
    refused.Add("Retry-After",
                std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count()));
    co_return refused;
  };
  return middleware;
}

}  // namespace corelane::http
