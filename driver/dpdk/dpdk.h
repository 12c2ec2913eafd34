// The plugin `dpdk`: every device that DPDK has a driver for.
//
//   dpdk:net_tap0,iface=x           a virtual device with its driver's arguments
//   dpdk:net_ring,wire=a            one end of a wire in this process: the first two get the ends
//   dpdk:0000:41:00.0,queues=4      a NIC by its PCI address
//   dpdk:635a7ae3-091e-4410-ad59-667c4f8c04c3    a NIC on Hyper-V's VMBus
//
// pmd.h tells how each driver gets what it needs. Options of every device: queues, mtu, mac, pool
// (mbufs of each queue's mempool), rxd and txd (descriptors); `eal` takes further arguments of
// DPDK's EAL. All others are the driver's. The first URI of a process starts the EAL as EalBuilder
// does by itself, unless the program has; it runs until the program ends.

#ifndef CORELANE_DRIVER_DPDK_DPDK_H_
#define CORELANE_DRIVER_DPDK_DPDK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "driver/device.h"
#include "driver/registry.h"

namespace corelane::driver {

absl::StatusOr<std::unique_ptr<Device>> OpenDpdk(const DeviceUri& uri, const OpenOptions& options);

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_DPDK_DPDK_H_
