// OutgoingRequest::Upgrade (RFC 9110 §7.8): what goes over the connection before and after the
// server's word.

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "http/client/client_test_fixture.h"

namespace corelane::http {
namespace {

using testing::ClientTest;
using testing::kHello;
using testing::Outcome;

constexpr std::string_view kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-A: b\r\n\r\n";
constexpr std::string_view kAsked =
    "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

// What the user says in the tunnel, when it says it.
class Mouth final : public UploadSource {
 public:
  Result Read(std::span<char> out) override {
    ++reads_;
    if (bytes_.empty()) return ended_ ? Result::End() : Result::Pending();
    const size_t size = std::min(out.size(), bytes_.size());
    std::memcpy(out.data(), bytes_.data(), size);
    bytes_.erase(0, size);
    return Result::Data(size);
  }
  void OnRequestOver() override { over_ = true; }

  void Say(std::string_view bytes) {
    bytes_ += bytes;
    NotifyReady();
  }
  void End() {
    ended_ = true;
    NotifyReady();
  }
  int reads() const { return reads_; }
  bool over() const { return over_; }

 private:
  std::string bytes_;
  bool ended_ = false;
  bool over_ = false;
  int reads_ = 0;
};

class UpgradeTest : public ClientTest {
 protected:
  std::shared_ptr<Outcome> Ask(ClientOptions options = Plain()) {
    Make(options);
    return Send(OutgoingRequest::Get("http://a/").Upgrade("echo", mouth_));
  }
  void StartRead(Outcome& outcome) {
    read_done_ = false;
    outcome.response.Read(boost::asio::buffer(room_),
                          [this](boost::system::error_code error, size_t size) {
                            error_ = error;
                            body_.assign(room_, size);
                            read_done_ = true;
                          });
    Poll();
  }

