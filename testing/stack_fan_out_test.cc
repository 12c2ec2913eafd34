// A device with fewer queues than the host has lanes: one lane polls for the others and sends for
// them.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/bytes.h"
#include "driver/frame.h"
#include "driver/pcap/pcap.h"
#include "driver/pcap_file.h"
#include "driver/ring/ring.h"
#include "testing/lane_host.h"
#include "testing/segment_builder.h"

namespace corelane::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Queues of the device, and whether IPv6.
using Param = std::tuple<uint16_t, bool>;

class StackFanOutTest : public ::testing::TestWithParam<Param> {
 protected:
  static constexpr size_t kServerLanes = 3;

  StackFanOutTest() {
    driver::RingOptions options;
    options.queues = queues();
    options.depth = 16;
    ring_ = driver::MakeRingPair(options);
    stack::LaneGroupOptions group;
    group.lanes = queues();
    client_ = std::make_unique<LaneHost>(*ring_.a, group, Own(0), 1, clock_.Now());
    group.lanes = kServerLanes;
    group.forward_ring = 128;
    server_ = std::make_unique<LaneHost>(*ring_.b, group, Own(1), 11, clock_.Now());
  }
  static uint16_t queues() { return std::get<0>(GetParam()); }
  static bool v6() { return std::get<1>(GetParam()); }
  static IpAddress Address(size_t i) {
    return v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 1 + i))
                : IpAddress(Ipv4Address(0x0a00'0001 + static_cast<uint32_t>(i)));
  }
  static std::vector<IpPrefix> Own(size_t i) {
    return {{Address(i), static_cast<uint8_t>(v6() ? 64 : 24)}};
  }
  template <class Done>
  bool RunUntil(const Done& done, Duration limit = seconds(10)) {
    const Instant end = clock_.Now() + limit;
    for (;;) {
      if (done()) return true;
      if (clock_.Now() >= end) return false;
      const bool served = server_->Poll(clock_.Now());
      if (client_->Poll(clock_.Now()) || served) continue;
      const Instant next = std::min(server_->NextDeadline(), client_->NextDeadline());
      clock_.AdvanceTo(std::clamp(next, clock_.Now() + std::chrono::microseconds(1), end));
    }
  }
  uint64_t Sum(Counter stack::LaneCounters::* counter) {
    uint64_t n = 0;
    for (size_t i = 0; i < kServerLanes; ++i) n += (server_->counters(i).*counter).value();
    return n;
  }

  ManualClock clock_;
  driver::RingPair ring_;
  std::unique_ptr<LaneHost> client_;
  std::unique_ptr<LaneHost> server_;
};

INSTANTIATE_TEST_SUITE_P(Queues, StackFanOutTest,
                         ::testing::Combine(::testing::Values(1, 2), ::testing::Bool()),
                         [](const auto& info) {
                           return std::to_string(std::get<0>(info.param)) + "Queues" +
                                  (std::get<1>(info.param) ? "V6" : "V4");
                         });

TEST_P(StackFanOutTest, EveryLaneHasItsShareOfConnections) {
  constexpr size_t kConnections = 60;
  constexpr size_t kBytes = 40'000;
  std::vector<stack::TcpListener*> listeners;
  stack::TcpSetupError error;
  for (size_t i = 0; i < kServerLanes; ++i) {
    listeners.push_back(server_->stack(i).tcp().Listen({Address(1), 7}, kConnections, error));
  }
  std::vector<stack::TcpSocket*> sockets;
  for (size_t i = 0; i < kConnections; ++i) {
    sockets.push_back(client_->stack(i % queues()).tcp().Connect({Address(1), 7}, {}, error));
  }
  const Bytes sent = Pattern(kBytes);
  std::vector<size_t> written(kConnections), read(kConnections), accepted(kServerLanes);
  std::vector<stack::TcpSocket*> served;
  Bytes buffer(4096);
  ASSERT_TRUE(RunUntil([&] {
    for (size_t i = 0; i < kServerLanes; ++i) {
      while (stack::TcpSocket* const s = listeners[i]->Accept()) {
        served.push_back(s);
        ++accepted[i];
      }
    }
    for (stack::TcpSocket* const s : served) {
      const size_t n =
          s->Read(std::span(buffer).first(std::min(buffer.size(), s->writable_bytes())));
      if (n > 0) EXPECT_EQ(s->Write(std::span(buffer).first(n)), n);
    }
    size_t done = 0;
    for (size_t i = 0; i < kConnections; ++i) {
      if (sockets[i]->connected()) {
        written[i] += sockets[i]->Write(std::span(sent).subspan(written[i]));
      }
      while (const size_t n = sockets[i]->Read(buffer)) {
        EXPECT_TRUE(std::equal(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(n),
                               sent.begin() + static_cast<ptrdiff_t>(read[i])));
        read[i] += n;
      }
      done += read[i] == kBytes;
    }
    return done == kConnections;
  }));
  for (size_t i = 0; i < kServerLanes; ++i)
    EXPECT_GT(accepted[i], kConnections / 12) << "lane " << i;
  EXPECT_GT(Sum(&stack::LaneCounters::forwarded_in), 0u);
  EXPECT_EQ(Sum(&stack::LaneCounters::forward_drops), 0u);
  EXPECT_GT(Sum(&stack::LaneCounters::carried_in), 0u);
  EXPECT_EQ(Sum(&stack::LaneCounters::carried_out), Sum(&stack::LaneCounters::carried_in));
  // Only lanes without a queue are carried for, and only by those with one.
  for (size_t i = 0; i < kServerLanes; ++i) {
    EXPECT_EQ(server_->counters(i).carried_out.value() > 0, i >= queues());
    if (i >= queues()) EXPECT_EQ(server_->counters(i).carried_in.value(), 0u);
  }
}

