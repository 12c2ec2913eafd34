#include "http/h1_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "http/h1_parser_harness.h"

namespace corelane::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

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
    stopped_ = !co_await request_.Sleep(seconds(1));
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
    const bool slept = co_await request.Sleep(seconds(3));
    co_return Response::Text(slept ? "slept" : "stopped");
  }
  Task<Response> WaitOutside() {
    Outside outside{outside_};
    co_await outside;
    co_return Response::Text("back");
  }

  void Restart() {
    engine_ = std::make_unique<H1Server>(router_, options_, stats_);
    sent_.clear();
    closed_ = false;
    shut_down_ = false;
    Run();
  }

  // Goes on until the engine wants something that only the test can give.
  void Run() {
    for (;;) {
      action_ = engine_->Next(now_, 784111777);
      if (action_ == IoAction::kWrite && taking_) {
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
        engine_->OnWritten(taken, now_);
      } else if (action_ == IoAction::kShutdown) {
        shut_down_ = true;
      } else {
        closed_ = action_ == IoAction::kClose;
        return;
      }
    }
  }

  void Give(std::string_view bytes) {
    while (!bytes.empty()) {
      ASSERT_EQ(action_, IoAction::kRead) << "with " << bytes.size() << " bytes to give";
      const std::span<char> room = engine_->ReadBuffer();
      ASSERT_FALSE(room.empty());
      const size_t size = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), size);
      bytes.remove_prefix(size);
      engine_->OnRead(size, now_);
      Run();
    }
  }
  void GiveEnd() {
    ASSERT_EQ(action_, IoAction::kRead);
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
  Instant now_{seconds(1000)};
  IoAction action_ = IoAction::kRead;
  std::string sent_;
  size_t writes_ = 0;
  size_t take_limit_ = SIZE_MAX;
  bool taking_ = true;
  bool closed_ = false;
  bool shut_down_ = false;
};

TEST_F(H1ServerTest, AnswersAndKeepsTheConnection) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(
        Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
        "Content-Length: 5\r\n\r\nhello");
    EXPECT_EQ(action_, IoAction::kRead);
  }
  EXPECT_EQ(stats_.requests, 3u);
  EXPECT_EQ(stats_.responses_by_class[2], 3u);
}

TEST_F(H1ServerTest, AHundredPipelinedRequestsGoOutInOneWrite) {
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_LT(requests.size(), engine_->ReadBuffer().size());
  writes_ = 0;
  Give(requests);
  EXPECT_EQ(Answers().size(), 100u);
  EXPECT_EQ(writes_, 1u);
}

TEST_F(H1ServerTest, PipelinedRequestsOfAllKindsKeepTheirOrderInPiecesOfAnySize) {
  const std::string requests =
      "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
      "POST /plain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\nT: x\r\n\r\n"
      "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\ngh\r\n1\r\ni\r\n0\r\n\r\n"
      "POST /reject HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nskip"
      "GET /stream/40000 HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /sized/40000 HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /none HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /empty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, size_t{100}, requests.size()}) {
    for (const size_t take : {SIZE_MAX, size_t{1000}}) {
      take_limit_ = take;
      Restart();
      for (size_t at = 0; at < requests.size(); at += piece) {
        Give(std::string_view(requests).substr(at, piece));
      }
      const auto answers = Answers();
      ASSERT_EQ(answers.size(), 10u) << piece;
      const std::string bodies[] = {"hello", "[abc]", "[def]", "[ghi]", "no"};
      for (size_t i = 0; i < 5; ++i) EXPECT_EQ(answers[i].body, bodies[i]) << piece;
      EXPECT_EQ(answers[5].body, std::string(40000, 'x'));
      EXPECT_EQ(answers[6].body, std::string(40000, 'x'));
      EXPECT_EQ(answers[7].body, std::string(100000, 'l'));
      EXPECT_THAT(answers[8].start, HasSubstr("404"));
      EXPECT_THAT(answers[9].start, HasSubstr("204"));
      EXPECT_FALSE(answers[9].keep_alive);
      EXPECT_TRUE(shut_down_);
      GiveEnd();
      EXPECT_TRUE(closed_);
    }
  }
}

