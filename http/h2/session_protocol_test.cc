// Frames by hand: which error a broken rule of RFC 9113 is, and on what.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "http/h2/session_test_fixture.h"

namespace corelane::h2 {
namespace {

using namespace testing;  // The fixture's frames.
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The answer of a fresh server to `bytes` after a good start.
std::vector<std::string> AnswerTo(std::string_view bytes) {
  LoneServer server;
  server.Start();
  return server.Answer(bytes);
}

// What comes of a request with these fields: "ok", or the server's answer.
std::string Verdict(Pairs fields) {
  LoneServer server;
  server.Start();
  const auto answer = server.Answer(Frame(kHeaders, kEndStream | kEndHeaders, 1, Literals(fields)));
  if (answer.empty()) return server.handler.events.empty() ? "nothing" : "ok";
  return answer[0];
}

const std::string kMalformed = "RST_STREAM 1 PROTOCOL_ERROR";
constexpr std::string_view kM = ":method";
constexpr std::string_view kS = ":scheme";
constexpr std::string_view kA = ":authority";
constexpr std::string_view kP = ":path";

TEST(Preface, TheServerSendsSettingsFirst) {
  LoneServer server;
  EXPECT_THAT(server.Frames(), ElementsAre("SETTINGS 0", "WINDOW_UPDATE 0 +983041"));
}

TEST(Preface, AnythingElseIsAConnectionError) {
  for (const std::string_view bytes :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"}) {
    LoneServer server;
    static_cast<void>(server.Frames());
    const bool wrong = bytes != "P";
    if (wrong) {
      EXPECT_THAT(server.Answer(bytes), ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
    } else {
      EXPECT_THAT(server.Answer(bytes), IsEmpty());
    }
    EXPECT_EQ(server.session->finished(), wrong);
  }
}

TEST(Preface, SettingsMustFollow) {
  LoneServer server;
  static_cast<void>(server.Frames());
  EXPECT_THAT(server.Answer(std::string(kPreface) + Request(1)),
              ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
  EXPECT_THAT(server.handler.events, ElementsAre("connection error PROTOCOL_ERROR"));
}

TEST(StreamIds, LowerThanOneBeforeIsAConnectionError) {
  EXPECT_THAT(AnswerTo(Request(5) + Request(3)), ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(StreamIds, TheServersOwnAreAConnectionError) {
  EXPECT_THAT(AnswerTo(Request(2)), ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(StreamIds, ZeroIsAConnectionError) {
  EXPECT_THAT(AnswerTo(Request(0)), ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
  EXPECT_THAT(AnswerTo(Frame(kData, 0, 0, "x")), ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(StreamIds, GapsAreAllowed) {
  EXPECT_THAT(AnswerTo(Request(1) + Request(9) + Request(11)), IsEmpty());
}

TEST(StreamStates, FramesOnAnIdleStreamAreAConnectionError) {
  EXPECT_THAT(AnswerTo(Frame(kData, 0, 1, "x")), ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
  EXPECT_THAT(AnswerTo(Frame(kRstStream, 0, 1, Be(8, 4))), ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
  EXPECT_THAT(AnswerTo(Frame(kWindowUpdate, 0, 1, Be(8, 4))),
              ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(StreamStates, DataAfterTheEndIsStreamClosed) {
  EXPECT_THAT(AnswerTo(Request(1) + Frame(kData, 0, 1, "x")),
              ElementsAre("GOAWAY 0 STREAM_CLOSED"));
}

TEST(StreamStates, HeadersAfterTheEndAreStreamClosed) {
  EXPECT_THAT(AnswerTo(Request(1) + Request(1)), ElementsAre("GOAWAY 0 STREAM_CLOSED"));
}

// RFC 9113 §5.1: however long ago the client has ended or reset it.
TEST(StreamStates, FramesOnStreamsOfOldAreStreamClosed) {
  for (const std::string& end :
       {Request(1), Request(1, kEndHeaders) + Frame(kData, kEndStream, 1, "x"),
        Request(1, kEndHeaders) + Frame(kRstStream, 0, 1, Be(8, 4))}) {
    for (const std::string& late : {Request(1), Frame(kData, 0, 1, "x"), Frame(kData, 0, 1, "")}) {
      SessionOptions options;
      LoneServer server(options);
      server.Start();
      server.Receive(end);
      for (uint32_t id = 3; id < 4000; id += 2) {
        server.Receive(Request(id));
        Stream* const stream = server.handler.last;
        ASSERT_EQ(stream->id(), id);
        static_cast<void>(server.session->SubmitResponse(*stream, 200, {}, Body::None()));
        static_cast<void>(server.Frames());
      }
      EXPECT_THAT(server.Answer(late), ElementsAre("GOAWAY 0 STREAM_CLOSED"));
    }
  }
}

// RFC 9113 §5.1: what it had under way before it saw the reset is to be ignored.
TEST(StreamStates, FramesOnStreamsThatWeHaveResetAreIgnored) {
  SessionOptions options;
  options.resets = {100000, 100000};
  LoneServer server(options);
  server.Start();
  for (uint32_t id = 1; id < 4000; id += 2) {
    server.Receive(Request(id, kEndHeaders));
    Stream* const stream = server.handler.last;
    ASSERT_EQ(stream->id(), id);
    server.session->Reset(*stream, ErrorCode::kCancel);
    static_cast<void>(server.Frames());
  }
  for (const uint32_t id : {3999u, 3001u, 5u, 1u}) {
    EXPECT_THAT(server.Answer(Frame(kData, 0, id, "late") + Request(id)), IsEmpty()) << id;
  }
}

TEST(StreamStates, ContinuationWithoutHeadersIsAConnectionError) {
  EXPECT_THAT(AnswerTo(Frame(kContinuation, kEndHeaders, 1, "")),
              ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(StreamStates, NothingMayComeWithinAFieldBlock) {
  EXPECT_THAT(AnswerTo(Request(1, kEndStream) + Frame(kPing, 0, 0, "12345678")),
              ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(StreamStates, AClientMustNotPush) {
  EXPECT_THAT(AnswerTo(Frame(kPushPromise, kEndHeaders, 1, Be(2, 4) + RequestBlock())),
              ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(StreamStates, AServerMustNotPushToUs) {
  SessionOptions options;
  Recorder handler;
  SessionStats stats;
  const auto client = Session::Client(options, handler, stats);
  ASSERT_NE(client->SubmitRequest({"GET", "http", "a", "/"}, {}, Body::None()), nullptr);
  static_cast<void>(TakeOutput(*client));
  client->Receive(Frame(kSettings, 0, 0, "") + Frame(kSettings, kAck, 0, "") +
                      Frame(kPushPromise, kEndHeaders, 1, Be(2, 4) + RequestBlock()),
                  kStart);
  EXPECT_THAT(Describe(TakeOutput(*client)), Contains("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(FrameSizes, WrongOnesAreFrameSizeErrors) {
  const std::string error = "GOAWAY 0 FRAME_SIZE_ERROR";
  EXPECT_THAT(AnswerTo(Frame(kPing, 0, 0, "1234567")), ElementsAre(error));
  EXPECT_THAT(AnswerTo(Frame(kSettings, 0, 0, "12345")), ElementsAre(error));
  EXPECT_THAT(AnswerTo(Frame(kSettings, kAck, 0, "123456")), ElementsAre(error));
  EXPECT_THAT(AnswerTo(Request(1) + Frame(kRstStream, 0, 1, "123")), ElementsAre(error));
  EXPECT_THAT(AnswerTo(Request(1) + Frame(kWindowUpdate, 0, 1, "123")), ElementsAre(error));
  EXPECT_THAT(AnswerTo(Request(1, kEndHeaders) + Frame(kData, 0, 1, std::string(16385, 'x'))),
              ElementsAre(error));
}

TEST(FrameSizes, PaddingBeyondThePayloadIsAConnectionError) {
  EXPECT_THAT(AnswerTo(Request(1, kEndHeaders) + Frame(kData, kPadded, 1, Be(200, 1) + "abc")),
              ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(Settings, BadValuesAreConnectionErrors) {
  const auto setting = [](int id, uint32_t value) {
    return Frame(kSettings, 0, 0, Be(id, 2) + Be(value, 4));
  };
  EXPECT_THAT(AnswerTo(setting(2, 2)), Contains("GOAWAY 0 PROTOCOL_ERROR"));
  EXPECT_THAT(AnswerTo(setting(4, 0x80000000)), Contains("GOAWAY 0 FLOW_CONTROL_ERROR"));
  EXPECT_THAT(AnswerTo(setting(5, 100)), Contains("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(Windows, OverflowOfTheConnectionsIsAConnectionError) {
  EXPECT_THAT(AnswerTo(Frame(kWindowUpdate, 0, 0, Be(0x7fffffff, 4))),
              ElementsAre("GOAWAY 0 FLOW_CONTROL_ERROR"));
}

TEST(Windows, OverflowOfAStreamsIsAStreamError) {
  EXPECT_THAT(AnswerTo(Request(1) + Frame(kWindowUpdate, 0, 1, Be(0x7fffffff, 4))),
              ElementsAre("RST_STREAM 1 FLOW_CONTROL_ERROR"));
}

// On a stream, RFC 9113 §6.9 asks for a stream error, and §5.4.1 leaves this.
TEST(Windows, AnIncrementOfZeroIsAConnectionError) {
  EXPECT_THAT(AnswerTo(Request(1) + Frame(kWindowUpdate, 0, 1, Be(0, 4))),
              ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
  EXPECT_THAT(AnswerTo(Frame(kWindowUpdate, 0, 0, Be(0, 4))),
              ElementsAre("GOAWAY 0 PROTOCOL_ERROR"));
}

TEST(Windows, DataBeyondTheStreamsIsAStreamError) {
  SessionOptions options;
  options.initial_window_size = 10;
  LoneServer server(options);
  server.Start();
  const auto answer = server.Answer(Frame(kSettings, kAck, 0, "") + Request(1, kEndHeaders) +
                                    Frame(kData, 0, 1, std::string(11, 'x')));
  EXPECT_THAT(answer, ElementsAre("RST_STREAM 1 FLOW_CONTROL_ERROR"));
}

TEST(Hpack, BadBlocksAreCompressionErrors) {
  EXPECT_THAT(AnswerTo(Frame(kHeaders, kEndStream | kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff")),
              ElementsAre("GOAWAY 0 COMPRESSION_ERROR"));
  EXPECT_THAT(AnswerTo(Frame(kHeaders, kEndStream | kEndHeaders, 1, "\xfe")),
              ElementsAre("GOAWAY 0 COMPRESSION_ERROR"));
  const std::string cut = RequestBlock().substr(0, 20);
  EXPECT_THAT(AnswerTo(Frame(kHeaders, kEndStream | kEndHeaders, 1, cut)),
              ElementsAre("GOAWAY 0 COMPRESSION_ERROR"));
}

TEST(Requests, WellFormedOnes) {
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/x?y"}}), "ok");
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kP, "/"}, {"host", "a"}}), "ok");
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/"}, {"host", "A"}}), "ok");
  EXPECT_EQ(Verdict({{kM, "OPTIONS"}, {kS, "http"}, {kA, "a"}, {kP, "*"}}), "ok");
  EXPECT_EQ(Verdict({{kM, "CONNECT"}, {kA, "a:443"}}), "ok");
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/"}, {"te", "trailers"}}), "ok");
}

TEST(Requests, PseudoHeaderFieldsThatAreWrong) {
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kA, "a"}, {kP, "/"}}), kMalformed);
  EXPECT_EQ(Verdict({{kS, "http"}, {kA, "a"}, {kP, "/"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {"x", "y"}, {kP, "/"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/"}, {":odd", "x"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/"}, {":status", "200"}}),
            kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, ""}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "x"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/a b"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "G T"}, {kS, "http"}, {kA, "a"}, {kP, "/"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "u@a"}, {kP, "/"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "CONNECT"}, {kS, "http"}, {kA, "a:1"}, {kP, "/"}}), kMalformed);
  EXPECT_EQ(Verdict({{kM, "CONNECT"}, {kS, "http"}, {kA, "a"}, {kP, "/"}, {":protocol", "x"}}),
            kMalformed);
}

TEST(Requests, HostThatDiffersFromTheAuthority) {
  EXPECT_EQ(Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/"}, {"host", "b"}}), kMalformed);
}

TEST(Requests, FieldsThatAreWrong) {
  const auto with = [](std::string_view name, std::string_view value) {
    return Verdict({{kM, "GET"}, {kS, "http"}, {kA, "a"}, {kP, "/"}, {name, value}});
  };
  EXPECT_EQ(with("Upper", "x"), kMalformed);
  EXPECT_EQ(with("connection", "close"), kMalformed);
  EXPECT_EQ(with("keep-alive", "1"), kMalformed);
  EXPECT_EQ(with("proxy-connection", "x"), kMalformed);
  EXPECT_EQ(with("transfer-encoding", "chunked"), kMalformed);
  EXPECT_EQ(with("upgrade", "h2c"), kMalformed);
  EXPECT_EQ(with("te", "gzip"), kMalformed);
  EXPECT_EQ(with("a b", "x"), kMalformed);
  EXPECT_EQ(with("", "x"), kMalformed);
  EXPECT_EQ(with("a", "b\nc"), kMalformed);
  EXPECT_EQ(with("a", std::string_view("b\0c", 3)), kMalformed);
  EXPECT_EQ(with("a", " b"), kMalformed);
  EXPECT_EQ(with("content-length", "x"), kMalformed);
  EXPECT_EQ(with("content-length", "5"), kMalformed);  // The message has no body.
}

TEST(Requests, ABodyThatIsNotAsLongAsAnnounced) {
  for (const std::string_view body : {"abc", "abcde"}) {
    LoneServer server;
    server.Start();
    const auto answer = server.Answer(Request(1, kEndHeaders, Literal("content-length", "4")) +
                                      Frame(kData, kEndStream, 1, body));
    EXPECT_THAT(answer, ElementsAre("RST_STREAM 1 PROTOCOL_ERROR")) << body;
    // The end was never told.
    EXPECT_EQ(server.handler.events.front(), "request 1 GET http a / content-length=4");
    EXPECT_EQ(server.handler.events.back(), "closed 1 PROTOCOL_ERROR");
    EXPECT_EQ(server.handler.events.size(), 2u);
  }
}

TEST(Requests, MalformedOnesAreCountedOnce) {
  const std::string bad[] = {
      Request(1, kEndStream | kEndHeaders, Literal("connection", "x")),
      Request(1, kEndStream | kEndHeaders, Literal("a", " b")),
      Request(1, kEndStream | kEndHeaders, Literal("host", "b")),
      Request(1, kEndStream | kEndHeaders, Literal(":path", "/")),
      Request(1, kEndStream | kEndHeaders, Literal("content-length", "4")),
      Frame(kHeaders, kEndStream | kEndHeaders, 1, Literal(":method", "GET")),
  };
  for (const std::string& bytes : bad) {
    LoneServer server;
    server.Start();
    EXPECT_THAT(server.Answer(bytes), ElementsAre(kMalformed));
    EXPECT_EQ(server.stats.malformed, 1u) << bytes;
    EXPECT_THAT(server.handler.events, IsEmpty());
  }
}

TEST(Requests, TrailersWithoutTheEndOfTheStream) {
  EXPECT_THAT(
      AnswerTo(Request(1, kEndHeaders) + Frame(kHeaders, kEndHeaders, 1, Literal("a", "b"))),
      ElementsAre("RST_STREAM 1 PROTOCOL_ERROR"));
}

TEST(Requests, PseudoHeaderFieldsInTrailers) {
  EXPECT_THAT(AnswerTo(Request(1, kEndHeaders) +
                       Frame(kHeaders, kEndStream | kEndHeaders, 1, Literal(":path", "/"))),
              ElementsAre("RST_STREAM 1 PROTOCOL_ERROR"));
}

// What a client makes of a response with these fields.
std::string ResponseVerdict(Pairs fields, uint8_t flags = kEndStream | kEndHeaders) {
  SessionOptions options;
  Recorder handler;
  SessionStats stats;
  const auto client = Session::Client(options, handler, stats);
  EXPECT_NE(client->SubmitRequest({"GET", "http", "a", "/"}, {}, Body::None()), nullptr);
  static_cast<void>(TakeOutput(*client));
  client->Receive(Frame(kSettings, 0, 0, "") + Frame(kHeaders, flags, 1, Literals(fields)), kStart);
  const auto answer = Describe(TakeOutput(*client));
  return answer.size() == 1 ? handler.events.at(0) : answer.at(1);
}

TEST(Responses, WellFormedAndMalformed) {
  EXPECT_EQ(ResponseVerdict({{":status", "200"}}), "response 200 end");
  EXPECT_EQ(ResponseVerdict({{":status", "103"}}, kEndHeaders), "informational 103");
  EXPECT_EQ(ResponseVerdict({{":status", "101"}}, kEndHeaders), kMalformed);
  EXPECT_EQ(ResponseVerdict({{":status", "100"}}), kMalformed);  // Ends without a final one.
  EXPECT_EQ(ResponseVerdict({{"a", "b"}}), kMalformed);
  EXPECT_EQ(ResponseVerdict({{":status", "2000"}}), kMalformed);
  EXPECT_EQ(ResponseVerdict({{":status", "200"}, {":path", "/"}}), kMalformed);
}

}  // namespace
}  // namespace corelane::h2
