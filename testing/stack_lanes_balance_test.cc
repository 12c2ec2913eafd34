// Lanes whose load is evened out while they work: buckets of flows change lanes, flows do not.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "stack/lane_balancer.h"
#include "testing/lane_host.h"
#include "testing/model_nic.h"
#include "testing/segment_builder.h"

namespace corelane::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kLanes = 2;
constexpr uint16_t kPort = 7;

struct Param {
  bool v6;
  bool redirects;  // the card can be told of a changed table
};

class LanesBalanceTest : public ::testing::TestWithParam<Param> {
 protected:
  LanesBalanceTest() {
    ModelNicOptions options;
    options.queues = kLanes;
    pair_ = MakeModelNicPair(options);
    stack::LaneGroupOptions group;
    group.lanes = kLanes;
    client_ = std::make_unique<LaneHost>(*pair_.a, group, Own(0), 1, clock_.Now());
    group.rebalance.interval = milliseconds(100);
    group.rebalance.min_packets = 50;
    if (GetParam().redirects) {
      group.redirect = [this](std::span<const uint8_t> lanes) {
        EXPECT_TRUE(pair_.b->SetRssTable(std::vector<uint16_t>(lanes.begin(), lanes.end())));
      };
    }
    server_ = std::make_unique<LaneHost>(*pair_.b, group, Own(1), 11, clock_.Now());
    for (size_t i = 0; i < kLanes; ++i) {
      stack::TcpSetupError error;
      listeners_.push_back(server_->stack(i).tcp().Listen({Address(1), kPort}, 64, error));
    }
  }
  static IpAddress Address(size_t i) {
    return GetParam().v6 ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 1 + i))
                         : IpAddress(Ipv4Address(0x0a00'0001 + static_cast<uint32_t>(i)));
  }
  static std::vector<IpPrefix> Own(size_t i) {
    return {{Address(i), static_cast<uint8_t>(GetParam().v6 ? 64 : 24)}};
  }

  // One of the server's echo sockets.
  struct Served {
    stack::TcpSocket* socket;
    size_t lane;
  };
  struct Flow {
    stack::TcpSocket* socket;
    uint16_t port;
    size_t echoed = 0;
  };

  void Serve() {
    Bytes buffer(4096);
    for (size_t i = 0; i < kLanes; ++i) {
      while (stack::TcpSocket* const s = listeners_[i]->Accept()) served_.push_back({s, i});
    }
    for (Served& s : served_) {
      if (s.socket == nullptr) continue;
      while (const size_t n = s.socket->Read(buffer)) s.socket->Write(std::span(buffer).first(n));
      if (s.socket->end_of_stream() || s.socket->closed()) {
        s.socket->Release();
        s.socket = nullptr;
      }
    }
  }
  template <class Done>
  bool RunUntil(const Done& done, Duration limit = seconds(10)) {
    const Instant end = clock_.Now() + limit;
    for (;;) {
      Serve();
      if (done()) return true;
      if (clock_.Now() >= end) return false;
      const bool served = server_->Poll(clock_.Now());
      if (client_->Poll(clock_.Now()) || served) continue;
      const Instant next = std::min(server_->NextDeadline(), client_->NextDeadline());
      clock_.AdvanceTo(std::clamp(next, clock_.Now() + std::chrono::microseconds(1), end));
    }
  }
  void RunFor(Duration d) {
    RunUntil([] { return false; }, d);
  }

  tcp::FourTuple TupleOf(uint16_t client_port) const {
    return {Address(1), Address(0), kPort, client_port};
  }
  size_t BucketOf(uint16_t client_port) const {
    const stack::Steering steering = server_->group().steering();
    return steering.BucketOf(steering.Hash(ip::protocol::kTcp, TupleOf(client_port)));
  }
  size_t LaneOf(size_t bucket) const { return server_->group().steering().table()[bucket]; }
  // The next client port whose flows satisfy what is asked of their bucket.
  template <class Good>
  uint16_t PortWhere(const Good& good) {
    while (!good(BucketOf(++last_port_))) {
    }
    return last_port_;
  }
  Flow Open(uint16_t port) {
    stack::TcpConnectOptions options;
    options.local_port = port;
    stack::TcpSetupError error;
    Flow flow{client_->stack(0).tcp().Connect({Address(1), kPort}, options, error), port};
    EXPECT_NE(flow.socket, nullptr) << ToString(error);
    EXPECT_TRUE(RunUntil([&] { return flow.socket->connected() && Peer(flow) != nullptr; }));
    return flow;
  }
  const Served* Peer(const Flow& flow) const {
    for (const Served& s : served_) {
      if (s.socket != nullptr && s.socket->remote().port == flow.port) return &s;
    }
    return nullptr;
  }
  // Each sends `n` bytes and has them back.
  void Echo(std::vector<Flow>& flows, size_t n) {
    const Bytes sent = Pattern(n);
    for (Flow& flow : flows) {
      flow.echoed = 0;
      EXPECT_EQ(flow.socket->Write(sent), n);
    }
    Bytes buffer(n);
    EXPECT_TRUE(RunUntil([&] {
      bool done = true;
      for (Flow& flow : flows) {
        const size_t got = flow.socket->Read(buffer);
        EXPECT_TRUE(std::equal(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(got),
                               sent.begin() + static_cast<ptrdiff_t>(flow.echoed)));
        flow.echoed += got;
        done &= flow.echoed == n;
      }
      return done;
    }));
  }
  // Several looks' worth of echoes.
  void Work(std::vector<Flow>& flows, int looks) {
    for (int i = 0; i < looks; ++i) {
      for (int k = 0; k < 5; ++k) Echo(flows, 3000);
      RunFor(milliseconds(100));
    }
  }
  uint64_t moves() { return server_->counters(0).bucket_moves.value(); }
  uint64_t Forwarded() {
    return server_->counters(0).forwarded_in.value() + server_->counters(1).forwarded_in.value();
  }

  ManualClock clock_;
  ModelNicPair pair_;
  std::unique_ptr<LaneHost> client_;
  std::unique_ptr<LaneHost> server_;
  std::vector<stack::TcpListener*> listeners_;
  std::vector<Served> served_;
  uint16_t last_port_ = 20000;
};

