// A session between a handler and a client that gives and takes bytes as the test says.

#include "http/ws/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "http/ws/codec_harness.h"

namespace corelane::ws {
namespace {

using http::Task;
using internal::Session;
using std::chrono::seconds;
using testing::ClientFrame;
using testing::ClosePayload;
using testing::Head;

std::string Text(std::string_view payload) { return ClientFrame(Head(Opcode::kText), payload); }
std::string Close(unsigned code = 1000, std::string_view reason = {}) {
  return ClientFrame(Head(Opcode::kClose), ClosePayload(code, reason));
}

// Leaves its coroutine for the test to resume, as an operation outside would.
struct Outside {
  std::coroutine_handle<>& waiter;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { waiter = handle; }
  void await_resume() const {}
};

class SessionTest : public ::testing::Test {
 protected:
  ~SessionTest() override { End(); }

  void Start(internal::HandlerFunction handler) {
    auto endpoint = std::make_shared<internal::Endpoint>();
    endpoint->handler = [this, handler = std::move(handler)](Socket& socket) {
      socket_ = &socket;
      return handler(socket);
    };
    endpoint->options = options_;
    session_ = std::make_unique<Session>(endpoint, http::Request(), "", std::nullopt);
    session_->set_wake([](void* self) { ++static_cast<SessionTest*>(self)->wakes_; }, this);
    Run();
  }
  void StartEcho() {
    Start([this](Socket& socket) { return Echo(socket); });
  }
  Task<void> Echo(Socket& socket) {
    while (const std::optional<Message> message = co_await socket.Receive()) {
      got_.emplace_back(message->data);
      co_await socket.Send(*message);
    }
    Note(socket);
  }
  void Note(const Socket& socket) {
    code_ = socket.close_code();
    reason_ = socket.close_reason();
    EXPECT_FALSE(socket.open());
  }

  // Gives the session what it takes of what the client has sent, and takes what it has for it.
  void Run() {
    for (bool more = true; more;) {
      session_->Advance(now_, stopping_);
      more = false;
      if (session_->wants_input() && !waiting_.empty()) {
        given_ = std::exchange(waiting_, {});
        session_->OnInput(given_, now_);
        more = true;
      }
      if (taking_ && !session_->output().empty()) {
        sent_ += session_->output();
        session_->OnSent(session_->output().size());
        more = true;
      }
    }
  }
  void Give(std::string_view bytes) {
    waiting_ += bytes;
    Run();
  }
  void GiveEnd() {
    ASSERT_TRUE(session_->wants_input());
    session_->OnInputEnd(now_);
    Run();
  }
  void Pass(Duration duration) {
    now_ += duration;
    Run();
  }
  void End() {
    if (session_ != nullptr) Session::Release(std::move(session_));
  }
  // What the client has got since it was last asked.
  std::string Said() {
    Decoder decoder(Role::kClient, 1 << 24);
    return testing::Decoded(decoder, std::exchange(sent_, {}));
  }

