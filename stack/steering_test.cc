#include "stack/steering.h"

#include <array>
#include <vector>

#include "gtest/gtest.h"
#include "ip/protocol.h"

namespace corelane::stack {
namespace {

using ip::protocol::kTcp;
using ip::protocol::kUdp;

std::vector<uint8_t> RoundRobin(size_t buckets, size_t lanes) {
  std::vector<uint8_t> table(buckets);
  for (size_t i = 0; i < buckets; ++i) table[i] = static_cast<uint8_t>(i % lanes);
  return table;
}

tcp::FourTuple Tuple(uint16_t local_port, uint16_t remote_port) {
  return {*IpAddress::Parse("10.0.0.1"), *IpAddress::Parse("10.0.0.2"), local_port, remote_port};
}

class SteeringTest : public ::testing::Test {
 protected:
  // Follows a packet that came to `lane` until someone answers or drops it, with nobody knowing its
  // flow.
  std::vector<size_t> Walk(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane) const {
    std::vector<size_t> way{lane};
    Journey journey;
    for (;;) {
      const auto next =
          steering_.Next(protocol, tuple, steering_.Hash(protocol, tuple), journey, lane);
      if (!next || *next == lane) return way;
      journey = journey.From(lane);
      lane = *next;
      way.push_back(lane);
    }
  }
  // A tuple with the local port that lands on `lane`.
  tcp::FourTuple TupleFor(size_t lane, uint16_t local_port = 80) const {
    uint16_t port = 1000;
    while (!steering_.LandsOn(kTcp, Tuple(local_port, port), lane)) ++port;
    return Tuple(local_port, port);
  }

