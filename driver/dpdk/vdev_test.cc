// Virtual devices whose other side is the kernel, in a user and network namespace of this test's
// own: main() starts the program again inside of one.

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "driver/conformance.h"
#include "driver/dpdk/conformance_devices.h"
#include "driver/dpdk/flow.h"
#include "driver/dpdk/mempool.h"
#include "driver/dpdk/port.h"
#include "driver/dpdk/test_eal.h"
#include "driver/dpdk/text.h"
#include "driver/registry.h"
#include "driver/tap/test_namespace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;
using ::testing::HasSubstr;

std::unique_ptr<DeviceFixture> MakeTap(const ConformanceOptions& options) {
  return std::make_unique<KernelFixture>(
      Cat("dpdk:net_tap0,iface=dtap0,pool=", options.pool_packets, ",rxd=64,txd=64"), "dtap0");
}

std::unique_ptr<DeviceFixture> MakeAfPacket(const ConformanceOptions& options) {
  MakeVeth("va", "vb");
  return std::make_unique<KernelFixture>(
      Cat("dpdk:net_af_packet0,iface=va,pool=", options.pool_packets), "vb");
}

std::unique_ptr<DeviceFixture> MakeFailsafe(const ConformanceOptions& options) {
  return std::make_unique<KernelFixture>(Cat("dpdk:net_failsafe0,dev=net_tap1;iface=ftap0,pool=",
                                             options.pool_packets, ",rxd=64,txd=64"),
                                         "ftap0");
}

INSTANTIATE_TEST_SUITE_P(Dpdk, DeviceConformance,
                         ::testing::Values(ConformanceCase{"net_tap", &MakeTap},
                                           ConformanceCase{"net_af_packet", &MakeAfPacket},
                                           ConformanceCase{"net_failsafe", &MakeFailsafe}),
                         ConformanceName());

TEST(NetTap, SaysWhatItCounts) {
  struct Sink final : CounterSink {
    void OnCounter(std::string_view name, uint64_t value) override {
      counters[std::string(name)] = value;
    }
    std::map<std::string, uint64_t> counters;
  } sink;
  const std::unique_ptr<DeviceFixture> fixture = MakeTap({});
  ASSERT_TRUE(fixture->PeerSend(MakeFrame(1, 100)));
  std::array<PacketBuf, 4> burst;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (fixture->device().queue(0).ReceiveBurst(fixture->now(), burst) == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  }
  fixture->device().ReadCounters(sink);
  EXPECT_GE(sink.counters["rx_good_packets"], 1u);
  const std::optional<LinkStatus> link = fixture->device().link();
  ASSERT_TRUE(link.has_value());
  EXPECT_TRUE(link->up);
  EXPECT_GT(link->bits_per_second, 0u);
}

// Whoever holds everything that he receives stops hearing anything, until he lets go.
void HoldEverything(DeviceFixture& fixture) {
  DeviceQueue& queue = fixture.device().queue(0);
  std::vector<PacketBuf> held;
  std::array<PacketBuf, 32> burst;
  size_t sent = 0;
  const auto exchange = [&] {
    for (uint32_t i = 0; i < 16; ++i) sent += fixture.PeerSend(MakeFrame(i, 100));
    const size_t n = queue.ReceiveBurst(fixture.now(), burst);
    std::move(burst.begin(), burst.begin() + static_cast<ptrdiff_t>(n), std::back_inserter(held));
  };
  for (int i = 0; i < 400; ++i) exchange();
  const size_t most = held.size();
  EXPECT_LT(most, sent);
  EXPECT_EQ(most, 64u);  // the pool's
  held.clear();
  for (int i = 0; i < 10; ++i) exchange();
  EXPECT_GT(held.size(), 32u);
}

TEST(NetTap, RecoversWhenEverythingWasHeld) { HoldEverything(*MakeTap({.pool_packets = 64})); }

// Whoever opens a device keeps nothing of its pools: all of the stack's share is the lane's.
TEST(NetTap, AnotherThreadHasTheWholePool) {
  const auto fixture = MakeTap({.pool_packets = 300});
  DeviceQueue& queue = fixture->device().queue(0);
  std::thread([&] {
    std::array<PacketBuf, 32> received;
    queue.ReceiveBurst(fixture->now(), received);
    received = {};
    std::vector<PacketBuf> all(1000);
    EXPECT_EQ(queue.AllocateBurst(all), 300u);
    EXPECT_EQ(queue.pool()->max_packets(), 300u);
  }).join();
}

// IPv6 asks for its neighbors by groups. net_af_packet has no switch for those alone.
TEST(NetTap, HearsGroups) {
  const auto fixture = MakeTap({});
  const uint16_t id = dpdk::Port::Find("net_tap0").value();
  EXPECT_EQ(rte_eth_allmulticast_get(id), 1);
  EXPECT_EQ(rte_eth_promiscuous_get(id), 0);
}

TEST(NetAfPacket, HearsGroups) {
  const auto fixture = MakeAfPacket({});
  const uint16_t id = dpdk::Port::Find("net_af_packet0").value();
  EXPECT_EQ(rte_eth_promiscuous_get(id), 1);
}