TEST_P(StackFanOutTest, DatagramsAreAnsweredByTheLaneTheyBelongTo) {
  std::vector<udp::UdpSocket*> servers;
  for (size_t i = 0; i < kServerLanes; ++i) {
    servers.push_back(server_->stack(i).udp().Open({}));
    ASSERT_EQ(server_->stack(i).udp().Bind(*servers[i], {Address(1), 53}), udp::BindResult::kOk);
  }
  std::vector<size_t> served(kServerLanes);
  for (const size_t size : {10, 1400, 4000}) {  // the last one in fragments
    for (size_t k = 0; k < 30; ++k) {
      stack::UdpLayer& udp = client_->stack(k % queues()).udp();
      udp::UdpSocket* const socket = udp.Open({});
      ASSERT_EQ(udp.Send(*socket, Pattern(size), Endpoint{Address(1), 53}, clock_.Now()),
                stack::UdpSendResult::kOk);
      ASSERT_TRUE(RunUntil([&] {
        udp::Datagram datagram;
        for (size_t i = 0; i < kServerLanes; ++i) {
          while (servers[i]->Receive(datagram)) {
            ++served[i];
            server_->stack(i).udp().Send(*servers[i], Pattern(datagram.payload.packet_size()),
                                         datagram.from, clock_.Now());
          }
        }
        return socket->readable();
      }));
      udp.Close(socket);
    }
  }
  for (const size_t n : served) EXPECT_GT(n, 10u);
}

TEST_P(StackFanOutTest, LanesWithoutAQueueConnectAsWell) {
  stack::TcpSetupError error;
  std::vector<stack::TcpListener*> listeners;
  for (size_t i = 0; i < queues(); ++i) {
    listeners.push_back(client_->stack(i).tcp().Listen({Address(0), 80}, 16, error));
  }
  for (size_t lane = 0; lane < kServerLanes; ++lane) {
    stack::TcpSocket* const socket =
        server_->stack(lane).tcp().Connect({Address(0), 80}, {}, error);
    ASSERT_NE(socket, nullptr);
    stack::TcpSocket* peer = nullptr;
    ASSERT_TRUE(RunUntil([&] {
      for (stack::TcpListener* const l : listeners) {
        if (stack::TcpSocket* const s = l->Accept()) peer = s;
      }
      return peer != nullptr && socket->connected();
    })) << "lane "
        << lane;
    EXPECT_EQ(socket->Write(Pattern(1000)), 1000u);
    ASSERT_TRUE(RunUntil([&] { return peer->readable_bytes() == 1000; }));
  }
}

