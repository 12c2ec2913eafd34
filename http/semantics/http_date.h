// Dates in fields (RFC 9110 §5.6.7), as seconds since 1970-01-01 UTC.

#ifndef CORELANE_HTTP_SEMANTICS_HTTP_DATE_H_
#define CORELANE_HTTP_SEMANTICS_HTTP_DATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corelane::http {

// "Sun, 06 Nov 1994 08:49:37 GMT". For the years 0 to 9999.
std::string FormatHttpDate(int64_t unix_seconds);

// All three forms that a recipient must take: IMF-fixdate, RFC 850's and asctime's. The day's name
// is not checked. RFC 850's two digits of a year are of 1970 to 2069. Nothing: it is no date.
std::optional<int64_t> ParseHttpDate(std::string_view text);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SEMANTICS_HTTP_DATE_H_