  Options options_;
  std::unique_ptr<Session> session_;
  Socket* socket_ = nullptr;
  Instant now_{seconds(1000)};
  bool stopping_ = false;
  bool taking_ = true;
  int wakes_ = 0;
  std::string waiting_;
  std::string given_;
  std::string sent_;
  std::coroutine_handle<> outside_;
  std::vector<std::string> got_;
  CloseCode code_{};
  std::string reason_;
};

TEST_F(SessionTest, Echoes) {
  StartEcho();
  Give(Text("one"));
  EXPECT_EQ(Said(), "text(one) ");
  const std::string two = Text("two") + Text("") + ClientFrame(Head(Opcode::kBinary), "\xff");
  for (const char c : two) Give({&c, 1});
  EXPECT_EQ(Said(), "text(two) text() binary(\xff) ");
  EXPECT_FALSE(session_->finished());
}

TEST_F(SessionTest, TheClientCloses) {
  StartEcho();
  Give(Text("one") + Close(4000, "enough") + Text("after"));
  EXPECT_EQ(Said(), "text(one) close(4000,) ");
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(code_, static_cast<CloseCode>(4000));
  EXPECT_EQ(reason_, "enough");
  EXPECT_EQ(got_, std::vector<std::string>{"one"});
}

TEST_F(SessionTest, TheClientClosesWithoutACode) {
  StartEcho();
  Give(ClientFrame(Head(Opcode::kClose), ""));
  EXPECT_EQ(Said(), "close(1005,) ");
  EXPECT_EQ(code_, CloseCode::kNoCode);
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionTest, TheClientGoesWithoutClosing) {
  StartEcho();
  GiveEnd();
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(code_, CloseCode::kAbnormal);
}

TEST_F(SessionTest, AHandlerLearnsOfALostConnection) {
  StartEcho();
  End();
  EXPECT_EQ(code_, CloseCode::kAbnormal);
}

TEST_F(SessionTest, AHandlerThatReturnsClosesWith1000AndWaitsForTheAnswer) {
  Start([](Socket& socket) -> Task<void> { co_await socket.SendText("bye"); });
  EXPECT_EQ(Said(), "text(bye) close(1000,) ");
  EXPECT_FALSE(session_->finished());
  Give(Text("crossed it"));
  EXPECT_FALSE(session_->finished());
  Give(Close());
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(Said(), "");
}

TEST_F(SessionTest, TheAnswerToACloseIsWaitedForInBounds) {
  Start([](Socket&) -> Task<void> { co_return; });
  EXPECT_EQ(session_->NextDeadline(), now_ + options_.close_timeout);
  Pass(options_.close_timeout);
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionTest, AnExceptionClosesWith1011) {
  Start([](Socket& socket) -> Task<void> {
    co_await socket.Receive();
    throw std::runtime_error("secret");
  });
  Give(Text("x"));
  EXPECT_EQ(Said(), "close(1011,internal error) ");
  Start([](Socket&) -> Task<void> { throw std::runtime_error("before the first await"); });
  EXPECT_EQ(Said(), "close(1011,internal error) ");
}

TEST_F(SessionTest, AStoppingServerClosesWith1001) {
  StartEcho();
  stopping_ = true;
  Run();
  EXPECT_EQ(Said(), "close(1001,the server is stopping) ");
  EXPECT_EQ(code_, CloseCode::kGoingAway);
  Give(Close(1001));
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionTest, ABrokenFrameFailsTheConnection) {
  StartEcho();
  Give(Text("\xff"));
  EXPECT_EQ(Said(), "close(1007,text that is not UTF-8) ");
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(code_, CloseCode::kInvalidData);
  options_.max_message = 10;
  StartEcho();
  Give(Text("01234567890"));
  EXPECT_EQ(Said(), "close(1009,message too big) ");
}

TEST_F(SessionTest, PingsAreAnsweredWhileTheHandlerWaitsOutside) {
  Start([this](Socket& socket) -> Task<void> {
    const std::optional<Message> message = co_await socket.Receive();
    Outside outside{outside_};
    co_await outside;
    co_await socket.Send(*message);
  });
  Give(Text("one"));
  Give(ClientFrame(Head(Opcode::kPing), "p"));
  EXPECT_EQ(Said(), "pong(p) ");
  wakes_ = 0;
  outside_.resume();
  EXPECT_GT(wakes_, 0);
  Run();
  EXPECT_EQ(Said(), "text(one) close(1000,) ");
}

TEST_F(SessionTest, APingFloodWithoutReadingMakesOneAnswerWait) {
  StartEcho();
  taking_ = false;
  for (int i = 0; i < 100000; ++i) Give(ClientFrame(Head(Opcode::kPing), "ping"));
  Give(ClientFrame(Head(Opcode::kPing), "last"));
  EXPECT_LE(session_->output().size(), options_.send_buffer + kMaxFrameHead + kMaxControlPayload);
  taking_ = true;
  Run();
  EXPECT_TRUE(Said().ends_with("pong(last) "));
}

TEST_F(SessionTest, SendWaitsForRoomAndInputWithIt) {
  StartEcho();
  taking_ = false;
  const std::string large(options_.send_buffer, 'x');
  Give(Text(large));
  EXPECT_EQ(got_.size(), 1u);
  Give(Text("two") + Text("three"));
  EXPECT_EQ(got_.size(), 1u);
  EXPECT_FALSE(session_->wants_input());
  taking_ = true;
  Run();
  EXPECT_EQ(got_.size(), 3u);
  EXPECT_EQ(Said(), "text(" + large + ") text(two) text(three) ");
}

TEST_F(SessionTest, TrySendDropsWholeMessages) {
  options_.max_send_buffer = options_.send_buffer = 1000;
  StartEcho();
  taking_ = false;
  EXPECT_TRUE(socket_->TrySendText(std::string(600, 'a')));
  EXPECT_FALSE(socket_->TrySendText(std::string(600, 'b')));
  EXPECT_TRUE(socket_->TrySendText("c"));
  EXPECT_EQ(wakes_, 2);
  taking_ = true;
  Run();
  EXPECT_EQ(Said(), "text(" + std::string(600, 'a') + ") text(c) ");
  socket_->Close(CloseCode::kNormal, "done");
  EXPECT_FALSE(socket_->TrySendText("d"));
  Run();
  EXPECT_EQ(Said(), "close(1000,done) ");
  EXPECT_EQ(code_, CloseCode::kNormal);
}

TEST_F(SessionTest, SilentClientsArePingedThenClosed) {
  StartEcho();
  EXPECT_EQ(session_->NextDeadline(), now_ + options_.ping_interval);
  Pass(options_.ping_interval - seconds(1));
  EXPECT_EQ(Said(), "");
  Pass(seconds(1));
  EXPECT_EQ(Said(), "ping() ");
  EXPECT_EQ(session_->NextDeadline(), now_ + options_.pong_timeout);
  Pass(options_.pong_timeout - seconds(1));
  Give(ClientFrame(Head(Opcode::kPong), ""));
  EXPECT_EQ(session_->NextDeadline(), now_ + options_.ping_interval);
  Pass(options_.ping_interval);
  EXPECT_EQ(Said(), "ping() ");
  Pass(options_.pong_timeout);
  EXPECT_EQ(Said(), "close(1011,no pong in time) ");
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionTest, SendingDoesNotKeepASilentClientAlive) {
  StartEcho();
  for (int i = 0; i < 60 && !session_->finished(); ++i) {
    socket_->TrySendText("tick");
    Pass(seconds(1));
  }
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionTest, WhatIsNotReadDoesNotCountAsSilence) {
  Start([this](Socket& socket) -> Task<void> {
    Outside outside{outside_};
    co_await outside;
    while (co_await socket.Receive()) {
    }
  });
  Give(Text("one") + Text("two") + ClientFrame(Head(Opcode::kPong), ""));
  EXPECT_EQ(session_->NextDeadline(), kNever);
  Pass(options_.ping_interval * 10);
  EXPECT_EQ(Said(), "");
  outside_.resume();
  Run();
  EXPECT_EQ(Said(), "");
  EXPECT_EQ(session_->NextDeadline(), now_ + options_.ping_interval);
}

TEST_F(SessionTest, IdleConnectionsAreClosed) {
  options_.idle_timeout = seconds(50);
  StartEcho();
  Pass(seconds(29));
  Give(Text("x"));
  Pass(seconds(29));
  Give(ClientFrame(Head(Opcode::kPong), ""));
  EXPECT_EQ(Said(), "text(x) ");
  Pass(seconds(21));
  EXPECT_EQ(Said(), "close(1001,idle) ");
}

TEST_F(SessionTest, Sleeps) {
  Start([this](Socket& socket) -> Task<void> {
    while (co_await socket.Sleep(seconds(1))) {
      co_await socket.SendText("tick");
    }
    Note(socket);
  });
  EXPECT_EQ(session_->NextDeadline(), now_ + seconds(1));
  Pass(seconds(1));
  EXPECT_EQ(Said(), "text(tick) ");
  Pass(std::chrono::milliseconds(999));
  EXPECT_EQ(Said(), "");
  Pass(std::chrono::milliseconds(1));
  EXPECT_EQ(Said(), "text(tick) ");
  Give(Close(1001));
  EXPECT_EQ(code_, CloseCode::kGoingAway);
  EXPECT_TRUE(session_->finished());
}

// --- The end, whoever waits where ---

struct Flag {
  bool& flag;
  ~Flag() { flag = true; }
};

TEST_F(SessionTest, AHandlerOutsideOutlivesItsConnection) {
  bool destroyed = false;
  int after = 0;
  Start([&](Socket& socket) -> Task<void> {
    const Flag flag{destroyed};
    Outside outside{outside_};
    co_await outside;
    EXPECT_FALSE(co_await socket.SendText("too late"));
    EXPECT_FALSE((co_await socket.Receive()).has_value());
    EXPECT_FALSE(socket.TrySendText("too late"));
    ++after;
    Note(socket);
  });
  End();
  EXPECT_FALSE(destroyed);
  outside_.resume();
  EXPECT_TRUE(destroyed);
  EXPECT_EQ(after, 1);
  EXPECT_EQ(code_, CloseCode::kAbnormal);
}

// What a handler waits for that can be asked to end.
struct Operation final : http::Cancellable {
  int cancelled = 0;
  std::coroutine_handle<> waiter;

