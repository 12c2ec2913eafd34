// The EAL of a test program: started before its first test, ended after its last.
//
//   [[maybe_unused]] const auto* const kEal = StartTestEal(EalBuilder().Vdev("net_null0"));

#ifndef CORELANE_DRIVER_DPDK_TEST_EAL_H_
#define CORELANE_DRIVER_DPDK_TEST_EAL_H_

#include <optional>
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

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_TEST_EAL_H_
