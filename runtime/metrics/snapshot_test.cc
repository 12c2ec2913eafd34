#include "runtime/metrics/snapshot.h"

#include <gtest/gtest.h>

#include <numeric>

#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

LaneSnapshot Read(LaneReader& reader) {
  while (!reader.Step()) {
  }
  return reader.Take();
}

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() {
    lane_.worker = &pair_.worker;
    lane_.name = "first";
    lane_.stacks = {"client"};
  }

  LaneSnapshot Read() {
    LaneReader reader(lane_);
    return runtime::Read(reader);
  }
  stack::TcpSocket* Connect(uint16_t port) {
    stack::TcpSetupError error{};
    stack::TcpSocket* const socket =
        pair_.client.tcp().Connect(pair_.ServerEndpoint(port), {}, error);
    EXPECT_NE(socket, nullptr) << ToString(error);
    return socket;
  }
  stack::TcpListener* Listen(uint16_t port) {
    stack::TcpSetupError error{};
    return pair_.server.tcp().Listen(pair_.ServerEndpoint(port), 16, error);
  }
  static uint64_t InState(const StackSnapshot& stack, tcp::State state) {
    return stack.tcp_states[static_cast<size_t>(state)];
  }
  template <class Table, class Values>
  static uint64_t Named(const Table& table, const Values& values, std::string_view name) {
    for (size_t i = 0; i < table.size(); ++i) {
      if (name == table[i].name) return values[i];
    }
    ADD_FAILURE() << name << " is no counter";
    return 0;
  }

  TestPair pair_;
  LaneInfo lane_;
};

TEST_F(SnapshotTest, AnIdleLane) {
  const LaneSnapshot lane = Read();
  EXPECT_EQ(lane.name, "first");
  EXPECT_TRUE(lane.up);
  EXPECT_EQ(lane.turns, 0u);
  ASSERT_EQ(lane.stacks.size(), 2u);
  EXPECT_EQ(lane.stacks[0].name, "client");
  EXPECT_EQ(lane.stacks[1].name, "1");
  const StackSnapshot& client = lane.stacks[0];
  ASSERT_EQ(client.interfaces.size(), 1u);
  EXPECT_EQ(client.interfaces[0].name, "ring:pair");
  EXPECT_EQ(client.interfaces[0].mtu, 1500);
  ASSERT_TRUE(client.interfaces[0].pool.has_value());
  EXPECT_EQ(client.interfaces[0].pool->size, 8192u);
  EXPECT_EQ(client.interfaces[0].pool->in_use, 0u);
  EXPECT_EQ(std::accumulate(client.tcp_states.begin(), client.tcp_states.end(), uint64_t{0}), 0u);
  ASSERT_EQ(client.classes.size(), 1u);
  EXPECT_FALSE(client.classes[0].inbound);
  EXPECT_EQ(client.classes[0].connections, 0u);
}

TEST_F(SnapshotTest, ConnectionsByStateAndClass) {
  Listen(80);
  Listen(81);
  stack::TcpSocket* const first = Connect(80);
  Connect(81);
  Connect(81);
  stack::TcpSocket* const refused = Connect(82);
  pair_.worker.RunFor(std::chrono::milliseconds(10));
  EXPECT_TRUE(refused->closed());
  const std::array<uint8_t, 1000> bytes{};
  first->Write(bytes);
  pair_.worker.RunFor(std::chrono::milliseconds(200));

  const LaneSnapshot lane = Read();
  const StackSnapshot& client = lane.stacks[0];
  const StackSnapshot& server = lane.stacks[1];
  EXPECT_EQ(InState(client, tcp::State::kEstablished), 3u);
  EXPECT_EQ(InState(server, tcp::State::kEstablished), 3u);
  ASSERT_EQ(client.classes.size(), 1u);
  EXPECT_EQ(client.classes[0].connections, 3u);
  EXPECT_EQ(std::accumulate(client.classes[0].rtt.counts.begin(),
                            client.classes[0].rtt.counts.end(), uint64_t{0}),
            3u);
  ASSERT_EQ(server.classes.size(), 3u);
  EXPECT_EQ(server.classes[0].connections, 0u);
  EXPECT_TRUE(server.classes[1].inbound);
  EXPECT_EQ(server.classes[1].port, 80);
  EXPECT_EQ(server.classes[1].connections, 1u);
  EXPECT_EQ(server.classes[1].receive_queue_bytes, 1000u);
  EXPECT_EQ(server.classes[2].port, 81);
  EXPECT_EQ(server.classes[2].connections, 2u);
  ASSERT_EQ(server.listeners.size(), 2u);
  EXPECT_EQ(server.listeners[1].local, "10.0.0.2:81");
  EXPECT_EQ(server.listeners[1].backlog, 16u);
  EXPECT_EQ(server.listeners[1].accept_queue, 2u);
  EXPECT_EQ(Named(internal::kTcpCounters, client.tcp, "corelane_tcp_active_opens_total"), 4u);
  EXPECT_EQ(Named(internal::kTcpCounters, server.tcp, "corelane_tcp_received_bytes_total"), 1000u);
  EXPECT_GT(
      Named(internal::kNetworkCounters, server.network, "corelane_arp_received_packets_total"), 0u);
  EXPECT_GT(client.interfaces[0].queue.tx_packets, 4u);
  EXPECT_GT(client.block_pool.peak, 0u);
  EXPECT_GT(client.neighbors, 0u);
  EXPECT_GT(lane.turns, 0u);
}

