// What the tests of H1Server share: the engine in the hands of a peer that gives and takes bytes as
// the test says.

#ifndef CORELANE_HTTP_H1_SERVER_TEST_FIXTURE_H_
#define CORELANE_HTTP_H1_SERVER_TEST_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "http/h1/parser_harness.h"
#include "http/h1_server.h"

namespace corelane::http {

// A source of `size` bytes 'x' in pieces, that may hold back, or fail, on the way.
class TestSource final : public BodySource {
 public:
  TestSource(size_t size, std::optional<uint64_t> announced,
             Result::Kind at_end = Result::Kind::kEnd)
      : left_(size), announced_(announced), at_end_(at_end) {}
  std::optional<uint64_t> size() const override { return announced_; }
  Result Read(std::span<char> out) override {
    if (left_ == 0) return {at_end_, 0};
    const size_t size = std::min(left_, out.size());
    std::memset(out.data(), 'x', size);
    left_ -= size;
    return Result::Data(size);
  }

 private:
  size_t left_;
  std::optional<uint64_t> announced_;
  Result::Kind at_end_;
};

// Three ticks, a second apart.
class TickSource final : public BodySource {
 public:
  explicit TickSource(const Request& request) : request_(request) {}
  Result Read(std::span<char> out) override {
    if (ticks_ == 3 || stopped_) return Result::End();
    if (!due_) return Result::Pending();
    due_ = false;
    out[0] = static_cast<char>('0' + ticks_++);
    return Result::Data(1);
  }
  Task<void> Wait() override {
    stopped_ = !co_await request_.Sleep(std::chrono::seconds(1));
    due_ = true;
  }

 private:
  const Request& request_;
  int ticks_ = 0;
  bool due_ = true;
  bool stopped_ = false;
};

// Leaves its coroutine for the test to resume, as an operation outside the connection would.
struct Outside {
  std::coroutine_handle<>& waiter;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { waiter = handle; }
  void await_resume() const {}
};

// The engine in the hands of a peer that gives and takes bytes as the test says.
class H1ServerTest : public ::testing::Test {
 protected:
  H1ServerTest() {
    router_.Get("/hello", [](const Request&) { return Response::Static("text/plain", "hello"); });
    router_.Get("/large", [](const Request&) { return Response::Text(std::string(100000, 'l')); });
    router_.Get("/empty", [](const Request&) { return Response(204); });
    router_.Get("/throws", [](const Request&) -> Response { throw std::runtime_error("no"); });
    router_.Get("/split", [](const Request&) { return std::move(Response().Add("X", "a\r\nb")); });
    router_.Get("/last",
                [](const Request&) { return std::move(Response::Text("bye").CloseConnection()); });
    router_.Post("/plain", [](const Request& request) {
      return Response::Text("[" + std::string(request.content()) + "]");
    });
    router_.Post("/reject", Reject);
    router_.Post("/read", Read);
    router_.Get("/sleep", Sleep);
    router_.Get("/outside", [this](const Request&) { return WaitOutside(); });
    router_.Get("/stream/{n}", [](const Request& request) {
      return Response::Stream(
          "text/plain", std::make_unique<TestSource>(*request.NumberParam("n"), std::nullopt));
    });
    router_.Get("/sized/{n}", [](const Request& request) {
      return Response::Stream("text/plain", std::make_unique<TestSource>(*request.NumberParam("n"),
                                                                         request.NumberParam("n")));
    });
    router_.Get("/short", [](const Request&) {
      return Response::Stream("text/plain", std::make_unique<TestSource>(5, 10));
    });
    router_.Get("/breaks", [](const Request&) {
      return Response::Stream(
          "text/plain",
          std::make_unique<TestSource>(5, std::nullopt, BodySource::Result::Kind::kFailed));
    });
    router_.Get("/ticks", [](const Request& request) {
      return Response::Stream("text/plain", std::make_unique<TickSource>(request));
    });
    EXPECT_TRUE(router_.status().ok()) << router_.status();
    Restart();
  }

