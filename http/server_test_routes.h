// What the tests of both engines serve.

#ifndef CORELANE_HTTP_SERVER_TEST_ROUTES_H_
#define CORELANE_HTTP_SERVER_TEST_ROUTES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "http/message.h"
#include "http/router.h"
#include "http/server_options.h"
#include "http/task.h"

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

// Gives the request's body back while it comes, holding at most a few pieces that the client has
// not taken; then what `end` has put there.
class DuplexEcho final : public BodySource {
 public:
  explicit DuplexEcho(const Request& request) : request_(request) { request.AllowSlowBody(); }
  bool duplex() const override { return true; }
  Task<void> Wait() override {
    for (;;) {
      auto read = request_.ReadBody();
      const BodyChunk chunk = co_await read;
      if (chunk.end()) break;
      queue_ += chunk.data;
      request_.ResumeOutput();
      while (queue_.size() >= kMost) co_await request_.WaitForInterrupt();
    }
    queue_ += ".";
    done_ = true;
  }
  Result Read(std::span<char> out) override {
    const size_t size = queue_.copy(out.data(), out.size());
    if (queue_.size() >= kMost) request_.Interrupt();
    queue_.erase(0, size);
    if (size > 0) return Result::Data(size);
    return done_ ? Result::End() : Result::Pending();
  }

  static constexpr size_t kMost = 200000;

 private:
  const Request& request_;
  std::string queue_;
  bool done_ = false;
};

// Leaves its coroutine for the test to resume, as an operation outside the connection would.
struct Outside {
  std::coroutine_handle<>& waiter;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { waiter = handle; }
  void await_resume() const {}
};

// Ends its output at once, and waits outside.
class DuplexOutside final : public BodySource {
 public:
  explicit DuplexOutside(std::coroutine_handle<>& waiter) : waiter_(waiter) {}
  bool duplex() const override { return true; }
  Task<void> Wait() override {
    Outside outside{waiter_};
    co_await outside;
  }
  Result Read(std::span<char>) override { return Result::End(); }

 private:
  std::coroutine_handle<>& waiter_;
};

class ServerTestRoutes : public ::testing::Test {
 protected:
  ServerTestRoutes() {
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
    router_.Post("/duplex", [](const Request& request) -> Task<Response> {
      co_return Response::Stream("text/plain", std::make_unique<DuplexEcho>(request));
    });
    router_.Get("/duplex/outside", [this](const Request&) -> Task<Response> {
      co_return Response::Stream("text/plain", std::make_unique<DuplexOutside>(outside_));
    });
    EXPECT_TRUE(router_.status().ok()) << router_.status();
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

  Router router_;
  ServerOptions options_;
  ServerStats stats_;
  ConnectionInfo connection_;
  std::coroutine_handle<> outside_;  // Waits for what the test does.
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_SERVER_TEST_ROUTES_H_
