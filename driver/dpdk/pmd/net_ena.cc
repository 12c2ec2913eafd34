// net_ena: Amazon's Elastic Network Adapter. Untested on hardware.

#include "driver/dpdk/pmd.h"

namespace corelane::driver::dpdk {
namespace {

constexpr PciId kIds[] = {{0x1d0f, 0xec20}, {0x1d0f, 0xec21}};

// In its low-latency mode a driver hands the device the first 96 bytes of a frame, and a frame that
// is to be cut cannot have longer headers than that: IPv6 with SACK blocks has up to 114. Large
// entries take 224 bytes.
absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  AddOption(options, "large_llq_hdr", "1");
  return options;
}

const RegisterPmd kRegister(
    {.driver = "net_ena",
     .usage = "PCI-ADDRESS[,large_llq_hdr=1][,enable_llq=1]"
              "[,miss_txc_to=SECONDS]: ena",
     .arguments = &Arguments,
     .max_queues = 32,
     .rx_interrupts = true,
     .pci = kIds,
     .needs = "is it bound to vfio-pci, or to igb_uio with write combining?"});

}  // namespace
}  // namespace corelane::driver::dpdk