  void Cancel() override {
    ++cancelled;
    std::exchange(waiter, {}).resume();  // Before it returns, at worst.
  }
};
struct OperationAwaiter {
  Operation& operation;

  bool await_ready() const { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> handle) {
    operation.waiter = handle;
    handle.promise().set_waits_for(&operation);
  }
  void await_resume() const {}
};

TEST_F(SessionTest, WhatAHandlerWaitsForIsAskedToEnd) {
  bool destroyed = false;
  Operation operation;
  Start([&](Socket& socket) -> Task<void> {
    const Flag flag{destroyed};
    OperationAwaiter awaiter{operation};
    co_await awaiter;
    EXPECT_FALSE(socket.open());
  });
  End();
  EXPECT_EQ(operation.cancelled, 1);
  EXPECT_TRUE(destroyed);
}

TEST_F(SessionTest, AHandlerThatGoesOutsideAtTheEndIsWaitedFor) {
  bool destroyed = false;
  Start([&](Socket& socket) -> Task<void> {
    const Flag flag{destroyed};
    while (co_await socket.Receive()) {
    }
    Outside outside{outside_};
    co_await outside;
  });
  End();
  EXPECT_FALSE(destroyed);
  outside_.resume();
  EXPECT_TRUE(destroyed);
}

TEST_F(SessionTest, AHandlerThatNeverEndsIsDestroyed) {
  for (const bool outside_first : {false, true}) {
    bool destroyed = false;
    int rounds = 0;
    Start([&](Socket& socket) -> Task<void> {
      const Flag flag{destroyed};
      if (outside_first) {
        Outside outside{outside_};
        co_await outside;
      }
      for (;; ++rounds) {
        co_await socket.SendText("x");
        co_await socket.Sleep(seconds(1));
      }
    });
    if (!outside_first) {
      Give(Close());
      EXPECT_TRUE(session_->finished());
      EXPECT_FALSE(destroyed);
      EXPECT_GE(session_->NextDeadline(), now_);
    }
    End();
    if (outside_first) outside_.resume();
    EXPECT_TRUE(destroyed);
    EXPECT_LE(rounds, 1001);
  }
}

TEST_F(SessionTest, DestructorsOfAHandlerMayUseTheSocket) {
  struct Last {
    Socket& socket;
    ~Last() {
      EXPECT_FALSE(socket.TrySendText("last"));
      socket.Close();
    }
  };
  Start([](Socket& socket) -> Task<void> {
    const Last last{socket};
    for (;;) {
      co_await socket.Receive();
    }
  });
  End();
}

TEST_F(SessionTest, ASessionThatNeverStartsIsSimplyGone) {
  auto endpoint = std::make_shared<internal::Endpoint>();
  Session::Release(std::make_unique<Session>(endpoint, http::Request(), "", std::nullopt));
}

TEST_F(SessionTest, NestedTasksMayUseTheSocket) {
  Start([this](Socket& socket) -> Task<void> { co_await Echo(socket); });
  Give(Text("a"));
  EXPECT_EQ(Said(), "text(a) ");
  Give(Close());
  EXPECT_TRUE(session_->finished());
}

}  // namespace
}  // namespace corelane::ws
