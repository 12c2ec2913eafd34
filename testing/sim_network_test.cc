#include "testing/sim_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

namespace corelane::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint16_t kPort = 80;

// Two hosts; the client sends `bytes` to the server, which reads them.
struct Exchange {
  explicit Exchange(uint64_t seed, const SimLinkOptions& options = SimLinkOptions(),
                    size_t capture_frames = SimNetwork::kCaptureFrames)
      : net(seed, capture_frames) {
    const int client = net.AddHost();
    const int server = net.AddHost();
    link = &net.Connect(client, server, options);
    stack::TcpSetupError error;
    listener = net.host(server).tcp().Listen({link->address(1, false), kPort}, 4, error);
    socket = net.host(client).tcp().Connect({link->address(1, false), kPort}, {}, error);
  }

  bool Run(size_t bytes, Duration limit = minutes(5)) {
    const Bytes data(bytes, 'x');
    size_t sent = 0;
    return net.RunUntil(
        [&] {
          if (socket->connected()) sent += socket->Write(std::span(data).subspan(sent));
          if (accepted == nullptr) accepted = listener->Accept();
          uint8_t buffer[4096];
          while (accepted != nullptr) {
            const size_t n = accepted->Read(buffer);
            received += n;
            if (n == 0) break;
          }
          return received == bytes;
        },
        limit);
  }

  SimNetwork net;
  SimLink* link = nullptr;
  stack::TcpListener* listener = nullptr;
  stack::TcpSocket* socket = nullptr;
  stack::TcpSocket* accepted = nullptr;
  size_t received = 0;
};

SimLinkOptions BadLink() {
  SimLinkOptions options;
  for (SimPath& path : options.path) {
    path.loss = 0.05;
    path.duplicate = 0.05;
    path.reorder = 0.1;
    path.corrupt = 0.02;
    path.jitter = milliseconds(2);
    path.bandwidth = 20'000'000;
  }
  options.stall = 0.01;
  return options;
}

TEST(SimNetworkTest, TheClockJumpsFromEventToEvent) {
  SimNetwork net(1);
  net.AddHost();
  const Instant start = net.now();
  int looks = 0;
  EXPECT_FALSE(net.RunUntil(
      [&] {
        ++looks;
        return false;
      },
      seconds(3600)));
  EXPECT_EQ(net.now() - start, seconds(3600));
  EXPECT_LT(looks, 100);
}

TEST(SimNetworkTest, StopsWhereItIsToldTo) {
  SimNetwork net(1);
  net.AddHost();
  const Instant at = net.now() + milliseconds(1234);
  net.WakeAt(at + seconds(1));
  net.WakeAt(at);
  net.WakeAt(at);
  EXPECT_TRUE(net.RunUntil([&] { return net.now() >= at; }));
  EXPECT_EQ(net.now(), at);
}

TEST(SimNetworkTest, RoundTripsTakeTheirTime) {
  SimLinkOptions options;
  options.path[0].delay = milliseconds(30);
  options.path[1].delay = milliseconds(50);
  Exchange x(1, options);
  const Instant start = x.net.now();
  EXPECT_TRUE(x.net.RunUntil([&] { return x.socket->connected(); }));
  // ARP, then the handshake.
  EXPECT_EQ(x.net.now() - start, milliseconds(160));
}

