// Flow control, backpressure and bodies that are pulled.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "http/h2/session_test_fixture.h"

namespace corelane::h2 {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using namespace testing;  // The fixture's frames.

SessionOptions Windows(uint32_t stream, uint32_t connection) {
  SessionOptions options;
  options.initial_window_size = stream;
  options.connection_window_size = connection;
  return options;
}

// Gives `text`, in pieces of `piece` bytes.
class TextSource final : public DataSource {
 public:
  TextSource(std::string text, size_t piece) : text_(std::move(text)), piece_(piece) {}
  Result Read(Stream& stream, std::span<char> out) override {
    if (at_end) at_end(stream);
    if (fail) return {Result::Kind::kFailed, 0};
    if (pending) return {Result::Kind::kPending, 0};
    const size_t size = std::min({out.size(), piece_, text_.size() - at_});
    std::copy_n(text_.data() + at_, size, out.data());
    at_ += size;
    return {at_ == text_.size() ? Result::Kind::kEnd : Result::Kind::kData, size};
  }

  bool pending = false;
  bool fail = false;
  std::function<void(Stream&)> at_end;

 private:
  std::string text_;
  size_t piece_;
  size_t at_ = 0;
};

TEST(Flow, AStreamStallsUntilTheUserConsumes) {
  Pair pair(Windows(1000, 100000));
  pair.Run();
  Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
  EXPECT_EQ(pair.client->Write(*stream, std::string(2500, 'x'), true), 2500u);
  pair.Run();
  Stream& at_server = *pair.server_handler.last;
  EXPECT_EQ(at_server.unconsumed(), 1000u);
  pair.server->Consume(at_server, 700);
  EXPECT_EQ(at_server.unconsumed(), 300u);
  pair.Run();
  EXPECT_EQ(pair.server_handler.body.size(), 1700u);
  pair.server->Consume(at_server, at_server.unconsumed());
  pair.Run();
  EXPECT_EQ(pair.server_handler.body.size(), 2500u);
}

TEST(Flow, ConsumingMoreThanWasReceivedOpensNoMore) {
  Pair pair(Windows(1000, 100000));
  pair.Run();
  Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
  pair.client->Write(*stream, std::string(5000, 'x'), true);
  pair.Run();
  pair.server->Consume(*pair.server_handler.last, SIZE_MAX);
  pair.Run();
  EXPECT_EQ(pair.server_handler.body.size(), 2000u);
}

TEST(Flow, TheConnectionsWindowIsSharedByStreams) {
  Pair pair(Windows(100000, 65535));
  pair.Run();
  for (int i = 0; i < 2; ++i) {
    Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
    EXPECT_EQ(pair.client->Write(*stream, std::string(60000, 'x'), true), 60000u);
  }
  pair.Run();
  EXPECT_EQ(pair.server_handler.body.size(), 65535u);
}

TEST(Flow, ClosedStreamsGiveTheirPartOfTheConnectionsWindowBack) {
  Pair pair(Windows(100000, 65535));
  pair.Run();
  for (int i = 0; i < 5; ++i) {
    Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
    pair.client->Write(*stream, std::string(60000, 'x'), true);
    pair.Run();
    ASSERT_EQ(pair.server_handler.body.size(), 60000u) << i;
    pair.server_handler.body.clear();
    pair.server->Reset(*pair.server_handler.last, ErrorCode::kCancel);
    pair.Run();
  }
}

TEST(Flow, DataAfterOurResetGivesItsWindowBack) {
  Pair pair(Windows(100000, 65535));
  pair.Run();
  for (int i = 0; i < 5; ++i) {
    Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
    pair.Run();
    pair.server->Reset(*pair.server_handler.last, ErrorCode::kCancel);
    const std::string reset = testing::TakeOutput(*pair.server);
    pair.client->Write(*stream, std::string(60000, 'x'), true);
    Pair::Move(*pair.client, *pair.server, SIZE_MAX, testing::kStart);
    pair.client->Receive(reset, testing::kStart);
    pair.Run();
  }
  Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
  pair.client->Write(*stream, std::string(20000, 'y'), true);
  pair.Run();
  EXPECT_EQ(pair.server_handler.body.size(), 20000u);
}

TEST(Flow, WriteTakesWhatFitsAndTellsWhenThereIsRoom) {
  SessionOptions options;
  options.send_buffer_size = 1000;
  Pair pair({}, options);
  pair.Run();
  Stream* stream = pair.Get(Body::Pushed(), {}, "POST");
  EXPECT_EQ(pair.client->Write(*stream, std::string(1500, 'x'), true), 1000u);
  EXPECT_EQ(pair.client->Write(*stream, "y", true), 0u);
  int calls = 0;
  pair.client_handler.on_writable = [&](Stream& writable) {
    ++calls;
    EXPECT_EQ(pair.client->Write(writable, std::string(500, 'x'), true), 500u);
  };
  pair.Run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(pair.server_handler.body, std::string(1500, 'x'));
  EXPECT_THAT(pair.server_handler.events, Contains("data 500 end"));
}

TEST(Flow, OutputIsBoundedWhateverThePeersWindow) {
  SessionOptions server;
  server.initial_window_size = server.connection_window_size = 100 << 20;
  SessionOptions client;
  client.output_size = 32 << 10;
  Pair pair(server, client);
  pair.Run();
  TextSource source(std::string(10 << 20, 'x'), SIZE_MAX);
  pair.Get(Body::From(source), {}, "POST");
  EXPECT_LE(pair.client->Output().size(), size_t{64} << 10);
  pair.server_handler.log_data = false;
  pair.Run();
  EXPECT_EQ(pair.server_handler.body.size(), size_t{10} << 20);
}

TEST(Flow, PulledBodyEndsWithItsLastByte) {
  Pair pair;
  TextSource source("abcdef", 4);
  pair.Get(Body::From(source), {}, "POST");
  pair.Run();
  EXPECT_THAT(pair.server_handler.events,
              ElementsAre("request 1 POST http a /", "data 4", "data 2 end"));
}

TEST(Flow, PulledBodyWaitsUntilItIsResumed) {
  Pair pair;
  TextSource source("abc", 100);
  source.pending = true;
  Stream* stream = pair.Get(Body::From(source), {}, "POST");
  pair.Run();
  EXPECT_EQ(pair.server_handler.body, "");
  source.pending = false;
  pair.Run();
  EXPECT_EQ(pair.server_handler.body, "");
  pair.client->Resume(*stream);
  pair.Run();
  EXPECT_EQ(pair.server_handler.body, "abc");
}

TEST(Flow, ASourceMaySubmitTrailersAsItEnds) {
  Pair pair;
  TextSource source("abc", 100);
  source.at_end = [&](Stream& stream) {
    const HeaderField fields[] = {{"t", "1"}};
    EXPECT_EQ(pair.client->SubmitTrailers(stream, fields), SubmitResult::kOk);
  };
  pair.Get(Body::From(source), {}, "POST");
  pair.Run();
  EXPECT_THAT(pair.server_handler.events,
              ElementsAre("request 1 POST http a /", "data 3", "trailers t=1"));
}

TEST(Flow, ASourceThatFailsResetsItsStream) {
  Pair pair;
  TextSource source("abc", 100);
  source.fail = true;
  pair.Get(Body::From(source), {}, "POST");
  pair.Run();
  EXPECT_THAT(pair.server_handler.events,
              ElementsAre("request 1 POST http a /", "closed 1 INTERNAL_ERROR"));
  EXPECT_THAT(pair.client_handler.events, ElementsAre("closed 1 INTERNAL_ERROR"));
}

TEST(Flow, SettingsThatLiftAWindowAboveTheLargestAreAConnectionError) {
  LoneServer server;
  server.Start();
  server.Receive(Request(1) + Frame(kWindowUpdate, 0, 1, Be(0x7fffffff - 65535, 4)));
  EXPECT_THAT(server.Answer(Frame(kSettings, 0, 0, Be(4, 2) + Be(65535, 4))),
              ElementsAre("SETTINGS 0 ACK"));
  EXPECT_THAT(server.Answer(Frame(kSettings, 0, 0, Be(4, 2) + Be(65536, 4))),
              Contains("GOAWAY 0 FLOW_CONTROL_ERROR"));
}

TEST(Flow, SettingsMayLowerAndLiftAWindowBelowTheLargest) {
  LoneServer server;
  server.Start();
  server.Receive(Request(1) + Frame(kWindowUpdate, 0, 1, Be(0x7fffffff - 65535, 4)));
  const auto initial = [](uint32_t size) { return Frame(kSettings, 0, 0, Be(4, 2) + Be(size, 4)); };
  EXPECT_THAT(server.Answer(initial(0) + initial(65535)),
              ElementsAre("SETTINGS 0 ACK", "SETTINGS 0 ACK"));
}

}  // namespace
}  // namespace corelane::h2