  Steering steering_{Toeplitz::kSymmetricKey, RoundRobin(128, 4), 4};
};

TEST_F(SteeringTest, ThePacketGoesHomeAtOnce) {
  for (size_t home = 0; home < 4; ++home) {
    const tcp::FourTuple tuple = TupleFor(home);
    for (size_t at = 0; at < 4; ++at) {
      const std::vector<size_t> way = Walk(kTcp, tuple, at);
      EXPECT_EQ(way.back(), home);
      EXPECT_EQ(way.size(), at == home ? 1u : 2u);
    }
  }
}

TEST_F(SteeringTest, BothEndsOfAFlowAgree) {
  for (uint16_t port = 1000; port < 1100; ++port) {
    const tcp::FourTuple here = Tuple(80, port);
    const tcp::FourTuple there{here.remote, here.local, here.remote_port, here.local_port};
    EXPECT_EQ(steering_.Hash(kTcp, here), steering_.Hash(kTcp, there));
  }
}

TEST_F(SteeringTest, ClaimedFlowsAreAskedForFirst) {
  const tcp::FourTuple tuple = TupleFor(1);
  steering_.Claim(kTcp, tuple, 3);
  // While 3 has the flow no more, or not yet, the packet looks for it there a few times.
  EXPECT_EQ(Walk(kTcp, tuple, 1), (std::vector<size_t>{1, 3, 1, 3, 1, 3, 1, 3, 1}));
  EXPECT_EQ(Walk(kTcp, tuple, 0), (std::vector<size_t>{0, 3, 1, 3, 1, 3, 1, 3, 1}));
  EXPECT_EQ(Walk(kUdp, tuple, 1), (std::vector<size_t>{1}));
  steering_.Claim(kTcp, tuple, 2);
  EXPECT_EQ(steering_.claims(), 1u);
  steering_.Unclaim(kTcp, tuple, 3);
  EXPECT_EQ(steering_.claims(), 1u) << "it is no longer 3's";
  steering_.Unclaim(kTcp, tuple, 2);
  EXPECT_EQ(Walk(kTcp, tuple, 1), (std::vector<size_t>{1}));
}

TEST_F(SteeringTest, PortsCountOnlyWhereTheDeviceHashesThem) {
  Steering steering(Toeplitz::kSymmetricKey, RoundRobin(128, 4), 4, {.tcp = true, .udp = false});
  const uint32_t addresses = steering.Hash(Tuple(1, 1).remote, Tuple(1, 1).local);
  std::array<int, 4> count{};
  for (uint16_t port = 1000; port < 1100; ++port) {
    EXPECT_EQ(steering.Hash(kUdp, Tuple(53, port)), addresses);
    ++count[steering.LaneOf(steering.Hash(kTcp, Tuple(53, port)))];
  }
  for (const int n : count) EXPECT_GT(n, 10);
  // Claims are found by all of the tuple: many between two hosts do not meet in one place.
  for (uint16_t port = 1000; port < 1100; ++port) {
    steering.Claim(kUdp, Tuple(53, port), port % 4);
  }
  for (uint16_t port = 1000; port < 1100; ++port) {
    const size_t lane = port % 4;
    const size_t other = (lane + 1) % 4;
    EXPECT_EQ(steering.Next(kUdp, Tuple(53, port), addresses, Journey(), other), lane);
    steering.Unclaim(kUdp, Tuple(53, port), lane);
  }
  EXPECT_EQ(steering.claims(), 0u);
}

TEST_F(SteeringTest, MovedBucketsAskWhereTheyWere) {
  const tcp::FourTuple tuple = TupleFor(1);
  const size_t bucket = steering_.BucketOf(steering_.Hash(kTcp, tuple));
  steering_.MoveBucket(bucket, 2);
  EXPECT_EQ(Walk(kTcp, tuple, 2), (std::vector<size_t>{2, 1, 2}));
  EXPECT_EQ(Walk(kTcp, tuple, 1), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(Walk(kTcp, tuple, 0), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(steering_.Previous(bucket), 1u);
  steering_.ForgetPrevious(bucket);
  EXPECT_EQ(Walk(kTcp, tuple, 2), (std::vector<size_t>{2}));
}

TEST_F(SteeringTest, WhereOneLaneListensItGetsEverything) {
  steering_.AddPort(kTcp, 80, 2);
  for (size_t landing = 0; landing < 4; ++landing) {
    const std::vector<size_t> way = Walk(kTcp, TupleFor(landing), landing);
    EXPECT_EQ(way.back(), 2u);
    EXPECT_EQ(Walk(kTcp, TupleFor(landing, 81), landing).back(), landing) << "another port";
  }
}

TEST_F(SteeringTest, WhereSomeLanesListenTheOthersFlowsSpreadOverThem) {
  steering_.AddPort(kTcp, 80, 0);
  steering_.AddPort(kTcp, 80, 2);
  steering_.AddPort(kTcp, 80, 2);
  std::array<int, 4> count{};
  for (uint16_t port = 1000; port < 3000; ++port) ++count[Walk(kTcp, Tuple(80, port), 1).back()];
  EXPECT_EQ(count[1] + count[3], 0);
  EXPECT_GT(count[0], 800);
  EXPECT_GT(count[2], 800);
  steering_.RemovePort(kTcp, 80, 2);
  EXPECT_EQ(Walk(kTcp, TupleFor(2), 1).back(), 2u) << "one of two listeners is left";
  steering_.RemovePort(kTcp, 80, 2);
  EXPECT_EQ(Walk(kTcp, TupleFor(2), 1).back(), 0u);
  steering_.RemovePort(kTcp, 80, 0);
  EXPECT_EQ(Walk(kTcp, TupleFor(3), 1).back(), 3u) << "nobody listens: home says so";
}

TEST_F(SteeringTest, EphemeralUdpPortsTellTheirLane) {
  EXPECT_EQ(Walk(kUdp, Tuple(50003, 53), 0).back(), 50003u % 4);
  steering_.AddPort(kUdp, 50003, 1);
  EXPECT_EQ(Walk(kUdp, Tuple(50003, 53), 0).back(), 1u) << "it was chosen, not drawn";
}

TEST_F(SteeringTest, Ipv6FlowsSpreadAsWell) {
  std::array<int, 4> count{};
  for (uint16_t port = 1000; port < 3000; ++port) {
    const tcp::FourTuple tuple{*IpAddress::Parse("fd00::1"), *IpAddress::Parse("fd00::2"), 80,
                               port};
    ++count[steering_.LaneOf(steering_.Hash(kTcp, tuple))];
  }
  for (int n : count) EXPECT_GT(n, 400);
}

}  // namespace
}  // namespace corelane::stack
