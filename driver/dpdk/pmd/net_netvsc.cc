// net_netvsc: Hyper-V's and Azure's NIC, on the VMBus. Untested on hardware.
//
// Its name is the GUID of the channel (/sys/bus/vmbus/devices). Where the host offers a virtual
// function as well, DPDK has to be allowed to probe it: eal='--allow=PCI-ADDRESS'.

#include "driver/dpdk/pmd.h"

namespace corelane::driver::dpdk {
namespace {

absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  // Packets in the host's own ring would hold it up as long as the stack keeps them.
  AddOption(options, "rx_extmbuf_enable", "0");
  return options;
}

const RegisterPmd kRegister({.driver = "net_netvsc",
                             .usage = "VMBUS-GUID[,latency=US][,rx_copybreak=B][,tx_copybreak=B]: "
                                      "netvsc",
                             .arguments = &Arguments,
                             .max_queues = 64,
                             .inserts_vlan = true,
                             .rx_interrupts = true,
                             .needs = "is it bound to uio_hv_generic?"});

}  // namespace
}  // namespace corelane::driver::dpdk