TEST(NetAfPacket, ADeviceOfTheEalsArguments) {
  MakeTap({}).reset();  // starts the EAL
  MakeVeth("va", "vb");
  // As --vdev does it.
  dpdk::TestVdev("net_af_packet7", "iface=va").Release();
  EXPECT_TRUE(absl::IsAlreadyExists(OpenDevice("dpdk:net_af_packet7,iface=va").status()));
  const auto device = OpenTestDevice("dpdk:net_af_packet7");
  ASSERT_NE(device, nullptr);
  const auto missing = OpenDevice("dpdk:net_af_packet8").status();
  EXPECT_THAT(std::string(missing.message()), HasSubstr("net_af_packet8: iface: missing"));
}

TEST(NetAfPacket, RecoversWhenEverythingWasHeld) {
  HoldEverything(*MakeAfPacket({.pool_packets = 64}));
}

TEST(NetTap, AnIdleWorkerSleepsOnItsDescriptor) {
  const auto fixture = MakeTap({});
  DeviceQueue& queue = fixture->device().queue(0);
  std::array<PacketBuf, 32> burst;
  while (queue.ReceiveBurst(fixture->now(), burst) > 0) {
  }
  const auto wake = queue.ArmWake();
  ASSERT_TRUE(wake.has_value());
  EXPECT_GE(wake->fd, 0);
  EXPECT_EQ(wake->nap, Duration::max());
}

TEST(NetAfPacket, AnIdleWorkerNaps) {
  const auto fixture = MakeAfPacket({});
  const auto wake = fixture->device().queue(0).ArmWake();
  ASSERT_TRUE(wake.has_value());
  EXPECT_EQ(wake->fd, -1);
  EXPECT_EQ(wake->nap, std::chrono::microseconds(1800));
}

// libpcap hands frames over in blocks of time.
TEST(NetPcap, AnInterface) {
  MakeVeth("va", "vb");
  const auto device = OpenTestDevice("dpdk:net_pcap0,rx_iface_in=va,tx_iface=va");
  KernelPort peer("vb");
  DeviceQueue& queue = device->queue(0);
  std::array<PacketBuf, 1> burst;
  ASSERT_EQ(queue.AllocateBurst(burst), 1u);
  const Frame frame = MakeFrame(1, 100);
  std::copy(frame.begin(), frame.end(), burst[0].Append(frame.size()));
  ASSERT_EQ(queue.TransmitBurst(Instant(), burst), 1u);
  std::optional<Frame> sent = peer.Receive();
  while (sent && *sent != frame) sent = peer.Receive();  // the kernel has something to say as well
  EXPECT_EQ(sent, frame);
  const Frame answer = MakeFrame(2, 200);
  ASSERT_TRUE(peer.Send(answer));
  std::optional<Frame> received;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (received != answer && std::chrono::steady_clock::now() < deadline) {
    if (queue.ReceiveBurst(Instant(), burst) == 1) {
      received = FrameOf(burst[0]);
    } else {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(received, answer);
}

// net_tap makes its rules of the kernel's classifiers: without those it has none.
TEST(NetTap, FlowRulesAreTakenOrRefusedClearly) {
  MakeTap({}).reset();  // starts the EAL
  const dpdk::TestVdev device("net_tap2", "iface=rtap0");
  std::vector<std::unique_ptr<dpdk::Mempool>> pools;
  for (int i = 0; i < 2; ++i) pools.push_back(dpdk::Mempool::Create({.mbufs = 2047}).value());
  const auto port = dpdk::Port::Open(device.id(), {.queues = 2, .rx_descriptors = 64}, pools);
  ASSERT_TRUE(port.ok()) << port.status();
  const dpdk::FlowMatch match{.protocol = 6,
                              .source = Ipv4Address(10, 0, 0, 1),
                              .source_port = 1000,
                              .destination = Ipv4Address(10, 0, 0, 2),
                              .destination_port = 80};
  const auto dropped = dpdk::FlowRule::Create(*port, match, dpdk::FlowDrop{});
  if (!dropped.ok()) {
    EXPECT_THAT(std::string(dropped.status().message()),
                HasSubstr("port net_tap2: flow tcp 10.0.0.1:1000 -> 10.0.0.2:80 dropped: its "
                          "driver, net_tap, refuses "));
  }
  const auto marked = dpdk::FlowRule::Create(*port, match, dpdk::FlowMark{.mark = 1});
  EXPECT_FALSE(marked.ok());
  EXPECT_THAT(std::string(marked.status().message()), HasSubstr("marked 1: its driver, net_tap"));
}

}  // namespace
}  // namespace corelane::driver

int main(int argc, char** argv) {
  if (const int status = corelane::driver::EnterTestNamespace(argc, argv); status >= 0) {
    return status;
  }
  testing::InitGoogleMock(&argc, argv);
  if (const int status = corelane::driver::UseHugepagesIfAsked(); status >= 0) return status;
  return RUN_ALL_TESTS();
}
