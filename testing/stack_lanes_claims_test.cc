// Flows that are not where the table says: they are claimed, and found whatever changes around
// them.

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "testing/stack_lanes_fixture.h"

namespace corelane::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class StackLanesClaimsTest : public StackLanesTest {
 protected:
  // A connection of the client's lane 0 to port 80 whose server's end the table gives to `lane`.
  stack::TcpSocket* ConnectTo(size_t lane) {
    const stack::Steering steering = group(1).steering();
    for (uint16_t port = 7000;; ++port) {
      const tcp::FourTuple tuple{Address(1), Address(0), 80, port};
      if (taken_.contains(port) || !steering.LandsOn(ip::protocol::kTcp, tuple, lane)) continue;
      taken_.insert(port);
      return Connect(0, 80, port);
    }
  }
  void MoveBuckets(size_t side, size_t to) {
    group(side).ChangeSteering([&](stack::Steering& s) {
      for (size_t bucket = 0; bucket < s.table().size(); ++bucket) s.MoveBucket(bucket, to);
    });
  }

  std::set<uint16_t> taken_;
};

INSTANTIATE_TEST_SUITE_P(Cards, StackLanesClaimsTest,
                         ::testing::Combine(::testing::Values(2, 4), ::testing::Bool(),
                                            ::testing::Bool()),
                         &StackLanesTest::Name);

