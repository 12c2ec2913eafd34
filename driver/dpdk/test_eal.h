// The EAL of a test program, started before its first test and ended after its last, and virtual
// devices of a test's own.
//
//   [[maybe_unused]] const auto* const kEal = StartTestEal();
//   const TestVdev device("net_null0", "size=100");

#ifndef CORELANE_DRIVER_DPDK_TEST_EAL_H_
#define CORELANE_DRIVER_DPDK_TEST_EAL_H_

#include <rte_dev.h>
#include <rte_ethdev.h>

#include <optional>
#include <string>
#include <utility>

#include "driver/dpdk/eal.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {

class EalEnvironment final : public ::testing::Environment {
 public:
  explicit EalEnvironment(EalBuilder builder) : builder_(std::move(builder)) {}

  void SetUp() override {
    absl::StatusOr<Eal> eal = builder_.Start();
    ASSERT_TRUE(eal.ok()) << eal.status();
    eal_ = *std::move(eal);
  }
  void TearDown() override { eal_.reset(); }

 private:
  EalBuilder builder_;
  std::optional<Eal> eal_;
};

// In ordinary memory, which every machine has.
inline ::testing::Environment* StartTestEal(EalBuilder builder = EalBuilder()) {
  builder.Memory(Hugepages::kNever).MemoryMegabytes(128);
  return ::testing::AddGlobalTestEnvironment(new EalEnvironment(std::move(builder)));
}

// Gone with this object, which goes after a Port over it.
class TestVdev {
 public:
  explicit TestVdev(const std::string& name, const std::string& arguments = "") {
    EXPECT_EQ(rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str()), 0) << name;
    EXPECT_EQ(rte_eth_dev_get_port_by_name(name.c_str(), &id_), 0) << name;
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(id_, &info) == 0) device_ = info.device;
  }
  TestVdev(TestVdev&& other) noexcept
      : id_(other.id_), device_(std::exchange(other.device_, nullptr)) {}
  TestVdev& operator=(TestVdev&&) = delete;
  ~TestVdev() {
    if (device_ != nullptr) rte_dev_remove(device_);
  }

  uint16_t id() const { return id_; }
  // Gives it up: it stays as long as the EAL.
  uint16_t Release() {
    device_ = nullptr;
    return id_;
  }

 private:
  uint16_t id_ = RTE_MAX_ETHPORTS;
  rte_device* device_ = nullptr;
};

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_TEST_EAL_H_
