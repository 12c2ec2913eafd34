// The shell over streams in memory, in manual time: what the engine's own tests can't see.

#include "http/serve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <string>

#include "examples/demo_app.h"
#include "http/client.h"
#include "http/memory_stream.h"

namespace corelane::http::testing {
namespace {

namespace asio = boost::asio;
using std::chrono::seconds;
using ::testing::HasSubstr;

class NoStats final : public examples::StatsSource {
 public:
  examples::StatsSnapshot Snapshot() override {
    examples::StatsSnapshot stats;
    stats.device_uri = "ring:";
    return stats;
  }
};

class ServeTest : public ::testing::Test {
 protected:
  ServeTest() { examples::AddDemoRoutes(router_, stats_); }
  ~ServeTest() override {
    if (client_ != nullptr) client_->close();
    Poll();
    ManualTime::Get().Advance(seconds(60));
    Poll();
    EXPECT_EQ(group_->size(), 0u) << "a connection is left";
  }

  // Starts a connection of the server; the test holds the other end.
  void Connect(size_t capacity = 1 << 20) {
    auto [client, server] = MakeStreamPair(context_.get_executor(), capacity);
    client_ = std::make_unique<MemoryStream>(std::move(client));
    StartConnection<MemoryStream, ManualTimer>(std::move(server), router_, options_, group_);
    Poll();
  }
  void Poll() {
    context_.restart();
    context_.poll();
  }
  void Give(std::string_view bytes) {
    client_->out().bytes += bytes;
    client_->out().Wake();
    Poll();
  }
  std::string Got() { return std::exchange(client_->in().bytes, {}); }
  ClientResponse Ask(ClientRequest request) {
    ClientResponse response;
    bool answered = false;
    asio::co_spawn(context_.get_executor(), AsyncRequest(*client_, reader_, request),
                   [&](std::exception_ptr, ClientResponse got) {
                     response = std::move(got);
                     answered = true;
                   });
    Poll();
    EXPECT_TRUE(answered);
    return response;
  }