INSTANTIATE_TEST_SUITE_P(Cards, LanesBalanceTest,
                         ::testing::Values(Param{false, false}, Param{true, false},
                                           Param{false, true}, Param{true, true}),
                         [](const auto& info) {
                           return std::string(info.param.redirects ? "Redirects" : "Fixed") +
                                  (info.param.v6 ? "V6" : "V4");
                         });

TEST_P(LanesBalanceTest, BusyBucketsMoveAndTheirConnectionsStay) {
  std::vector<Flow> flows;
  std::vector<size_t> buckets;
  while (flows.size() < 6) {
    const uint16_t port = PortWhere([&](size_t bucket) {
      return LaneOf(bucket) == 0 &&
             std::find(buckets.begin(), buckets.end(), bucket) == buckets.end();
    });
    buckets.push_back(BucketOf(port));
    flows.push_back(Open(port));
    EXPECT_EQ(Peer(flows.back())->lane, 0u);
  }
  Work(flows, 3);
  ASSERT_GT(moves(), 0u) << "all of the load was on lane 0";
  std::vector<size_t> moved;
  for (const size_t bucket : buckets) {
    if (LaneOf(bucket) == 1) moved.push_back(bucket);
  }
  ASSERT_FALSE(moved.empty());
  for (const Flow& flow : flows) EXPECT_EQ(Peer(flow)->lane, 0u) << "it has lived there";
  for (const size_t bucket : moved) {
    EXPECT_EQ(server_->group().steering().Previous(bucket), 0u);
    EXPECT_GT(server_->group().lane(0).load(bucket).flows.value(), 0u);
  }
  // New connections go where their bucket is, and both kinds work.
  const size_t bucket = moved.front();
  Flow fresh = Open(PortWhere([&](size_t b) { return b == bucket; }));
  EXPECT_EQ(Peer(fresh)->lane, 1u);
  std::vector<Flow> both = flows;
  both.push_back(fresh);
  Work(both, 1);
  EXPECT_GT(server_->group().lane(1).load(bucket).packets.value(), 0u);
  // Where the card follows, what is new comes by itself and what is old is forwarded.
  std::vector<Flow> only = {fresh};
  const uint64_t before = Forwarded();
  Echo(only, 20'000);
  if (GetParam().redirects) {
    EXPECT_EQ(Forwarded(), before);
  } else {
    EXPECT_GT(Forwarded(), before);
  }
}

TEST_P(LanesBalanceTest, StreamsThatLastAreNotMovedAgainAndAgain) {
  std::vector<Flow> flows;
  for (size_t i = 0; i < 12; ++i) {
    const size_t lane = i < 8 ? 0 : 1;
    flows.push_back(Open(PortWhere([&](size_t b) {
      return LaneOf(b) == lane && server_->group().lane(lane).load(b).flows.value() == 0;
    })));
  }
  Work(flows, 5);
  const uint64_t settled = moves();
  EXPECT_GT(settled, 0u);
  EXPECT_LE(settled, 2u) << "of 8 streams here and 4 there";
  Work(flows, 12);
  EXPECT_EQ(moves(), settled);
  // Most packets still come to the lane that has their connection.
  const auto received = [&] {
    return server_->stack(0).tcp().counters().segments_in.value() +
           server_->stack(1).tcp().counters().segments_in.value();
  };
  const uint64_t forwarded = Forwarded();
  const uint64_t before = received();
  Work(flows, 1);
  EXPECT_LT(4 * (Forwarded() - forwarded), received() - before);
  EXPECT_EQ(Forwarded() > forwarded, GetParam().redirects);
}

TEST_P(LanesBalanceTest, ADrainedBucketIsForgottenWhereItWas) {
  std::vector<Flow> flows;
  for (int i = 0; i < 4; ++i)
    flows.push_back(Open(PortWhere([&](size_t b) { return LaneOf(b) == 0; })));
  Work(flows, 3);
  ASSERT_GT(moves(), 0u);
  const auto pinned = [&] {
    const stack::Steering steering = server_->group().steering();
    size_t n = 0;
    for (size_t b = 0; b < steering.table().size(); ++b) n += steering.Previous(b).has_value();
    return n;
  };
  EXPECT_GT(pinned(), 0u);
  RunFor(stack::LaneBalancer::kLinger + seconds(5));
  EXPECT_GT(pinned(), 0u) << "its connections are idle, but there";
  for (const Flow& flow : flows) flow.socket->Release();
  RunFor(stack::LaneBalancer::kLinger / 2);
  EXPECT_GT(pinned(), 0u);
  RunFor(stack::LaneBalancer::kLinger);
  EXPECT_EQ(pinned(), 0u);
  for (size_t lane = 0; lane < kLanes; ++lane) {
    for (size_t b = 0; b < 128; ++b) {
      EXPECT_EQ(server_->group().lane(lane).load(b).flows.value(), 0u);
    }
  }
}

TEST_P(LanesBalanceTest, ConnectedDatagramSocketsStayToo) {
  const uint16_t port = PortWhere([&](size_t b) { return LaneOf(b) == 0; });
  const size_t bucket = BucketOf(port);
  udp::UdpSocket* const mine = client_->stack(0).udp().Open({});
  ASSERT_EQ(client_->stack(0).udp().Bind(*mine, {Address(0), port}), udp::BindResult::kOk);
  // On lane 0 of the server a socket for this peer; on each lane one for everybody.
  udp::UdpOptions options;
  options.reuse_address = true;
  udp::UdpSocket* const old = server_->stack(0).udp().Open(options);
  ASSERT_EQ(server_->stack(0).udp().Bind(*old, {Address(1), kPort}), udp::BindResult::kOk);
  ASSERT_EQ(server_->stack(0).udp().Connect(*old, {Address(0), port}), udp::BindResult::kOk);
  EXPECT_EQ(server_->group().lane(0).load(bucket).flows.value(), 1u);
  udp::UdpSocket* any[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    any[i] = server_->stack(i).udp().Open(options);
    ASSERT_EQ(server_->stack(i).udp().Bind(*any[i], {Address(1), kPort}), udp::BindResult::kOk);
  }
  const auto send = [&](udp::UdpSocket& from) {
    client_->stack(0).udp().Send(from, Pattern(100), Endpoint{Address(1), kPort}, clock_.Now());
    RunFor(milliseconds(1));
  };
  udp::Datagram datagram;
  send(*mine);
  EXPECT_TRUE(old->Receive(datagram));
  server_->group().ChangeSteering([&](stack::Steering& s) { s.MoveBucket(bucket, 1); });
  send(*mine);
  EXPECT_TRUE(old->Receive(datagram)) << "the flow stays";
  const uint16_t other = PortWhere([&](size_t b) { return b == bucket; });
  udp::UdpSocket* const second = client_->stack(0).udp().Open({});
  ASSERT_EQ(client_->stack(0).udp().Bind(*second, {Address(0), other}), udp::BindResult::kOk);
  send(*second);
  EXPECT_FALSE(any[0]->Receive(datagram));
  EXPECT_TRUE(any[1]->Receive(datagram)) << "what is nobody's goes where the bucket is";
  EXPECT_GT(server_->group().lane(0).load(bucket).packets.value(), 1u);
  EXPECT_EQ(server_->group().lane(1).load(bucket).packets.value(), 1u);
  // With a card that follows, datagrams of nobody ask where the bucket was only while some socket
  // is connected there.
  std::vector<uint16_t> table = pair_.b->rss()->table;
  table[bucket] = 1;
  ASSERT_TRUE(pair_.b->SetRssTable(table));
  uint64_t forwarded = Forwarded();
  send(*second);
  EXPECT_EQ(Forwarded(), forwarded + 2);
  server_->stack(0).udp().Close(old);
  forwarded = Forwarded();
  send(*second);
  EXPECT_EQ(Forwarded(), forwarded);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(any[1]->Receive(datagram));
  EXPECT_EQ(server_->group().lane(0).load(bucket).flows.value(), 0u);
}

TEST_P(LanesBalanceTest, EvenLoadMovesNothing) {
  std::vector<Flow> flows;
  for (int i = 0; i < 8; ++i) {
    const size_t lane = static_cast<size_t>(i) % kLanes;
    flows.push_back(Open(PortWhere([&](size_t b) { return LaneOf(b) == lane; })));
  }
  Work(flows, 5);
  EXPECT_EQ(moves(), 0u);
}

}  // namespace
}  // namespace corelane::testing
