// Lanes against our own server over streams in memory, in manual time.

#include "examples/loadgen/lane.h"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/loadgen/link.h"
#include "http/memory_stream.h"
#include "http/serve.h"

namespace corelane::load {
namespace {

namespace asio = boost::asio;
using http::testing::ManualTime;
using http::testing::ManualTimer;
using http::testing::MemoryStream;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TestClock final : public Clock {
 public:
  Instant Now() const override { return Instant(ManualTime::Get().now()); }
};

// Who is asked for connections, and takes the other ends.
struct Network {
  asio::io_context context;
  std::function<void(MemoryStream)> accept;
  bool refuses = false;
  size_t accepted = 0;
};

class MemoryTransport {
 public:
  using Stream = MemoryStream;

  explicit MemoryTransport(Network& network) : network_(network) {}

  auto get_executor() const { return network_.context.get_executor(); }
  bool secure() const { return false; }
  std::string_view alpn(Stream&) const { return {}; }
  Stream NewStream() {
    auto [client, server] = http::testing::MakeStreamPair(get_executor());
    if (!network_.refuses) {
      ++network_.accepted;
      network_.accept(std::move(server));
    }
    return std::move(client);
  }
  template <class Handler>
  void Connect(Stream&, Handler handler) {
    boost::system::error_code error;
    if (network_.refuses) error = asio::error::connection_refused;
    asio::post(get_executor(), [=] { handler(error, Failure::kConnect); });
  }

 private:
  Network& network_;
};

class LaneTest : public ::testing::Test {
 protected:
  LaneTest() {
    request_.url = *Url::Parse("http://h/hello");
    plan_.timeout = seconds(1);
    router_.Get("/hello", [](const http::Request&) { return http::Response::Text("hello"); });
    network_.accept = [this](MemoryStream stream) {
      http::StartConnection<MemoryStream, ManualTimer>(std::move(stream), router_,
                                                       http::ServerOptions(), group_);
    };
  }
  ~LaneTest() override {
    lane_.reset();
    held_.clear();
    Poll();
    ManualTime::Get().Advance(seconds(60));
    Poll();
    EXPECT_EQ(group_->size(), 0u) << "a connection is left";
  }

  void Start(bool http2 = false) {
    lane_ = std::make_unique<LaneOver<MemoryTransport, ManualTimer>>(plan_, request_, http2, clock_,
                                                                     MemoryTransport(network_));
    lane_->Run([] {}, [this] { ++over_; });
  }
  void Poll() {
    network_.context.restart();
    network_.context.poll();
  }
  void RunFor(Duration time) {
    for (Duration passed{}; passed < time && over_ == 0; passed += milliseconds(1)) {
      Poll();
      lane_->Dispatch();
      Poll();
      ManualTime::Get().Advance(milliseconds(1));
    }
    Poll();
  }
  void RunUntilOver() {
    RunFor(seconds(60));
    EXPECT_EQ(over_, 1);
    EXPECT_TRUE(lane_->over());
    EXPECT_EQ(lane_->pacer().outstanding(), 0u);
  }
  const Tally& tally() { return lane_->pacer().tally(); }
  uint64_t failures(Failure failure) { return tally().failures[static_cast<size_t>(failure)]; }
  // A server that takes connections and says nothing.
  void HoldAll() {
    network_.accept = [this](MemoryStream stream) { held_.push_back(std::move(stream)); };
  }

