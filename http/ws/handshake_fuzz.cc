// The opening handshake at both ends, made of arbitrary fields: what is accepted is what the
// options allow.
//
// The first byte chooses: bit 0 the client's end, which looks at a response; bit 1 whether
// permessage-deflate is on, bit 2 subprotocols, bit 3 origins.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/h1/parser.h"
#include "http/ws/handshake.h"

namespace corelane::ws {
namespace {

void CheckDeflate(const std::optional<DeflateParams>& params, bool offered) {
  if (!params.has_value()) return;
  CL_CHECK(offered);
  for (const int bits : {params->server_max_window_bits, params->client_max_window_bits}) {
    CL_CHECK(bits >= 8 && bits <= 15);
  }
}

void CheckSubprotocol(const std::string& chosen, const std::vector<std::string>& allowed) {
  CL_CHECK(chosen.empty() || std::find(allowed.begin(), allowed.end(), chosen) != allowed.end());
}

void Serve(std::string_view bytes, const Options& options) {
  http::RequestParser parser;
  parser.Start(http::HeadLimits());
  if (parser.Parse(bytes) != http::ParseStatus::kDone) return;
  const http::Request request(parser.head(bytes), nullptr);
  const Accepted accepted = Accept(request, options);
  if (accepted.refusal.has_value()) {
    const int status = accepted.refusal->status();
    CL_CHECK(accepted.refusal->valid());
    CL_CHECK(status == 400 || status == 403 || status == 426);
    return;
  }
  CL_CHECK(accepted.accept.size() == 28 && accepted.accept.ends_with('='));
  CheckSubprotocol(accepted.subprotocol, options.subprotocols);
  CheckDeflate(accepted.deflate, options.deflate.has_value());
  http::Response response;
  accepted.AddTo(response);
  CL_CHECK(response.valid());
}

void Connect(std::string_view bytes, const ClientOptions& options) {
  constexpr std::array<uint8_t, 16> kNonce = {'t', 'h', 'e', ' ', 's', 'a', 'm', 'p',
                                              'l', 'e', ' ', 'n', 'o', 'n', 'c', 'e'};
  const ClientHandshake handshake(kNonce, options);
  http::ResponseParser parser;
  parser.Start(http::HeadLimits(), http::Method::kGet);
  if (parser.Parse(bytes) != http::ParseStatus::kDone) return;
  const http::ResponseHead head = parser.head(bytes);
  const ClientHandshake::Result result = handshake.Check(head.status, head.fields);
  if (!result.problem.empty()) return;
  CL_CHECK(head.status == 101);
  CL_CHECK(head.fields.Find("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CheckSubprotocol(result.subprotocol, options.subprotocols);
  CheckDeflate(result.deflate, options.deflate.has_value());
}

}  // namespace
}  // namespace corelane::ws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corelane::ws;
  if (size == 0) return 0;
  const uint8_t choice = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<std::string> subprotocols = {"chat.v2", "chat"};
  if ((choice & 1) != 0) {
    ClientOptions options;
    if ((choice & 2) != 0) options.deflate.emplace();
    if ((choice & 4) != 0) options.subprotocols = subprotocols;
    Connect(bytes, options);
  } else {
    Options options;
    if ((choice & 2) != 0) options.deflate.emplace();
    if ((choice & 4) != 0) options.subprotocols = subprotocols;
    if ((choice & 8) != 0) options.origins = {"https://a.example"};
    Serve(bytes, options);
  }
  return 0;
}
