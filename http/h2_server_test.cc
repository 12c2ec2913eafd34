// H2Server: what a client on the other end of the session sees.

#include "http/h2_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/h2_server_test_fixture.h"
#include "http/server_test_routes.h"

namespace corelane::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Gives each piece of the request's body back, then a trailer with its size.
class EchoSource final : public BodySource {
 public:
  explicit EchoSource(const Request& request) : request_(request) {}
  Result Read(std::span<char> out) override {
    if (left_.empty()) {
      const std::optional<BodyChunk> chunk = request_.PollBody();
      if (!chunk.has_value()) return Result::Pending();
      if (chunk->failed()) return Result::Failed();
      if (chunk->end()) {
        trailers_.Add("X-Size", std::to_string(size_));
        for (const Field field : request_.trailers()) trailers_.Add("X-Echo", field.value);
        return Result::End();
      }
      left_ = chunk->data;
      size_ += left_.size();
    }
    const size_t size = std::min(out.size(), left_.size());
    std::memcpy(out.data(), left_.data(), size);
    left_.remove_prefix(size);
    return Result::Data(size);
  }
  Task<void> Wait() override { co_await request_.WaitForBody(); }
  const FieldLines* trailers() const override { return &trailers_; }

 private:
  const Request& request_;
  std::string_view left_;
  size_t size_ = 0;
  FieldLines trailers_;
};

class H2ServerTest : public H2ServerPeer<ServerTestRoutes> {
 protected:
  H2ServerTest() {
    router_.Any("/echo", [](const Request& request) -> Task<Response> {
      co_return Response::Stream("text/plain", std::make_unique<EchoSource>(request));
    });
    router_.Get("/tunnel", [](const Request& request) -> Task<Response> {
      co_return Response::Tunnel("test", std::make_unique<EchoSource>(request));
    });
    router_.Get("/slow", [](const Request& request) -> Task<Response> {
      request.SetTimeout(seconds(2));
      try {
        co_await request.Sleep(seconds(60));
      } catch (const HandlerTimeout&) {
        co_return Response::Text("out of time", 503);
      }
      co_return Response::Text("not so");
    });
    Restart();
  }

  h2::Stream* Ask(std::string_view path, h2::Body body = h2::Body::None(),
                  h2::HeaderFields fields = {}, std::string_view method = "GET") {
    h2::Stream* const stream = client_->SubmitRequest({method, "http", "a", path}, fields, body);
    EXPECT_NE(stream, nullptr);
    return stream;
  }
  h2::Stream* Post(std::string_view path, std::string_view body) {
    h2::Stream* const stream = Ask(path, h2::Body::Pushed(), {}, "POST");
    EXPECT_EQ(client_->Write(*stream, body, true), body.size());
    return stream;
  }
};

TEST_F(H2ServerTest, AnswersOneRequestAfterTheOther) {
  for (int i = 0; i < 3; ++i) {
    Ask("/hello");
    EXPECT_THAT(Exchange(),
                ElementsAre("response 200 date=Sun, 06 Nov 1994 08:49:37 GMT "
                            "content-type=text/plain content-length=5",
                            "data 5 end", "closed " + std::to_string(2 * i + 1) + " NO_ERROR"));
    EXPECT_EQ(got_.body, "hello");
  }
  EXPECT_EQ(stats_.requests, 3u);
  EXPECT_EQ(stats_.responses_by_class[2], 3u);
}

TEST_F(H2ServerTest, ABatchOfRequestsTakesOneWrite) {
  for (int i = 0; i < 100; ++i) Ask("/hello");
  writes_ = 0;
  Exchange();
  EXPECT_EQ(got_.body.size(), 500u);
  EXPECT_EQ(writes_, 1u);
}