  Network network_;
  TestClock clock_;
  http::Router router_;
  std::shared_ptr<http::ConnectionGroup> group_ = std::make_shared<http::ConnectionGroup>();
  std::vector<MemoryStream> held_;
  Request request_;
  Plan plan_;
  std::unique_ptr<Lane> lane_;
  int over_ = 0;
};

TEST_F(LaneTest, ClosedLoop) {
  plan_.connections = 4;
  plan_.requests = 100;
  Start();
  RunUntilOver();
  EXPECT_EQ(tally().answered, 100u);
  EXPECT_EQ(tally().by_status[200], 100u);
  EXPECT_EQ(tally().body_bytes, 500u);
  EXPECT_EQ(tally().failed(), 0u);
  EXPECT_EQ(tally().connections, 4u);
  EXPECT_EQ(tally().connect.count(), 4u);
}

TEST_F(LaneTest, Pipelining) {
  plan_.connections = 2;
  plan_.depth = 8;
  plan_.requests = 1001;
  Start();
  RunUntilOver();
  EXPECT_EQ(tally().answered, 1001u);
  EXPECT_EQ(tally().failed(), 0u);
}

TEST_F(LaneTest, Http2) {
  plan_.connections = 2;
  plan_.depth = 8;
  plan_.requests = 1001;
  Start(/*http2=*/true);
  RunUntilOver();
  EXPECT_EQ(tally().answered, 1001u);
  EXPECT_EQ(tally().failed(), 0u);
  EXPECT_EQ(network_.accepted, 2u);
}

TEST_F(LaneTest, OpenLoop) {
  for (const bool http2 : {false, true}) {
    over_ = 0;
    plan_.connections = 4;
    plan_.seconds = seconds(1);
    plan_.rate = 1000;
    Start(http2);
    RunUntilOver();
    EXPECT_EQ(tally().answered, 1000u);
    EXPECT_EQ(tally().unsent, 0u);
    EXPECT_EQ(tally().failed(), 0u);
    // The test itself looks once a millisecond.
    EXPECT_LE(tally().response.max(), milliseconds(2));
    EXPECT_EQ(lane_->pacer().measured(clock_.Now()), seconds(1));
  }
}

TEST_F(LaneTest, ConnectsAgainWhereTheServerCloses) {
  request_.fields = {{"connection", "close"}};
  plan_.connections = 2;
  plan_.requests = 20;
  Start();
  RunUntilOver();
  EXPECT_EQ(tally().answered, 20u);
  EXPECT_EQ(tally().failed(), 0u);
  EXPECT_GE(tally().connections, 20u);
}

TEST_F(LaneTest, EndsWhereNothingCanBeConnectedTo) {
  network_.refuses = true;
  plan_.connections = 3;
  plan_.seconds = seconds(10);
  Start();
  RunUntilOver();
  EXPECT_EQ(failures(Failure::kConnect), 3u);
  EXPECT_EQ(tally().answered, 0u);
}

TEST_F(LaneTest, TriesAgainWhereTheServerGoesAndComesBack) {
  plan_.connections = 2;
  plan_.seconds = seconds(3);
  plan_.rate = 100;
  Start();
  RunFor(seconds(1));
  network_.refuses = true;
  group_->Close();
  RunFor(seconds(1));
  EXPECT_GT(failures(Failure::kConnect), 2u);
  network_.refuses = false;
  RunUntilOver();
  // All that was due was sent late, but sent.
  EXPECT_EQ(tally().answered + failures(Failure::kClosed), 300u);
  EXPECT_GE(tally().response.max(), milliseconds(900));
}

TEST_F(LaneTest, GivesUpWhereTheServerStaysAway) {
  plan_.connections = 2;
  plan_.requests = 1000;
  plan_.rate = 100;
  Start();
  RunFor(seconds(1));
  network_.refuses = true;
  group_->Close();
  RunUntilOver();
  EXPECT_GT(failures(Failure::kConnect), 0u);
  EXPECT_GE(tally().answered, 99u);
  // What was due until it gave up.
  EXPECT_GE(tally().unsent, 99u);
  EXPECT_LE(tally().unsent, 102u);
}

TEST_F(LaneTest, AServerThatClosesAtOnce) {
  network_.accept = [](MemoryStream stream) { stream.close(); };
  plan_.connections = 2;
  plan_.requests = 6;
  Start();
  RunUntilOver();
  EXPECT_EQ(failures(Failure::kClosed), 6u);
}

TEST_F(LaneTest, AServerThatSaysNothing) {
  for (const bool http2 : {false, true}) {
    over_ = 0;
    HoldAll();
    plan_.connections = 2;
    plan_.requests = 2;
    Start(http2);
    RunUntilOver();
    EXPECT_EQ(failures(Failure::kTimeout), 2u);
    EXPECT_EQ(tally().answered, 0u);
  }
}

TEST_F(LaneTest, Stops) {
  plan_.connections = 2;
  plan_.seconds = seconds(1000);
  plan_.rate = 100;
  Start();
  RunFor(seconds(1));
  lane_->Stop();
  RunFor(seconds(1));
  EXPECT_EQ(over_, 1);
  EXPECT_EQ(tally().failed(), 0u);
  EXPECT_GE(tally().answered, 99u);
  EXPECT_LE(lane_->pacer().measured(clock_.Now()), milliseconds(1001));
}

TEST_F(LaneTest, MayBeDestroyedAtAnyTime) {
  for (int steps = 0; steps < 20; ++steps) {
    plan_.connections = 3;
    plan_.depth = 2;
    plan_.requests = 1000;
    Start(steps % 2 == 1);
    network_.context.restart();
    for (int i = 0; i < steps; ++i) network_.context.poll_one();
    lane_.reset();
    Poll();
  }
  plan_.requests = 1;
  plan_.connections = 1;
  Start();
  RunUntilOver();
}

}  // namespace
}  // namespace corelane::load
