// net_af_packet: packet sockets with rings in shared memory on an interface of the kernel.
//
// Its transmission may block, against DeviceQueue's contract: with a full ring the driver waits, as
// long as it takes, until the kernel has sent a frame. An interface that sends nothing (down, or
// behind a queueing discipline that holds everything back) holds up the lane.

#include <rte_ethdev.h>

#include <algorithm>

#include "driver/dpdk/pmd.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

// A frame in the ring carries the kernel's own header and an address before the packet.
constexpr uint32_t kFrameOverhead = 128;
constexpr uint32_t kFrames = 512;

uint32_t PowerOfTwo(uint32_t n) {
  uint32_t out = 2048;
  while (out < n) out *= 2;
  return out;
}

absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  if (!HasOption(options, "iface")) {
    return absl::InvalidArgumentError(Cat("dpdk:", request.name,
                                          ": iface: missing: expected an interface of the kernel, "
                                          "iface=NAME"));
  }
  const uint32_t frame = PowerOfTwo(request.mtu + kFrameOverhead);
  AddOption(options, "qpairs", Cat(request.queues));
  AddOption(options, "framesz", Cat(frame));
  AddOption(options, "blocksz", Cat(std::max<uint32_t>(4096, frame)));
  AddOption(options, "framecnt", Cat(kFrames));
  return options;
}

const RegisterPmd kRegister(
    {.driver = "net_af_packet",
     .usage = "net_af_packetN,iface=NAME[,qpairs=N][,blocksz=B][,framesz=B][,framecnt=N]",
     .arguments = &Arguments,
     .max_queues = 16,
     .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS});

}  // namespace
}  // namespace corelane::driver::dpdk
