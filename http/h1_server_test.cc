// H1Server: requests and what is answered.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/h1_server_test_fixture.h"

namespace corelane::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(H1ServerTest, AnswersAndKeepsTheConnection) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(
        Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
        "Content-Length: 5\r\n\r\nhello");
    EXPECT_TRUE(reading_);
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

TEST_F(H1ServerTest, ADuplexSourceRunsBetweenWrites) {
  Give("POST /duplex HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n");
  EXPECT_THAT(sent_, EndsWith("4\r\nping\r\n"));
  EXPECT_EQ(engine_->deadline(), kNever);
  Give("3\r\nend\r\n0\r\n\r\n");
  EXPECT_EQ(Answers()[0].body, "pingend.");
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr(" 200 "));
}

TEST_F(H1ServerTest, ADuplexSourceThatWaitsOutsideComesBack) {
  Give("GET /duplex/outside HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(sent_, EndsWith("\r\n0\r\n\r\n"));
  ASSERT_TRUE(outside_);
  Give("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(sent_, Not(HasSubstr("hello")));
  outside_.resume();
  Run();
  EXPECT_THAT(sent_, EndsWith("hello"));
  Give("GET /duplex/outside HTTP/1.1\r\nHost: a\r\n\r\n");
  engine_->OnFailure();
  Run();
  EXPECT_FALSE(closed_);
  outside_.resume();
  Run();
  EXPECT_TRUE(closed_);
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

TEST_F(H1ServerTest, WhatTlsHasAgreedOnIsSpoken) {
  const std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  engine_->OnProtocol("http/1.1");
  EXPECT_THAT(Exchange(preface), HasSubstr("HTTP/1.1 505 "));
  Restart();
  engine_->OnProtocol("h2");
  Give("G");
  EXPECT_EQ(action_, IoAction::kHttp2);
  EXPECT_EQ(engine_->TakeInput(), "G");
  Restart();
  engine_->OnProtocol("");
  Give(preface);
  EXPECT_EQ(action_, IoAction::kHttp2);
}

}  // namespace
}  // namespace corelane::http