TEST_F(H1ServerTest, HeadGetsTheHeadOnly) {
  const std::string head = Exchange("HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 100000\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_TRUE(Exchange("HEAD /stream/9 HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\n"));
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("hello"));
}

TEST_F(H1ServerTest, RouterAnswersByItself) {
  EXPECT_THAT(Exchange("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
              HasSubstr("405 Method Not Allowed\r\n"));
  EXPECT_THAT(sent_, HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
  EXPECT_THAT(Exchange("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
              HasSubstr("204 No Content\r\n"));
  EXPECT_THAT(sent_, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(Exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("204 No Content\r\n"));
  EXPECT_THAT(Exchange("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("501 Not Implemented\r\n"));
  EXPECT_THAT(Exchange("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("501 "));
  EXPECT_THAT(Exchange("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("400 Bad Request\r\n"));
}

TEST_F(H1ServerTest, ABadRequestIsAnsweredAndNothingBehindItIsRead) {
  const struct {
    std::string_view bytes;
    const char* status;
  } cases[] = {
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       " 400 "},
      {"GET / HTTP/1.1\r\n\r\n", " 400 "},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", " 505 "},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", " 501 "},
      {"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", " 417 "},
      {"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", " 400 "},
      {"POST /plain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", " 400 "},
  };
  for (const auto& each : cases) {
    Restart();
    Give(std::string(each.bytes) + "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto answers = Answers();
    ASSERT_EQ(answers.size(), 1u) << each.bytes;
    EXPECT_THAT(sent_, HasSubstr(each.status));
    EXPECT_FALSE(answers[0].keep_alive);
    EXPECT_TRUE(shut_down_);
  }
  Restart();
  Give("GET /" + std::string(9000, 'x'));
  EXPECT_THAT(sent_, HasSubstr(" 414 "));
  Restart();
  Give("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(17000, 'x'));
  EXPECT_THAT(sent_, HasSubstr(" 431 "));
}

TEST_F(H1ServerTest, ContinueIsSentBeforeTheBodyIsAwaited) {
  for (const char* path : {"/plain", "/read"}) {
    const std::string head =
        std::string("POST ") + path +
        " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    EXPECT_EQ(Exchange(head), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_THAT(Exchange("hi"), HasSubstr("[hi]"));
    // A client that does not wait needs no interim response.
    EXPECT_THAT(Exchange(head + "hi"), Not(HasSubstr("100 Continue")));
    EXPECT_THAT(sent_, HasSubstr("[hi]"));
  }
}

TEST_F(H1ServerTest, ARefusedExpectationEndsTheConnection) {
  Give("POST /reject HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  const auto answers = Answers();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_THAT(answers[0].start, HasSubstr("403"));
  EXPECT_FALSE(answers[0].keep_alive);  // Whether the two bytes come is not known.
}

TEST_F(H1ServerTest, AnUnreadBodyIsSwallowedUpToALimit) {
  options_.drain_bytes = 1000;
  Restart();
  Exchange("POST /reject HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_THAT(sent_, HasSubstr("403"));
  Give(std::string(1000, 'x'));
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("hello"));
  Exchange("POST /reject HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_THAT(sent_, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(shut_down_);
}

TEST_F(H1ServerTest, PlainHandlersGetNoMoreThanTheLimit) {
  options_.max_content_bytes = 10;
  Restart();
  EXPECT_THAT(Exchange("POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"),
              HasSubstr("[0123456789]"));
  EXPECT_THAT(Exchange("POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"),
              HasSubstr(" 413 "));
  Restart();
  EXPECT_THAT(Exchange("POST /plain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "6\r\n012345\r\n5\r\n67890\r\n"),
              HasSubstr(" 413 "));
}

TEST_F(H1ServerTest, LargeBodiesReachPlainAndCoroutineHandlersWhole) {
  const std::string body(300000, 'b');
  for (const char* path : {"/plain", "/read"}) {
    sent_.clear();
    Give(std::string("POST ") + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" +
         body);
    const auto answers = Answers();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].body, "[" + body + "]");
  }
}

TEST_F(H1ServerTest, Http10GetsWhatItUnderstands) {
  EXPECT_THAT(Exchange("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
              HasSubstr("Connection: keep-alive\r\n"));
  const std::string stream = Exchange("GET /stream/5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(stream, Not(HasSubstr("chunked")));
  EXPECT_TRUE(stream.ends_with("\r\n\r\nxxxxx"));
  EXPECT_TRUE(shut_down_);
}

TEST_F(H1ServerTest, ASourceThatFallsShortBreaksTheConnection) {
  Give("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(closed_);
  EXPECT_FALSE(shut_down_);
  Restart();
  Give("GET /breaks HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(closed_);
  EXPECT_THAT(sent_, Not(HasSubstr("0\r\n\r\n")));
}

TEST_F(H1ServerTest, HandlersThatThrowOrSplitAre500) {
  EXPECT_THAT(Exchange("GET /throws HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr(" 500 "));
  EXPECT_THAT(Exchange("GET /split HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr(" 500 "));
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr(" 200 "));
}

TEST_F(H1ServerTest, ClosesWhenAskedByHandlerLimitOrClient) {
  Exchange("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(sent_, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(shut_down_);
  options_.max_requests = 2;
  Restart();
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), Not(HasSubstr("close")));
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("Connection: close"));
  Restart();
  GiveEnd();
  EXPECT_TRUE(closed_);
}

TEST_F(H1ServerTest, ASlowHeadIs408HoweverItDrips) {
  Give("G");
  const Instant deadline = engine_->deadline();
  EXPECT_EQ(deadline, now_ + options_.head_timeout);
  for (const char c : std::string_view("ET /hello HT")) {
    now_ += milliseconds(700);
    Give(std::string(1, c));
    EXPECT_EQ(engine_->deadline(), deadline);
  }
  PassDeadline();
  EXPECT_THAT(sent_, HasSubstr(" 408 "));
  EXPECT_TRUE(shut_down_);
  EXPECT_EQ(stats_.timeouts, 1u);
}

TEST_F(H1ServerTest, AnIdleConnectionIsClosedSilently) {
  Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(engine_->deadline(), now_ + options_.idle_timeout);
  sent_.clear();
  PassDeadline();
  EXPECT_TRUE(closed_);
  EXPECT_EQ(sent_, "");
}

TEST_F(H1ServerTest, ABodyBelowTheMinimumRateIs408) {
  options_.body_grace = seconds(5);
  options_.body_bytes_per_second = 100;
  for (const char* path : {"/plain", "/read"}) {
    Restart();
    Give(std::string("POST ") + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
    // 150 bytes a second: above the rate, for ever.
    for (int i = 0; i < 10; ++i) {
      now_ += seconds(1);
      ASSERT_LT(now_, engine_->deadline());
      Give(std::string(150, 'b'));
    }
    // 10 bytes a second: the 5 s and what was ahead are used up.
    int slow = 0;
    while (now_ + seconds(1) < engine_->deadline()) {
      now_ += seconds(1);
      Give(std::string(10, 'b'));
      ASSERT_LT(++slow, 30);
    }
    EXPECT_GE(slow, 5);
    PassDeadline();
    EXPECT_THAT(sent_, HasSubstr(" 408 ")) << path;
    EXPECT_TRUE(shut_down_);
  }
}

TEST_F(H1ServerTest, AClientThatDoesNotReadIsClosed) {
  taking_ = false;
  Give("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(action_, IoAction::kWrite);
  EXPECT_EQ(engine_->deadline(), now_ + options_.write_timeout);
  PassDeadline();
  EXPECT_TRUE(closed_);
}

TEST_F(H1ServerTest, AClientThatLeavesMidBodyIsNotAnswered) {
  for (const char* path : {"/plain", "/read"}) {
    Restart();
    Give(std::string("POST ") + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    GiveEnd();
    EXPECT_TRUE(closed_) << path;
    EXPECT_EQ(sent_, "");
  }
  EXPECT_EQ(stats_.aborted, 2u);
}

TEST_F(H1ServerTest, LingersUntilTheClientsEndWithinBounds) {
  Give("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(action_, IoAction::kRead);
  EXPECT_EQ(engine_->deadline(), now_ + options_.linger_timeout);
  Give("what the client still had under way");
  EXPECT_FALSE(closed_);
  PassDeadline();
  EXPECT_TRUE(closed_);
  options_.linger_bytes = 10000;
  Restart();
  Give("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 100 && !closed_; ++i) Give(std::string(1000, 'x'));
  EXPECT_TRUE(closed_);
}

TEST_F(H1ServerTest, SleepsWithoutHoldingBackWhatIsReady) {
  Give("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /sleep HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(action_, IoAction::kSleep);
  EXPECT_THAT(sent_, HasSubstr("hello"));
  EXPECT_EQ(engine_->wake_at(), now_ + seconds(3));
  now_ += seconds(2);
  Run();
  EXPECT_EQ(action_, IoAction::kSleep);
  now_ += seconds(1);
  Run();
  EXPECT_THAT(sent_, HasSubstr("slept"));
}

TEST_F(H1ServerTest, StreamsAsTimePasses) {
  Give("GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n");
  for (const char* tick : {"0", "1"}) {
    EXPECT_TRUE(sent_.ends_with(std::string("\r\n000001\r\n") + tick + "\r\n")) << sent_;
    ASSERT_EQ(action_, IoAction::kSleep);
    now_ += seconds(1);
    Run();
  }
  EXPECT_THAT(sent_, HasSubstr("\r\n000001\r\n2\r\n"));
  EXPECT_TRUE(sent_.ends_with("0\r\n\r\n"));
  EXPECT_EQ(action_, IoAction::kRead);
}

TEST_F(H1ServerTest, StopEndsWhatSleepsAndClosesBehindIt) {
  Give("GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n");
  engine_->Stop();
  Run();
  EXPECT_THAT(sent_, HasSubstr("stopped"));
  EXPECT_THAT(sent_, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(shut_down_);
  Restart();
  EXPECT_TRUE(engine_->idle());
  engine_->Stop();
  Run();
  GiveEnd();
  EXPECT_TRUE(closed_);
  EXPECT_EQ(sent_, "");
}

TEST_F(H1ServerTest, StopLetsAHeadInFlightEnd) {
  Give("GET /hello HTTP");
  EXPECT_FALSE(engine_->idle());
  engine_->Stop();
  Run();
  Give("/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(sent_, HasSubstr("hello"));
  EXPECT_THAT(sent_, HasSubstr("Connection: close\r\n"));
}

TEST_F(H1ServerTest, WhatWaitsOutsideIsWaitedFor) {
  int notified = 0;
  engine_->set_notify([](void* count) { ++*static_cast<int*>(count); }, &notified);
  Give("GET /outside HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(action_, IoAction::kWait);
  EXPECT_EQ(notified, 0);
  outside_.resume();
  EXPECT_EQ(notified, 1);
  Run();
  EXPECT_THAT(sent_, HasSubstr("back"));
}

TEST_F(H1ServerTest, AFailedStreamWaitsForWhatIsOutside) {
  Give("GET /outside HTTP/1.1\r\nHost: a\r\n\r\n");
  engine_->OnFailure();
  Run();
  EXPECT_EQ(action_, IoAction::kWait);
  outside_.resume();
  Run();
  EXPECT_TRUE(closed_);
  EXPECT_EQ(sent_, "");
}

TEST_F(H1ServerTest, AFailedStreamEndsEverythingElseAtOnce) {
  for (const char* request :
       {"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n", "GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", "GET /he"}) {
    Restart();
    Give(request);
    engine_->OnFailure();
    Run();
    EXPECT_TRUE(closed_) << request;
  }
}

}  // namespace
}  // namespace corelane::http
