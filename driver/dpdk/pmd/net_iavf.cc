// net_iavf: virtual functions of i40e's and ice's NICs. Untested on hardware.

#include "driver/dpdk/pmd.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

constexpr PciId kIds[] = {
    {0x8086, 0x154c}, {0x8086, 0x1571}, {0x8086, 0x1889}, {0x8086, 0x374d}, {0x8086, 0x37cd}};

// Of the same device there is another driver, which configures others' traffic instead of its own.
absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  for (const DeviceOption& option : request.options) {
    if (option.key == "cap") {
      return absl::InvalidArgumentError(Cat("dpdk:", request.name, ": cap: value '", option.value,
                                            "': expected none: a DCF port carries no traffic"));
    }
  }
  return request.options;
}

// The device counts a buffer's bytes in units of 128.
const RegisterPmd kRegister({.driver = "net_iavf",
                             .usage = "PCI-ADDRESS: iavf",
                             .arguments = &Arguments,
                             .max_queues = 16,
                             .inserts_vlan = true,
                             .rx_interrupts = true,
                             .room_multiple = 128,
                             .pci = kIds});

}  // namespace
}  // namespace corelane::driver::dpdk
