// tap: a Linux TAP interface. The kernel is the neighbor at the other end of the wire.
//
// URI: `tap:NAME[,queues=N][,mtu=N][,mac=MAC][,offload=1][,persist=1][,pool=N]`. NAME is the
// interface: made if it isn't there, taken over if nobody uses it. It is brought up and given the
// MTU; addresses on the kernel's side are the user's to set. `mac` is the stack's own address,
// which differs from the kernel's interface address; by default it derives from NAME. It needs
// CAP_NET_ADMIN in the network namespace: root, or `unshare --user --map-root-user --net`; an
// interface that was made for the user before, and is up, works without.
//
// offload=1 puts a virtio-net header before each frame, where the kernel has it: transport
// checksums are left to the kernel, TCP packets of up to 64 KB go to it in one piece, and come from
// it in one piece, as chains of segments.

#ifndef CORELANE_DRIVER_TAP_TAP_H_
#define CORELANE_DRIVER_TAP_TAP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "driver/device.h"
#include "driver/registry.h"
#include "driver/uri.h"

namespace corelane::driver {

struct TapOptions {
  std::string name;  // of the interface
  uint16_t queues = 1;
  uint16_t mtu = 1500;
  std::optional<MacAddress> mac;  // none: derived from the name
  bool offload = false;
  bool persist = false;          // the interface stays when the device goes
  uint32_t pool_packets = 8192;  // of each queue
};

// Errors name the interface, what failed and what would be right.
absl::StatusOr<std::unique_ptr<Device>> MakeTapDevice(const TapOptions& options);

// What `tap:` URIs call.
absl::StatusOr<std::unique_ptr<Device>> OpenTap(const DeviceUri& uri, const OpenOptions& options);

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_TAP_TAP_H_
