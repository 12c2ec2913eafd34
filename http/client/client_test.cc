// The whole client against servers in memory: requests, pool, time-outs.

#include "http/client/client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/client/client_test_fixture.h"

namespace corelane::http {
namespace {

using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ClientTest;
using testing::kHello;

TEST_F(ClientTest, AsksAndKeepsTheConnection) {
  for (int i = 0; i < 3; ++i) {
    const auto outcome = Get("http://example.com/x?y");
    ASSERT_EQ(peers(), 1u);
    EXPECT_EQ(peer().where, "example.com:80");
    EXPECT_EQ(peer().Take(), "GET /x?y HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n");
    peer().Send(kHello);
    Poll();
    ASSERT_TRUE(outcome->done);
    EXPECT_EQ(outcome->status(), 200);
    EXPECT_EQ(outcome->response.Header("content-length"), "5");
    EXPECT_EQ(ReadAll(*outcome), "hello");
    EXPECT_FALSE(error_);
  }
  EXPECT_EQ(client().stats().reused, 2u);
  EXPECT_EQ(client().stats().responses, 3u);
  EXPECT_EQ(client().stats().idle, 1u);
}

TEST_F(ClientTest, ReadsInPieces) {
  const auto outcome = Get();
  Answer(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  ASSERT_TRUE(outcome->done);
  char bytes[10];
  std::string log;
  const auto read = [&] {
    outcome->response.Read(boost::asio::buffer(bytes, 2), [&](auto error, size_t size) {
      log += error ? error.message() : std::string(bytes, size);
      log += ";";
    });
    Poll();
  };
  read();
  read();
  read();
  EXPECT_EQ(log, "ab;c;");
  Answer(0, "1\r\nd\r\n0\r\nSum: 1\r\n\r\n");
  EXPECT_EQ(log, "ab;c;d;");
  read();
  EXPECT_EQ(log, "ab;c;d;End of file;");
  EXPECT_EQ(outcome->response.trailers().Find("sum"), "1");
}

TEST_F(ClientTest, BadRequestsNeverLeave) {
  const auto bad = Send(OutgoingRequest::Get("ftp://a/"));
  EXPECT_EQ(bad->error, ClientError::kBadUrl);
  EXPECT_TRUE(bad->error == ClientCondition::kInvalidRequest);
  EXPECT_NE(bad->response.failure().message().find("scheme 'ftp': expected http or https"),
            std::string::npos);
  const auto split = Send(OutgoingRequest::Get("http://a/").Add("X", "a\r\nb: c"));
  EXPECT_EQ(split->error, ClientError::kBadRequest);
  EXPECT_EQ(network_->attempts, 0);
}

TEST_F(ClientTest, SendsBodiesAndCredentials) {
  Send(OutgoingRequest::Post("http://user:pass@a/").JsonBody("{}"));
  EXPECT_EQ(peer().Take(),
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            "Authorization: Basic dXNlcjpwYXNz\r\nAccept: */*\r\nContent-Length: 2\r\n\r\n{}");
}

// --- Pool ---

TEST_F(ClientTest, LimitsConnectionsPerHostAndServesInOrder) {
  ClientOptions options = Plain();
  options.pool.max_per_host = 2;
  Make(options);
  std::vector<std::shared_ptr<testing::Outcome>> outcomes;
  for (int i = 0; i < 5; ++i) outcomes.push_back(Get("http://a/" + std::to_string(i)));
  EXPECT_EQ(peers(), 2u);
  EXPECT_EQ(client().stats().waiting, 3u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_NE(peer(i % 2).Take().find("GET /" + std::to_string(i) + " "), std::string::npos) << i;
    peer(i % 2).Send(kHello);
    Poll();
    ASSERT_TRUE(outcomes[i]->done) << i;
    EXPECT_EQ(ReadAll(*outcomes[i]), "hello");
  }
  EXPECT_EQ(peers(), 2u);
  EXPECT_EQ(client().stats().waiting, 0u);
}

TEST_F(ClientTest, AWaiterTimesOut) {
  ClientOptions options = Plain();
  options.pool.max_per_host = 1;
  options.timeouts.pool = seconds(3);
  Make(options);
  const auto first = Get();
  const auto second = Get();
  Advance(seconds(2));
  EXPECT_FALSE(second->done);
  Advance(seconds(2));
  EXPECT_EQ(second->error, ClientError::kPoolTimeout);
  EXPECT_FALSE(first->done);
}

TEST_F(ClientTest, AnIdleConnectionMakesRoomForAnotherHost) {
  ClientOptions options = Plain();
  options.pool.max_connections = 1;
  Make(options);
  const auto first = Get("http://a/");
  const auto second = Get("http://b/");
  EXPECT_EQ(peers(), 1u);
  Answer(0, kHello);
  ReadAll(*first);
  Poll();
  ASSERT_EQ(peers(), 2u);
  EXPECT_TRUE(peer(0).closed());
  Answer(1, kHello);
  EXPECT_EQ(second->status(), 200);
  EXPECT_EQ(client().stats().evicted, 1u);
}

TEST_F(ClientTest, IdleConnectionsEnd) {
  ClientOptions options = Plain();
  options.pool.idle_timeout = seconds(10);
  Make(options);
  const auto outcome = Get();
  Answer(0, kHello);
  ReadAll(*outcome);
  Advance(seconds(9));
  EXPECT_FALSE(peer().closed());
  Advance(seconds(2));
  EXPECT_TRUE(peer().closed());
  EXPECT_EQ(client().stats().connections, 0u);
}

TEST_F(ClientTest, OldConnectionsEndAfterTheirRequest) {
  ClientOptions options = Plain();
  options.pool.max_age = seconds(5);
  Make(options);
  const auto outcome = Get();
  Advance(seconds(6));
  Answer(0, kHello);
  EXPECT_EQ(ReadAll(*outcome), "hello");
  Advance(milliseconds(1));
  EXPECT_TRUE(peer().closed());
}

TEST_F(ClientTest, SeesThatTheServerClosesAnIdleConnection) {
  const auto outcome = Get();
  Answer(0, kHello);
  ReadAll(*outcome);
  EXPECT_EQ(client().stats().connections, 1u);
  peer().End();
  Poll();
  EXPECT_EQ(client().stats().connections, 0u);
  Get();
  EXPECT_EQ(peers(), 2u);
}

TEST_F(ClientTest, AResponseThatIsDroppedClosesItsConnection) {
  const auto outcome = Get();
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  outcome->response = {};
  Poll();
  EXPECT_TRUE(peer().closed());
  EXPECT_EQ(client().stats().connections, 0u);
}

TEST_F(ClientTest, CloseEndsEverything) {
  const auto open = Get("http://a/");
  const auto body = Get("http://b/");
  Answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  client().Close();
  Poll();
  EXPECT_EQ(open->error, boost::asio::error::operation_aborted);
  ReadAll(*body);
  EXPECT_EQ(error_, boost::asio::error::operation_aborted);
  EXPECT_EQ(client().stats().connections, 0u);
}

TEST_F(ClientTest, AResponseMayOutliveTheClient) {
  const auto outcome = Get();
  const auto pending = Get("http://b/");
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  client_.reset();
  Poll();
  EXPECT_EQ(pending->error, boost::asio::error::operation_aborted);
  EXPECT_EQ(outcome->response.status(), 200);
  ReadAll(*outcome);
  EXPECT_EQ(error_, boost::asio::error::operation_aborted);
}

TEST_F(ClientTest, ACancellationGivesTheRequestUp) {
  boost::asio::cancellation_signal signal;
  error_code error;
  client().Send(
      OutgoingRequest::Get("http://a/"),
      boost::asio::bind_cancellation_slot(
          signal.slot(), [&](error_code e, testing::TestClient::Response) { error = e; }));
  Poll();
  signal.emit(boost::asio::cancellation_type::terminal);
  Poll();
  EXPECT_EQ(error, boost::asio::error::operation_aborted);
  EXPECT_TRUE(peer().closed());
}

// --- Time-outs ---

class TimeoutTest : public ClientTest {
 protected:
  TimeoutTest() {
    ClientOptions options = Plain();
    options.timeouts.connect = seconds(1);
    options.timeouts.write = seconds(2);
    options.timeouts.first_byte = seconds(3);
    options.timeouts.read = seconds(4);
    options.timeouts.total = seconds(60);
    Make(options);
  }
};

TEST_F(TimeoutTest, Connect) {
  network_->silent = true;
  const auto outcome = Get("http://slow.example/");
  Advance(milliseconds(1100));
  EXPECT_EQ(outcome->error, ClientError::kConnectTimeout);
  EXPECT_TRUE(outcome->error == ClientCondition::kTimeout);
  EXPECT_EQ(outcome->response.failure().message(),
            "connect to slow.example:80: timed out connecting");
  EXPECT_EQ(network_->cancelled, 1);
}

TEST_F(TimeoutTest, FirstByte) {
  const auto outcome = Get();
  Advance(seconds(2));
  Answer(0, "HTTP/1.1 200 OK\r\nSlow: ");  // A slow head does not help.
  Advance(milliseconds(1100));
  EXPECT_EQ(outcome->error, ClientError::kFirstByteTimeout);
  EXPECT_TRUE(peer().closed());
}

TEST_F(TimeoutTest, Write) {
  const auto outcome = Send(OutgoingRequest::Post("http://a/").Body(std::string(4 << 20, 'x')));
  Advance(milliseconds(1900));
  EXPECT_FALSE(peer().Take().empty());  // Progress.
  peer().stream->in().Wake();
  Poll();
  Advance(milliseconds(1900));
  EXPECT_FALSE(outcome->done);
  Advance(milliseconds(200));
  EXPECT_EQ(outcome->error, ClientError::kWriteTimeout);
}

TEST_F(TimeoutTest, Read) {
  const auto outcome = Get();
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  Advance(seconds(10));  // Nobody has asked for more: nobody waits.
  ReadAll(*outcome);
  EXPECT_FALSE(read_done_);
  Advance(milliseconds(3900));
  peer().Send(" more");  // Progress of the read starts its time anew.
  Poll();
  Advance(milliseconds(3900));
  EXPECT_FALSE(read_done_);
  Advance(milliseconds(200));
  EXPECT_TRUE(read_done_);
  EXPECT_EQ(error_, ClientError::kReadTimeout);
  EXPECT_TRUE(peer().closed());
}

TEST_F(TimeoutTest, Total) {
  const auto outcome = Send(OutgoingRequest::Get("http://a/").TotalTimeout(seconds(2)));
  Answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  ASSERT_TRUE(outcome->done);
  Advance(seconds(3));
  ReadAll(*outcome);
  EXPECT_EQ(error_, ClientError::kTotalTimeout);
  EXPECT_TRUE(peer().closed());
}

}  // namespace
}  // namespace corelane::http