TEST_P(StackLanesClaimsTest, ConnectionsStayWhenListenersComeAndGo) {
  const size_t last = lanes() - 1;
  ASSERT_NE(Listen(last, 81), nullptr);
  std::vector<stack::TcpSocket*> clients;
  for (size_t i = 0; i < 4 * lanes(); ++i) clients.push_back(Connect(i % lanes(), 81));
  ASSERT_TRUE(RunUntilAccepted(clients.size()));
  const auto all_talk = [&] {
    for (stack::TcpSocket* const socket : clients) {
      const Accepted peer = PeerOf(*socket);
      EXPECT_EQ(peer.lane, last);
      Move(*socket, *peer.socket, 5'000);
      Move(*peer.socket, *socket, 5'000);
    }
  };
  for (size_t i = 0; i < last; ++i) ASSERT_NE(Listen(i, 81), nullptr);
  all_talk();
  for (stack::TcpListener* const listener : listeners_) listener->Release();
  listeners_.clear();
  all_talk();
  for (stack::TcpSocket* const socket : clients) {
    const Accepted peer = PeerOf(*socket);
    socket->Abort();
    socket->Release();
    peer.socket->Release();
  }
  RunFor(milliseconds(100));
  EXPECT_EQ(group(1).steering().claims(), 0u);
}

// Accepted on the only lane that listens, and given to the lane where the table has it.
TEST_P(StackLanesClaimsTest, AConnectionMovesHomeWithItsRequestUnderWay) {
  ASSERT_NE(Listen(0, 80), nullptr);
  const Bytes request = Pattern(3000);
  for (int i = 0; i < 20; ++i) {
    stack::TcpSocket* const socket = ConnectTo(1);
    ASSERT_TRUE(RunUntilAccepted(1));
    // It lies in the card's queues and between the lanes when the connection moves.
    ASSERT_EQ(socket->Write(request), request.size());
    client(0).Poll(clock_.Now());
    if (i % 2 == 1) server(1).Poll(clock_.Now());
    ASSERT_EQ(MoveTo(1, accepted_[0]), stack::TcpMoveResult::kMoved);
    Bytes received(request.size());
    size_t n = 0;
    ASSERT_TRUE(RunUntil(
        [&] {
          TakeArrivals(1);
          stack::TcpSocket* const peer = accepted_[0].socket;
          if (peer != nullptr) n += peer->Read(std::span(received).subspan(n));
          return n == request.size() || socket->closed();
        },
        seconds(5)));
    EXPECT_EQ(received, request) << "connection " << i;
    socket->Abort();
    socket->Release();
    accepted_[0].socket->Release();
    accepted_.clear();
  }
  RunFor(milliseconds(100));
  EXPECT_EQ(group(1).steering().claims(), 0u);
}

// A change of its own shows a lane what the others published, in the middle of its turn.
TEST_P(StackLanesClaimsTest, WhatAnEarlyLookShowsHasArrived) {
  ListenEverywhere(80);
  stack::TcpSocket* const socket = ConnectTo(0);
  ASSERT_TRUE(RunUntilAccepted(1));
  ASSERT_EQ(MoveTo(1, accepted_[0]), stack::TcpMoveResult::kMoved);
  ASSERT_TRUE(RunUntil([&] {
    TakeArrivals(1);
    return accepted_[0].socket != nullptr;
  }));
  ASSERT_EQ(MoveTo(0, accepted_[0]), stack::TcpMoveResult::kMoved);
  // A port of its own choice that lands elsewhere: claimed at once.
  stack::TcpSetupError error;
  stack::TcpConnectOptions options;
  const stack::Steering steering = group(1).steering();
  options.local_port = 9000;
  while (
      steering.LandsOn(ip::protocol::kTcp, {Address(1), Address(0), options.local_port, 81}, 0)) {
    ++options.local_port;
  }
  ASSERT_NE(server(0).tcp().Connect({Address(0), 81}, options, error), nullptr);
  ASSERT_EQ(socket->Write(Pattern(100)), 100u);
  client(0).Poll(clock_.Now());
  ASSERT_TRUE(RunUntil(
      [&] {
        TakeArrivals(0);
        return accepted_[0].socket != nullptr && accepted_[0].socket->readable_bytes() >= 100;
      },
      seconds(5)));
  EXPECT_FALSE(socket->closed());
}

TEST_P(StackLanesClaimsTest, AConnectionGoesBeforeTheTimeWaitOfAnEarlierOne) {
  ListenEverywhere(80);
  // The client's end, where the table has it, closes first.
  const stack::Steering steering = group(0).steering();
  uint16_t port = 7000;
  while (!steering.LandsOn(ip::protocol::kTcp, {Address(0), Address(1), port, 80}, 0)) ++port;
  stack::TcpSocket* const old = Connect(0, 80, port);
  ASSERT_TRUE(RunUntilAccepted(1));
  old->Release();
  accepted_[0].socket->Release();
  accepted_.clear();
  ASSERT_TRUE(RunUntil([&] { return client(0).tcp().time_wait() == 1; }));
  RunFor(seconds(2));
  stack::TcpSocket* const fresh = Connect(1, 80, port);
  ASSERT_NE(fresh, nullptr);
  ASSERT_TRUE(RunUntilAccepted(1));
  Move(*fresh, *accepted_[0].socket, 10'000);
  Move(*accepted_[0].socket, *fresh, 10'000);
}

TEST_P(StackLanesClaimsTest, AClaimEndsWithItsConnection) {
  ListenEverywhere(80);
  std::vector<stack::TcpSocket*> clients;
  for (uint16_t port = 5000; port < 5020; ++port) clients.push_back(Connect(0, 80, port));
  ASSERT_TRUE(RunUntilAccepted(clients.size()));
  EXPECT_GT(group(0).steering().claims(), 0u);
  for (const Accepted& a : accepted_) a.socket->Abort();
  RunFor(milliseconds(100));
  EXPECT_EQ(group(0).steering().claims(), 0u) << "the application has not let go of them";
  for (stack::TcpSocket* const socket : clients) EXPECT_TRUE(socket->closed());
}

// As where a device's own table leaves it out.
TEST_P(StackLanesClaimsTest, ALaneWithoutBucketsConnectsAllTheSame) {
  group(0).ChangeSteering([&](stack::Steering& s) {
    for (size_t bucket = 0; bucket < s.table().size(); ++bucket) s.MoveBucket(bucket, 0);
  });
  ListenEverywhere(80);
  Turn();
  stack::TcpSocket* const socket = Connect(1, 80);
  ASSERT_NE(socket, nullptr);
  ASSERT_TRUE(RunUntilAccepted(1));
  Move(*socket, *accepted_[0].socket, 5'000);
  Move(*accepted_[0].socket, *socket, 5'000);
}

// Flows of another lane may still be in a bucket that has moved.
TEST_P(StackLanesClaimsTest, PortsOfBucketsThatMovedAreNotChosen) {
  ListenEverywhere(80);
  std::vector<stack::TcpSocket*> before;
  for (size_t i = 0; i < 50; ++i) before.push_back(Connect(0, 80));
  ASSERT_TRUE(RunUntilAccepted(before.size()));
  group(0).ChangeSteering([&](stack::Steering& s) {
    for (size_t bucket = 0; bucket < s.table().size(); bucket += 2) s.MoveBucket(bucket, 1);
  });
  Turn();
  const stack::Steering steering = group(0).steering();
  for (size_t i = 0; i < 200; ++i) {
    stack::TcpSocket* const socket = Connect(1, 80);
    ASSERT_NE(socket, nullptr);
    EXPECT_TRUE(steering.SettledOn(ip::protocol::kTcp, socket->tuple(), 1));
  }
}

TEST_P(StackLanesClaimsTest, ACookieComesBackToAnotherLane) {
  stack::TcpSetupError error;
  for (size_t i = 0; i < lanes(); ++i) {
    listeners_.push_back(server(i).tcp().Listen({Address(1), 80}, 1, error));
    listener_lane_.push_back(i);
  }
  // One that is never finished fills the queue of those that begin; the other is told a cookie.
  ASSERT_NE(ConnectTo(0), nullptr);
  ASSERT_TRUE(RunUntilAccepted(1));  // neighbors are known from here on
  stack::TcpSocket* const first = ConnectTo(0);
  stack::TcpSocket* const second = ConnectTo(0);
  const auto cookies = [&] { return server(0).tcp().counters().syn_cookies_out.value(); };
  // Where other lanes hand them over, the two do not come at once.
  if (card_agrees()) ASSERT_TRUE(RunUntil([&] { return cookies() > 0; }));
  MoveBuckets(1, 1);
  for (size_t i = 0; i < lanes(); ++i) server(i).Poll(clock_.Now());
  ASSERT_TRUE(RunUntilAccepted(3));
  for (stack::TcpSocket* const socket : {first, second}) {
    Move(*socket, *PeerOf(*socket).socket, 5'000);
    Move(*PeerOf(*socket).socket, *socket, 5'000);
  }
  if (card_agrees()) {
    EXPECT_EQ(server(1).tcp().counters().syn_cookies_in.value(), 1u);
  }
}

// All lanes have the port; one has a peer there.
TEST_P(StackLanesClaimsTest, DatagramsOfAPeerComeToTheSocketThatHasIt) {
  std::vector<udp::UdpSocket*> servers;
  for (size_t i = 0; i < lanes(); ++i) {
    servers.push_back(server(i).udp().Open({}));
    ASSERT_EQ(server(i).udp().Bind(*servers[i], {Address(1), 5000}), udp::BindResult::kOk);
  }
  const stack::Steering steering = group(1).steering();
  uint16_t port = 6000;
  while (steering.LandsOn(ip::protocol::kUdp, {Address(1), Address(0), 5000, port}, 1)) ++port;
  udp::UdpSocket* const peer = client(0).udp().Open({});
  ASSERT_EQ(client(0).udp().Bind(*peer, {Address(0), port}), udp::BindResult::kOk);
  // Where several sockets of a lane have the port, the connected one's datagrams are its own.
  ASSERT_EQ(server(1).udp().Connect(*servers[1], {Address(0), port}), udp::BindResult::kOk);
  Turn();
  ASSERT_TRUE(RunUntil([&] {
    return client(0).udp().Send(*peer, Pattern(10), Endpoint{Address(1), 5000}, clock_.Now()) ==
           stack::UdpSendResult::kOk;
  }));
  ASSERT_TRUE(RunUntil([&] { return servers[1]->readable(); }, seconds(5)));
  server(1).udp().Close(servers[1]);
  EXPECT_EQ(group(1).steering().claims(), 0u);
}

}  // namespace
}  // namespace corelane::testing
