// The whole client over HTTP/2 in memory: sharing, GOAWAY, refusals.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "http/client/client_test_fixture.h"
#include "http/h2/session.h"

namespace corelane::http {
namespace {

using h2::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ClientTest;

// A server on one of the test's connections.
class H2Peer final : public h2::Handler {
 public:
  H2Peer(testing::TestPeer& peer, const h2::SessionOptions& options)
      : options_(options), peer_(peer), session(h2::Session::Server(options_, *this, stats_)) {}

  void OnRequest(h2::Stream& stream, const h2::RequestHead& head, bool) override {
    streams.push_back(&stream);
    paths.emplace_back(head.path);
  }
  void OnClosed(h2::Stream& stream, ErrorCode code, bool) override {
    std::erase(streams, &stream);
    closed.push_back(code);
  }
  // Moves what there is; true when there was something.
  bool Run() {
    const std::string in = peer_.Take();
    if (!in.empty()) session->Receive(in, Instant{seconds(1)});
    std::string out;
    for (std::string_view bytes = session->Output(); !bytes.empty(); bytes = session->Output()) {
      out += bytes;
      session->OnWritten(bytes.size());
    }
    if (!out.empty()) peer_.Send(out);
    if (session->finished()) peer_.End();
    return !in.empty() || !out.empty();
  }
  void Answer(size_t at, std::string_view content) {
    h2::Stream& stream = *streams.at(at);
    static_cast<void>(session->SubmitResponse(stream, 200, {}, h2::Body::Pushed()));
    session->Write(stream, content, true);
  }

 private:
  const h2::SessionOptions options_;
  testing::TestPeer& peer_;
  h2::SessionStats stats_;

 public:
  std::unique_ptr<h2::Session> session;
  std::vector<h2::Stream*> streams;
  std::vector<std::string> paths;
  std::vector<ErrorCode> closed;
};

class ClientH2Test : public ClientTest {
 protected:
  ClientH2Test() { server_options_.max_concurrent_streams = 3; }
  ClientOptions H2Options() {
    ClientOptions options = Plain();
    options.version = HttpVersion::kHttp2;
    return options;
  }
  // Until all is silent.
  void Run() {
    for (bool moved = true; moved;) {
      Poll();
      while (servers_.size() < peers()) {
        servers_.push_back(std::make_unique<H2Peer>(peer(servers_.size()), server_options_));
      }
      moved = false;
      for (const auto& server : servers_) moved |= server->Run();
      Poll();
    }
  }
  std::shared_ptr<testing::Outcome> Ask(std::string_view url) {
    auto outcome = Get(url);
    Run();
    return outcome;
  }

