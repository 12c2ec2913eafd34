// net_af_xdp: the kernel's XDP sockets on an interface. Wants to be root of the machine, not of a
// user namespace. With DPDK 22.11 and libxdp 1.3 a port that is closed keeps its queues of the
// interface, and the mbufs that the kernel has, until the process ends: open an interface once.

#include <rte_ethdev.h>

#include "driver/dpdk/pmd.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

// A frame lies in one page, together with the mbuf's own fields.
constexpr uint16_t kMaxMtu = 3000;
// Entries of the ring that the kernel takes mbufs for reception from: what the driver always makes
// it. As many again are in the other three.
constexpr uint32_t kRing = 2048;

absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  if (!HasOption(options, "iface")) {
    return absl::InvalidArgumentError(Cat("dpdk:", request.name,
                                          ": iface: missing: expected an interface of the kernel, "
                                          "iface=NAME"));
  }
  if (request.mtu > kMaxMtu) {
    return absl::InvalidArgumentError(
        Cat("dpdk:", request.name, ": mtu: value '", request.mtu, "': expected at most ", kMaxMtu));
  }
  AddOption(options, "queue_count", Cat(request.queues));
  return options;
}

const RegisterPmd kRegister(
    {.driver = "net_af_xdp",
     .usage = "net_af_xdpN,iface=NAME[,start_queue=0][,force_copy=0][,busy_budget=64]",
     .arguments = &Arguments,
     .max_queues = 64,
     .rx_offloads = 0,
     .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
     .held = 2 * kRing});

}  // namespace
}  // namespace corelane::driver::dpdk
