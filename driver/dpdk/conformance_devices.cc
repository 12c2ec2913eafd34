#include "driver/dpdk/conformance_devices.h"

#include <net/if.h>
#include <rte_ethdev.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "driver/dpdk/dpdk.h"
#include "driver/dpdk/eal.h"
#include "driver/registry.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

constexpr uint64_t kBytes = uint64_t{256} << 20;

class HugepageEnvironment final : public ::testing::Environment {
 public:
  void SetUp() override {
    // In memory: no file of a mount is touched. In few files: vhost-user passes on eight at most.
    // All of it from the start: to tell a vhost in the same process of more memory waits for
    // itself.
    auto eal = dpdk::EalBuilder()
                   .Memory(dpdk::Hugepages::kAlways)
                   .InMemory()
                   .MemoryMegabytes(kBytes >> 20)
                   .Raw({"--single-file-segments"})
                   .Start();
    ASSERT_TRUE(eal.ok()) << eal.status();
    eal_ = *std::move(eal);
  }
  void TearDown() override { eal_.reset(); }

 private:
  std::optional<dpdk::Eal> eal_;
};

}  // namespace

std::unique_ptr<Device> OpenTestDevice(const std::string& uri) {
  auto device = OpenDevice(uri);
  EXPECT_TRUE(device.ok()) << device.status();
  return device.ok() ? *std::move(device) : nullptr;
}

void MakeVeth(const std::string& a, const std::string& b) {
  if (if_nametoindex(a.c_str()) != 0) return;
  const std::string command = "ip link add " + a + " type veth peer name " + b +
                              " && ip link set " + a + " up && ip link set " + b + " up";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

bool LinkComesUp(const std::string& port) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(port.c_str(), &id) != 0) return false;
  while (std::chrono::steady_clock::now() < deadline) {
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(id, &link) == 0 && link.link_status != 0) return true;
    std::this_thread::yield();
  }
  return false;
}

int UseHugepagesIfAsked() {
  if (std::getenv("CORELANE_TEST_HUGEPAGES") == nullptr) return -1;
  if (dpdk::FreeHugepageBytes() < kBytes) {
    std::printf("SKIPPED: fewer than %d MB of hugepages are free here\n",
                static_cast<int>(kBytes >> 20));
    return 0;
  }
  ::testing::AddGlobalTestEnvironment(new HugepageEnvironment);
  return -1;
}

}  // namespace corelane::driver
