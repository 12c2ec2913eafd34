// Arbitrary bytes as a server's stream, in arbitrary pieces, read in arbitrary pieces. The pieces
// must not matter, and what is refused must not be used again.
//
// The first byte: the method, and in its highest bit whether to ask for a change of protocol. The
// second: the size of the pieces.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/client/engine_test_fixture.h"
#include "http/client/h1_client_connection.h"

namespace corelane::http {
namespace {

struct Outcome {
  std::string text;
  bool reusable = false;
};

Outcome Run(std::string_view method, bool upgrade, std::string_view bytes, size_t piece,
            size_t read) {
  H1ClientConnection connection{H1ClientOptions()};
  testing::EventLog log;
  testing::PieceSource said({"said in the tunnel"});
  ExchangeRequest request = testing::GetRequest(method);
  if (upgrade) {
    request.upgrade = "websocket";
    request.tunnel = &said;
  }
  Exchange* const exchange = connection.Start(request, log, testing::kNow);
  CL_CHECK(exchange != nullptr);
  testing::TakeOutput(connection);
  Outcome outcome;
  std::string body;
  BodyRead::Status last = BodyRead::Status::kPending;
  const auto read_on = [&] {
    if (log.status != 0 && !log.failed) body += testing::TakeBody(*exchange, last, read);
  };
  while (!bytes.empty() && connection.wants_read()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    connection.OnReceived(part, testing::kNow);
    outcome.text += testing::TakeOutput(connection);
    read_on();
  }
  connection.OnTransportEnd({}, testing::kNow);
  read_on();
  CL_CHECK(log.failed || last == BodyRead::Status::kEnd || last == BodyRead::Status::kFailed);
  for (const std::string& event : log.events) outcome.text += event + " ";
  outcome.text += body + (last == BodyRead::Status::kEnd ? " end" : " failed");
  exchange->Release();
  CL_CHECK(connection.finished());
  return outcome;
}

}  // namespace
}  // namespace corelane::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corelane::http::Run;
  if (size < 2) return 0;
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "OPTIONS"};
  const std::string_view method = kMethods[data[0] % 4];
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  const bool upgrade = (data[0] & 0x80) != 0;
  const auto whole = Run(method, upgrade, bytes, SIZE_MAX, 4096);
  const auto pieces = Run(method, upgrade, bytes, data[1] % 64 + 1, data[1] % 7 + 1);
  CL_CHECK(whole.text == pieces.text);
  return 0;
}
