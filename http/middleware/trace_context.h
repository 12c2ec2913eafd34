// W3C Trace Context, level 1: which trace a request is part of.
//
//   router.Use(TraceContexts([&] { return random.Next64(); }));
//   router.Get("/", [](TraceContext trace) { ...trace.TraceParent()... });
//
// A request that names its trace in `traceparent` goes on with it, else it begins one. Either way
// it gets a span id of its own. What is outside of the middleware, as an access log, finds the same
// by request.Attached<TraceContext>().

#ifndef CORELANE_HTTP_MIDDLEWARE_TRACE_CONTEXT_H_
#define CORELANE_HTTP_MIDDLEWARE_TRACE_CONTEXT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "http/extract.h"
#include "http/middleware.h"
#include "http/wire/fields.h"

namespace corelane::http {

struct TraceContext {
  uint64_t trace_high = 0;  // The 16 bytes of trace-id.
  uint64_t trace_low = 0;
  uint64_t parent_id = 0;  // The client's span; 0: the trace begins here.
  uint64_t span_id = 0;    // This request's.
  bool sampled = false;
  std::string tracestate;  // The client's, to be sent on as it is; empty: none.

  std::string TraceId() const;  // 32 hexadecimal digits.
  std::string SpanId() const;   // 16.
  // The field's value for requests that this one makes: with span_id as their parent.
  std::string TraceParent() const;
};

// A `traceparent` of version 00, or what can be known of a later one's. Nothing: it is none, or has
// a zero id, digits in upper case, or version ff.
std::optional<TraceContext> ParseTraceParent(std::string_view text);

// The members of a `tracestate` with single commas between them. Nothing: one is malformed, is
// there twice, or they are more than 32; all of it is then to be forgotten.
std::optional<std::string> ParseTraceState(std::string_view text);

// What these fields say; span_id is not set. Nothing: no traceparent, a malformed one, or two.
std::optional<TraceContext> TraceContextOf(const Fields& fields);

// random() gives the ids of new traces and spans: numbers that do not repeat. sample_new: the flag
// of traces that begin here.
Middleware TraceContexts(std::function<uint64_t()> random, bool sample_new = false);

// 500 where TraceContexts() is not around the handler.
template <>
struct FromRequest<TraceContext> {
  static Extracted<TraceContext> From(const Request& request);
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_TRACE_CONTEXT_H_
