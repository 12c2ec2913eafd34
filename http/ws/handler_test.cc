// WebSocket on the HTTP/1.1 engine, end to end without I/O.

#include "http/ws/handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "http/h1_server_test_fixture.h"
#include "http/ws/codec_harness.h"
#include "http/ws/room.h"

namespace corelane::ws {
namespace {

using http::IoAction;
using http::Task;
using std::chrono::seconds;
using testing::ClientFrame;
using testing::ClosePayload;
using ::testing::HasSubstr;
using testing::Head;

constexpr std::string_view kUpgrade =
    " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

class HandlerTest : public http::H1ServerTest {
 protected:
  HandlerTest() {
    options_ws_.deflate.emplace().min_bytes = 1;
    options_ws_.subprotocols = {"chat"};
    router_.Get("/echo/{name}",
                Handler([this](Socket& socket) { return Echo(socket); }, options_ws_));
    router_.Get("/ws/outside", Handler([this](Socket& socket) { return WaitsOutside(socket); }));
    router_.Get("/ws/ticks", Handler(Ticks));
    EXPECT_TRUE(router_.status().ok());
  }
  ~HandlerTest() override { engine_.reset(); }

  Task<void> Echo(Socket& socket) {
    greeting_ = std::string(socket.request().Param("name")) + "/" +
                std::string(socket.subprotocol()) + (socket.compressed() ? "/deflate" : "");
    while (const std::optional<Message> message = co_await socket.Receive()) {
      co_await socket.Send(*message);
    }
    code_ = socket.close_code();
    ++ended_;
  }
  Task<void> WaitsOutside(Socket& socket) {
    while (co_await socket.Receive()) {
      http::Outside outside{outside_};
      co_await outside;
      co_await socket.SendText("back");
    }
    ++ended_;
  }
  static Task<void> Ticks(Socket& socket) {
    for (bool open = true; open;) {
      open = co_await socket.Sleep(seconds(1));
      co_await socket.SendText("tick");
    }
  }

  // Makes the handshake; true when it was accepted.
  bool Open(std::string_view target, std::string_view more = {}) {
    Restart();
    Give("GET " + std::string(target) + std::string(kUpgrade) + std::string(more) + "\r\n");
    head_ = sent_.substr(0, sent_.find("\r\n\r\n") + 4);
    sent_.erase(0, head_.size());
    std::optional<DeflateParams> deflate;
    if (head_.find("permessage-deflate") != std::string::npos) deflate.emplace();
    client_ = std::make_unique<Decoder>(Role::kClient, 1 << 20, deflate);
    encoder_ = std::make_unique<Encoder>(Role::kClient, testing::SeededMasks(1), deflate,
                                         *options_ws_.deflate);
    return head_.starts_with("HTTP/1.1 101 ");
  }
  std::string Text(std::string_view text) {
    http::Buffer out;
    encoder_->Message(MessageType::kText, text, out);
    return std::string(out.view());
  }
  std::string Said() { return testing::Decoded(*client_, std::exchange(sent_, {})); }

