// Any way of cutting a chunked body into pieces gives the same content, trailers and error.

#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/h1/parser_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::http::testing;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = ParseChunked(bytes, WholeStream()).ToString();
  for (const size_t piece : {size_t{1}, size_t{5}, size_t{64}}) {
    CL_CHECK(ParseChunked(bytes, Pieces(piece)).ToString() == whole);
  }
  return 0;
}