TEST(SimNetworkTest, TheSameSeedGivesTheSameFrames) {
  Exchange first(5, BadLink());
  Exchange second(5, BadLink());
  Exchange other(6, BadLink());
  for (Exchange* x : {&first, &second, &other}) EXPECT_TRUE(x->Run(100'000));
  EXPECT_GT(first.net.frames(), 100u);
  EXPECT_EQ(first.net.frames(), second.net.frames());
  EXPECT_EQ(first.net.trace_hash(), second.net.trace_hash());
  EXPECT_EQ(first.net.now(), second.net.now());
  EXPECT_NE(first.net.trace_hash(), other.net.trace_hash());
}

TEST(SimNetworkTest, TheHashSeesEveryFrame) {
  Exchange whole(5);
  Exchange shorter(5);
  EXPECT_TRUE(whole.Run(5001));
  EXPECT_TRUE(shorter.Run(5000));
  EXPECT_NE(whole.net.trace_hash(), shorter.net.trace_hash());
}

TEST(SimNetworkTest, DropsWhatTheFilterSays) {
  Exchange x(1);
  int dropped = 0;
  x.net.filter = [&](const SimFrame& frame) {
    if (frame.bytes.size() < 1000 || dropped > 0) return true;
    ++dropped;
    return false;
  };
  EXPECT_TRUE(x.Run(20'000));
  EXPECT_EQ(dropped, 1);
  EXPECT_EQ(x.net.host(0).tcp().counters().retransmitted_segments.value(), 1u);
}

TEST(SimNetworkTest, AJumpOfTheClockIsSurvived) {
  Exchange x(1);
  EXPECT_TRUE(x.net.RunUntil([&] { return x.socket->connected(); }));
  x.net.JumpClock(seconds(30));
  EXPECT_TRUE(x.Run(20'000));
}

TEST(SimNetworkTest, ConnectsThreeHosts) {
  SimNetwork net(1);
  const int left = net.AddHost();
  const int middle = net.AddHost();
  const int right = net.AddHost();
  SimLink& a = net.Connect(left, middle);
  SimLink& b = net.Connect(middle, right);
  EXPECT_EQ(net.hosts(), 3u);
  std::vector<stack::TcpSocket*> sockets;
  for (SimLink* const link : {&a, &b}) {
    const int client = link == &a ? left : right;
    const int end = link == &a ? 1 : 0;  // the middle's
    stack::TcpSetupError error;
    ASSERT_NE(net.host(middle).tcp().Listen({link->address(end, true), kPort}, 4, error), nullptr);
    sockets.push_back(net.host(client).tcp().Connect({link->address(end, true), kPort}, {}, error));
    ASSERT_NE(sockets.back(), nullptr);
  }
  EXPECT_TRUE(net.RunUntil([&] { return sockets[0]->connected() && sockets[1]->connected(); }));
}

TEST(SimNetworkTest, KeepsTheLastFramesForACapture) {
  Exchange x(1, SimLinkOptions(), 10);
  EXPECT_TRUE(x.Run(50'000));
  ASSERT_GT(x.net.frames(), 10u);
  const std::string path = x.net.SaveCapture("sim_network_test.pcap");
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path;
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto u32 = [&](size_t at) {
    uint32_t value;
    std::memcpy(&value, &bytes[at], 4);
    return value;
  };
  ASSERT_GE(bytes.size(), 24u);
  EXPECT_EQ(u32(0), 0xa1b23c4du);  // nanoseconds
  size_t records = 0;
  uint64_t last = 0;
  for (size_t at = 24; at + 16 <= bytes.size(); at += 16 + u32(at + 8)) {
    const uint64_t time = u32(at) * 1'000'000'000ull + u32(at + 4);
    EXPECT_GE(time, last);
    last = time;
    ++records;
  }
  EXPECT_EQ(records, 10u);
  EXPECT_LE(last, static_cast<uint64_t>(x.net.now().time_since_epoch().count()));
}

TEST(SimNetworkTest, SaysWhyACaptureCannotBeWritten) {
  SimNetwork net(1);
  const std::string problem = net.SaveCapture("no/such/folder/x.pcap");
  EXPECT_THAT(problem, ::testing::HasSubstr("no/such/folder/x.pcap"));
  EXPECT_FALSE(std::ifstream(problem));
}

TEST(SimNetworkTest, HostsGiveTheirPacketsBack) {
  Exchange x(3, BadLink());
  x.Run(50'000);
  x.net.DestroyHosts();
  EXPECT_EQ(x.link->pool(0).in_use(), 0u);
  EXPECT_EQ(x.link->pool(1).in_use(), 0u);
}

}  // namespace
}  // namespace corelane::testing