  Options options_ws_;
  std::string greeting_;
  std::string head_;
  std::unique_ptr<Decoder> client_;
  std::unique_ptr<Encoder> encoder_;
  CloseCode code_{};
  int ended_ = 0;
};

TEST_F(HandlerTest, OpensEchoesAndCloses) {
  ASSERT_TRUE(Open("/echo/me", "Sec-WebSocket-Protocol: x, chat\r\n"));
  EXPECT_THAT(head_, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(head_, HasSubstr("Sec-WebSocket-Protocol: chat\r\n"));
  EXPECT_THAT(head_, HasSubstr("Upgrade: websocket\r\n"));
  EXPECT_EQ(greeting_, "me/chat");
  Give(Text("one"));
  EXPECT_EQ(Said(), "text(one) ");
  Give(Text("two") + Text("three"));
  EXPECT_EQ(Said(), "text(two) text(three) ");
  const std::string large(300000, 'l');
  Give(Text(large));
  EXPECT_EQ(Said(), "text(" + large + ") ");
  Give(ClientFrame(Head(Opcode::kClose), ClosePayload(1001)));
  EXPECT_EQ(Said(), "close(1001,) ");
  EXPECT_TRUE(shut_down_);
  EXPECT_EQ(code_, CloseCode::kGoingAway);
  GiveEnd();
  EXPECT_TRUE(closed_);
  EXPECT_EQ(ended_, 1);
}

TEST_F(HandlerTest, WithPermessageDeflate) {
  ASSERT_TRUE(Open("/echo/me", "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
  EXPECT_THAT(head_, HasSubstr("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
  EXPECT_EQ(greeting_, "me//deflate");
  for (int i = 0; i < 3; ++i) {
    const std::string text(100000, 'd');
    Give(Text(text));
    EXPECT_LT(sent_.size(), 1000u);
    EXPECT_EQ(Said(), "text(" + text + ") ");
  }
}

TEST_F(HandlerTest, FramesThatComeWithTheHandshake) {
  Restart();
  client_ = std::make_unique<Decoder>(Role::kClient, 1 << 20);
  Give("GET /echo/x" + std::string(kUpgrade) + "\r\n" + ClientFrame(Head(Opcode::kText), "early"));
  sent_.erase(0, sent_.find("\r\n\r\n") + 4);
  EXPECT_EQ(Said(), "text(early) ");
}

TEST_F(HandlerTest, ByteByByte) {
  ASSERT_TRUE(Open("/echo/me"));
  for (const char c : Text("piece") + ClientFrame(Head(Opcode::kPing), "p")) Give({&c, 1});
  EXPECT_EQ(Said(), "text(piece) pong(p) ");
}

TEST_F(HandlerTest, WhatIsNoHandshakeIsAnsweredAndTheConnectionStays) {
  EXPECT_THAT(Exchange("GET /echo/me HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr(" 426 "));
  EXPECT_THAT(sent_, HasSubstr("websocket: Upgrade: missing: expected websocket"));
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("hello"));
}

TEST_F(HandlerTest, AFailedConnectionIsFlushedAndClosed) {
  ASSERT_TRUE(Open("/echo/me"));
  Give(ClientFrame(Head(Opcode::kText), "\xff"));
  EXPECT_EQ(Said(), "close(1007,text that is not UTF-8) ");
  EXPECT_TRUE(shut_down_);
}

TEST_F(HandlerTest, TheClientsEndEndsTheHandler) {
  ASSERT_TRUE(Open("/echo/me"));
  GiveEnd();
  EXPECT_EQ(ended_, 1);
  EXPECT_EQ(code_, CloseCode::kAbnormal);
  EXPECT_TRUE(closed_);
}

TEST_F(HandlerTest, AStreamThatFailsEndsTheHandler) {
  ASSERT_TRUE(Open("/echo/me"));
  engine_->OnFailure();
  Run();
  EXPECT_TRUE(closed_);
  engine_.reset();
  EXPECT_EQ(ended_, 1);
}

TEST_F(HandlerTest, AStoppingServerClosesWith1001) {
  ASSERT_TRUE(Open("/echo/me"));
  engine_->Stop();
  Run();
  EXPECT_EQ(Said(), "close(1001,the server is stopping) ");
  EXPECT_FALSE(closed_);
  Give(ClientFrame(Head(Opcode::kClose), ClosePayload(1001)));
  EXPECT_TRUE(shut_down_);
}

TEST_F(HandlerTest, AStoppingServerWaitsForTheCloseInBounds) {
  ASSERT_TRUE(Open("/echo/me"));
  engine_->Stop();
  Run();
  EXPECT_EQ(engine_->deadline(), now_ + options_ws_.close_timeout);
  PassDeadline();
  EXPECT_TRUE(shut_down_);
}

TEST_F(HandlerTest, SilentClientsArePinged) {
  ASSERT_TRUE(Open("/echo/me"));
  EXPECT_EQ(engine_->deadline(), now_ + options_ws_.ping_interval);
  PassDeadline();
  EXPECT_EQ(Said(), "ping() ");
  EXPECT_EQ(engine_->deadline(), now_ + options_ws_.pong_timeout);
  PassDeadline();
  EXPECT_EQ(Said(), "close(1011,no pong in time) ");
}

TEST_F(HandlerTest, Ticks) {
  ASSERT_TRUE(Open("/ws/ticks"));
  for (int i = 0; i < 3; ++i) {
    PassDeadline();
    EXPECT_EQ(Said(), "text(tick) ");
  }
  Give(Text("nobody receives this") + Text("nor this"));
  PassDeadline();
  EXPECT_EQ(Said(), "text(tick) ");
}

TEST_F(HandlerTest, WhatComesBackFromOutsideIsNoticed) {
  int notified = 0;
  ASSERT_TRUE(Open("/ws/outside"));
  engine_->set_notify([](void* count) { ++*static_cast<int*>(count); }, &notified);
  Give(Text("go") + Text("go on") + Text("and on"));
  EXPECT_EQ(Said(), "");
  for (int i = 0; i < 3; ++i) {
    notified = 0;
    std::exchange(outside_, {}).resume();
    EXPECT_GT(notified, 0);
    Run();
    EXPECT_EQ(Said(), "text(back) ");
  }
}

TEST_F(HandlerTest, AConnectionThatGoesWhileItsHandlerIsOutside) {
  for (const bool end : {true, false}) {
    ended_ = 0;
    ASSERT_TRUE(Open("/ws/outside"));
    Give(Text("go"));
    if (end) {
      GiveEnd();
    } else {
      engine_->OnFailure();
      Run();
    }
    EXPECT_TRUE(closed_);
    engine_.reset();
    EXPECT_EQ(ended_, 0);
    outside_.resume();
    EXPECT_EQ(ended_, 1);
  }
}

TEST_F(HandlerTest, AClientThatDoesNotReadIsCutOff) {
  ASSERT_TRUE(Open("/echo/me"));
  taking_ = false;
  Give(Text(std::string(10000, 'x')));
  EXPECT_EQ(engine_->deadline(), now_ + http::H1ServerTest::options_.write_timeout);
  PassDeadline();
  EXPECT_TRUE(closed_);
  engine_.reset();
  EXPECT_EQ(ended_, 1);
}

TEST(Handler, RefusesOptionsThatAreWrong) {
  Options options;
  options.max_message = 0;
  const auto make = [&] { Handler handler([](Socket&) -> Task<void> { co_return; }, options); };
  EXPECT_THROW(make(), std::invalid_argument);
}

// --- A room of two connections ---

class RoomTest : public ::testing::Test {
 protected:
  // A connection of its own, with a handler that is in the room.
  class Guest : public http::H1ServerTest {
   public:
    Guest(Room& room, Options options) {
      router_.Get("/room",
                  Handler([&room](Socket& socket) { return Chat(room, socket); }, options));
      engine_->set_notify([](void* self) { static_cast<Guest*>(self)->notified_ = true; }, this);
      Give("GET /room" + std::string(kUpgrade) + "\r\n");
      EXPECT_TRUE(sent_.starts_with("HTTP/1.1 101 "));
      sent_.clear();
    }
    ~Guest() override { engine_.reset(); }
    void TestBody() override {}

    static Task<void> Chat(Room& room, Socket& socket) {
      const Room::Member member(room, socket);
      while (const std::optional<Message> message = co_await socket.Receive()) {
        room.Broadcast(*message, &socket);
      }
    }
    void Say(std::string_view text) { Give(ClientFrame(Head(Opcode::kText), text)); }
    void Leave() { GiveEnd(); }
    void Read(bool reads) { taking_ = reads; }
    std::string Heard() {
      if (std::exchange(notified_, false) || taking_) Run();
      return testing::Decoded(decoder_, std::exchange(sent_, {}));
    }

   private:
    bool notified_ = false;
    Decoder decoder_{Role::kClient, 1 << 20};
  };
};

TEST_F(RoomTest, WhatOneSaysTheOthersHear) {
  Room room;
  Guest ann(room, {});
  Guest bob(room, {});
  {
    Guest cat(room, {});
    ann.Say("hello");
    EXPECT_EQ(bob.Heard(), "text(hello) ");
    EXPECT_EQ(cat.Heard(), "text(hello) ");
    EXPECT_EQ(ann.Heard(), "");
  }
  bob.Leave();
  ann.Say("anybody?");
  EXPECT_FALSE(room.empty());
  EXPECT_EQ(room.Broadcast({MessageType::kText, "to ann"}), 1u);
  room.CloseAll(CloseCode::kServiceRestart, "update");
  EXPECT_EQ(ann.Heard(), "text(to ann) close(1012,update) ");
  EXPECT_EQ(room.missed(), 0u);
}

TEST_F(RoomTest, SlowMembersMissOrAreClosed) {
  Options options;
  options.send_buffer = options.max_send_buffer = 1000;
  for (const SlowMember slow : {SlowMember::kMisses, SlowMember::kClosed}) {
    Room room(slow);
    Guest ann(room, options);
    Guest bob(room, options);
    bob.Read(false);
    for (int i = 0; i < 100; ++i) ann.Say(std::string(100, 'x'));
    EXPECT_GT(room.missed(), 0u);
    EXPECT_EQ(room.missed() == 1, slow == SlowMember::kClosed);
    bob.Read(true);
    const std::string heard = bob.Heard();
    EXPECT_EQ(heard.ends_with("close(1008,too slow) "), slow == SlowMember::kClosed);
  }
}

}  // namespace
}  // namespace corelane::ws
