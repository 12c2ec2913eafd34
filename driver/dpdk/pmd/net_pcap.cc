// net_pcap: files of captured frames, or an interface through libpcap.

#include <rte_ethdev.h>

#include "driver/dpdk/pmd.h"

namespace corelane::driver::dpdk {
namespace {

// One argument for each queue: rx_pcap=FILE or rx_iface=NAME, tx_pcap=FILE or tx_iface=NAME. What
// is named for one queue serves all.
absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options;
  for (const DeviceOption& option : request.options) {
    const bool per_queue = option.key.starts_with("rx_") || option.key.starts_with("tx_");
    for (uint16_t i = 0; i < (per_queue ? request.queues : 1); ++i) options.push_back(option);
  }
  return options;
}

const RegisterPmd kRegister(
    {.driver = "net_pcap",
     .usage = "net_pcapN,rx_pcap=FILE,tx_pcap=FILE[,infinite_rx=1]  or  net_pcapN,iface=NAME",
     .arguments = &Arguments,
     .max_queues = 16,
     .rx_offloads = 0,
     .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS});

}  // namespace
}  // namespace corelane::driver::dpdk
