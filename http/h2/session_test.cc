// Both roles against each other: messages in both directions and how streams and connections end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "http/h2/session_test_fixture.h"

namespace corelane::h2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Pair;
using Events = std::vector<std::string>;

Events Drop(Events events, std::string_view prefix) {
  std::erase_if(events, [&](const std::string& line) { return line.starts_with(prefix); });
  return events;
}

TEST(Session, RequestAndResponseWithoutBodies) {
  Pair pair;
  pair.server_handler.on_request = [&](Stream& stream, const RequestHead&, bool) {
    const HeaderField fields[] = {{"X-Answer", "yes"}};
    EXPECT_EQ(pair.server->SubmitResponse(stream, 204, fields, Body::None()), SubmitResult::kOk);
  };
  const HeaderField fields[] = {{"accept", "*/*"}, {"secret", "s", true}};
  ASSERT_NE(pair.Get(Body::None(), fields), nullptr);
  pair.Run();
  EXPECT_THAT(pair.server_handler.events,
              ElementsAre("request 1 GET http a / accept=*/* secret=s end", "closed 1 NO_ERROR"));
  EXPECT_THAT(pair.client_handler.events,
              ElementsAre("response 204 x-answer=yes end", "closed 1 NO_ERROR"));
  EXPECT_EQ(pair.client->open_streams() + pair.server->open_streams(), 0u);
}

TEST(Session, EveryWayOfCuttingTheBytesGivesTheSameEvents) {
  Events whole[2];
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{2}, size_t{9}, size_t{100}}) {
    Pair pair;
    pair.server_handler.log_data = pair.client_handler.log_data = false;
    pair.server_handler.on_data = [&](Stream& stream, std::string_view data, bool end) {
      pair.server->Consume(stream, data.size());
      if (!end) return;
      EXPECT_EQ(pair.server->SubmitResponse(stream, 200, {}, Body::Pushed()), SubmitResult::kOk);
      EXPECT_EQ(pair.server->Write(stream, pair.server_handler.body, true), 30000u);
    };
    Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
    EXPECT_EQ(pair.client->Write(*stream, std::string(30000, 'x'), true), 30000u);
    pair.Run(piece);
    EXPECT_EQ(pair.client_handler.body, std::string(30000, 'x')) << piece;
    if (piece == SIZE_MAX) {
      whole[0] = pair.server_handler.events;
      whole[1] = pair.client_handler.events;
    }
    EXPECT_EQ(pair.server_handler.events, whole[0]) << piece;
    EXPECT_EQ(pair.client_handler.events, whole[1]) << piece;
  }
}

TEST(Session, TrailersInBothDirections) {
  Pair pair;
  Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
  const HeaderField trailers[] = {{"Checksum", "1"}};
  pair.client->Write(*stream, "abc", false);
  EXPECT_EQ(pair.client->SubmitTrailers(*stream, trailers), SubmitResult::kOk);
  pair.Run();
  Stream& at_server = *pair.server_handler.last;
  const HeaderField status[] = {{"grpc-status", "0"}};
  EXPECT_EQ(pair.server->SubmitResponse(at_server, 200, {}, Body::Pushed()), SubmitResult::kOk);
  pair.server->Write(at_server, "defg", false);
  EXPECT_EQ(pair.server->SubmitTrailers(at_server, status), SubmitResult::kOk);
  EXPECT_EQ(pair.server->SubmitTrailers(at_server, status), SubmitResult::kWrongState);
  pair.Run();
  EXPECT_THAT(pair.server_handler.events, ElementsAre("request 1 POST http a /", "data 3",
                                                      "trailers checksum=1", "closed 1 NO_ERROR"));
  EXPECT_THAT(pair.client_handler.events,
              ElementsAre("response 200", "data 4", "trailers grpc-status=0", "closed 1 NO_ERROR"));
}

TEST(Session, TrailersWithoutABodySendNoData) {
  Pair pair;
  pair.Get();
  pair.Run();
  Stream& stream = *pair.server_handler.last;
  EXPECT_EQ(pair.server->SubmitResponse(stream, 200, {}, Body::Pushed()), SubmitResult::kOk);
  const HeaderField trailers[] = {{"a", "b"}};
  EXPECT_EQ(pair.server->SubmitTrailers(stream, trailers), SubmitResult::kOk);
  EXPECT_THAT(testing::Describe(testing::TakeOutput(*pair.server)),
              ElementsAre("HEADERS 1", "HEADERS 1 END"));
}

