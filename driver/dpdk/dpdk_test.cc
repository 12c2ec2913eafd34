#include "driver/dpdk/dpdk.h"

#include <string>

#include "driver/conformance.h"
#include "driver/dpdk/text.h"
#include "driver/registry.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;

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
      : PeerDeviceFixture(Open("dpdk:net_ring0" + rest), Open("dpdk:net_ring1" + rest)) {}
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

TEST(Dpdk, WrongUrisSayWhatWouldBeRight) {
  EXPECT_EQ(ErrorOf("dpdk:"),
            "\"dpdk:\": names no device; write dpdk:net_tap0,iface=x for a virtual one, "
            "dpdk:0000:41:00.0 for a NIC");
}

}  // namespace
}  // namespace corelane::driver
