// Any way of cutting a body into pieces gives the same parts and the same error.

#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/multipart/disposition.h"
#include "http/multipart/transcript.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::http;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  MultipartLimits limits;
  limits.parts = 4;
  limits.head_bytes = 128;
  const std::string whole = MultipartTranscript(bytes, SIZE_MAX, limits);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, size_t{64}}) {
    CL_CHECK(MultipartTranscript(bytes, piece, limits) == whole);
  }
  if (const auto boundary = ParseMultipartBoundary(bytes)) CL_CHECK(boundary->size() <= 70);
  if (const auto disposition = ParseFormDisposition(bytes)) {
    const std::string safe = SafeFilename(disposition->filename.value_or(""));
    CL_CHECK(safe.find_first_of("/\\") == std::string::npos && safe != "..");
  }
  return 0;
}
