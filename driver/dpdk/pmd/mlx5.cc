// mlx5: NVIDIA ConnectX-4 and later, BlueField. Untested on hardware.
//
// The kernel's driver stays bound, and the kernel keeps what no flow rule takes from it; DPDK
// reaches the device through rdma-core.

#include "driver/dpdk/pmd.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

constexpr PciId kIds[] = {{0x15b3, 0x1013}, {0x15b3, 0x1014}, {0x15b3, 0x1015}, {0x15b3, 0x1016},
                          {0x15b3, 0x1017}, {0x15b3, 0x1018}, {0x15b3, 0x1019}, {0x15b3, 0x101a},
                          {0x15b3, 0x101b}, {0x15b3, 0x101c}, {0x15b3, 0x101d}, {0x15b3, 0x101e},
                          {0x15b3, 0x101f}, {0x15b3, 0x1021}, {0x15b3, 0xa2d2}, {0x15b3, 0xa2d3},
                          {0x15b3, 0xa2d6}, {0x15b3, 0xa2dc}};

absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  for (const DeviceOption& option : options) {
    // A URI is one port; representors are ports of a switch, each by itself.
    if (option.key == "representor") {
      return absl::InvalidArgumentError(Cat("dpdk:", request.name, ": representor: value '",
                                            option.value,
                                            "': expected none: a device is one port"));
    }
  }
  // With large strides a packet would lie in a buffer that it shares with many others, and keep
  // all of it from the device as long as the stack holds the one.
  AddOption(options, "mprq_en", "0");
  return options;
}

constexpr Pmd Adapter(std::string_view driver) {
  return {.driver = driver,
          .usage = "PCI-ADDRESS[,mprq_en=0][,rxq_cqe_comp_en=1]...: mlx5",
          .arguments = &Arguments,
          .inserts_vlan = true,
          .rx_interrupts = true,
          .pci = kIds,
          .needs =
              "are mlx5_core and ib_uverbs loaded, and DPDK's mlx5 driver and rdma-core "
              "installed?"};
}

// It names itself after the bus that it was found on.
const RegisterPmd kPci(Adapter("mlx5_pci"));
const RegisterPmd kAuxiliary(Adapter("mlx5_auxiliary"));

}  // namespace
}  // namespace corelane::driver::dpdk