TEST_F(H2ServerTest, TheRouterAnswersByItself) {
  Ask("/none");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 404 "));
  Ask("/hello", h2::Body::None(), {}, "DELETE");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 405 "));
  EXPECT_THAT(got_.events[0], HasSubstr("allow=GET, HEAD, OPTIONS"));
  Ask("/hello", h2::Body::None(), {}, "OPTIONS");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 204 "));
  EXPECT_THAT(got_.events[0], Not(HasSubstr("content-length")));
  Ask("/%zz");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 400 "));
  Ask("/hello", h2::Body::None(), {}, "BREW");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 501 "));
  Ask("/large", h2::Body::None(), {}, "HEAD");
  EXPECT_THAT(Exchange()[0], HasSubstr("content-length=100000 end"));
}

TEST_F(H2ServerTest, HostAndAuthorityMustAgree) {
  const h2::HeaderField other[] = {{"host", "b"}};
  Ask("/hello", h2::Body::None(), other);
  EXPECT_THAT(Exchange(), ElementsAre("closed 1 PROTOCOL_ERROR"));
  const h2::HeaderField same[] = {{"host", "A"}};
  Ask("/hello", h2::Body::None(), same);
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
}

TEST_F(H2ServerTest, BodiesReachPlainAndCoroutineHandlersWhole) {
  for (const char* path : {"/plain", "/read"}) {
    Post(path, "some bytes");
    Exchange();
    EXPECT_EQ(got_.body, "[some bytes]") << path;
    h2::Stream* const stream = Ask(path, h2::Body::Pushed(), {}, "POST");
    std::string all;  // More than the stream's window.
    for (int i = 0; i < 100000; ++i) all += std::to_string(i);
    for (size_t at = 0; at < all.size();) {
      const std::string_view piece = std::string_view(all).substr(at, 10000);
      const size_t taken = client_->Write(*stream, piece, at + piece.size() == all.size());
      at += taken;
      ASSERT_GT(taken, 0u);
      got_.body.clear();
      Run();
    }
    EXPECT_EQ(got_.body.substr(0, 100), "[" + all.substr(0, 99)) << path;  // Its window is smaller.
  }
}

TEST_F(H2ServerTest, PlainHandlersGetNoMoreThanTheLimit) {
  options_.max_content_bytes = 10;
  Restart();
  Post("/plain", "0123456789");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
  Post("/plain", "0123456789a");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 413 "));
}

TEST_F(H2ServerTest, AnEchoStreamsBothWaysWithTrailers) {
  h2::Stream* const stream = Ask("/echo", h2::Body::Pushed(), {}, "POST");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
  client_->Write(*stream, "ping", false);
  EXPECT_THAT(Exchange(), ElementsAre("data 4"));
  const h2::HeaderField trailers[] = {{"x-check", "abc"}};
  ASSERT_EQ(client_->SubmitTrailers(*stream, trailers), h2::SubmitResult::kOk);
  client_->Write(*stream, "", true);
  EXPECT_THAT(Exchange(), ElementsAre("trailers x-size=4 x-echo=abc", "closed 1 NO_ERROR"));
}

TEST_F(H2ServerTest, AnExtendedConnectBecomesATunnel) {
  h2::Stream* const stream =
      client_->SubmitRequest({"CONNECT", "http", "a", "/tunnel", "test"}, {}, h2::Body::Pushed());
  ASSERT_NE(stream, nullptr);
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
  EXPECT_THAT(got_.events[0], Not(HasSubstr("end")));
  client_->Write(*stream, "raw", false);
  Exchange();
  EXPECT_EQ(got_.body, "raw");
  Ask("/tunnel");  // Not as a GET.
  EXPECT_THAT(Exchange()[0], HasSubstr("response 400 "));
}

TEST_F(H2ServerTest, ASourceIsPulledAsTheClientReads) {
  h2::Stream* const stream = Ask("/sized/1000000");
  Exchange();
  const size_t first = got_.body.size();
  EXPECT_LE(first, client_options_.initial_window_size);
  EXPECT_GT(first, 0u);
  size_t all = first;
  while (stream->unconsumed() > 0 && all < 1000000) {
    client_->Consume(*stream, stream->unconsumed());
    Exchange();
    all += got_.body.size();
  }
  EXPECT_EQ(all, 1000000u);
}

