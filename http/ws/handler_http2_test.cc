// WebSocket on the HTTP/2 engine (RFC 8441), end to end without I/O.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>

#include "http/h2/session_test_fixture.h"
#include "http/h2_server.h"
#include "http/ws/codec_harness.h"
#include "http/ws/handler.h"
#include "http/ws/room.h"

namespace corelane::ws {
namespace {

using http::IoAction;
using http::Task;
using std::chrono::seconds;
using ::testing::HasSubstr;

class Http2Test : public ::testing::Test {
 protected:
  Http2Test() {
    Options options;
    options.deflate.emplace().min_bytes = 1;
    options.subprotocols = {"chat"};
    router_.Get("/room", Handler([this](Socket& socket) { return Chat(socket); }, options));
    server_ = std::make_unique<http::H2Server>(router_, options_, stats_, connection_);
    client_ = h2::Session::Client(client_options_, got_, client_stats_);
    server_->Begin(h2::testing::TakeOutput(*client_), now_);
    Run();
  }
  ~Http2Test() override { server_.reset(); }

  Task<void> Chat(Socket& socket) {
    const Room::Member member(room_, socket);
    ++members_;
    while (const std::optional<Message> message = co_await socket.Receive()) {
      room_.Broadcast(*message);
    }
    --members_;
  }

  h2::Stream* Connect(h2::HeaderFields fields) {
    h2::Stream* const stream = client_->SubmitRequest(
        {"CONNECT", "http", "a", "/room", "websocket"}, fields, h2::Body::Pushed());
    EXPECT_NE(stream, nullptr);
    Run();
    return stream;
  }
  void Say(h2::Stream* stream, std::string_view text) {
    http::Buffer out;
    encoder_.Message(MessageType::kText, text, out);
    EXPECT_EQ(client_->Write(*stream, out.view(), false), out.size());
    Run();
  }
  void Run() {
    for (bool more = true; more && !closed_;) {
      more = Deliver();
      switch (server_->Next(now_, 784111777)) {
        case IoAction::kRead:
          more = reading_ = true;
          break;
        case IoAction::kWrite:
          more = writing_ = true;
          break;
        case IoAction::kShutdown:
          more = true;
          break;
        case IoAction::kClose:
          closed_ = true;
          break;
        case IoAction::kHttp2:
        case IoAction::kWait:
          break;
      }
    }
  }
  bool Deliver() {
    bool any = false;
    if (writing_) {
      const std::string bytes(server_->WriteBuffers()[0]);
      client_->Receive(bytes, now_);
      writing_ = false;
      server_->OnWritten(bytes.size(), now_);
      any = true;
    }
    to_server_ += h2::testing::TakeOutput(*client_);
    if (reading_ && !to_server_.empty()) {
      const std::span<char> room = server_->ReadBuffer();
      const size_t size = std::min(room.size(), to_server_.size());
      std::memcpy(room.data(), to_server_.data(), size);
      to_server_.erase(0, size);
      reading_ = false;
      server_->OnRead(size, now_);
      any = true;
    }
    return any;
  }
  std::string Heard() {
    Decoder decoder(Role::kClient, 1 << 20);
    return testing::Decoded(decoder, std::exchange(got_.body, {}));
  }

  static constexpr h2::HeaderField kVersion[] = {{"sec-websocket-version", "13"}};

  Room room_;
  int members_ = 0;
  http::Router router_;
  http::ServerOptions options_;
  http::ServerStats stats_;
  http::ConnectionInfo connection_;
  h2::SessionOptions client_options_;
  h2::SessionStats client_stats_;
  h2::testing::Recorder got_;
  std::unique_ptr<http::H2Server> server_;
  std::unique_ptr<h2::Session> client_;
  Encoder encoder_{Role::kClient, testing::SeededMasks(1)};
  Instant now_{seconds(1000)};
  std::string to_server_;
  bool reading_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

TEST_F(Http2Test, TwoSocketsOfOneConnectionHearEachOther) {
  h2::Stream* const ann = Connect(kVersion);
  ASSERT_FALSE(got_.events.empty());
  EXPECT_THAT(got_.events.back(), HasSubstr("response 200"));
  EXPECT_THAT(got_.events.back(), ::testing::Not(HasSubstr("sec-websocket-accept")));
  Say(ann, "alone");
  EXPECT_EQ(Heard(), "text(alone) ");
  Connect(kVersion);
  EXPECT_EQ(members_, 2);
  Say(ann, "hello");
  EXPECT_EQ(Heard(), "text(hello) text(hello) ");
  http::Buffer out;
  encoder_.Close(CloseCode::kNormal, "", out);
  client_->Write(*ann, out.view(), false);
  Run();
  EXPECT_EQ(Heard(), "close(1000,) ");
  EXPECT_EQ(members_, 1);
  EXPECT_EQ(room_.Broadcast({MessageType::kText, "still here"}), 1u);
  Run();
  EXPECT_EQ(Heard(), "text(still here) ");
}

TEST_F(Http2Test, TheHandshakesFields) {
  const h2::HeaderField fields[] = {{"sec-websocket-version", "13"},
                                    {"sec-websocket-protocol", "chat"},
                                    {"sec-websocket-extensions", "permessage-deflate"}};
  Connect(fields);
  EXPECT_THAT(got_.events.back(), HasSubstr("sec-websocket-protocol=chat"));
  EXPECT_THAT(got_.events.back(), HasSubstr("sec-websocket-extensions=permessage-deflate"));
  Connect({});
  bool refused = false;
  for (const std::string& event : got_.events) refused |= event.find("response 426") == 0;
  EXPECT_TRUE(refused);
}

TEST_F(Http2Test, AResetOrALostConnectionEndsTheHandler) {
  h2::Stream* const ann = Connect(kVersion);
  Connect(kVersion);
  EXPECT_EQ(members_, 2);
  client_->Reset(*ann, h2::ErrorCode::kCancel);
  Run();
  EXPECT_EQ(members_, 1);
  server_->OnFailure();
  Run();
  server_.reset();
  EXPECT_EQ(members_, 0);
}

TEST_F(Http2Test, AStoppingServerClosesWith1001) {
  Connect(kVersion);
  server_->Stop();
  Run();
  EXPECT_EQ(Heard(), "close(1001,the server is stopping) ");
  EXPECT_EQ(members_, 0);
}

TEST_F(Http2Test, SilentClientsArePinged) {
  Connect(kVersion);
  ASSERT_NE(server_->deadline(), kNever);
  EXPECT_EQ(server_->deadline(), now_ + Options().ping_interval);
  now_ += Options().ping_interval;
  server_->OnDeadline(now_);
  Run();
  EXPECT_EQ(Heard(), "ping() ");
}

}  // namespace
}  // namespace corelane::ws
