#include "http/client/policy.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "http/wire/method.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7).
std::optional<int64_t> ParseDate(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT" ||
      text[19] != ':' || text[22] != ':') {
    return std::nullopt;
  }
  const auto day = ParseDecimal(text.substr(5, 2));
  const size_t month = kMonths.find(text.substr(8, 3));
  const auto year = ParseDecimal(text.substr(12, 4));
  const auto hour = ParseDecimal(text.substr(17, 2));
  const auto minute = ParseDecimal(text.substr(20, 2));
  const auto second = ParseDecimal(text.substr(23, 2));
  if (!day || !year || !hour || !minute || !second || month == std::string_view::npos ||
      month % 3 != 0) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + static_cast<int64_t>(*hour * 3600 + *minute * 60 + *second);
}

}  // namespace

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<ClientError> ApplyRedirect(int status, const Url& from, const Url& to,
                                         const RedirectOptions& options, OutgoingRequest& request) {
  if (from.secure() && !to.secure() && !options.allow_insecure) {
    return ClientError::kRedirectToInsecure;
  }
  const Method method = ParseMethod(request.method());
  const bool to_get =
      status == 303 || ((status == 301 || status == 302) && method == Method::kPost);
  if (to_get) {
    request.BecomeGet();
  } else if (request.source() != nullptr && !request.source()->Rewind()) {
    return ClientError::kRedirectNeedsBody;
  }
  if (!from.SameOrigin(to)) request.RemoveCredentials();
  return std::nullopt;
}

Duration BackOff(const RetryOptions& options, int attempt, Random& random) {
  Duration most = options.base;
  for (int i = 0; i < attempt && most < options.cap; ++i) most *= 2;
  most = std::clamp(most, Duration::zero(), options.cap);
  return Duration(static_cast<int64_t>(random.Below(static_cast<uint64_t>(most.count()) + 1)));
}

std::optional<Duration> ParseRetryAfter(std::string_view value, int64_t unix_seconds) {
  constexpr uint64_t kMost = 86400 * 365;
  value = TrimBlanks(value);
  if (const auto seconds = ParseDecimal(value)) {
    return std::chrono::seconds(std::min(*seconds, kMost));
  }
  const auto date = ParseDate(value);
  if (!date) return std::nullopt;
  return std::chrono::seconds(
      std::clamp<int64_t>(*date - unix_seconds, 0, static_cast<int64_t>(kMost)));
}

}  // namespace corelane::http
