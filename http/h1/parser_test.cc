#include "http/h1/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "http/h1/parser_harness.h"

namespace corelane::http::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr std::string_view kPlain =
    "GET /a/b?c=d&e HTTP/1.1\r\nHost: example.com:8080\r\nX-Empty:\r\nX-Blanks: \t a b \t\r\n\r\n";

RequestHead ParseOne(RequestParser& parser, std::string_view bytes) {
  parser.Start(HeadLimits());
  EXPECT_EQ(parser.Parse(bytes), ParseStatus::kDone) << Reason(parser.error()) << "\n" << bytes;
  return parser.head(bytes);
}

// A request of exactly `bytes` bytes in its head.
std::string RequestOfSize(size_t bytes) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  return head + std::string(bytes - head.size() - 4, 'x') + "\r\n\r\n";
}

TEST(RequestParser, ReadsThePartsOfAHead) {
  RequestParser parser;
  const RequestHead head = ParseOne(parser, kPlain);
  EXPECT_EQ(head.method, Method::kGet);
  EXPECT_EQ(head.method_text, "GET");
  EXPECT_EQ(head.target, "/a/b?c=d&e");
  EXPECT_EQ(head.path, "/a/b");
  EXPECT_EQ(head.query, "c=d&e");
  EXPECT_EQ(head.authority, "example.com:8080");
  EXPECT_EQ(head.version, Version::kHttp11);
  ASSERT_EQ(head.fields.size(), 3u);
  EXPECT_EQ(head.fields.Find("HOST"), "example.com:8080");
  EXPECT_EQ(head.fields.Find("x-empty"), "");
  EXPECT_EQ(head.fields.Find("x-blanks"), "a b");
  EXPECT_EQ(head.fields.Find("x-none"), std::nullopt);
  EXPECT_EQ(head.body.kind, BodyKind::kNone);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(parser.consumed(), kPlain.size());
}

TEST(RequestParser, ViewsPointIntoTheCallersBuffer) {
  RequestParser parser;
  const RequestHead head = ParseOne(parser, kPlain);
  EXPECT_EQ(head.target.data(), kPlain.data() + 4);
  EXPECT_GE(head.fields[2].value.data(), kPlain.data());
  EXPECT_LT(head.fields[2].value.data(), kPlain.data() + kPlain.size());
}

TEST(RequestParser, SplitAtEveryByteGivesTheSame) {
  const std::string stream =
      std::string(kPlain) +
      "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\nhello world"
      "PUT /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;n=v\r\nhello\r\n006\r\n world\r\n0\r\nX-Sum: 42\r\nY: z\r\n\r\n"
      "\r\nDELETE /z HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
      "OPTIONS * HTTP/1.1\r\nHost:\r\nConnection: foo, Close\r\n\r\n";
  const ParsedStream whole = ParseRequests(stream, WholeStream());
  ASSERT_EQ(whole.messages.size(), 5u) << whole.ToString();
  EXPECT_EQ(whole.error, ParseError::kNone);
  EXPECT_EQ(whole.consumed, stream.size());
  EXPECT_EQ(whole.messages[1].body, "hello world");
  EXPECT_TRUE(whole.messages[1].expect_continue);
  EXPECT_EQ(whole.messages[2].body, "hello world");
  EXPECT_THAT(whole.messages[2].trailers, ElementsAre(Pair("X-Sum", "42"), Pair("Y", "z")));
  EXPECT_TRUE(whole.messages[3].keep_alive);
  EXPECT_FALSE(whole.messages[4].keep_alive);
  for (size_t cut = 1; cut < stream.size(); ++cut) {
    ASSERT_EQ(ParseRequests(stream, SplitAt(cut)).ToString(), whole.ToString()) << cut;
  }
  for (const size_t piece : {1, 2, 3, 5, 15, 16, 17, 31}) {
    EXPECT_EQ(ParseRequests(stream, Pieces(piece)).ToString(), whole.ToString()) << piece;
  }
}