  asio::io_context context_;
  NoStats stats_;
  Router router_;
  ServerOptions options_;
  std::shared_ptr<ConnectionGroup> group_ = std::make_shared<ConnectionGroup>();
  std::unique_ptr<MemoryStream> client_;
  ResponseReader reader_;
};

TEST_F(ServeTest, ServesOneRequestAfterTheOther) {
  Connect();
  for (int i = 0; i < 3; ++i) {
    const ClientResponse response = Ask(ClientRequest("GET", "/hello", "a"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body.size(), 128u);
    EXPECT_EQ(response.Header("content-type"), "text/plain");
    EXPECT_TRUE(response.keep_alive);
  }
  EXPECT_EQ(group_->stats().connections, 1u);
  EXPECT_EQ(group_->stats().requests, 3u);
}

TEST_F(ServeTest, AHundredPipelinedRequestsTakeOneWrite) {
  Connect();
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  Give(requests);
  EXPECT_EQ(client_->in().writes, 1u);
  EXPECT_EQ(group_->stats().requests, 100u);
  Got();
}

TEST_F(ServeTest, EchoesBothFramingsThroughANarrowPipe) {
  Connect(1000);
  std::string body;
  for (int i = 0; i < 20000; ++i) body += std::to_string(i);
  for (const bool chunked : {false, true}) {
    ClientRequest request("POST", "/echo", "a");
    request.chunked = chunked;
    // Both sides write at once: the client must read meanwhile, so write from one coroutine and
    // read in another.
    request.body = body;
    Buffer bytes;
    ASSERT_TRUE(SerializeRequest(request, bytes));
    std::string left(bytes.view());
    std::string got;
    for (int i = 0; i < 10000 && (!left.empty() || !got.ends_with(chunked ? "0\r\n\r\n" : "19999"));
         ++i) {
      const size_t room = client_->out().capacity - client_->out().bytes.size();
      const std::string now = left.substr(0, room);
      left.erase(0, now.size());
      Give(now);
      got += Got();
      client_->in().Wake();
      Poll();
    }
    ResponseParser parser;
    parser.Start(HeadLimits(), Method::kPost);
    ASSERT_EQ(parser.Parse(got), ParseStatus::kDone);
    BodyDecoder decoder;
    decoder.Start(parser.head(got).body);
    std::string_view rest = std::string_view(got).substr(parser.consumed());
    std::string echoed;
    while (!decoder.done()) {
      const BodyStep step = decoder.Decode(rest);
      ASSERT_GT(step.consumed, 0u);
      echoed += step.data;
      rest.remove_prefix(step.consumed);
    }
    EXPECT_EQ(echoed, body);
  }
}

TEST_F(ServeTest, BytesAndUploadAgreeOnThePattern) {
  Connect(1 << 22);
  const ClientResponse bytes = Ask(ClientRequest("GET", "/bytes/1000000", "a"));
  ASSERT_EQ(bytes.body.size(), 1000000u);
  for (size_t i = 0; i < bytes.body.size(); i += 997)
    EXPECT_EQ(bytes.body[i], examples::PatternByte(i));
  ClientRequest upload("PUT", "/upload", "a");
  upload.body = "123456789";
  EXPECT_EQ(Ask(upload).body,
            "{\"bytes\":9,\"crc32\":\"cbf43926\"}\n");  // The check value of CRC-32.
  EXPECT_EQ(Ask(ClientRequest("GET", "/bytes/x", "a")).status, 400);
}

TEST_F(ServeTest, ASlowHeadIsAnswered408AndClosed) {
  Connect();
  Give("GET /hello HTTP/1.1\r\nHo");
  ManualTime::Get().Advance(seconds(5));
  Poll();
  Give("st: ");
  EXPECT_EQ(Got(), "");
  ManualTime::Get().Advance(seconds(5));
  Poll();
  EXPECT_THAT(Got(), HasSubstr("408 Request Timeout"));
  EXPECT_TRUE(client_->in().ended);
  ManualTime::Get().Advance(options_.linger_timeout);
  Poll();
  EXPECT_EQ(group_->size(), 0u);
}

TEST_F(ServeTest, AnIdleConnectionIsClosedAndABusyOneIsNot) {
  Connect();
  for (int i = 0; i < 5; ++i) {
    ManualTime::Get().Advance(seconds(50));
    Poll();
    EXPECT_EQ(Ask(ClientRequest("GET", "/hello", "a")).status, 200);
  }
  ManualTime::Get().Advance(seconds(59));
  Poll();
  EXPECT_EQ(group_->size(), 1u);
  ManualTime::Get().Advance(seconds(1));
  Poll();
  EXPECT_EQ(group_->size(), 0u);
}

TEST_F(ServeTest, AClientThatDoesNotReadIsClosed) {
  Connect(1000);
  Give("GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(group_->size(), 1u);
  ManualTime::Get().Advance(options_.write_timeout);
  Poll();
  EXPECT_EQ(group_->size(), 0u);
  EXPECT_EQ(group_->stats().timeouts, 1u);
}

TEST_F(ServeTest, AClientThatLeavesMidBodyLeavesNothing) {
  for (const char* path : {"/upload", "/echo"}) {
    Connect();
    Give(std::string("POST ") + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    EXPECT_EQ(group_->size(), 1u);
    client_->close();
    Poll();
    EXPECT_EQ(group_->size(), 0u) << path;
  }
}

TEST_F(ServeTest, EventsAreTimedAndEndWithTheServer) {
  Connect();
  Give("GET /api/events HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(Got(), HasSubstr("data: {\"device\":{\"uri\":\"ring:\""));
  EXPECT_EQ(Got(), "");
  ManualTime::Get().Advance(std::chrono::milliseconds(499));
  Poll();
  EXPECT_EQ(Got(), "");
  ManualTime::Get().Advance(std::chrono::milliseconds(1));
  Poll();
  EXPECT_THAT(Got(), HasSubstr("data: {"));
  group_->Stop();
  Poll();
  EXPECT_EQ(Got(), "0\r\n\r\n");
  EXPECT_TRUE(client_->in().ended);
}

TEST_F(ServeTest, StopClosesIdleConnectionsAtOnce) {
  Connect();
  EXPECT_EQ(Ask(ClientRequest("GET", "/hello", "a")).status, 200);
  group_->Stop();
  Poll();
  EXPECT_TRUE(client_->in().ended);
  client_->close();
  Poll();
  EXPECT_EQ(group_->size(), 0u);
}

TEST_F(ServeTest, HttpTwoIsSeenByItsPreface) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (size_t piece = 1; piece <= preface.size(); ++piece) {
    Connect();
    std::string bytes = preface + std::string("\0\0\0\4\0\0\0\0\0", 9);
    for (size_t at = 0; at < bytes.size(); at += piece) Give(bytes.substr(at, piece));
    const std::string got = Got();
    ASSERT_GT(got.size(), 18u);
    EXPECT_EQ(got[3], 4) << "no SETTINGS frame comes first";
    client_->close();
    Poll();
  }
  Connect();
  Give("PRI * HTTP/2.0\r\n\r\nSX");  // Nearly.
  EXPECT_THAT(Got(), HasSubstr("HTTP/1.1 505 "));
  client_->close();
  Poll();
  options_.http2 = false;
  Connect();
  Give(preface);
  EXPECT_THAT(Got(), HasSubstr("HTTP/1.1 505 "));
}

TEST_F(ServeTest, TheClientReportsWhatWentWrong) {
  Connect();
  EXPECT_EQ(Ask(ClientRequest("GET", "/a b", "a")).error, asio::error::invalid_argument);
  ClientRequest split("GET", "/", "a");
  split.fields = {{"X", "a\r\nb"}};
  EXPECT_EQ(Ask(split).error, asio::error::invalid_argument);
  ClientRequest last("GET", "/hello", "a");
  last.close = true;
  const ClientResponse response = Ask(last);
  EXPECT_EQ(response.status, 200);
  EXPECT_FALSE(response.keep_alive);
  EXPECT_EQ(Ask(ClientRequest("GET", "/hello", "a")).error, asio::error::eof);
}

}  // namespace
}  // namespace corelane::http::testing
