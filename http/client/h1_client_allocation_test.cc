// No heap allocation per exchange once the buffers have grown.

#include <gtest/gtest.h>

#include <array>

#include "core/allocation_counter.h"
#include "http/client/engine_test_fixture.h"
#include "http/client/h1_client_connection.h"

namespace corelane::http {
namespace {

class Quiet final : public ExchangeEvents {
 public:
  void OnHead(const IncomingHead&) override {}
  void OnReadable() override {}
  void OnFailed(const ExchangeFailure&) override { FAIL(); }
};

void Ask(H1ClientConnection& connection, const ExchangeRequest& request, std::string_view answer) {
  Quiet events;
  Exchange* const exchange = connection.Start(request, events, testing::kNow);
  for (auto out = connection.Output(testing::kNow); !out[0].empty() || !out[1].empty();
       out = connection.Output(testing::kNow)) {
    connection.OnWritten(out[0].size() + out[1].size(), testing::kNow);
  }
  connection.OnReceived(answer, testing::kNow);
  std::array<char, 100> body;
  while (exchange->Read(body).status == BodyRead::Status::kData) {
  }
  exchange->Release();
}

uint64_t AllocationsOf(const ExchangeRequest& request, std::string_view answer) {
  H1ClientConnection connection{H1ClientOptions()};
  for (int i = 0; i < 10; ++i) Ask(connection, request, answer);
  const uint64_t before = AllocationsOnThisThread();
  for (int i = 0; i < 1000; ++i) Ask(connection, request, answer);
  EXPECT_TRUE(connection.reusable());
  return AllocationsOnThisThread() - before;
}

TEST(H1ClientAllocation, AGet) {
  EXPECT_EQ(AllocationsOf(testing::GetRequest(),
                          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"),
            0u);
}

TEST(H1ClientAllocation, APostAnsweredInChunks) {
  ExchangeRequest request = testing::GetRequest("POST");
  request.has_body = true;
  request.body = "some body";
  EXPECT_EQ(AllocationsOf(request,
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\nhello\r\n0\r\nSum: 1\r\n\r\n"),
            0u);
}

}  // namespace
}  // namespace corelane::http