  std::shared_ptr<Mouth> mouth_ = std::make_shared<Mouth>();
  char room_[1000];
};

TEST_F(UpgradeTest, TheConnectionBelongsToTheNewProtocol) {
  const auto outcome = Ask();
  mouth_->Say("early");
  Poll();
  EXPECT_EQ(peer().Take(), kAsked);
  EXPECT_EQ(mouth_->reads(), 0) << "before the server has agreed";
  peer().Send(std::string(kSwitch) + "first");
  Poll();
  ASSERT_TRUE(outcome->done);
  EXPECT_FALSE(outcome->error);
  EXPECT_EQ(outcome->status(), 101);
  EXPECT_EQ(outcome->response.Header("upgrade"), "echo");
  EXPECT_EQ(peer().Take(), "early");
  StartRead(*outcome);
  EXPECT_EQ(body_, "first");
  StartRead(*outcome);
  EXPECT_FALSE(read_done_);
  mouth_->Say(std::string(100000, 'x'));
  Poll();
  EXPECT_EQ(peer().Take(), std::string(100000, 'x'));
  peer().Send("HTTP/1.1 200 OK\r\n\r\n");  // Any bytes.
  Poll();
  EXPECT_EQ(body_, "HTTP/1.1 200 OK\r\n\r\n");
  peer().End();
  Poll();
  StartRead(*outcome);
  EXPECT_EQ(error_, boost::asio::error::eof);
  EXPECT_TRUE(mouth_->over());
  EXPECT_TRUE(peer().closed());
}

TEST_F(UpgradeTest, TimeoutsOfRequestsEndWithTheHandshake) {
  ClientOptions options = Plain();
  options.timeouts.total = std::chrono::seconds(10);
  options.timeouts.read = std::chrono::seconds(5);
  options.timeouts.write = std::chrono::seconds(5);
  const auto outcome = Ask(options);
  Answer(0, kSwitch);
  StartRead(*outcome);
  Advance(std::chrono::hours(1));
  EXPECT_FALSE(read_done_);
  peer().Send("late");
  Poll();
  EXPECT_EQ(body_, "late");
}

TEST_F(UpgradeTest, ASilentServerIsNotWaitedForInTheHandshake) {
  ClientOptions options = Plain();
  options.timeouts.first_byte = std::chrono::seconds(5);
  const auto outcome = Ask(options);
  Advance(std::chrono::seconds(6));
  EXPECT_EQ(outcome->error, ClientError::kFirstByteTimeout);
  EXPECT_TRUE(mouth_->over());
}

TEST_F(UpgradeTest, AnotherAnswerIsAnOrdinaryResponse) {
  const auto outcome = Ask();
  Answer(0, kHello);
  EXPECT_EQ(outcome->status(), 200);
  EXPECT_EQ(ReadAll(*outcome), "hello");
  mouth_->Say("unheard");
  EXPECT_EQ(mouth_->reads(), 0);
  EXPECT_TRUE(mouth_->over());
  // The connection is good for another request.
  Send(OutgoingRequest::Get("http://a/").Version(HttpVersion::kHttp1));
  EXPECT_EQ(peers(), 1u);
}

TEST_F(UpgradeTest, AStaleConnectionIsReplaced) {
  const auto first = Send(OutgoingRequest::Get("http://a/").Version(HttpVersion::kHttp1));
  Answer(0, kHello);
  ReadAll(*first);
  const auto outcome = Send(OutgoingRequest::Get("http://a/").Upgrade("echo", mouth_));
  EXPECT_EQ(peer(0).Take(), kAsked);
  peer(0).End();
  Poll();
  ASSERT_EQ(peers(), 2u);
  Answer(1, kSwitch);
  EXPECT_EQ(outcome->status(), 101);
  mouth_->Say("hello");
  Poll();
  EXPECT_EQ(peer(1).Take(), "hello");
}

TEST_F(UpgradeTest, AnotherProtocolThanWasAskedForIsRefused) {
  for (const char* answer :
       {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"}) {
    network_->peers.clear();
    const auto outcome = Ask();
    Answer(0, answer);
    EXPECT_EQ(outcome->error, ClientError::kBadResponse);
    EXPECT_NE(outcome->response.failure().message().find("protocol"), std::string::npos)
        << outcome->response.failure().message();
  }
}

TEST_F(UpgradeTest, TheEndOfWhatIsSaidLeavesTheOtherDirectionOpen) {
  const auto outcome = Ask();
  Answer(0, kSwitch);
  mouth_->Say("bye");
  mouth_->End();
  Poll();
  EXPECT_EQ(peer().Take(), "bye");
  peer().Send("and you");
  StartRead(*outcome);
  EXPECT_EQ(body_, "and you");
  outcome->response.Cancel();
  Poll();
  EXPECT_TRUE(peer().closed());
}

TEST_F(UpgradeTest, ACancelledTunnelIsClosed) {
  const auto outcome = Ask();
  Answer(0, kSwitch);
  StartRead(*outcome);
  outcome->response.Cancel();
  Poll();
  EXPECT_EQ(error_, boost::asio::error::operation_aborted);
  EXPECT_TRUE(peer().closed());
  EXPECT_TRUE(mouth_->over());
}

TEST_F(UpgradeTest, WhatCannotBeAskedForIsRefused) {
  EXPECT_EQ(OutgoingRequest::Get("http://a/").Upgrade("a b", mouth_).Problem(),
            "upgrade to 'a b': expected a protocol's name, such as websocket");
  EXPECT_EQ(OutgoingRequest::Get("http://a/").Upgrade("echo", nullptr).Problem(),
            "upgrade to 'echo': expected a source, not null");
  EXPECT_EQ(OutgoingRequest::Post("http://a/").Body("x").Upgrade("echo", mouth_).Problem(),
            "upgrade to 'echo': expected no body");
  EXPECT_EQ(OutgoingRequest::Get("http://a/")
                .Version(HttpVersion::kHttp2)
                .Upgrade("echo", mouth_)
                .Problem(),
            "upgrade to 'echo': expected HTTP/1.1, which alone has it");
}

}  // namespace
}  // namespace corelane::http
