// net_af_xdp over a veth pair, as the machine's root in a network namespace of this test's own:
// main() starts the program again inside of one. Bazel's sandbox allows no XDP, so that this runs
// outside of it.

#include <memory>
#include <string>

#include "driver/conformance.h"
#include "driver/dpdk/conformance_devices.h"
#include "driver/dpdk/text.h"
#include "driver/tap/test_namespace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;

std::unique_ptr<DeviceFixture> MakeAfXdp(const ConformanceOptions& options) {
  // The driver leaves its socket bound to the interface for as long as the process lives.
  static int number = 0;
  const std::string near = Cat("near", number);
  const std::string far = Cat("far", number++);
  MakeVeth(near, far);
  return std::make_unique<KernelFixture>(
      Cat("dpdk:net_af_xdp0,iface=", near, ",pool=", options.pool_packets), far);
}

INSTANTIATE_TEST_SUITE_P(Dpdk, DeviceConformance,
                         ::testing::Values(ConformanceCase{"net_af_xdp", &MakeAfXdp}),
                         ConformanceName());

}  // namespace
}  // namespace corelane::driver

// The driver's own, as its adapter says.
extern "C" const char* __lsan_default_suppressions() { return "leak:xsk_umem__create\n"; }

int main(int argc, char** argv) {
  if (const int status = corelane::driver::EnterRootTestNamespace(argc, argv); status >= 0) {
    return status;
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
