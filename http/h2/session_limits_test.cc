// Each limit: what is allowed, and what ends the connection with ENHANCE_YOUR_CALM.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "http/h2/session_test_fixture.h"

namespace corelane::h2 {
namespace {

using namespace testing;  // The fixture's frames.
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::string_literals;

const std::string kCalm = "GOAWAY 0 ENHANCE_YOUR_CALM";

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Sends `frame` as often as is allowed, then once more. `counter` counts the flood.
void ExpectLimit(SessionOptions options, const std::string& before, const std::string& frame,
                 int allowed, uint64_t SessionStats::* counter) {
  LoneServer server(options);
  server.Start();
  EXPECT_THAT(server.Answer(before + Repeat(frame, allowed)), Not(Contains(kCalm)));
  EXPECT_EQ(server.stats.*counter, 0u);
  EXPECT_THAT(server.Answer(frame), Contains(kCalm));
  EXPECT_EQ(server.stats.*counter, 1u);
  EXPECT_EQ(server.stats.connection_errors, 1u);
  EXPECT_THAT(server.handler.events, Contains("connection error ENHANCE_YOUR_CALM"));
  EXPECT_TRUE(server.session->finished());
  EXPECT_EQ(server.session->open_streams(), 0u);
}

TEST(Limits, Pings) {
  SessionOptions options;
  options.pings = {3, 0};
  ExpectLimit(options, "", Frame(kPing, 0, 0, "12345678"), 3, &SessionStats::ping_floods);
}

TEST(Limits, PingAcksAreFree) {
  SessionOptions options;
  options.pings = {3, 0};
  LoneServer server(options);
  server.Start();
  EXPECT_THAT(server.Answer(Repeat(Frame(kPing, kAck, 0, "12345678"), 10)), IsEmpty());
}

TEST(Limits, TheRateIsInTheCallersTime) {
  SessionOptions options;
  options.pings = {2, 1};
  LoneServer server(options);
  server.Start();
  for (int second = 0; second < 10; ++second) {
    server.Receive(Frame(kPing, 0, 0, "12345678"), kStart + seconds(second));
    EXPECT_THAT(server.Frames(), ElementsAre("PING 0 ACK"));
  }
}

TEST(Limits, Settings) {
  SessionOptions options;
  options.settings = {4, 0};  // One is the client's first.
  ExpectLimit(options, "", Frame(kSettings, 0, 0, ""), 3, &SessionStats::settings_floods);
}

TEST(Limits, EmptyDataFrames) {
  SessionOptions options;
  options.useless_frames = {3, 0};
  ExpectLimit(options, Request(1, kEndHeaders), Frame(kData, 0, 1, ""), 3,
              &SessionStats::useless_frame_floods);
}

TEST(Limits, DataFramesOfNothingButPadding) {
  SessionOptions options;
  options.useless_frames = {3, 0};
  ExpectLimit(options, Request(1, kEndHeaders), Frame(kData, kPadded, 1, Be(4, 1) + "\0\0\0\0"s), 3,
              &SessionStats::useless_frame_floods);
}

TEST(Limits, PriorityAndUnknownFrames) {
  SessionOptions options;
  options.useless_frames = {3, 0};
  ExpectLimit(options, Frame(kPriority, 0, 3, Be(0, 4) + Be(15, 1)), Frame(0x77, 0, 1, "abc"), 2,
              &SessionStats::useless_frame_floods);
}

TEST(Limits, EmptyFramesOfAFieldBlock) {
  SessionOptions options;
  options.useless_frames = {2, 0};
  options.max_continuations = 100;
  ExpectLimit(options, Frame(kHeaders, 0, 1, ""), Frame(kContinuation, 0, 1, ""), 1,
              &SessionStats::useless_frame_floods);
}

TEST(Limits, ContinuationFrames) {
  SessionOptions options;
  options.max_continuations = 3;
  ExpectLimit(options, Request(1, kEndStream), Frame(kContinuation, 0, 1, Literal("a", "b")), 3,
              &SessionStats::continuation_floods);
}

TEST(Limits, ContinuationsUpToTheLimitMakeOneRequest) {
  SessionOptions options;
  options.max_continuations = 2;
  LoneServer server(options);
  server.Start();
  for (uint32_t id = 1; id < 7; id += 2) {
    server.Receive(Request(id, kEndStream) + Frame(kContinuation, 0, id, Literal("a", "b")) +
                   Frame(kContinuation, kEndHeaders, id, Literal("c", "d")));
  }
  EXPECT_THAT(server.handler.events, ElementsAre("request 1 GET http a / a=b c=d end",
                                                 "request 3 GET http a / a=b c=d end",
                                                 "request 5 GET http a / a=b c=d end"));
}

// CVE-2023-44487.
TEST(Limits, StreamsThatThePeerResets) {
  SessionOptions options;
  options.resets = {20, 0};
  LoneServer server(options);
  server.Start();
  std::string bytes;
  for (uint32_t id = 1; id < 41; id += 2) {
    bytes += Request(id) + Frame(kRstStream, 0, id, Be(8, 4));
  }
  EXPECT_THAT(server.Answer(bytes), Not(Contains(kCalm)));
  EXPECT_THAT(server.Answer(Request(41) + Frame(kRstStream, 0, 41, Be(8, 4))), Contains(kCalm));
  EXPECT_EQ(server.stats.reset_floods, 1u);
}

// CVE-2025-8671.
TEST(Limits, StreamsThatThePeerMakesUsReset) {
  SessionOptions options;
  options.resets = {20, 0};
  LoneServer server(options);
  server.Start();
  const auto attack = [](uint32_t id) {
    return Request(id, kEndHeaders) + Frame(kWindowUpdate, 0, id, Be(0x7fffffff, 4));
  };
  std::string bytes;
  for (uint32_t id = 1; id < 41; id += 2) bytes += attack(id);
  EXPECT_THAT(server.Answer(bytes), Not(Contains(kCalm)));
  EXPECT_THAT(server.Answer(attack(41)), Contains(kCalm));
  EXPECT_EQ(server.stats.reset_floods, 1u);
}

TEST(Limits, ResetsOfOurOwnAreFree) {
  SessionOptions options;
  options.resets = {2, 0};
  LoneServer server(options);
  server.Start();
  server.handler.on_request = [&](Stream& stream, const RequestHead&, bool) {
    server.session->Reset(stream, ErrorCode::kRefusedStream);
  };
  std::string bytes;
  for (uint32_t id = 1; id < 21; id += 2) bytes += Request(id);
  EXPECT_THAT(server.Answer(bytes), Not(Contains(kCalm)));
}

TEST(Limits, HeaderListSize) {
  SessionOptions options;
  options.max_header_list_size = 400;  // The request itself takes 186.
  LoneServer server(options);
  server.Start();
  const std::string fits = Literal("a", std::string(100, 'x'));
  EXPECT_THAT(server.Answer(Request(1, kEndStream | kEndHeaders, fits)), IsEmpty());
  const std::vector<std::string> answer =
      server.Answer(Request(3, kEndStream | kEndHeaders, fits + fits));
  EXPECT_THAT(answer, ElementsAre("RST_STREAM 3 ENHANCE_YOUR_CALM"));
  EXPECT_EQ(server.stats.oversized_headers, 1u);
  // The connection and its HPACK state are intact.
  EXPECT_THAT(server.Answer(Request(5)), IsEmpty());
  EXPECT_EQ(server.handler.events.back(), "request 5 GET http a / end");
}

TEST(Limits, ConcurrentStreams) {
  SessionOptions options;
  options.max_concurrent_streams = 2;
  LoneServer server(options);
  server.Start();
  EXPECT_THAT(server.Answer(Request(1) + Request(3) + Request(5)),
              ElementsAre("RST_STREAM 5 REFUSED_STREAM"));
  EXPECT_EQ(server.session->open_streams(), 2u);
  EXPECT_EQ(server.stats.refused_streams, 1u);
  EXPECT_EQ(server.stats.malformed, 0u);
}

// RFC 9113 §5.1.2: a stream error, and the connection goes on.
TEST(Limits, ConcurrentStreamsOnceAcknowledged) {
  SessionOptions options;
  options.max_concurrent_streams = 1;
  LoneServer server(options);
  server.Start();
  EXPECT_THAT(server.Answer(Frame(kSettings, kAck, 0, "") + Request(1) + Request(3)),
              ElementsAre("RST_STREAM 3 REFUSED_STREAM"));
  EXPECT_THAT(server.Answer(Frame(kRstStream, 0, 1, Be(8, 4)) + Request(5)), IsEmpty());
  EXPECT_EQ(server.handler.events.back(), "request 5 GET http a / end");
}

// A first flight that has not seen the SETTINGS: requests with bodies, all sent at once.
TEST(Limits, AClientThatRacesTheSettingsKeepsItsConnection) {
  SessionOptions options;
  options.max_concurrent_streams = 100;
  LoneServer server(options);
  std::string flight;
  for (uint32_t i = 0; i < 300; ++i) {
    flight += Request(1 + 2 * i, kEndHeaders) + Frame(kData, 0, 1 + 2 * i, "first");
  }
  for (uint32_t i = 0; i < 300; ++i) flight += Frame(kData, kEndStream, 1 + 2 * i, "last");
  server.Receive(std::string(testing::ClientStart()) + flight);
  const std::vector<std::string> frames = server.Frames();
  EXPECT_EQ(std::count_if(frames.begin(), frames.end(),
                          [](const std::string& frame) {
                            return frame.starts_with("RST_STREAM") &&
                                   frame.ends_with("REFUSED_STREAM");
                          }),
            200);
  EXPECT_THAT(frames, Not(Contains(HasSubstr("GOAWAY"))));
  EXPECT_EQ(server.session->open_streams(), 100u);
  EXPECT_EQ(server.stats.refused_streams, 200u);
}

TEST(Limits, APeerThatDoesNotReadCannotGrowTheQueue) {
  SessionOptions options;
  options.max_queued_frames = 50;
  LoneServer server(options);
  server.Start();
  server.Receive(Repeat(Frame(kPing, 0, 0, "12345678"), 40));
  EXPECT_EQ(server.Frames().size(), 40u);
  for (int i = 0; i < 3; ++i) server.Receive(Repeat(Frame(kPing, 0, 0, "12345678"), 20));
  EXPECT_EQ(server.stats.output_floods, 1u);
  EXPECT_THAT(server.Frames(), Contains(kCalm));
}

TEST(Limits, NothingIsTakenAfterTheEnd) {
  SessionOptions options;
  options.pings = {0, 0};
  LoneServer server(options);
  server.Start();
  server.Receive(Request(1) + Frame(kPing, 0, 0, "12345678") + Request(3));
  EXPECT_THAT(server.handler.events, ElementsAre("request 1 GET http a / end"));
  server.Receive(Request(5));
  EXPECT_THAT(server.Frames(), ElementsAre(kCalm));
  server.Receive(Request(7));
  EXPECT_THAT(server.handler.events,
              ElementsAre("request 1 GET http a / end", "connection error ENHANCE_YOUR_CALM",
                          "closed 1 ENHANCE_YOUR_CALM"));
}

}  // namespace
}  // namespace corelane::h2
