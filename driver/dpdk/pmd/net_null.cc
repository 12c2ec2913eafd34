// net_null: sends to nowhere, and receives packets without content for ever (or none, with
// no-rx=1).

#include <rte_ethdev.h>

#include "driver/dpdk/pmd.h"

namespace corelane::driver::dpdk {
namespace {

const RegisterPmd kRegister({.driver = "net_null",
                             .usage = "net_nullN[,size=64][,copy=0][,no-rx=0]",
                             .max_queues = 128,
                             .rx_offloads = 0,
                             .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS});

}  // namespace
}  // namespace corelane::driver::dpdk