TEST_F(H2ServerTest, AClientThatDoesNotReadLosesItsStreamOnly) {
  Ask("/large");
  got_.log_data = false;
  client_options_.initial_window_size = 1000;
  Restart();
  Ask("/large");
  Exchange();
  EXPECT_EQ(got_.body.size(), 1000u);
  EXPECT_EQ(server_->deadline(), now_ + options_.write_timeout);
  PassDeadline();
  EXPECT_THAT(Exchange(), ElementsAre("closed 1 CANCEL"));
  EXPECT_EQ(stats_.timeouts, 1u);
  Ask("/hello");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
}

// It opens its windows by a few bytes at a time, and pings so as to look busy.
TEST_F(H2ServerTest, AClientBelowTheMinimumRateIsClosed) {
  options_.response_bytes_per_second = 100;
  options_.response_grace = seconds(40);
  got_.log_data = false;
  client_options_.initial_window_size = 1000;
  Restart();
  h2::Stream* const stream = Ask("/large");
  Exchange();
  for (const size_t opened : {1000, 500}) {  // In 10 s: the rate, and half of it.
    int rounds = 0;
    while (!closed_ && now_ + seconds(10) < server_->deadline() && rounds < 30) {
      ++rounds;
      now_ += seconds(10);
      if (stream->unconsumed() >= opened) client_->Consume(*stream, opened);
      client_->Ping({});
      Exchange();
    }
    if (opened == 1000) {
      EXPECT_EQ(rounds, 30);
    } else {
      EXPECT_GE(rounds, 6);
      EXPECT_LT(rounds, 12);
    }
  }
  PassDeadline();
  Run();
  EXPECT_TRUE(closed_);
  EXPECT_EQ(stats_.timeouts, 1u);
}

TEST_F(H2ServerTest, ATransportThatTakesNothingIsClosed) {
  taking_ = false;
  Ask("/hello");
  Exchange();
  ASSERT_TRUE(writing_);
  PassDeadline();
  Run();
  EXPECT_TRUE(closed_);
}

TEST_F(H2ServerTest, ABrokenSourceResetsTheStream) {
  for (const char* path : {"/short", "/breaks"}) {
    Ask(path);
    EXPECT_THAT(Exchange().back(), HasSubstr("INTERNAL_ERROR")) << path;
  }
  Ask("/hello");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
}

TEST_F(H2ServerTest, HandlersThatThrowOrSplitAre500) {
  Ask("/throws");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 500 "));
  Ask("/split");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 500 "));
}

TEST_F(H2ServerTest, ContinueIsSentWhenTheBodyIsAwaited) {
  const h2::HeaderField fields[] = {{"expect", "100-continue"}};
  for (const char* path : {"/plain", "/read"}) {
    h2::Stream* const stream = Ask(path, h2::Body::Pushed(), fields, "POST");
    EXPECT_THAT(Exchange(), ElementsAre("informational 100")) << path;
    client_->Write(*stream, "hi", true);
    Exchange();
    EXPECT_EQ(got_.body, "[hi]");
  }
  Ask("/reject", h2::Body::Pushed(), fields, "POST");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 403 "));
  const h2::HeaderField other[] = {{"expect", "magic"}};
  Ask("/plain", h2::Body::Pushed(), other, "POST");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 417 "));
}

TEST_F(H2ServerTest, ABodyBelowTheMinimumRateIs408) {
  for (const char* path : {"/plain", "/read"}) {
    Ask(path, h2::Body::Pushed(), {}, "POST");
    Exchange();
    EXPECT_EQ(server_->deadline(), now_ + options_.body_grace);
    PassDeadline();
    EXPECT_THAT(Exchange()[0], HasSubstr("response 408 ")) << path;
  }
  EXPECT_EQ(stats_.timeouts, 2u);
}

