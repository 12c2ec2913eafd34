// Several lanes behind one card, on both sides of a wire: every flow has one owner, wherever the
// card puts its packets.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "testing/stack_lanes_fixture.h"

namespace corelane::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

INSTANTIATE_TEST_SUITE_P(Cards, StackLanesTest,
                         ::testing::Combine(::testing::Values(2, 4), ::testing::Bool(),
                                            ::testing::Bool()),
                         &StackLanesTest::Name);

TEST_P(StackLanesTest, ConnectionsSpreadEvenlyAndStayAtHome) {
  ListenEverywhere(80);
  constexpr size_t kConnections = 200;
  std::vector<stack::TcpSocket*> clients;
  for (size_t i = 0; i < kConnections; ++i) clients.push_back(Connect(i % lanes(), 80));
  ASSERT_TRUE(RunUntilAccepted(kConnections));
  std::vector<size_t> per_lane(lanes());
  const stack::Steering steering = group(1).steering();
  for (const Accepted& a : accepted_) {
    ++per_lane[a.lane];
    EXPECT_TRUE(steering.LandsOn(ip::protocol::kTcp, a.socket->tuple(), a.lane));
  }
  for (const size_t n : per_lane) EXPECT_GT(n, kConnections / lanes() / 2);
  for (size_t i = 0; i < kConnections; i += 10) {
    const Accepted peer = PeerOf(*clients[i]);
    ASSERT_NE(peer.socket, nullptr);
    EXPECT_EQ(peer.lane, i % lanes()) << "both sides have the same key";
    Move(*clients[i], *peer.socket, 20'000);
    Move(*peer.socket, *clients[i], 20'000);
  }
  if (card_agrees()) {
    // But for neighbor discovery, which the card spreads by its addresses.
    EXPECT_LE(Forwarded(0) + Forwarded(1), v6() ? 4u : 0u);
  } else {
    EXPECT_GT(Forwarded(0), 0u);
    EXPECT_GT(Forwarded(1), 0u);
  }
  EXPECT_EQ(Drops(1, ip::DropReason::kTcpNoListener), 0u);
  EXPECT_EQ(Drops(1, ip::DropReason::kForwardRingFull), 0u);
}

TEST_P(StackLanesTest, OneListenerServesWhateverLaneAConnectionComesTo) {
  const size_t last = lanes() - 1;
  ASSERT_NE(Listen(last, 81), nullptr);
  std::vector<stack::TcpSocket*> clients;
  for (size_t i = 0; i < 4 * lanes(); ++i) clients.push_back(Connect(i % lanes(), 81));
  ASSERT_TRUE(RunUntilAccepted(clients.size()));
  for (stack::TcpSocket* const socket : clients) {
    const Accepted peer = PeerOf(*socket);
    EXPECT_EQ(peer.lane, last);
    Move(*socket, *peer.socket, 5'000);
  }
}

TEST_P(StackLanesTest, NobodyListensIsAnsweredOnce) {
  stack::TcpSocket* const socket = Connect(0, 82);
  ASSERT_TRUE(RunUntil([&] { return socket->closed(); }, milliseconds(100)));
  EXPECT_EQ(socket->error(), tcp::Error::kRefused);
  EXPECT_EQ(Drops(1, ip::DropReason::kTcpNoListener), 1u);
}

TEST_P(StackLanesTest, APortOfOnesOwnChoiceIsClaimed) {
  ListenEverywhere(80);
  std::vector<stack::TcpSocket*> clients;
  for (uint16_t port = 5000; port < 5000 + 2 * lanes(); ++port) {
    clients.push_back(Connect(0, 80, port));
    ASSERT_NE(clients.back(), nullptr);
  }
  ASSERT_TRUE(RunUntilAccepted(clients.size()));
  EXPECT_GT(group(0).steering().claims(), 0u);
  for (stack::TcpSocket* const socket : clients) {
    Move(*PeerOf(*socket).socket, *socket, 10'000);
    socket->Abort();
    socket->Release();
  }
  RunFor(milliseconds(10));
  EXPECT_EQ(group(0).steering().claims(), 0u);
}

TEST_P(StackLanesTest, ConnectionsStayWhenTheirBucketMoves) {
  ListenEverywhere(80);
  stack::TcpSocket* const old = Connect(0, 80);
  ASSERT_TRUE(RunUntilAccepted(1));
  const Accepted peer = PeerOf(*old);
  EXPECT_EQ(peer.lane, 0u);
  group(1).ChangeSteering([&](stack::Steering& s) {
    s.MoveBucket(s.BucketOf(s.Hash(ip::protocol::kTcp, peer.socket->tuple())), 1);
  });
  Move(*old, *peer.socket, 50'000);
  Move(*peer.socket, *old, 50'000);
  // A new one in the same bucket goes where the bucket is.
  const stack::Steering steering = group(1).steering();
  stack::TcpSocket* fresh = nullptr;
  for (uint16_t port = 6000; fresh == nullptr; ++port) {
    const tcp::FourTuple tuple{Address(1), Address(0), 80, port};
    if (steering.BucketOf(steering.Hash(ip::protocol::kTcp, tuple)) ==
        steering.BucketOf(steering.Hash(ip::protocol::kTcp, peer.socket->tuple()))) {
      fresh = Connect(0, 80, port);
    }
  }
  ASSERT_TRUE(RunUntilAccepted(2));
  EXPECT_EQ(PeerOf(*fresh).lane, 1u);
}

TEST_P(StackLanesTest, DatagramsComeHome) {
  // A server on every lane, which answers whom it hears from.
  std::vector<udp::UdpSocket*> servers;
  for (size_t i = 0; i < lanes(); ++i) {
    servers.push_back(server(i).udp().Open({}));
    ASSERT_EQ(server(i).udp().Bind(*servers[i], {Address(1), 53}), udp::BindResult::kOk);
  }
  std::vector<size_t> served(lanes());
  const auto serve = [&] {
    for (size_t i = 0; i < lanes(); ++i) {
      udp::Datagram datagram;
      while (servers[i]->Receive(datagram)) {
        ++served[i];
        server(i).udp().Send(*servers[i], Pattern(datagram.payload.packet_size()), datagram.from,
                             clock_.Now());
      }
    }
  };
  for (const size_t size : {10, 4000}) {  // whole, and in fragments
    for (const bool connected : {false, true}) {
      for (size_t k = 0; k < 16 * lanes(); ++k) {
        stack::UdpLayer& udp = client(k % lanes()).udp();
        udp::UdpSocket* const socket = udp.Open({});
        if (connected) {
          ASSERT_EQ(udp.Connect(*socket, {Address(1), 53}), udp::BindResult::kOk);
        }
        ASSERT_EQ(udp.Send(*socket, Pattern(size), Endpoint{Address(1), 53}, clock_.Now()),
                  stack::UdpSendResult::kOk);
        ASSERT_TRUE(RunUntil(
            [&] {
              serve();
              return socket->readable();
            },
            seconds(3)))
            << size << " bytes, socket " << k;
        udp::Datagram answer;
        ASSERT_TRUE(socket->Receive(answer));
        EXPECT_EQ(answer.payload.packet_size(), size);
        udp.Close(socket);
      }
    }
  }
  for (const size_t n : served) EXPECT_GT(n, 8u) << "spread over all lanes";
}

// To all hosts on the link: each lane that has the port hears it once.
TEST_P(StackLanesTest, GroupDatagramsReachEveryLaneThatHasThePort) {
  const size_t last = lanes() - 1;
  std::vector<udp::UdpSocket*> servers;
  for (size_t i = 0; i < lanes(); ++i) {
    servers.push_back(server(i).udp().Open({}));
    if (i == last && lanes() > 2) continue;
    const IpAddress any = v6() ? IpAddress(Ipv6Address()) : IpAddress(Ipv4Address(0));
    ASSERT_EQ(server(i).udp().Bind(*servers[i], {any, 5353}), udp::BindResult::kOk);
  }
  Turn();
  const IpAddress everyone =
      v6() ? *IpAddress::Parse("ff02::1") : IpAddress(Ipv4Address(10, 0, 0, 255));
  ip::Route on_link;
  on_link.prefix = *IpPrefix::Parse("ff02::/16");
  ASSERT_TRUE(client(0).network().routes().Add(on_link).ok());
  Turn();
  Turn();
  for (size_t k = 0; k < 8; ++k) {
    udp::UdpSocket* const socket = client(k % lanes()).udp().Open({});
    ASSERT_EQ(client(k % lanes())
                  .udp()
                  .Send(*socket, Pattern(100), Endpoint{everyone, 5353}, clock_.Now()),
              stack::UdpSendResult::kOk);
    RunFor(milliseconds(10));
    for (size_t i = 0; i < lanes(); ++i) {
      udp::Datagram datagram;
      size_t heard = 0;
      while (servers[i]->Receive(datagram)) ++heard;
      EXPECT_EQ(heard, i == last && lanes() > 2 ? 0u : 1u) << "lane " << i << ", datagram " << k;
    }
  }
  EXPECT_EQ(Drops(1, ip::DropReason::kUdpNoSocket), 0u);
}

TEST_P(StackLanesTest, UnreachablePortsAreToldToTheirSocket) {
  for (size_t i = 0; i < lanes(); ++i) {
    udp::UdpSocket* const socket = client(i).udp().Open({});
    ASSERT_EQ(client(i).udp().Connect(*socket, {Address(1), 9}), udp::BindResult::kOk);
    client(i).udp().Send(*socket, Pattern(10), std::nullopt, clock_.Now());
    RunFor(milliseconds(10));
    EXPECT_TRUE(socket->TakeError().has_value()) << "lane " << i;
  }
}

TEST_P(StackLanesTest, OnlyLaneZeroAsksForNeighborsAndAllKnowThem) {
  ListenEverywhere(80);
  for (size_t i = 0; i < lanes(); ++i) {
    stack::TcpSocket* const socket = Connect(lanes() - 1 - i, 80);
    ASSERT_TRUE(RunUntil([&] { return socket->connected(); }, milliseconds(100)));
  }
  for (size_t side = 0; side < 2; ++side) {
    for (size_t i = 0; i < lanes(); ++i) {
      const arp::Neighbor* const n =
          sides_[side].stacks[i]->network().neighbors().Get(0, Address(1 - side));
      ASSERT_NE(n, nullptr);
      EXPECT_EQ(n->mac, (side == 0 ? pair_.b : pair_.a)->info().mac);
    }
  }
  // Lane 0 of each side asked, or was asked; nobody else answers or asks.
  uint64_t in = 0;
  for (size_t i = 1; i < lanes(); ++i) {
    in += client(i).network().counters().arp_in.value() +
          client(i).network().counters().ndp_in.value();
  }
  EXPECT_EQ(in, 0u);
}

TEST_P(StackLanesTest, AChangedMacReachesEveryLaneInOneTurn) {
  ListenEverywhere(80);
  std::vector<stack::TcpSocket*> sockets;
  for (size_t i = 0; i < lanes(); ++i) sockets.push_back(Connect(i, 80));
  ASSERT_TRUE(RunUntilAccepted(lanes()));
  const MacAddress moved = *MacAddress::Parse("02:00:00:00:00:77");
  arp::NeighborCache& owner = client(0).network().neighbors();
  owner.OnAdvertisement(0, Address(1), moved, true, true, false, clock_.Now());
  client(0).Poll(clock_.Now());
  for (size_t i = 1; i < lanes(); ++i) {
    client(i).Poll(clock_.Now());
    EXPECT_EQ(client(i).network().neighbors().Get(0, Address(1))->mac, moved);
  }
}

TEST_P(StackLanesTest, StrangersNeighborsArePublishedOnceAMillisecond) {
  ListenEverywhere(80);
  for (size_t i = 0; i < lanes(); ++i) Connect(i, 80);
  ASSERT_TRUE(RunUntilAccepted(lanes()));
  RunFor(milliseconds(5));
  arp::NeighborCache& owner = server(0).network().neighbors();
  const auto stamp = [&] { return group(1).lane(1).neighbors().stamp; };
  // Every turn a request by somebody new.
  uint16_t stranger = 0;
  const auto storm = [&] {
    ++stranger;
    const IpAddress from =
        v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 0x1'0000 + uint64_t{stranger}))
             : IpAddress(Ipv4Address(0x0a00'0000 + stranger % 200 + 20));
    const uint8_t low = static_cast<uint8_t>(stranger);
    const uint8_t high = static_cast<uint8_t>(stranger >> 8);
    owner.OnSolicitation(0, from, MacAddress(2, 0, 0, 1, high, low), clock_.Now());
    server(0).Poll(clock_.Now());
    server(1).Poll(clock_.Now());
    clock_.Advance(std::chrono::microseconds(10));
  };
  size_t published = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t before = stamp();
    storm();
    published += stamp() != before;
  }
  EXPECT_LE(published, 11u);
  EXPECT_GE(published, 9u);
  // Another lane's question is answered at once.
  owner.OnAdvertisement(0, Address(0), pair_.a->info().mac, true, true, false, clock_.Now());
  storm();
  uint64_t before = stamp();
  storm();
  ASSERT_EQ(stamp(), before);
  group(1).lane(1).Ask({Address(0), 0});
  storm();
  EXPECT_EQ(stamp(), owner.changes());
  // So is one whose answer has to come first.
  const IpAddress asked = v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 0x98))
                               : IpAddress(Ipv4Address(0x0a00'00f0));
  group(1).lane(1).Ask({asked, 0});
  storm();
  before = stamp();
  storm();
  ASSERT_EQ(stamp(), before);
  owner.OnAdvertisement(0, asked, MacAddress(2, 0, 0, 2, 0, 0), true, true, false, clock_.Now());
  storm();
  EXPECT_EQ(stamp(), owner.changes());
  // And a neighbor in use that has another address.
  const MacAddress moved(2, 0, 0, 3, 0, 0);
  owner.OnAdvertisement(0, Address(0), moved, false, true, false, clock_.Now());
  storm();
  EXPECT_EQ(server(1).network().neighbors().Get(0, Address(0))->mac, moved);
  // What waits is published by a lane that has nothing else to do.
  storm();
  ASSERT_NE(stamp(), owner.changes());
  ASSERT_LE(server(0).NextDeadline(), clock_.Now() + milliseconds(1));
  clock_.AdvanceTo(server(0).NextDeadline());
  server(0).Poll(clock_.Now());
  server(1).Poll(clock_.Now());
  EXPECT_EQ(stamp(), owner.changes());
}

TEST_P(StackLanesTest, ANeighborThatIsGoneFailsOnEveryLane) {
  for (size_t i = 0; i < lanes(); ++i) {
    stack::TcpSetupError error;
    const IpAddress nobody = v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 0x99))
                                  : IpAddress(Ipv4Address(0x0a00'0063));
    stack::TcpSocket* const socket = client(i).tcp().Connect({nobody, 80}, {}, error);
    ASSERT_NE(socket, nullptr);
    ASSERT_TRUE(RunUntil(
        [&] { return client(i).network().drops().value(ip::DropReason::kNeighborUnreachable) > 0; },
        seconds(10)))
        << "lane " << i;
    socket->Abort();
    socket->Release();
  }
}

TEST_P(StackLanesTest, AddressesAndRoutesOfLaneZeroAreEveryLanes) {
  const IpPrefix second = v6() ? *IpPrefix::Parse("fd01::1/64") : *IpPrefix::Parse("10.1.0.1/24");
  stack::Network& owner = server(0).network();
  ASSERT_TRUE(owner.addresses().Add(0, second).ok());
  ASSERT_TRUE(owner.routes().AddConnected(0, second).ok());
  ASSERT_TRUE(owner.addresses().Remove(0, Address(1)));
  Turn();
  Turn();
  for (size_t i = 0; i < lanes(); ++i) {
    stack::Network& network = server(i).network();
    EXPECT_TRUE(network.addresses().IsUnicast(0, second.address)) << "lane " << i;
    EXPECT_FALSE(network.addresses().IsUnicast(0, Address(1)));
    EXPECT_NE(network.routes().Lookup(second.address), nullptr);
  }
}

TEST_P(StackLanesTest, PacketsOfALaneThatRestsAreDroppedBeyondTheRing) {
  if (card_agrees()) return;  // nothing is forwarded
  const size_t last = lanes() - 1;
  ASSERT_NE(Listen(last, 81), nullptr);
  udp::UdpSocket* const receiver = server(last).udp().Open({});
  ASSERT_EQ(server(last).udp().Bind(*receiver, {Address(1), 53}), udp::BindResult::kOk);
  udp::UdpSocket* const sender = client(0).udp().Open({});
  client(0).udp().Send(*sender, Pattern(10), Endpoint{Address(1), 53}, clock_.Now());
  ASSERT_TRUE(RunUntil([&] { return receiver->readable(); }));
  // The last lane takes no turns, the others do.
  for (size_t i = 0; i < 6000; ++i) {
    udp::UdpSocket* const other = client(i % lanes()).udp().Open({});
    client(i % lanes()).udp().Send(*other, Pattern(10), Endpoint{Address(1), 53}, clock_.Now());
    client(i % lanes()).udp().Close(other);
    for (size_t k = 0; k < lanes(); ++k) {
      client(k).Poll(clock_.Now());
      if (k != last) server(k).Poll(clock_.Now());
    }
  }
  EXPECT_GT(Drops(1, ip::DropReason::kForwardRingFull), 0u);
  // It comes back, and all is well.
  RunFor(milliseconds(10));
  stack::TcpSocket* const socket = Connect(0, 81);
  ASSERT_TRUE(RunUntil([&] { return socket->connected(); }));
}

// --- connections that move ---

TEST_P(StackLanesTest, ConnectionsMoveInTheMiddleOfATransfer) {
  ListenEverywhere(80);
  constexpr size_t kConnections = 6;
  std::vector<stack::TcpSocket*> clients;
  for (size_t i = 0; i < kConnections; ++i) clients.push_back(Connect(i % lanes(), 80));
  ASSERT_TRUE(RunUntilAccepted(kConnections));
  // Each client sends a pattern, its server sends it back.
  const Bytes pattern = Pattern(300'000);
  struct Progress {
    size_t written = 0;
    Bytes received;
  };
  std::vector<Progress> progress(kConnections);
  Bytes buffer(8192);
  size_t moves = 0;
  size_t turn = 0;
  const auto step = [&] {
    for (size_t i = 0; i < lanes(); ++i) TakeArrivals(i);
    if (++turn % 3 == 0) {
      Accepted& a = accepted_[turn / 3 % kConnections];
      const size_t to = (a.lane + 1) % lanes();
      if (a.socket != nullptr && MoveTo(to, a) == stack::TcpMoveResult::kMoved) ++moves;
    }
    for (const Accepted& a : accepted_) {
      if (a.socket == nullptr) continue;
      const size_t room = std::min(buffer.size(), a.socket->writable_bytes());
      const size_t n = a.socket->Read(std::span(buffer).first(room));
      ASSERT_EQ(a.socket->Write(std::span(buffer).first(n)), n);
    }
    for (size_t i = 0; i < kConnections; ++i) {
      Progress& p = progress[i];
      p.written += clients[i]->Write(std::span(pattern).subspan(p.written));
      while (const size_t n = clients[i]->Read(buffer)) {
        p.received.insert(p.received.end(), buffer.begin(),
                          buffer.begin() + static_cast<ptrdiff_t>(n));
      }
    }
  };
  ASSERT_TRUE(RunUntil([&] {
    step();
    return std::all_of(progress.begin(), progress.end(),
                       [&](const Progress& p) { return p.received.size() == pattern.size(); });
  }));
  EXPECT_GT(moves, 10u);
  for (const Progress& p : progress) EXPECT_EQ(p.received, pattern);
  // (What the client sent may overtake itself on the way to its new lane, which looks like a loss.)
  for (size_t i = 0; i < lanes(); ++i) {
    EXPECT_EQ(server(i).tcp().counters().resets_out.value(), 0u) << "lane " << i;
    EXPECT_EQ(server(i).tcp().counters().retransmitted_segments.value(), 0u);
  }
  ASSERT_TRUE(RunUntil([&] {
    for (size_t i = 0; i < lanes(); ++i) TakeArrivals(i);
    return std::all_of(accepted_.begin(), accepted_.end(),
                       [](const Accepted& a) { return a.socket != nullptr; });
  }));
  // And close, from the side that has moved: each TIME-WAIT is where its segments land.
  for (Accepted& a : accepted_) {
    ASSERT_NE(a.socket, nullptr);
    a.socket->Release();
  }
  for (stack::TcpSocket* const socket : clients) socket->Release();
  RunFor(seconds(1));
  EXPECT_EQ(group(1).steering().claims(), 0u);
  for (size_t i = 0; i < lanes(); ++i) {
    EXPECT_EQ(server(i).tcp().sockets(), 0u);
    EXPECT_EQ(server(i).tcp().counters().resets_out.value(), 0u);
  }
}

TEST_P(StackLanesTest, TheTimeWaitOfAMovedConnectionGoesHome) {
  ListenEverywhere(80);
  stack::TcpSocket* const socket = Connect(0, 80);
  ASSERT_TRUE(RunUntilAccepted(1));
  ASSERT_EQ(accepted_[0].lane, 0u);
  const tcp::FourTuple tuple = accepted_[0].socket->tuple();
  ASSERT_EQ(MoveTo(1, accepted_[0]), stack::TcpMoveResult::kMoved);
  ASSERT_TRUE(RunUntil([&] {
    TakeArrivals(1);
    return accepted_[0].socket != nullptr;
  }));
  EXPECT_EQ(group(1).steering().claims(), 1u);
  accepted_[0].socket->Release();
  ASSERT_TRUE(RunUntil([&] { return socket->end_of_stream(); }));
  socket->Release();
  RunFor(milliseconds(100));
  EXPECT_TRUE(server(0).tcp().HasTimeWait(tuple));
  EXPECT_EQ(server(0).tcp().time_wait(), 1u);
  EXPECT_EQ(server(1).tcp().time_wait(), 0u);
  EXPECT_EQ(group(1).steering().claims(), 0u);
}

TEST_P(StackLanesTest, WhatCannotMoveStays) {
  ListenEverywhere(80);
  stack::TcpSocket* const socket = Connect(0, 80);
  std::unique_ptr<stack::MoveTicket> ticket;
  EXPECT_EQ(client(0).tcp().Move(*socket, 1, ticket), stack::TcpMoveResult::kNotConnected);
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_EQ(client(0).tcp().Move(*socket, 0, ticket), stack::TcpMoveResult::kNoLane);
  EXPECT_EQ(client(0).tcp().Move(*socket, lanes(), ticket), stack::TcpMoveResult::kNoLane);
  Move(*socket, *accepted_[0].socket, 1000);
  socket->Abort();
  EXPECT_EQ(client(0).tcp().Move(*socket, 1, ticket), stack::TcpMoveResult::kNotConnected);
}

TEST_P(StackLanesTest, WhatIsOnItsWayToALaneThatGoesIsFreedAtOnce) {
  struct Ticket : stack::MoveTicket {
    explicit Ticket(bool& gone) : gone(gone) {}
    ~Ticket() override { gone = true; }
    bool& gone;
  };
  ListenEverywhere(80);
  Connect(0, 80);
  ASSERT_TRUE(RunUntilAccepted(1));
  ASSERT_EQ(accepted_[0].lane, 0u);
  bool gone = false;
  std::unique_ptr<stack::MoveTicket> ticket = std::make_unique<Ticket>(gone);
  ASSERT_EQ(server(0).tcp().Move(*accepted_[0].socket, 1, ticket), stack::TcpMoveResult::kMoved);
  EXPECT_EQ(group(1).steering().claims(), 1u);
  EXPECT_FALSE(gone);
  sides_[1].stacks[1].reset();
  EXPECT_TRUE(gone);
  EXPECT_EQ(group(1).steering().claims(), 0u);
}

class SmallStackLanesTest : public StackLanesTest {
 protected:
  SmallStackLanesTest() : StackLanesTest(/*max_sockets=*/1) {}
};

INSTANTIATE_TEST_SUITE_P(Card, SmallStackLanesTest,
                         ::testing::Values(Param{2, true, false}, Param{2, false, true}));

TEST_P(SmallStackLanesTest, ALaneWithoutRoomResetsWhatArrives) {
  ListenEverywhere(80);
  stack::TcpSocket* const first = Connect(0, 80);
  stack::TcpSocket* const second = Connect(1, 80);
  ASSERT_TRUE(RunUntilAccepted(2));
  Accepted& a = accepted_[accepted_[0].lane == 0 ? 0 : 1];
  ASSERT_EQ(MoveTo(1, a), stack::TcpMoveResult::kMoved);
  std::optional<stack::TcpLayer::Arrival> arrival;
  ASSERT_TRUE(RunUntil([&] {
    arrival = server(1).tcp().TakeArrival();
    return arrival.has_value();
  }));
  EXPECT_EQ(arrival->socket, nullptr);
  ASSERT_TRUE(RunUntil([&] { return first->closed(); }, seconds(1)));
  EXPECT_EQ(first->error(), tcp::Error::kReset);
  EXPECT_FALSE(second->closed());
  EXPECT_EQ(group(1).steering().claims(), 0u);
}

// Cards that hash addresses only, as some do with datagrams: all flows of two hosts are one lane's.
class AddressesOnlyTest : public StackLanesTest {
 protected:
  AddressesOnlyTest() : StackLanesTest(1024, {.tcp = false, .udp = false}) {}
  size_t home(size_t side) {
    const stack::Steering steering = group(side).steering();
    return steering.LaneOf(steering.Hash(Address(1 - side), Address(side)));
  }
};

INSTANTIATE_TEST_SUITE_P(Cards, AddressesOnlyTest,
                         ::testing::Combine(::testing::Values(4), ::testing::Bool(),
                                            ::testing::Bool()));

TEST_P(AddressesOnlyTest, ConnectionsOfAnyLaneWorkAndAreServedAtHome) {
  ListenEverywhere(80);
  std::vector<stack::TcpSocket*> clients;
  for (size_t i = 0; i < 10 * lanes(); ++i) {
    clients.push_back(Connect(i % lanes(), 80));
    ASSERT_NE(clients.back(), nullptr);
    EXPECT_EQ(clients.back()->local().port % lanes(), i % lanes());
  }
  ASSERT_TRUE(RunUntilAccepted(clients.size()));
  // All but those of the lane where packets of this host come.
  EXPECT_EQ(group(0).steering().claims(), 10 * (lanes() - 1));
  for (stack::TcpSocket* const socket : clients) {
    const Accepted peer = PeerOf(*socket);
    ASSERT_NE(peer.socket, nullptr);
    EXPECT_EQ(peer.lane, home(1));
    Move(*socket, *peer.socket, 5'000);
    Move(*peer.socket, *socket, 5'000);
  }
  if (card_agrees()) {
    EXPECT_LE(Forwarded(1), v6() ? 4u : 0u);
  }
}

TEST_P(AddressesOnlyTest, DatagramsWithAndWithoutFragmentsMeetAtHome) {
  std::vector<udp::UdpSocket*> servers;
  for (size_t i = 0; i < lanes(); ++i) {
    servers.push_back(server(i).udp().Open({}));
    ASSERT_EQ(server(i).udp().Bind(*servers[i], {Address(1), 53}), udp::BindResult::kOk);
  }
  udp::UdpSocket* const socket = client(0).udp().Open({});
  ASSERT_EQ(client(0).udp().Connect(*socket, {Address(1), 53}), udp::BindResult::kOk);
  for (const size_t size : {size_t{100}, size_t{4000}}) {
    const Bytes sent = Pattern(size);
    ASSERT_TRUE(RunUntil([&] {
      return client(0).udp().Send(*socket, sent, std::nullopt, clock_.Now()) ==
             stack::UdpSendResult::kOk;
    }));
    ASSERT_TRUE(RunUntil([&] { return servers[home(1)]->readable(); }));
    udp::Datagram datagram;
    ASSERT_TRUE(servers[home(1)]->Receive(datagram));
    EXPECT_EQ(datagram.payload.packet_size(), size);
  }
  if (card_agrees()) {
    EXPECT_LE(Forwarded(1), v6() ? 4u : 0u);
  }
}

}  // namespace
}  // namespace corelane::testing
