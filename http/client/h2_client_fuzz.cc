// Arbitrary bytes as a server's stream for H2ClientConnection, in pieces, while two requests are
// open and one of them is given up on the way: every exchange ends, and nothing is left behind.
//
// The first byte: the size of the pieces. The second: after how many of them the second request
// ends.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "http/client/engine_test_fixture.h"
#include "http/client/h2_client_connection.h"

namespace corelane::http {
namespace {

void Run(std::string_view bytes, size_t piece, size_t give_up) {
  h2::SessionStats stats;
  H2ClientConnection connection(H2ClientOptions(), stats, testing::kNow);
  testing::EventLog logs[2];
  ExchangeRequest post = testing::GetRequest("POST");
  post.has_body = true;
  post.body = "body";
  Exchange* const first = connection.Start(testing::GetRequest(), logs[0], testing::kNow);
  Exchange* second = connection.Start(post, logs[1], testing::kNow);
  CL_CHECK(first != nullptr && second != nullptr);
  testing::TakeOutput(connection);
  BodyRead::Status last = BodyRead::Status::kPending;
  const auto read = [&](Exchange& exchange, const testing::EventLog& log) {
    if (log.status != 0 && !log.failed) testing::TakeBody(exchange, last, 100);
  };
  for (size_t i = 0; !bytes.empty() && connection.wants_read(); ++i) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    connection.OnReceived(part, testing::kNow);
    if (i == give_up) {
      second->Release();
      second = nullptr;
    }
    read(*first, logs[0]);
    testing::TakeOutput(connection);
  }
  connection.OnTransportEnd({}, testing::kNow);
  read(*first, logs[0]);
  CL_CHECK(logs[0].failed || last == BodyRead::Status::kEnd || last == BodyRead::Status::kFailed);
  first->Release();
  if (second != nullptr) second->Release();
  CL_CHECK(connection.active() == 0 && connection.finished());
}

}  // namespace
}  // namespace corelane::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  corelane::http::Run(bytes, data[0] + 1, data[1]);
  return 0;
}
