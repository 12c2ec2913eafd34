// What is taken as a trace is written back as it was.

#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/middleware/trace_context.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto trace = ParseTraceParent(text)) {
    trace->span_id = trace->parent_id;
    CL_CHECK(trace->TraceParent().substr(3, 49) == text.substr(3, 49));
    CL_CHECK(ParseTraceParent(trace->TraceParent()).has_value());
  }
  if (const auto state = ParseTraceState(text)) CL_CHECK(ParseTraceState(*state) == state);
  return 0;
}
