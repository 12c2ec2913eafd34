// net_memif: a wire of shared memory between two processes, which they set up over a socket.

#include <rte_ethdev.h>

#include "driver/dpdk/pmd.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  constexpr size_t kMaxPath = 107;  // of a Unix socket
  for (const DeviceOption& option : options) {
    if (option.key == "socket" && option.value.size() > kMaxPath) {
      return absl::InvalidArgumentError(Cat("dpdk:", request.name, ": socket: value '",
                                            option.value, "': expected a path of at most ",
                                            kMaxPath, " bytes"));
    }
  }
  // A name in the kernel's abstract namespace would be everybody's.
  AddOption(options, "socket-abstract", "no");
  if (request.mac) AddOption(options, "mac", request.mac->ToString());
  return options;
}

const RegisterPmd kRegister(
    {.driver = "net_memif",
     .usage = "net_memifN,role=server|client,id=N,socket=PATH[,bsize=2048][,rsize=10]",
     .arguments = &Arguments,
     .max_queues = 255,
     .rx_offloads = 0,
     .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
     .mac_is_argument = true,
     .link_wants_asking = true});

}  // namespace
}  // namespace corelane::driver::dpdk