TEST_F(SnapshotTest, PortsBeyondTheBoundShareAClass) {
  for (uint16_t port = 1; port <= 100; ++port) Listen(port);
  for (uint16_t port = 1; port <= 100; ++port) Connect(port);
  // The first SYNs found no neighbor yet, and few of them may wait for it.
  pair_.worker.RunFor(std::chrono::seconds(3));
  const LaneSnapshot lane = Read();
  const StackSnapshot& server = lane.stacks[1];
  EXPECT_EQ(server.classes.size(), LaneReader::kMaxClasses + 1);
  size_t connections = 0;
  for (const ConnectionClass& c : server.classes) connections += c.connections;
  EXPECT_EQ(connections, 100u);
  EXPECT_TRUE(server.classes[1].inbound);
  EXPECT_EQ(server.classes[1].port, 0);
  EXPECT_EQ(server.classes[1].connections, 100u - (LaneReader::kMaxClasses - 1));
}

// The table doubles while it is being read: no socket is counted twice, or left out.
TEST_F(SnapshotTest, TheTableGrowsBetweenTwoPieces) {
  for (int i = 0; i < 1000; ++i) Connect(80);
  LaneReader reader(lane_);
  ASSERT_FALSE(reader.Step());
  const size_t before = pair_.client.tcp().socket_buckets();
  for (int i = 0; i < 1000; ++i) Connect(80);
  ASSERT_GT(pair_.client.tcp().socket_buckets(), before);
  EXPECT_EQ(InState(runtime::Read(reader).stacks[0], tcp::State::kSynSent), 2000u);
}

TEST_F(SnapshotTest, TimeWaitCounts) {
  stack::TcpListener* const listener = Listen(80);
  stack::TcpSocket* const client = Connect(80);
  pair_.worker.RunFor(std::chrono::milliseconds(10));
  stack::TcpSocket* const server = listener->Accept();
  ASSERT_NE(server, nullptr);
  client->Release();
  pair_.worker.RunFor(std::chrono::milliseconds(10));
  server->Release();
  pair_.worker.RunFor(std::chrono::milliseconds(10));
  const LaneSnapshot lane = Read();
  EXPECT_EQ(InState(lane.stacks[0], tcp::State::kTimeWait), 1u);
  EXPECT_EQ(InState(lane.stacks[1], tcp::State::kTimeWait), 0u);
}

TEST_F(SnapshotTest, TwoQueuesOfOneDeviceHaveTwoNames) {
  driver::RingOptions options;
  options.name = "wide";
  options.queues = 2;
  driver::RingPair wide = driver::MakeRingPair(options);
  Worker worker;
  stack::Stack& stack = worker.NewStack(stack::StackOptions());
  for (size_t i = 0; i < 2; ++i) {
    stack::InterfaceOptions interface;
    interface.addresses = {*IpPrefix::Parse("10.1." + std::to_string(i) + ".1/24")};
    ASSERT_TRUE(stack.AddInterface(wide.a->queue(i), wide.a->info(), interface).ok());
  }
  lane_.worker = &worker;
  const LaneSnapshot lane = Read();
  EXPECT_EQ(lane.stacks[0].interfaces[0].name, "ring:wide");
  EXPECT_EQ(lane.stacks[0].interfaces[1].name, "ring:wide#1");
}

}  // namespace
}  // namespace corelane::runtime
