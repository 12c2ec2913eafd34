#include "driver/dpdk/dpdk.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "driver/conformance.h"
#include "driver/dpdk/lcore.h"
#include "driver/dpdk/text.h"
#include "driver/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::unique_ptr<Device> Open(const std::string& uri) {
  auto device = OpenDevice(uri);
  EXPECT_TRUE(device.ok()) << device.status();
  return device.ok() ? *std::move(device) : nullptr;
}

std::string ErrorOf(const std::string& uri) {
  const auto device = OpenDevice(uri);
  EXPECT_FALSE(device.ok());
  return std::string(device.status().message());
}

class RingFixture final : public PeerDeviceFixture {
 public:
  explicit RingFixture(const std::string& rest)
      : PeerDeviceFixture(Open("dpdk:net_ring" + rest), Open("dpdk:net_ring" + rest)) {}
  // What arrives lies in the sender's packets.
  bool receives_into_pool() const override { return false; }
};

std::unique_ptr<DeviceFixture> MakeRing(const ConformanceOptions& options) {
  return std::make_unique<RingFixture>(
      Cat(",wire=a,depth=", options.depth, ",pool=", options.pool_packets));
}

INSTANTIATE_TEST_SUITE_P(Dpdk, DeviceConformance,
                         ::testing::Values(ConformanceCase{"net_ring", &MakeRing}),
                         ConformanceName());

TEST(NetRing, AWireHasTwoEnds) {
  auto a = Open("dpdk:net_ring,wire=two");
  auto b = Open("dpdk:net_ring,wire=two");
  EXPECT_NE(a->info().mac, b->info().mac);
  EXPECT_EQ(ErrorOf("dpdk:net_ring,wire=two"), "net_ring: wire 'two': both ends are open already");
  a.reset();
  a = Open("dpdk:net_ring,wire=two");  // the end that is free again
  a.reset();
  b.reset();
  a = Open("dpdk:net_ring,wire=two,queues=4");
  EXPECT_EQ(a->info().queues, 4);
  EXPECT_EQ(ErrorOf("dpdk:net_ring,wire=two,queues=2"),
            "net_ring: queues: value '2': expected 4, as the wire's other end has");
}

TEST(NetRing, ANumberedOneLoops) {
  const auto device = Open("dpdk:net_ring7");
  DeviceQueue& queue = device->queue(0);
  std::array<PacketBuf, 1> burst;
  ASSERT_EQ(queue.AllocateBurst(burst), 1u);
  const Frame frame = MakeFrame(1, 100);
  std::copy(frame.begin(), frame.end(), burst[0].Append(frame.size()));
  ASSERT_EQ(queue.TransmitBurst(Instant(), burst), 1u);
  ASSERT_EQ(queue.ReceiveBurst(Instant(), burst), 1u);
  EXPECT_EQ(FrameOf(burst[0]), frame);
  EXPECT_EQ(queue.stats().tx_bytes, 100u);
  EXPECT_EQ(queue.stats().rx_packets, 1u);
}

TEST(Dpdk, WhoPollsAQueueBecomesAnLcore) {
  const auto device = Open("dpdk:net_ring7");
  std::thread([&] {
    EXPECT_EQ(dpdk::ThisLcore(), std::nullopt);
    std::array<PacketBuf, 1> burst;
    EXPECT_EQ(device->queue(0).ReceiveBurst(Instant(), burst), 0u);
    EXPECT_NE(dpdk::ThisLcore(), std::nullopt);
  }).join();
}

TEST(Dpdk, APortHasOneOwner) {
  const auto device = Open("dpdk:net_null0");
  EXPECT_THAT(ErrorOf("dpdk:net_null0"), HasSubstr("is open already"));
  EXPECT_THAT(ErrorOf("dpdk:net_null0,size=128"), HasSubstr("the device is there already"));
}

TEST(NetRing, WrongOptions) {
  EXPECT_THAT(ErrorOf("dpdk:net_ring,wire=averylongname"), HasSubstr("at most 12 characters"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,depth=1"), HasSubstr("depth"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,speed=1"), HasSubstr("speed"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,queues=17"), HasSubstr("queues"));
}

TEST(Dpdk, WhatDpdkRefusesIsNamed) {
  EXPECT_THAT(ErrorOf("dpdk:net_nothing0,a=b"),
              AllOf(HasSubstr("dpdk:net_nothing0"), HasSubstr("a=b")));
  EXPECT_THAT(ErrorOf("dpdk:0000:00:1f.7"), HasSubstr("found no device of this address"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,eal=--no-huge"), HasSubstr("the EAL is running already"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,pool=1"), HasSubstr("pool"));
}

TEST(Dpdk, WrongUrisSayWhatWouldBeRight) {
  EXPECT_EQ(ErrorOf("dpdk:"),
            "\"dpdk:\": names no device; write dpdk:net_tap0,iface=x for a virtual one, "
            "dpdk:0000:41:00.0 for a NIC");
}

}  // namespace
}  // namespace corelane::driver
