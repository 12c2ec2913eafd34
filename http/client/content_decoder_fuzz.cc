// Any bytes as coded content, in any pieces: no crash, and never more output than the room given.
//
// The first byte: the coding. The second: the size of the pieces.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/client/content_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corelane::http::ContentDecoder;
  if (size < 2) return 0;
  constexpr std::string_view kCodings[] = {"gzip", "deflate",  "br",
                                           "zstd", "gzip, br", "zstd, gzip"};
  const auto decoder = ContentDecoder::For(kCodings[data[0] % 6]);
  CL_CHECK(decoder != nullptr);
  const size_t piece = data[1] % 64 + 1;
  std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  std::string_view in;
  std::array<char, 512> out;
  for (size_t produced = 0; produced < (1 << 20);) {
    const ContentDecoder::Step step = decoder->Decode(in, out);
    CL_CHECK(step.consumed <= in.size() && step.produced <= out.size());
    if (step.status == ContentDecoder::Step::Status::kError) return 0;
    in.remove_prefix(step.consumed);
    produced += step.produced;
    if (step.consumed + step.produced > 0) continue;
    if (bytes.empty()) return 0;
    in = bytes.substr(0, piece);
    bytes.remove_prefix(in.size());
  }
  return 0;
}
