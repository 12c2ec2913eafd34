// net_i40e: Intel's X710, XL710, XXV710, X722. Untested on hardware.

#include "driver/dpdk/pmd.h"

namespace corelane::driver::dpdk {
namespace {

constexpr PciId kIds[] = {{0x8086, 0x0cf8}, {0x8086, 0x0d58}, {0x8086, 0x101f}, {0x8086, 0x104e},
                          {0x8086, 0x104f}, {0x8086, 0x1572}, {0x8086, 0x1574}, {0x8086, 0x1580},
                          {0x8086, 0x1581}, {0x8086, 0x1583}, {0x8086, 0x1584}, {0x8086, 0x1585},
                          {0x8086, 0x1586}, {0x8086, 0x1587}, {0x8086, 0x1588}, {0x8086, 0x1589},
                          {0x8086, 0x158a}, {0x8086, 0x158b}, {0x8086, 0x15ff}, {0x8086, 0x374c},
                          {0x8086, 0x37ce}, {0x8086, 0x37cf}, {0x8086, 0x37d0}, {0x8086, 0x37d1},
                          {0x8086, 0x37d2}, {0x8086, 0x37d3}};

// The device counts a buffer's bytes in units of 128.
const RegisterPmd kRegister({.driver = "net_i40e",
                             .usage = "PCI-ADDRESS[,support-multi-driver=0]: i40e",
                             .max_queues = 64,
                             .inserts_vlan = true,
                             .rx_interrupts = true,
                             .room_multiple = 128,
                             .pci = kIds});

}  // namespace
}  // namespace corelane::driver::dpdk
