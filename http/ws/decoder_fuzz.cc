// Any way of cutting the bytes into pieces gives the same events; no message passes the limit.
//
// The first byte chooses: bit 0 the role, bit 1 whether permessage-deflate was agreed on, bit 2
// without context takeover.

#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/ws/codec_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::ws;
  if (size == 0) return 0;
  constexpr uint64_t kLimit = 4096;
  const uint8_t choice = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::optional<DeflateParams> deflate;
  if ((choice & 2) != 0) {
    deflate.emplace();
    deflate->client_no_context_takeover = deflate->server_no_context_takeover = (choice & 4) != 0;
  }
  const Role role = (choice & 1) != 0 ? Role::kClient : Role::kServer;
  Decoder whole(role, kLimit, deflate);
  const std::string expected = testing::Decoded(whole, bytes);
  for (const size_t piece : {size_t{1}, size_t{5}, size_t{64}}) {
    Decoder pieces(role, kLimit, deflate);
    CL_CHECK(testing::Decoded(pieces, bytes, piece) == expected);
    CL_CHECK(pieces.message().size() <= kLimit + 1);
  }
  return 0;
}
