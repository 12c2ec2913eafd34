// net_tap: a TAP interface of the kernel.

#include "driver/dpdk/pmd.h"

namespace corelane::driver::dpdk {
namespace {

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
                             .mac_is_argument = true,
                             .rx_interrupts = true});

}  // namespace
}  // namespace corelane::driver::dpdk
