// Lines of access logs, from what AccessLog() (http/middleware.h) tells.

#ifndef CORELANE_HTTP_MIDDLEWARE_LOG_FORMAT_H_
#define CORELANE_HTTP_MIDDLEWARE_LOG_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "http/middleware.h"

namespace corelane::http {

// What the record does not know.
struct LogContext {
  LogContext() {}

  std::string_view client;   // Empty: the connection's other end.
  std::string_view user;     // Empty: "-".
  int64_t unix_seconds = 0;  // When the request came.
};

// The Common Log Format of NCSA and Apache, without a line's end:
//
//   192.0.2.1 - anna [06/Nov/1994:08:49:37 +0000] "GET /a?b HTTP/1.1" 200 1234
//
// Quotes, backslashes and what is no printable ASCII become \" \\ \xHH, so that a client can fake
// no line.
std::string CommonLogLine(const AccessRecord& record, const LogContext& context);
// With the Referer and User-Agent fields behind it.
std::string CombinedLogLine(const AccessRecord& record, const LogContext& context);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_LOG_FORMAT_H_
