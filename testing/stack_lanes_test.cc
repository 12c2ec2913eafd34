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

#include "core/check.h"
#include "stack/lane_group.h"
#include "stack/stack.h"
#include "testing/model_nic.h"
#include "testing/segment_builder.h"

namespace corelane::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How many lanes, whether the card spreads packets by the key that the lanes use, and whether IPv6.
using Param = std::tuple<size_t, bool, bool>;

class StackLanesTest : public ::testing::TestWithParam<Param> {
 protected:
  // max_sockets: of the server's lanes.
  explicit StackLanesTest(size_t max_sockets = 1024) {
    ModelNicOptions options;
    options.queues = static_cast<uint16_t>(lanes());
    options.rss_key = card_agrees() ? Toeplitz::kSymmetricKey : Toeplitz::kMicrosoftKey;
    pair_ = MakeModelNicPair(options);
    ModelNic* const nics[] = {pair_.a.get(), pair_.b.get()};
    for (size_t side = 0; side < 2; ++side) {
      stack::LaneGroupOptions group;
      group.lanes = lanes();
      group.forward_ring = 256;
      sides_[side].group = std::make_unique<stack::LaneGroup>(group);
      for (size_t i = 0; i < lanes(); ++i) {
        stack::StackOptions stack_options;
        stack_options.seed = 1 + 10 * side + i;
        if (side == 1) stack_options.max_tcp_sockets = max_sockets;
        sides_[side].stacks.push_back(std::make_unique<stack::Stack>(stack_options, clock_.Now(),
                                                                     &sides_[side].group->lane(i)));
        stack::InterfaceOptions interface;
        interface.addresses = {{Address(side), Length()}};
        CL_CHECK(sides_[side]
                     .stacks[i]
                     ->AddInterface(nics[side]->queue(i), nics[side]->info(), interface)
                     .ok());
      }
    }
  }
  static size_t lanes() { return std::get<0>(GetParam()); }
  static bool card_agrees() { return std::get<1>(GetParam()); }
  static bool v6() { return std::get<2>(GetParam()); }
  static uint8_t Length() { return v6() ? 64 : 24; }
  static IpAddress Address(size_t i) {
    return v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 1 + i))
                : IpAddress(Ipv4Address(0x0a00'0001 + static_cast<uint32_t>(i)));
  }
  stack::Stack& client(size_t lane) { return *sides_[0].stacks[lane]; }
  stack::Stack& server(size_t lane) { return *sides_[1].stacks[lane]; }
  stack::LaneGroup& group(size_t side) { return *sides_[side].group; }

  // One turn of each lane.
  bool Turn() {
    bool busy = false;
    for (Side& side : sides_) {
      for (auto& stack : side.stacks) busy |= stack->Poll(clock_.Now());
    }
    return busy;
  }
  template <class Done>
  bool RunUntil(const Done& done, Duration limit = seconds(60)) {
    const Instant end = clock_.Now() + limit;
    while (!done()) {
      if (clock_.Now() >= end) return false;
      if (Turn()) continue;
      Instant next = kNever;
      for (Side& side : sides_) {
        for (auto& stack : side.stacks) next = std::min(next, stack->NextDeadline());
      }
      clock_.AdvanceTo(
          std::clamp(next, clock_.Now() + std::chrono::microseconds(1), clock_.Now() + seconds(1)));
    }
    return true;
  }
  void RunFor(Duration d) {
    RunUntil([] { return false; }, d);
  }
  uint64_t Forwarded(size_t side) {
    uint64_t n = 0;
    for (size_t i = 0; i < lanes(); ++i) n += group(side).lane(i).counters().forwarded_in.value();
    return n;
  }
  uint64_t Drops(size_t side, ip::DropReason reason) {
    uint64_t n = 0;
    for (auto& stack : sides_[side].stacks) n += stack->network().drops().value(reason);
    return n;
  }
  void ListenEverywhere(uint16_t port) {
    for (size_t i = 0; i < lanes(); ++i) ASSERT_NE(Listen(i, port), nullptr);
  }
  stack::TcpListener* Listen(size_t lane, uint16_t port) {
    stack::TcpSetupError error;
    listeners_.push_back(server(lane).tcp().Listen({Address(1), port}, 256, error));
    listener_lane_.push_back(lane);
    return listeners_.back();
  }
  stack::TcpSocket* Connect(size_t lane, uint16_t port, uint16_t local_port = 0) {
    stack::TcpSetupError error;
    stack::TcpConnectOptions options;
    options.local_port = local_port;
    return client(lane).tcp().Connect({Address(1), port}, options, error);
  }
  struct Accepted {
    stack::TcpSocket* socket;
    size_t lane;
  };
  void AcceptAll() {
    for (size_t i = 0; i < listeners_.size(); ++i) {
      while (stack::TcpSocket* const s = listeners_[i]->Accept()) {
        accepted_.push_back({s, listener_lane_[i]});
      }
    }
  }
  bool RunUntilAccepted(size_t count) {
    return RunUntil([&] {
      AcceptAll();
      return accepted_.size() >= count;
    });
  }
  // The server's end of a connection.
  Accepted PeerOf(const stack::TcpSocket& socket) {
    for (const Accepted& a : accepted_) {
      if (a.socket->remote() == socket.local()) return a;
    }
    return {nullptr, 0};
  }
  // n bytes from one to the other.
  void Move(stack::TcpSocket& from, stack::TcpSocket& to, size_t n) {
    const Bytes sent = Pattern(n);
    Bytes received;
    Bytes buffer(65536);
    size_t written = 0;
    ASSERT_TRUE(RunUntil([&] {
      written += from.Write(std::span(sent).subspan(written));
      while (const size_t got = to.Read(buffer)) {
        received.insert(received.end(), buffer.begin(),
                        buffer.begin() + static_cast<ptrdiff_t>(got));
      }
      return received.size() == sent.size();
    }));
    EXPECT_EQ(received, sent);
  }

  // The server's end moves to another lane; what has arrived is in accepted_ again.
  stack::TcpMoveResult MoveTo(size_t lane, Accepted& from) {
    std::unique_ptr<stack::MoveTicket> ticket;
    const auto result = server(from.lane).tcp().Move(*from.socket, lane, ticket);
    if (result == stack::TcpMoveResult::kMoved) from = {nullptr, lane};
    return result;
  }
  void TakeArrivals(size_t lane) {
    while (const auto arrival = server(lane).tcp().TakeArrival()) {
      const auto waits = std::find_if(accepted_.begin(), accepted_.end(), [&](const Accepted& a) {
        return a.socket == nullptr && a.lane == lane;
      });
      ASSERT_NE(waits, accepted_.end());
      waits->socket = arrival->socket;
    }
  }

  struct Side {
    std::unique_ptr<stack::LaneGroup> group;
    std::vector<std::unique_ptr<stack::Stack>> stacks;
  };

  ManualClock clock_;
  ModelNicPair pair_;
  Side sides_[2];
  std::vector<stack::TcpListener*> listeners_;
  std::vector<size_t> listener_lane_;
  std::vector<Accepted> accepted_;
};

