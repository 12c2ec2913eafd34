// net_ice: Intel's E810, E822, E823. Untested on hardware.

#include "driver/dpdk/pmd.h"

namespace corelane::driver::dpdk {
namespace {

constexpr PciId kIds[] = {{0x8086, 0x0dbd}, {0x8086, 0x0dcd}, {0x8086, 0x124c}, {0x8086, 0x124d},
                          {0x8086, 0x124e}, {0x8086, 0x124f}, {0x8086, 0x151d}, {0x8086, 0x1591},
                          {0x8086, 0x1592}, {0x8086, 0x1593}, {0x8086, 0x1599}, {0x8086, 0x159a},
                          {0x8086, 0x159b}, {0x8086, 0x1888}, {0x8086, 0x188a}, {0x8086, 0x188b},
                          {0x8086, 0x188c}, {0x8086, 0x188d}, {0x8086, 0x188e}, {0x8086, 0x1890},
                          {0x8086, 0x1891}, {0x8086, 0x1892}, {0x8086, 0x1893}, {0x8086, 0x1894},
                          {0x8086, 0x1897}, {0x8086, 0x1898}, {0x8086, 0x1899}, {0x8086, 0x189a},
                          {0x8086, 0x579c}, {0x8086, 0x579d}, {0x8086, 0x579e}, {0x8086, 0x579f}};

// Without the firmware package for its parser the device knows neither RSS nor offloads; it is
// better to run so than not at all, and the port tells what it then can.
absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  AddOption(options, "safe-mode-support", "1");
  return options;
}

// The device counts a buffer's bytes in units of 128.
const RegisterPmd kRegister({.driver = "net_ice",
                             .usage = "PCI-ADDRESS[,safe-mode-support=1][,rx_low_latency=0]: ice",
                             .arguments = &Arguments,
                             .max_queues = 64,
                             .inserts_vlan = true,
                             .rx_interrupts = true,
                             .room_multiple = 128,
                             .pci = kIds});

}  // namespace
}  // namespace corelane::driver::dpdk
