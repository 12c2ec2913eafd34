// Any way of cutting a stream of responses into pieces gives the same result.

#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/h1/parser_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::http::testing;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = ParseResponses(bytes, WholeStream()).ToString();
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{16}}) {
    CL_CHECK(ParseResponses(bytes, Pieces(piece)).ToString() == whole);
  }
  if (size > 0) CL_CHECK(ParseResponses(bytes, SplitAt(1 + data[0] % size)).ToString() == whole);
  return 0;
}
