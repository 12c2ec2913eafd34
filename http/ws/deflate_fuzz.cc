// Whatever is said comes back, through both roles' codecs with any agreement; and any text as an
// offer of extensions is answered with something that a client accepts.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/ws/codec_harness.h"

namespace corelane::ws {
namespace {

void RoundTrip(const DeflateParams& params, uint8_t choice, std::string_view text) {
  const Role role = (choice & 1) != 0 ? Role::kClient : Role::kServer;
  const Role other = (choice & 1) != 0 ? Role::kServer : Role::kClient;
  DeflateOptions options;
  options.min_bytes = 1;
  Encoder encoder(role, role == Role::kClient ? testing::SeededMasks(choice) : nullptr, params,
                  options);
  Decoder decoder(other, 1 << 20, params);
  while (!text.empty()) {
    const size_t size = std::min<size_t>(text.size(), 1 + static_cast<uint8_t>(text[0]));
    http::Buffer out;
    encoder.Message(MessageType::kBinary, text.substr(0, size), out);
    const std::string expected = "binary(" + std::string(text.substr(0, size)) + ") ";
    CL_CHECK(testing::Decoded(decoder, out.view(), 1 + choice % 50) == expected);
    text.remove_prefix(size);
  }
}

}  // namespace
}  // namespace corelane::ws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::ws;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  DeflateParams params;
  params.server_max_window_bits = params.client_max_window_bits = 8 + data[0] % 8;
  params.server_no_context_takeover = params.client_no_context_takeover = (data[0] & 0x80) != 0;
  RoundTrip(params, data[1], text);
  const DeflateOptions options;
  if (const auto agreed = AcceptDeflateOffer(text, options)) {
    // What only an offer with the parameter allows is what our own offers have.
    CL_CHECK(CheckDeflateAnswer(FormatDeflate(*agreed), options).has_value());
  }
  return 0;
}