INSTANTIATE_TEST_SUITE_P(Cards, StackLanesTest,
                         ::testing::Combine(::testing::Values(2, 4), ::testing::Bool(),
                                            ::testing::Bool()),
                         [](const auto& info) {
                           return std::to_string(std::get<0>(info.param)) + "Lanes" +
                                  (std::get<1>(info.param) ? "Rss" : "Misdirected") +
                                  (std::get<2>(info.param) ? "V6" : "V4");
                         });

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
    EXPECT_TRUE(steering.LandsOn(a.socket->tuple(), a.lane));
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
  group(1).ChangeSteering(
      [&](stack::Steering& s) { s.MoveBucket(s.BucketOf(s.Hash(peer.socket->tuple())), 1); });
  Move(*old, *peer.socket, 50'000);
  Move(*peer.socket, *old, 50'000);
  // A new one in the same bucket goes where the bucket is.
  const stack::Steering steering = group(1).steering();
  stack::TcpSocket* fresh = nullptr;
  for (uint16_t port = 6000; fresh == nullptr; ++port) {
    const tcp::FourTuple tuple{Address(1), Address(0), 80, port};
    if (steering.BucketOf(steering.Hash(tuple)) ==
        steering.BucketOf(steering.Hash(peer.socket->tuple()))) {
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
        if (connected) ASSERT_EQ(udp.Connect(*socket, {Address(1), 53}), udp::BindResult::kOk);
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
  EXPECT_TRUE(server(0).tcp().Knows(tuple));
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

}  // namespace
}  // namespace corelane::testing
