// Messages that are longer than a frame, between a handler and a client that takes its time.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "http/ws/codec_harness.h"
#include "http/ws/session.h"

namespace corelane::ws {
namespace {

using http::Task;
using internal::Session;
using std::chrono::seconds;
using testing::ClientFrame;
using testing::ClosePayload;
using testing::Head;

class SessionFragmentTest : public ::testing::Test {
 protected:
  SessionFragmentTest() {
    options_.fragment_size = 1000;
    options_.send_buffer = 2000;
    options_.max_send_buffer = 20000;
  }
  ~SessionFragmentTest() override {
    if (session_ != nullptr) Session::Release(std::move(session_));
  }

  void Start(internal::HandlerFunction handler) {
    auto endpoint = std::make_shared<internal::Endpoint>();
    endpoint->handler = std::move(handler);
    endpoint->options = options_;
    session_ = std::make_unique<Session>(endpoint, http::Request(), "", std::nullopt);
    session_->Advance(now_, false);
  }
  // Sends `size` bytes, then notes what became of it.
  void StartSending(size_t size) {
    message_.assign(size, 'm');
    Start([this](Socket& socket) -> Task<void> {
      socket_ = &socket;
      sent_ = co_await socket.SendText(message_);
      answered_ = true;
      while (co_await socket.Receive()) {
      }
    });
  }
  void Give(std::string bytes) {
    given_ = std::move(bytes);
    ASSERT_TRUE(session_->wants_input());
    session_->OnInput(given_, now_);
  }
  // The client reads at most so much.
  void Take(size_t most) {
    const std::string_view output = session_->output().substr(0, most);
    got_ += output;
    session_->OnSent(output.size());
    session_->Advance(now_, false);
  }
  // What it has read, as messages.
  std::string Said() {
    while (!session_->output().empty()) Take(SIZE_MAX);
    Decoder decoder(Role::kClient, 1 << 24);
    return testing::Decoded(decoder, got_);
  }

  Options options_;
  std::unique_ptr<Session> session_;
  Socket* socket_ = nullptr;
  Instant now_{seconds(1000)};
  std::string message_;
  std::string given_;
  std::string got_;
  bool sent_ = false;
  bool answered_ = false;
};

TEST_F(SessionFragmentTest, ALongMessageIsHeldInPartsAndPingsAreAnsweredBetween) {
  StartSending(100000);
  EXPECT_LE(socket_->buffered(), options_.send_buffer + options_.fragment_size + kMaxFrameHead);
  Give(ClientFrame(Head(Opcode::kPing), "now"));
  for (int i = 0; i < 20 && got_.find("now") == std::string::npos; ++i) Take(500);
  EXPECT_NE(got_.find("now"), std::string::npos);
  EXPECT_LT(got_.size(), 10000u);
  EXPECT_FALSE(answered_);
  EXPECT_EQ(Said(), "pong(now) text(" + message_ + ") ");
  EXPECT_TRUE(sent_);
}

TEST_F(SessionFragmentTest, WhatIsSentFromElsewhereComesBehindIt) {
  StartSending(50000);
  EXPECT_TRUE(socket_->TrySendBinary(std::string(15000, 'b')));
  EXPECT_FALSE(socket_->TrySendBinary(std::string(15000, 'c')));
  EXPECT_TRUE(socket_->Ping("p"));
  EXPECT_EQ(Said(), "ping(p) text(" + message_ + ") binary(" + std::string(15000, 'b') + ") ");
}

TEST_F(SessionFragmentTest, ACloseFromElsewhereLetsItEnd) {
  StartSending(50000);
  socket_->Close(CloseCode::kGoingAway, "bye");
  EXPECT_FALSE(socket_->TrySendText("more"));
  now_ += seconds(60);  // The time for the client's answer has not begun.
  session_->Advance(now_, false);
  EXPECT_FALSE(answered_);
  EXPECT_EQ(Said(), "text(" + message_ + ") close(1001,bye) ");
  EXPECT_TRUE(answered_);
  EXPECT_FALSE(session_->finished());
  now_ += options_.close_timeout;
  session_->Advance(now_, false);
  EXPECT_TRUE(session_->finished());
}

// RFC 6455 §5.5.1: who has sent a close frame need not process what comes.
TEST_F(SessionFragmentTest, AClientThatClosesIsNotSentTheRest) {
  StartSending(50000);
  Give(ClientFrame(Head(Opcode::kClose), ClosePayload(1000, "")));
  EXPECT_TRUE(answered_);
  EXPECT_FALSE(sent_);
  EXPECT_EQ(Said(), "close(1000,) ");
  EXPECT_LT(got_.size(), 10000u);
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionFragmentTest, ABrokenFrameEndsIt) {
  StartSending(50000);
  Give("\x83");
  EXPECT_TRUE(answered_);
  EXPECT_FALSE(sent_);
  Said();
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionFragmentTest, ALostConnectionEndsIt) {
  for (const bool released : {false, true}) {
    answered_ = sent_ = false;
    StartSending(50000);
    if (released) {
      Session::Release(std::move(session_));
    } else {
      session_->OnInputEnd(now_);
    }
    EXPECT_TRUE(answered_);
    EXPECT_FALSE(sent_);
  }
}

TEST_F(SessionFragmentTest, AMessageUnderWayIsNoIdleConnection) {
  options_.idle_timeout = seconds(10);
  options_.ping_interval = Duration::max();
  StartSending(50000);
  for (int i = 0; i < 5; ++i) {
    now_ += seconds(9);
    Take(100);
  }
  EXPECT_FALSE(answered_);
  EXPECT_TRUE(socket_->open());
}

TEST(FragmentSize, MustBeAByteAtLeast) {
  Options options;
  options.fragment_size = 0;
  EXPECT_EQ(options.Problem(), "fragment_size: value 0: expected at least 1");
}

}  // namespace
}  // namespace corelane::ws