  static Task<Response> Reject(const Request&) { co_return Response::Text("no", 403); }
  static Task<Response> Read(const Request& request) {
    std::string all;
    for (;;) {
      const BodyChunk chunk = co_await request.ReadBody();
      if (chunk.failed()) co_return Response::Text("failed", 400);
      if (chunk.end()) break;
      all += chunk.data;
    }
    co_return Response::Text("[" + all + "]");
  }
  static Task<Response> Sleep(const Request& request) {
    const bool slept = co_await request.Sleep(std::chrono::seconds(3));
    co_return Response::Text(slept ? "slept" : "stopped");
  }
  Task<Response> WaitOutside() {
    Outside outside{outside_};
    co_await outside;
    co_return Response::Text("back");
  }

  void Restart() {
    engine_ = std::make_unique<H1Server>(router_, options_, stats_, connection_);
    sent_.clear();
    reading_ = false;
    writing_ = false;
    closed_ = false;
    shut_down_ = false;
    Run();
  }

  // Goes on until the engine wants something that only the test can give.
  void Run() {
    for (;;) {
      if (writing_ && taking_) Take();
      action_ = engine_->Next(now_, 784111777);
      switch (action_) {
        case IoAction::kRead:
          ASSERT_FALSE(reading_);
          reading_ = true;
          break;
        case IoAction::kWrite:
          ASSERT_FALSE(writing_);
          writing_ = true;
          break;
        case IoAction::kShutdown:
          shut_down_ = true;
          break;
        case IoAction::kWait:
          if (writing_ && taking_) break;
          return;
        case IoAction::kHttp2:
        case IoAction::kClose:
          closed_ = true;
          return;
      }
    }
  }
  void Take() {
    ++writes_;
    size_t left = take_limit_;
    size_t taken = 0;
    for (const std::string_view part : engine_->WriteBuffers()) {
      const std::string_view now = part.substr(0, left);
      sent_ += now;
      left -= now.size();
      taken += now.size();
    }
    ASSERT_GT(taken, 0u);
    writing_ = false;
    engine_->OnWritten(taken, now_);
  }

  void Give(std::string_view bytes) {
    while (!bytes.empty()) {
      ASSERT_TRUE(reading_) << "with " << bytes.size() << " bytes to give";
      const std::span<char> room = engine_->ReadBuffer();
      ASSERT_FALSE(room.empty());
      const size_t size = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), size);
      bytes.remove_prefix(size);
      reading_ = false;
      engine_->OnRead(size, now_);
      Run();
    }
  }
  void GiveEnd() {
    ASSERT_TRUE(reading_);
    reading_ = false;
    engine_->OnRead(0, now_);
    Run();
  }
  // Lets time pass up to the engine's deadline.
  void PassDeadline() {
    ASSERT_NE(engine_->deadline(), kNever);
    now_ = std::max(now_, engine_->deadline());
    engine_->OnDeadline(now_);
    Run();
  }
  // What came back to the bytes given, read by our own client side.
  std::vector<testing::ParsedMessage> Answers(Method method = Method::kGet) {
    const testing::ParsedStream stream =
        testing::ParseResponses(sent_, testing::WholeStream(), method);
    EXPECT_EQ(stream.error, ParseError::kNone) << sent_;
    EXPECT_TRUE(stream.consumed == sent_.size() || stream.messages.empty() ||
                !stream.messages.back().complete)
        << sent_;
    return stream.messages;
  }
  std::string Exchange(std::string_view bytes) {
    sent_.clear();
    Give(bytes);
    return sent_;
  }

  Router router_;
  ServerOptions options_;
  ServerStats stats_;
  std::coroutine_handle<> outside_;  // Waits for what the test does.
  std::unique_ptr<H1Server> engine_;
  Instant now_{std::chrono::seconds(1000)};
  IoAction action_ = IoAction::kWait;
  std::string sent_;
  size_t writes_ = 0;
  size_t take_limit_ = SIZE_MAX;
  bool taking_ = true;
  ConnectionInfo connection_;
  bool reading_ = false;
  bool writing_ = false;
  bool closed_ = false;
  bool shut_down_ = false;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_SERVER_TEST_FIXTURE_H_
