// Entity tags for what handlers answer, and conditional requests (RFC 9110 §13).
//
//   router.Use(Conditional());
//
// For GET and HEAD only: by then the handler has run. A handler that changes something asks
// EvaluatePreconditions() (http/semantics/preconditions.h) before it does.

#ifndef CORELANE_HTTP_MIDDLEWARE_CONDITIONAL_H_
#define CORELANE_HTTP_MIDDLEWARE_CONDITIONAL_H_

#include <string>
#include <string_view>

#include "http/message.h"
#include "http/middleware.h"

namespace corelane::http {

// Gives each 200 that has a body in memory and no ETag one, and answers 304 or 412 where the
// request's preconditions say so, by the ETag and the Last-Modified that are there then. Streamed
// bodies get no ETag of their own. Compression goes outside: it makes the tag a weak one.
Middleware Conditional();

// A strong tag of these bytes, quotes included: a 64-bit SipHash with a fixed key, and their count.
// The same in every process.
std::string EntityTagOf(std::string_view body);

// `response` without its body and without what only goes with one; RFC 9110 §15.4.5 for 304.
void MakeBodiless(Response& response, int status);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_CONDITIONAL_H_
