// Whatever fields say, what is made of them stays in bounds and is the same when written again.

#include <array>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/h1/parser.h"
#include "http/semantics/http_date.h"
#include "http/semantics/negotiate.h"
#include "http/semantics/preconditions.h"
#include "http/semantics/range.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto date = ParseHttpDate(text)) CL_CHECK(ParseHttpDate(FormatHttpDate(*date)) == date);
  if (const auto tag = ParseEntityTag(text)) CL_CHECK(tag->opaque.size() >= 2);
  for (const uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, UINT64_MAX}) {
    const RangeRequest request = ParseRange(text, length, 16);
    CL_CHECK(request.ranges.empty() == (request.kind != RangeRequest::Kind::kRanges));
    for (const ByteRange& range : request.ranges) {
      CL_CHECK(range.first <= range.last && range.last < length);
    }
  }
  // The same bytes as a head with fields.
  RequestParser parser;
  parser.Start(HeadLimits());
  if (parser.Parse(text) != ParseStatus::kDone) return 0;
  const RequestHead head = parser.head(text);
  constexpr std::array<std::string_view, 2> kCodings = {"br", "gzip"};
  const AcceptEncoding accept(head.fields);
  if (const auto chosen = accept.Choose(kCodings)) CL_CHECK(accept.Quality(kCodings[*chosen]) > 0);
  const Validators now{true, "\"v\"", 784111777};
  EvaluatePreconditions(head.method, head.fields, now);
  IfRangeAllows(head.fields, now);
  return 0;
}