// The device takes nothing for a while: what is to be sent waits in its lane, and nothing is lost.
TEST_P(StackFanOutTest, AFullDeviceIsWaitedFor) {
  stack::TcpSetupError error;
  const size_t last = kServerLanes - 1;
  stack::TcpListener* const listener =
      server_->stack(last).tcp().Listen({Address(1), 7}, 16, error);
  stack::TcpSocket* const socket = client_->stack(0).tcp().Connect({Address(1), 7}, {}, error);
  stack::TcpSocket* peer = nullptr;
  ASSERT_TRUE(RunUntil([&] {
    if (peer == nullptr) peer = listener->Accept();
    return peer != nullptr;
  }));
  constexpr size_t kBytes = 2'000'000;
  const Bytes sent = Pattern(kBytes);
  size_t written = 0;
  size_t read = 0;
  Bytes buffer(65536);
  const uint64_t before = server_->stack(last).tcp().counters().retransmitted_segments.value();
  // The client takes its turns only now and then: the wire of 16 frames fills up.
  int turn = 0;
  while (read < kBytes) {
    ASSERT_LT(++turn, 200'000);
    written += peer->Write(std::span(sent).subspan(written));
    server_->Poll(clock_.Now());
    if (turn % 20 != 0) continue;
    if (!client_->Poll(clock_.Now())) clock_.Advance(milliseconds(1));
    while (const size_t n = socket->Read(buffer)) {
      ASSERT_TRUE(std::equal(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(n),
                             sent.begin() + static_cast<ptrdiff_t>(read)));
      read += n;
    }
  }
  EXPECT_EQ(server_->stack(last).tcp().counters().retransmitted_segments.value(), before);
  EXPECT_GT(ring_.b->queue(last % queues()).stats().tx_full, 0u);
}

// A capture has one queue: its datagrams and SYNs are answered by all lanes, into one file.
TEST(StackFanOutPcapTest, ACaptureIsSpreadOverTheLanes) {
  constexpr size_t kLanes = 3;
  constexpr uint16_t kFlows = 90;
  const MacAddress peer(2, 0, 0, 0, 0, 9);
  driver::PcapOptions options;
  options.in = ::testing::TempDir() + "/fan_out_in.pcap";
  options.out = ::testing::TempDir() + "/fan_out_out.pcap";
  const Route route{peer, options.mac, Ipv4Address(10, 0, 0, 2), Ipv4Address(10, 0, 0, 1)};
  {
    PacketPool pool(1);
    auto file = driver::PcapFile::Create(options.in);
    ASSERT_TRUE(file.ok());
    driver::PcapBuffer buffer(*std::move(file), Duration(0));
    const auto add = [&](const Bytes& frame) {
      const PacketBuf packet = driver::PacketFromBytes(frame, pool);
      buffer.Add(Instant(), *packet.head());
    };
    add(ArpRequestFrame(route));
    for (uint16_t port = 1000; port < 1000 + kFlows; ++port) {
      add(UdpFrame(route, port, 53, Pattern(port)));
      add(Tcp(route, port, 80).Flags(tcp::kSyn).Seq(port));
    }
    buffer.Flush();
  }
  auto device = driver::MakePcapDevice(options);
  ASSERT_TRUE(device.ok()) << device.status();
  ManualClock clock;
  std::array<uint64_t, kLanes> echoed{};
  {
    stack::LaneGroupOptions group;
    group.lanes = kLanes;
    LaneHost host(**device, group, {{route.dst, 24}}, 1, clock.Now());
    std::vector<udp::UdpSocket*> sockets;
    for (size_t i = 0; i < kLanes; ++i) {
      sockets.push_back(host.stack(i).udp().Open({}));
      host.stack(i).udp().Bind(*sockets[i], {route.dst, 53});
      stack::TcpSetupError error;
      host.stack(i).tcp().Listen({route.dst, 80}, kFlows, error);
    }
    for (int idle = 0; idle < 3;) {
      idle = host.Poll(clock.Now()) ? 0 : idle + 1;
      udp::Datagram datagram;
      for (size_t i = 0; i < kLanes; ++i) {
        while (sockets[i]->Receive(datagram)) {
          ++echoed[i];
          Bytes bytes(datagram.payload.packet_size());
          datagram.payload.CopyOut(0, bytes);
          datagram.payload.Reset();
          host.stack(i).udp().Send(*sockets[i], bytes, datagram.from, clock.Now());
        }
      }
    }
    for (size_t i = 0; i < kLanes; ++i) {
      EXPECT_GT(echoed[i], 10u) << "lane " << i;
      EXPECT_GT(host.stack(i).tcp().sockets(), 10u) << "lane " << i;
    }
    EXPECT_GT(host.counters(0).carried_in.value(), 20u);
  }
  (*device)->queue(0).ArmWake();  // flushes
  const auto bytes = driver::ReadFileBytes(options.out);
  ASSERT_TRUE(bytes.ok());
  auto reader = driver::PcapReader::Open(*bytes, options.out);
  ASSERT_TRUE(reader.ok());
  std::set<uint16_t> datagrams, handshakes;
  while (const auto record = reader->Next()) {
    const Bytes frame(record->bytes.begin(), record->bytes.end());
    if (frame.size() < 38 || LoadBe16(&frame[12]) != 0x0800) continue;
    (frame[23] == 17 ? datagrams : handshakes).insert(LoadBe16(&frame[36]));
  }
  EXPECT_EQ(datagrams.size(), kFlows);
  EXPECT_EQ(handshakes.size(), kFlows);
}

}  // namespace
}  // namespace corelane::testing