TEST_F(H2ServerTest, SleepsAndTicksSideBySide) {
  Ask("/sleep");
  Ask("/ticks");
  EXPECT_THAT(Exchange(), Contains("data 1"));
  EXPECT_EQ(server_->deadline(), now_ + seconds(1));
  PassDeadline();
  EXPECT_THAT(Exchange(), ElementsAre("data 1"));
  PassDeadline();
  EXPECT_THAT(Exchange(), ElementsAre("data 1", "data 0 end", "closed 3 NO_ERROR"));
  PassDeadline();
  Exchange();
  EXPECT_EQ(got_.body, "slept");
}

TEST_F(H2ServerTest, AHandlerOutOfTimeIsTold) {
  Ask("/slow");
  Exchange();
  EXPECT_EQ(server_->deadline(), now_ + seconds(2));
  PassDeadline();
  EXPECT_THAT(Exchange()[0], HasSubstr("response 503 "));
}

TEST_F(H2ServerTest, WhatWaitsOutsideIsWaitedFor) {
  int notified = 0;
  server_->set_notify([](void* count) { ++*static_cast<int*>(count); }, &notified);
  Ask("/outside");
  EXPECT_THAT(Exchange(), ElementsAre());
  outside_.resume();
  EXPECT_EQ(notified, 1);
  Exchange();
  EXPECT_EQ(got_.body, "back");
}

TEST_F(H2ServerTest, AStreamThatIsResetWaitsForWhatIsOutside) {
  h2::Stream* stream = Ask("/outside");
  Exchange();
  client_->Reset(*stream, h2::ErrorCode::kCancel);
  Exchange();
  outside_.resume();
  Exchange();
  Ask("/hello");
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
  for (const char* path : {"/sleep", "/ticks"}) {  // What waits within goes at once.
    stream = Ask(path);
    Exchange();
    client_->Reset(*stream, h2::ErrorCode::kCancel);
    Exchange();
  }
  EXPECT_EQ(server_->deadline(), now_ + options_.idle_timeout);
}

TEST_F(H2ServerTest, AConnectionThatFailsWaitsForWhatIsOutside) {
  Ask("/outside");
  Exchange();
  server_->OnFailure();
  Run();
  EXPECT_FALSE(closed_);
  outside_.resume();
  Run();
  EXPECT_TRUE(closed_);
}

TEST_F(H2ServerTest, StopLetsRequestsInFlightEnd) {
  Ask("/sleep");
  h2::Stream* const upload = Ask("/read", h2::Body::Pushed(), {}, "POST");
  Exchange();
  server_->Stop();
  Exchange();
  EXPECT_THAT(got_.events, Contains(HasSubstr("goaway NO_ERROR")));
  EXPECT_EQ(got_.body, "stopped");
  EXPECT_FALSE(shut_down_);
  client_->Write(*upload, "late", true);
  Exchange();
  EXPECT_EQ(got_.body, "[late]");
  EXPECT_TRUE(shut_down_);
  reading_ = false;
  server_->OnRead(0, now_);
  Run();
  EXPECT_TRUE(closed_);
}

TEST_F(H2ServerTest, ADuplexSourceGoesOnWhileItsClientDoesNotRead) {
  client_options_.initial_window_size = 65535;
  Restart();
  h2::Stream* const stream = Ask("/duplex", h2::Body::Pushed(), {}, "POST");
  client_->Write(*stream, "ping", false);
  Exchange();
  EXPECT_EQ(got_.body, "ping");
  // The window is full, and the handler still reads.
  const std::string piece(30000, 'p');
  std::string all;
  for (int i = 0; i < 6; ++i) {
    ASSERT_EQ(client_->Write(*stream, piece, false), piece.size());
    Exchange();
    all += got_.body;
  }
  EXPECT_EQ(all.size() + 4, 65535u);
  EXPECT_EQ(client_->Write(*stream, "end", true), 3u);
  client_->Consume(*stream, stream->unconsumed());
  for (int i = 0; i < 5; ++i) {
    Exchange();
    all += got_.body;
    if (stream->unconsumed() > 0) client_->Consume(*stream, stream->unconsumed());
  }
  EXPECT_EQ(all.size(), 6 * piece.size() + 4);
  EXPECT_EQ(all.substr(all.size() - 5), "pend.");
}

