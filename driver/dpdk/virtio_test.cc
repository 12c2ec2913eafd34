// net_virtio_user and the vhost that it speaks to over a socket, both in this process.

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "driver/conformance.h"
#include "driver/dpdk/conformance_devices.h"
#include "driver/dpdk/test_socket.h"
#include "driver/dpdk/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;

class VirtioFixture final : public PeerDeviceFixture {
 public:
  VirtioFixture(std::unique_ptr<dpdk::TestSocket> socket, std::unique_ptr<Device> device,
                std::unique_ptr<Device> peer)
      : PeerDeviceFixture(std::move(device), std::move(peer)), socket_(std::move(socket)) {}
  ~VirtioFixture() override { DestroyDevice(); }

 private:
  std::unique_ptr<dpdk::TestSocket> socket_;
};

std::unique_ptr<DeviceFixture> MakeVirtio(const ConformanceOptions& options) {
  auto socket = std::make_unique<dpdk::TestSocket>();
  const std::string pool = Cat(",pool=", options.pool_packets);
  // The driver writes to the other side when that is gone already.
  std::signal(SIGPIPE, SIG_IGN);
  auto vhost = OpenTestDevice(Cat("dpdk:net_vhost0,iface=", socket->path(), pool));
  auto virtio = OpenTestDevice(Cat("dpdk:net_virtio_user0,path=", socket->path(), pool));
  EXPECT_TRUE(LinkComesUp("net_vhost0"));
  return std::make_unique<VirtioFixture>(std::move(socket), std::move(virtio), std::move(vhost));
}

INSTANTIATE_TEST_SUITE_P(Dpdk, DeviceConformance,
                         ::testing::Values(ConformanceCase{"net_virtio_user", &MakeVirtio}),
                         ConformanceName());

}  // namespace
}  // namespace corelane::driver

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (const int status = corelane::driver::UseHugepagesIfAsked(); status >= 0) return status;
  return RUN_ALL_TESTS();
}