TEST(RequestParser, TruncatedHeadsAreIncompleteAndNeverWrong) {
  for (size_t size = 0; size < kPlain.size(); ++size) {
    RequestParser parser;
    parser.Start(HeadLimits());
    EXPECT_EQ(parser.Parse(kPlain.substr(0, size)), ParseStatus::kNeedMore) << size;
    EXPECT_EQ(parser.started(), size > 0) << size;
  }
}

TEST(RequestParser, KeepAliveFollowsVersionAndConnection) {
  const struct {
    std::string_view head;
    bool keep_alive;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, CLOSE\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
      {"GET / HTTP/1.7\r\nHost: a\r\n\r\n", true},
  };
  for (const auto& each : cases) {
    RequestParser parser;
    EXPECT_EQ(ParseOne(parser, each.head).keep_alive, each.keep_alive) << each.head;
  }
}

TEST(RequestParser, ReadsTheFourFormsOfATarget) {
  RequestParser parser;
  RequestHead head = ParseOne(parser, "GET http://b:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.authority, "b:81");  // RFC 9112 §3.2.2: the target wins.
  EXPECT_EQ(head.path, "/p");
  EXPECT_EQ(head.query, "q");
  head = ParseOne(parser, "GET HTTPS://[::1]:443?q HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.authority, "[::1]:443");
  EXPECT_EQ(head.path, "/");
  EXPECT_EQ(head.query, "q");
  head = ParseOne(parser, "CONNECT a.b:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.authority, "a.b:443");
  EXPECT_EQ(head.path, "");
  head = ParseOne(parser, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.path, "*");
}

TEST(RequestParser, LetsThroughWhatBrowsersSendInTargets) {
  RequestParser parser;
  const RequestHead head = ParseOne(parser, "GET /a|b?c=[d]^{e}`f\\g HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.path, "/a|b");
  EXPECT_EQ(head.query, "c=[d]^{e}`f\\g");
}

TEST(RequestParser, AnUnknownMethodIsWellFormed) {
  RequestParser parser;
  const RequestHead head = ParseOne(parser, "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.method, Method::kUnknown);
  EXPECT_EQ(head.method_text, "PROPFIND");
}

TEST(RequestParser, ExpectIsIgnoredInHttp10AndWithoutBody) {
  RequestParser parser;
  EXPECT_FALSE(
      ParseOne(parser, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
          .expect_continue);
  EXPECT_FALSE(ParseOne(parser, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")
                   .expect_continue);
}

TEST(RequestParser, LimitsAreExactAndDistinct) {
  HeadLimits limits;
  limits.head_bytes = 200;
  limits.target_bytes = 20;
  limits.fields = 3;
  const auto error = [&](const std::string& bytes) {
    const ParsedStream whole = ParseRequests(bytes, WholeStream(), limits);
    EXPECT_EQ(ParseRequests(bytes, Pieces(1), limits).ToString(), whole.ToString());
    return whole.error;
  };
  EXPECT_EQ(error(RequestOfSize(200)), ParseError::kNone);
  EXPECT_EQ(error(RequestOfSize(201)), ParseError::kHeadTooLarge);
  EXPECT_EQ(error("GET /" + std::string(19, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"),
            ParseError::kNone);
  EXPECT_EQ(error("GET /" + std::string(20, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"),
            ParseError::kTargetTooLong);
  EXPECT_EQ(error("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n"), ParseError::kNone);
  EXPECT_EQ(error("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"),
            ParseError::kTooManyFields);
  EXPECT_EQ(error(std::string(32, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n"), ParseError::kNone);
  EXPECT_EQ(error(std::string(33, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ParseError::kMethodTooLong);
}

TEST(RequestParser, AnEndlessLineEndsAtTheLimit) {
  RequestParser parser;
  parser.Start(HeadLimits());
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  ParseStatus status = ParseStatus::kNeedMore;
  while (status == ParseStatus::kNeedMore && bytes.size() < 100000) {
    bytes.append(100, 'x');
    status = parser.Parse(bytes);
  }
  EXPECT_EQ(status, ParseStatus::kError);
  EXPECT_EQ(parser.error(), ParseError::kHeadTooLarge);
  EXPECT_LT(bytes.size(), HeadLimits().head_bytes + 200);
}

TEST(ResponseParser, FramesAsTheRfcOrders) {
  const struct {
    std::string_view bytes;
    Method method;
    BodyKind kind;
    bool keep_alive;
  } cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Method::kGet, BodyKind::kLength, true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::kHead, BodyKind::kNone, true},
      {"HTTP/1.1 204 No Content\r\n\r\n", Method::kGet, BodyKind::kNone, true},
      {"HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", Method::kGet, BodyKind::kNone, true},
      {"HTTP/1.1 100 Continue\r\n\r\n", Method::kPost, BodyKind::kNone, true},
      {"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", Method::kGet, BodyKind::kChunked,
       true},
      {"HTTP/1.1 200 OK\r\n\r\n", Method::kGet, BodyKind::kUntilClose, false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Method::kGet, BodyKind::kLength, false},
      {"HTTP/1.1 200 OK\r\n\r\n", Method::kConnect, BodyKind::kNone, true},
  };
  for (const auto& each : cases) {
    ResponseParser parser;
    parser.Start(HeadLimits(), each.method);
    ASSERT_EQ(parser.Parse(each.bytes), ParseStatus::kDone) << each.bytes;
    const ResponseHead head = parser.head(each.bytes);
    EXPECT_EQ(head.body.kind, each.kind) << each.bytes;
    EXPECT_EQ(head.keep_alive, each.keep_alive) << each.bytes;
  }
}

TEST(ResponseParser, SplitAtEveryByteGivesTheSame) {
  const std::string stream =
      "HTTP/1.1 100 Continue\r\n\r\n"
      "HTTP/1.1 404 Not Found at all\r\nContent-Length: 4\r\nX: y\r\n\r\ngone"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n"
      "HTTP/1.1 200\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
  const ParsedStream whole = ParseResponses(stream, WholeStream());
  ASSERT_EQ(whole.messages.size(), 4u) << whole.ToString();
  EXPECT_EQ(whole.messages[1].start, "404 Not Found at all 1.1");
  EXPECT_EQ(whole.messages[1].body, "gone");
  for (size_t cut = 1; cut < stream.size(); ++cut) {
    ASSERT_EQ(ParseResponses(stream, SplitAt(cut)).ToString(), whole.ToString()) << cut;
  }
  EXPECT_EQ(ParseResponses(stream, Pieces(1)).ToString(), whole.ToString());
}

TEST(ResponseParser, RefusesWhatIsNoResponse) {
  const struct {
    std::string_view bytes;
    ParseError error;
  } cases[] = {
      {"HTTP/2.0 200 OK\r\n\r\n", ParseError::kUnsupportedVersion},
      {"HTTX/1.1 200 OK\r\n\r\n", ParseError::kBadVersion},
      {"HTTP/1.1 20 OK\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1 2000 OK\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1 099 OK\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1  200 OK\r\n\r\n", ParseError::kBadStatusLine},
      {"HTTP/1.1 200 OK\n\r\n", ParseError::kBareLf},
      {"HTTP/1.1 200 OK\r\r\n\r\n", ParseError::kBareCr},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       ParseError::kTransferEncodingWithContentLength},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
       ParseError::kRepeatedContentLength},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", ParseError::kUnknownTransferEncoding},
  };
  for (const auto& each : cases) {
    const ParsedStream whole = ParseResponses(each.bytes, WholeStream());
    EXPECT_EQ(whole.error, each.error) << each.bytes << Reason(whole.error);
    EXPECT_EQ(ParseResponses(each.bytes, Pieces(1)).ToString(), whole.ToString());
  }
}

}  // namespace
}  // namespace corelane::http::testing
