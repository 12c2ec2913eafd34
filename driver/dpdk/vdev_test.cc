// Virtual devices whose other side is the kernel, in a user and network namespace of this test's
// own: main() starts the program again inside of one.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "driver/conformance.h"
#include "driver/dpdk/dpdk.h"
#include "driver/dpdk/text.h"
#include "driver/kernel_port.h"
#include "driver/registry.h"
#include "driver/tap/test_namespace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;

std::unique_ptr<Device> Open(const std::string& uri) {
  auto device = OpenDevice(uri);
  EXPECT_TRUE(device.ok()) << device.status();
  return device.ok() ? *std::move(device) : nullptr;
}

// A device that is one side of a kernel's interface; the test has the other.
class KernelFixture final : public DeviceFixture {
 public:
  KernelFixture(const std::string& uri, const std::string& interface)
      : device_(Open(uri)), port_(std::make_unique<KernelPort>(interface)) {}

  Device& device() override { return *device_; }
  bool PeerSend(const Frame& frame) override { return port_->Send(frame); }
  std::optional<Frame> PeerReceive() override { return port_->Receive(); }
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override { port_.reset(); }
  bool can_be_full() const override { return false; }

 private:
  std::unique_ptr<Device> device_;
  std::unique_ptr<KernelPort> port_;
};

std::unique_ptr<DeviceFixture> MakeTap(const ConformanceOptions& options) {
  return std::make_unique<KernelFixture>(
      Cat("dpdk:net_tap0,iface=dtap0,pool=", options.pool_packets, ",rxd=64,txd=64"), "dtap0");
}

std::unique_ptr<DeviceFixture> MakeAfPacket(const ConformanceOptions& options) {
  static const bool made = std::system(
                               "ip link add va type veth peer name vb && "
                               "ip link set va up && ip link set vb up") == 0;
  EXPECT_TRUE(made);
  return std::make_unique<KernelFixture>(
      Cat("dpdk:net_af_packet0,iface=va,pool=", options.pool_packets), "vb");
}

INSTANTIATE_TEST_SUITE_P(Dpdk, DeviceConformance,
                         ::testing::Values(ConformanceCase{"net_tap", &MakeTap},
                                           ConformanceCase{"net_af_packet", &MakeAfPacket}),
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
  while (fixture->device().queue(0).ReceiveBurst(fixture->now(), burst) == 0) {
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

TEST(NetAfPacket, RecoversWhenEverythingWasHeld) {
  HoldEverything(*MakeAfPacket({.pool_packets = 64}));
}

}  // namespace
}  // namespace corelane::driver

int main(int argc, char** argv) {
  if (const int status = corelane::driver::EnterTestNamespace(argc, argv); status >= 0) {
    return status;
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