TEST(Session, InformationalResponsesComeBeforeTheFinalOne) {
  Pair pair;
  pair.Get();
  pair.Run();
  Stream& stream = *pair.server_handler.last;
  const HeaderField link[] = {{"link", "</a>"}};
  EXPECT_EQ(pair.server->SubmitInformational(stream, 100, {}), SubmitResult::kOk);
  EXPECT_EQ(pair.server->SubmitInformational(stream, 103, link), SubmitResult::kOk);
  EXPECT_EQ(pair.server->SubmitInformational(stream, 101, {}), SubmitResult::kInvalidField);
  EXPECT_EQ(pair.server->SubmitResponse(stream, 200, {}, Body::None()), SubmitResult::kOk);
  EXPECT_EQ(pair.server->SubmitInformational(stream, 103, link), SubmitResult::kWrongState);
  pair.Run();
  EXPECT_THAT(pair.client_handler.events,
              ElementsAre("informational 100", "informational 103 link=</a>", "response 200 end",
                          "closed 1 NO_ERROR"));
}

TEST(Session, CookiesBecomeOneField) {
  Pair pair;
  const HeaderField fields[] = {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c"}};
  pair.Get(Body::None(), fields);
  pair.Run();
  EXPECT_THAT(pair.server_handler.events,
              ElementsAre("request 1 GET http a / cookie=a=1; b=2; c x=y end"));
}

TEST(Session, FieldsThatMustNotBeSentAreRefused) {
  Pair pair;
  const HeaderField bad[] = {{"a b", "c"},
                             {"a", "b\r\nc: d"},
                             {":path", "/"},
                             {"Connection", "x"},
                             {"te", "gzip"},
                             {"keep-alive", "1"},
                             {"transfer-encoding", "chunked"}};
  for (const HeaderField& field : bad) {
    EXPECT_EQ(pair.Get(Body::None(), HeaderFields(&field, 1)), nullptr) << field.name;
  }
  EXPECT_EQ(pair.client->SubmitRequest({"G T", "http", "a", "/"}, {}, Body::None()), nullptr);
  EXPECT_EQ(pair.client->open_streams(), 0u);
  pair.Get();
  pair.Run();
  EXPECT_EQ(pair.server->SubmitResponse(*pair.server_handler.last, 200, HeaderFields(bad, 1),
                                        Body::None()),
            SubmitResult::kInvalidField);
}

TEST(Session, StreamsCarryTheUsersPointer) {
  Pair pair;
  int mine = 0;
  Stream* stream = pair.Get();
  EXPECT_EQ(stream->user_data(), nullptr);
  stream->set_user_data(&mine);
  pair.Run();
  EXPECT_EQ(pair.server_handler.last->user_data(), nullptr);
  static_cast<void>(pair.server->SubmitResponse(*pair.server_handler.last, 200, {}, Body::None()));
  void* seen = nullptr;
  pair.client_handler.on_closed = [&](Stream& closed) { seen = closed.user_data(); };
  pair.Run();
  EXPECT_EQ(seen, &mine);
}

TEST(Session, ExtendedConnectNeedsTheServersSetting) {
  const RequestLine line{"CONNECT", "http", "a", "/chat", "websocket"};
  Pair without;
  without.Run();
  EXPECT_EQ(without.client->SubmitRequest(line, {}, Body::Pushed()), nullptr);
  SessionOptions options;
  options.enable_connect_protocol = true;
  Pair with(options);
  EXPECT_EQ(with.client->SubmitRequest(line, {}, Body::Pushed()), nullptr);  // Not yet known.
  with.Run();
  EXPECT_TRUE(with.client->peer_settings().enable_connect_protocol);
  ASSERT_NE(with.client->SubmitRequest(line, {}, Body::Pushed()), nullptr);
  with.Run();
  EXPECT_THAT(with.server_handler.events,
              ElementsAre("request 1 CONNECT http a /chat protocol=websocket"));
}

TEST(Session, ResetIsSeenByTheOtherSide) {
  Pair pair;
  Stream* stream = pair.Get(Body::Pushed());
  pair.Run();
  pair.client->Reset(*stream, ErrorCode::kCancel);
  EXPECT_EQ(pair.client->Write(*stream, "late", true), 0u);
  pair.Run();
  EXPECT_THAT(Drop(pair.server_handler.events, "request"), ElementsAre("closed 1 CANCEL"));
  EXPECT_THAT(pair.client_handler.events, ElementsAre("closed 1 CANCEL"));
}

TEST(Session, AResponseThatIsCompleteEndsTheRequest) {
  for (const bool reset : {true, false}) {
    SessionOptions options;
    options.reset_after_response = reset;
    Pair pair(options);
    Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
    pair.client->Write(*stream, "abc", false);
    pair.Run();
    Stream& at_server = *pair.server_handler.last;
    EXPECT_EQ(pair.server->SubmitResponse(at_server, 413, {}, Body::Pushed()), SubmitResult::kOk);
    EXPECT_EQ(pair.server->Write(at_server, "no", true), 2u);
    pair.Run();
    Events expected = {"response 413", "data 2 end"};
    if (reset) expected.push_back("closed 1 NO_ERROR");
    EXPECT_EQ(pair.client_handler.events, expected);
    EXPECT_EQ(pair.server->open_streams(), reset ? 0u : 1u);
  }
}

TEST(Session, RequestsBeyondTheServersLimitWait) {
  SessionOptions options;
  options.max_concurrent_streams = 1;
  Pair pair(options);
  pair.Run();
  pair.Get();
  Stream* cancelled = pair.Get();
  pair.Get();
  pair.client->Reset(*cancelled, ErrorCode::kCancel);
  pair.Run();
  EXPECT_EQ(pair.server->open_streams(), 1u);
  static_cast<void>(pair.server->SubmitResponse(*pair.server_handler.last, 200, {}, Body::None()));
  pair.Run();
  EXPECT_THAT(Drop(pair.client_handler.events, "response"),
              ElementsAre("closed 3 CANCEL unprocessed", "closed 1 NO_ERROR"));
  EXPECT_EQ(pair.server_handler.last->id(), 5u);
}

TEST(Session, DrainFinishesWhatIsInFlight) {
  Pair pair;
  pair.Get();
  pair.Run();
  Stream& first = *pair.server_handler.last;
  pair.server->Drain();
  // In flight while the first GOAWAY travels: still served.
  pair.Get();
  const std::string request = testing::TakeOutput(*pair.client);
  pair.client->Receive(testing::TakeOutput(*pair.server), testing::kStart);
  EXPECT_EQ(pair.Get(), nullptr);
  pair.server->Receive(request, testing::kStart);
  pair.Run();
  Stream& second = *pair.server_handler.last;
  EXPECT_EQ(second.id(), 3u);
  EXPECT_FALSE(pair.server->finished());
  static_cast<void>(pair.server->SubmitResponse(first, 200, {}, Body::None()));
  static_cast<void>(pair.server->SubmitResponse(second, 200, {}, Body::None()));
  pair.Run();
  EXPECT_TRUE(pair.server->finished());
  EXPECT_TRUE(pair.client->finished());
  EXPECT_THAT(pair.client_handler.events,
              ElementsAre("goaway NO_ERROR 2147483647", "goaway NO_ERROR 3", "response 200 end",
                          "closed 1 NO_ERROR", "response 200 end", "closed 3 NO_ERROR"));
}

// RFC 9113 §6.8. The round trip is that of the notice, so PING does not come before it.
TEST(Session, DrainOfAnIdleServerTakesOneMoreRoundTrip) {
  testing::LoneServer server;
  server.Start();
  server.session->Drain();
  EXPECT_THAT(server.Frames(), ElementsAre("GOAWAY 0 NO_ERROR", "PING 0"));
  EXPECT_FALSE(server.session->finished());
  const std::string answer = testing::Frame(testing::kPing, testing::kAck, 0, "draining");
  EXPECT_THAT(server.Answer(answer), ElementsAre("GOAWAY 0 NO_ERROR"));
  EXPECT_TRUE(server.session->finished());
}

TEST(Session, AnIdleClientIsFinishedWhenTheServerDrains) {
  Pair pair;
  pair.Run();
  pair.server->Drain();
  pair.Run();
  EXPECT_TRUE(pair.client->finished());
}

TEST(Session, AClientThatDrainsStillSendsTheRequestsThatWait) {
  SessionOptions options;
  options.max_concurrent_streams = 1;
  Pair pair(options);
  pair.server_handler.on_request = [&](Stream& stream, const RequestHead&, bool) {
    static_cast<void>(pair.server->SubmitResponse(stream, 200, {}, Body::None()));
  };
  pair.Run();
  pair.Get();
  pair.Get();
  pair.client->Drain();
  EXPECT_EQ(pair.Get(), nullptr);
  pair.Run();
  EXPECT_THAT(pair.client_handler.events, ElementsAre("response 200 end", "closed 1 NO_ERROR",
                                                      "response 200 end", "closed 3 NO_ERROR"));
  EXPECT_EQ(pair.server_handler.events.back(), "goaway NO_ERROR 0");
  EXPECT_TRUE(pair.client->finished() && pair.server->finished());
}

TEST(Session, RequestsTheServerHasNotSeenAreUnprocessedAfterGoAway) {
  SessionOptions options;
  options.max_concurrent_streams = 1;
  Pair pair(options);
  pair.Run();
  pair.Get();
  pair.Get();  // Waits.
  pair.Run();
  pair.server->Drain();
  pair.Run();
  EXPECT_THAT(Drop(pair.client_handler.events, "goaway"),
              ElementsAre("closed 3 REFUSED_STREAM unprocessed"));
}

TEST(Session, GoAwayWithAnErrorClosesEverything) {
  Pair pair;
  pair.Get();
  pair.Run();
  pair.server->GoAway(ErrorCode::kInternalError, "why");
  EXPECT_FALSE(pair.server->finished());
  pair.Run();
  EXPECT_TRUE(pair.server->finished());
  EXPECT_THAT(Drop(pair.server_handler.events, "request"),
              ElementsAre("connection error INTERNAL_ERROR", "closed 1 INTERNAL_ERROR"));
  EXPECT_THAT(pair.client_handler.events, ElementsAre("goaway INTERNAL_ERROR 1 why"));
  pair.client->Abort(ErrorCode::kCancel);
  EXPECT_THAT(pair.client_handler.events,
              ElementsAre("goaway INTERNAL_ERROR 1 why", "closed 1 CANCEL"));
  EXPECT_TRUE(pair.client->finished());
}

TEST(Session, PingIsAnswered) {
  Pair pair;
  pair.client->Ping({'1', '2', '3', '4', '5', '6', '7', '8'});
  pair.Run();
  EXPECT_THAT(pair.client_handler.events, ElementsAre("ping ack 12345678"));
  EXPECT_THAT(pair.server_handler.events, IsEmpty());
}

TEST(Session, SettingsOfThePeerAreKnown) {
  SessionOptions options;
  options.max_concurrent_streams = 7;
  options.initial_window_size = 70000;
  options.max_frame_size = 20000;
  options.max_header_list_size = 5000;
  Pair pair(options);
  pair.Run();
  const PeerSettings& settings = pair.client->peer_settings();
  EXPECT_EQ(pair.client_handler.settings, 1);
  EXPECT_EQ(settings.max_concurrent_streams, 7u);
  EXPECT_EQ(settings.initial_window_size, 70000u);
  EXPECT_EQ(settings.max_frame_size, 20000u);
  EXPECT_EQ(settings.max_header_list_size, 5000u);
  EXPECT_FALSE(settings.enable_connect_protocol);
}

TEST(Session, StreamsOpenAtDestructionAreFreed) {
  Pair pair;
  pair.Get(Body::Pushed());
  pair.Run();
  EXPECT_EQ(pair.client->open_streams() + pair.server->open_streams(), 2u);
}

}  // namespace
}  // namespace corelane::h2
