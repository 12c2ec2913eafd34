// net_tap: a TAP interface of the kernel.

#include <rte_ethdev.h>

#include "driver/dpdk/pmd.h"

namespace corelane::driver::dpdk {
namespace {

// Checksums and segmentation it would do in software, as the stack does, who knows the sums of what
// it sends; and DPDK 22.11 refuses to cut segments of a full MTU (it compares their length with the
// link layer's header to the MTU).

// The driver takes no address but at its creation, and only a fixed or a literal one.
absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  if (request.mac) AddOption(options, "mac", request.mac->ToString());
  return options;
}

const RegisterPmd kRegister({.driver = "net_tap",
                             .usage = "net_tapN[,iface=NAME]",
                             .arguments = &Arguments,
                             .max_queues = 16,
                             .rx_offloads = 0,
                             .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
                             .mac_is_argument = true,
                             .rx_interrupts = true});

}  // namespace
}  // namespace corelane::driver::dpdk