TEST_F(H2ServerTest, ADuplexSourceMayBeSilentForLong) {
  h2::Stream* const stream = Ask("/duplex", h2::Body::Pushed(), {}, "POST");
  Exchange();
  EXPECT_EQ(server_->deadline(), kNever);
  client_->Reset(*stream, h2::ErrorCode::kCancel);
  Exchange();
  EXPECT_EQ(server_->deadline(), now_ + options_.idle_timeout);
}

TEST_F(H2ServerTest, ADuplexSourceThatWaitsOutsideComesBack) {
  Ask("/duplex/outside");
  EXPECT_THAT(Exchange(), Contains(HasSubstr("closed 1 NO_ERROR")));
  ASSERT_TRUE(outside_);
  server_->OnFailure();
  Run();
  EXPECT_FALSE(closed_);
  outside_.resume();
  Run();
  EXPECT_TRUE(closed_);
}

TEST_F(H2ServerTest, AnIdleConnectionEndsWithGoAway) {
  Ask("/hello");
  Exchange();
  EXPECT_EQ(server_->deadline(), now_ + options_.idle_timeout);
  PassDeadline();
  EXPECT_THAT(Exchange(), Contains(HasSubstr("goaway NO_ERROR")));
  EXPECT_TRUE(shut_down_);
  PassDeadline();
  Run();
  EXPECT_TRUE(closed_);
}

TEST_F(H2ServerTest, FieldsThatTrickleAreNotWaitedFor) {
  using namespace h2::testing;  // Frames.
  const std::string block = RequestBlock();
  to_server_ = Frame(kHeaders, kEndStream, 1, block);
  Exchange();
  const Instant due = now_ + options_.head_timeout;
  EXPECT_EQ(server_->deadline(), due);
  now_ += seconds(3);
  to_server_ = Frame(kContinuation, kNone, 1, Literals({{"x", "y"}})).substr(0, 11);
  Exchange();
  EXPECT_EQ(server_->deadline(), due);
  PassDeadline();
  taking_ = false;  // Nor are they told more than once.
  Exchange();
  EXPECT_GT(server_->deadline(), now_);
  taking_ = true;
  EXPECT_THAT(Exchange(), Contains(HasSubstr("goaway ENHANCE_YOUR_CALM")));
  EXPECT_EQ(stats_.timeouts, 1u);
}

TEST_F(H2ServerTest, FieldsThatCameInPartsWereInTime) {
  using namespace h2::testing;  // Frames.
  to_server_ = Frame(kHeaders, kEndStream, 1, RequestBlock());
  Exchange();
  now_ += options_.head_timeout - milliseconds(1);
  to_server_ = Frame(kContinuation, kEndHeaders, 1, Literals({{"x", "y"}}));
  Exchange();
  EXPECT_EQ(stats_.requests, 1u);
  EXPECT_EQ(stats_.responses_by_class[4], 1u);
  EXPECT_EQ(stats_.timeouts, 0u);
}

TEST_F(H2ServerTest, TheLimitsOfHeadsHoldHereToo) {
  Ask("/hello?" + std::string(options_.head.target_bytes - 7, 'q'));
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
  Ask("/hello?" + std::string(options_.head.target_bytes - 6, 'q'));
  EXPECT_THAT(Exchange()[0], HasSubstr("response 414 "));
  std::vector<h2::HeaderField> fields(options_.head.fields, {"x-a", "b"});
  Ask("/hello", h2::Body::None(), fields);
  EXPECT_THAT(Exchange()[0], HasSubstr("response 200 "));
  fields.push_back({"x-a", "b"});
  Ask("/hello", h2::Body::None(), fields);
  EXPECT_THAT(Exchange()[0], HasSubstr("response 431 "));
}

}  // namespace
}  // namespace corelane::http