  h2::SessionOptions server_options_;
  std::vector<std::unique_ptr<H2Peer>> servers_;
};

TEST_F(ClientH2Test, SharesOneConnectionUntilItIsFull) {
  Make(H2Options());
  std::vector<std::shared_ptr<testing::Outcome>> outcomes;
  for (int i = 0; i < 3; ++i) outcomes.push_back(Ask("http://a/" + std::to_string(i)));
  EXPECT_EQ(peers(), 1u);
  outcomes.push_back(Ask("http://a/3"));
  ASSERT_EQ(peers(), 2u);  // The first is full.
  EXPECT_EQ(servers_[1]->paths, std::vector<std::string>{"/3"});
  servers_[0]->Answer(1, "hello");
  servers_[1]->Answer(0, "there");
  Run();
  EXPECT_EQ(ReadAll(*outcomes[1]), "hello");
  EXPECT_EQ(ReadAll(*outcomes[3]), "there");
  EXPECT_EQ(outcomes[1]->response.version(), 20);
  EXPECT_FALSE(outcomes[0]->done);
}

TEST_F(ClientH2Test, ManyAtOnceWaitForTheFirstConnection) {
  ClientOptions options = H2Options();
  options.pool.max_per_host = 1;
  Make(options);
  std::vector<std::shared_ptr<testing::Outcome>> outcomes;
  for (int i = 0; i < 7; ++i) outcomes.push_back(Get("http://a/" + std::to_string(i)));
  for (int round = 0; round < 3; ++round) {
    Run();
    for (size_t left = servers_[0]->streams.size(); left > 0; --left) {
      servers_[0]->Answer(left - 1, "x");
    }
    Run();
    for (const auto& outcome : outcomes) {
      if (outcome->done && outcome->response) {
        EXPECT_EQ(ReadAll(*outcome), "x");
        outcome->response = {};
      }
    }
  }
  EXPECT_EQ(peers(), 1u);
  EXPECT_EQ(client().stats().responses, 7u);
}

TEST_F(ClientH2Test, GoAwayMovesNewRequestsElsewhere) {
  Make(H2Options());
  const auto first = Ask("http://a/1");
  servers_[0]->session->Drain();
  Run();
  const auto second = Ask("http://a/2");
  EXPECT_EQ(peers(), 2u);
  servers_[0]->Answer(0, "old");
  servers_[1]->Answer(0, "new");
  Run();
  EXPECT_EQ(ReadAll(*first), "old");
  EXPECT_EQ(ReadAll(*second), "new");
  Run();
  EXPECT_TRUE(peer(0).closed());
  EXPECT_EQ(client().stats().connections, 1u);
}

TEST_F(ClientH2Test, ARefusedPostIsRepeated) {
  Make(H2Options());
  const auto outcome = Send(OutgoingRequest::Post("http://a/").Body("b"));
  Run();
  servers_[0]->session->Reset(*servers_[0]->streams[0], ErrorCode::kRefusedStream);
  Run();
  EXPECT_FALSE(outcome->done);
  Advance(milliseconds(101));
  Run();
  servers_[0]->Answer(0, "now");
  Run();
  EXPECT_EQ(ReadAll(*outcome), "now");
}

TEST_F(ClientH2Test, AResetPostIsNot) {
  Make(H2Options());
  const auto outcome = Send(OutgoingRequest::Post("http://a/").Body("b"));
  Run();
  servers_[0]->session->Reset(*servers_[0]->streams[0], ErrorCode::kInternalError);
  Run();
  EXPECT_EQ(outcome->error, ClientError::kReset);
  EXPECT_NE(outcome->response.failure().message().find("INTERNAL_ERROR"), std::string::npos);
}

TEST_F(ClientH2Test, DroppingAResponseCancelsItsStreamOnly) {
  Make(H2Options());
  const auto first = Ask("http://a/1");
  const auto second = Ask("http://a/2");
  static_cast<void>(
      servers_[0]->session->SubmitResponse(*servers_[0]->streams[0], 200, {}, h2::Body::Pushed()));
  Run();
  ASSERT_TRUE(first->done);
  first->response = {};
  Run();
  EXPECT_EQ(servers_[0]->closed, std::vector<ErrorCode>{ErrorCode::kCancel});
  servers_[0]->Answer(0, "still here");
  Run();
  EXPECT_EQ(ReadAll(*second), "still here");
}

TEST_F(ClientH2Test, PingsEndADeadConnection) {
  ClientOptions options = H2Options();
  options.h2.ping_interval = seconds(5);
  options.h2.ping_timeout = seconds(2);
  options.retry.max = 0;
  Make(options);
  const auto outcome = Ask("http://a/");
  Advance(milliseconds(5100));
  EXPECT_FALSE(outcome->done);
  Advance(milliseconds(2100));  // The server says nothing.
  EXPECT_EQ(outcome->error, ClientError::kPingTimeout);
  EXPECT_TRUE(peer(0).closed());
}

TEST_F(ClientH2Test, FloodsOfSettingsAndPingsAreCutOff) {
  for (const std::string& frame : {std::string("\0\0\0\4\0\0\0\0\0", 9),
                                   std::string("\0\0\x08\6\0\0\0\0\0", 9) + "12345678"}) {
    ClientOptions options = H2Options();
    options.retry.max = 0;
    servers_.clear();
    network_->peers.clear();
    Make(options);
    const auto outcome = Ask("http://a/");
    for (int i = 0; i < 200 && !outcome->done; ++i) {
      std::string flood;
      for (int j = 0; j < 100; ++j) flood += frame;
      peer(0).Take();
      peer(0).Send(flood);
      Poll();
    }
    EXPECT_TRUE(outcome->error == ClientCondition::kProtocol) << outcome->error.message();
  }
}

TEST_F(ClientH2Test, AServerOfHttp1IsFoundOut) {
  ClientOptions options = H2Options();
  options.retry.max = 0;
  Make(options);
  const auto outcome = Get("http://a/");
  Answer(0, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(outcome->error, ClientError::kConnectionError);
}

}  // namespace
}  // namespace corelane::http
