// ring: a wire between two stacks in one process.
//
//   stack A --TransmitBurst--> [ lane towards B ] --ReceiveBurst--> stack B
//           <--ReceiveBurst--  [ lane towards A ] <--TransmitBurst--
//
// Queue i of one end is joined to queue i of the other. A frame that is taken always arrives, in
// order.
//
// Both ends on one thread (the default): the packets themselves move across, whatever segments
// they have, so a received packet belongs to the sender's pool, and the two stacks must live on
// the same thread. Each end on a thread of its own (threads=1): the receiver copies the bytes into
// packets of its own pool, as a NIC's DMA would, and the originals travel home over a return ring.
//
// URI: `ring:NAME[,depth=N][,mtu=N][,queues=N][,pool=N][,threads=1][,csum=1][,tso=1]
// [,segments=N][,mac=MAC]`. The first two who open a NAME get the two ends; options that the second
// names must agree with the first's. A NAME is free again when both ends are destroyed.

#ifndef CORELANE_DRIVER_RING_RING_H_
#define CORELANE_DRIVER_RING_RING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "driver/device.h"
#include "driver/registry.h"
#include "driver/uri.h"

namespace corelane::driver {

struct RingOptions {
  std::string name = "pair";  // the MAC addresses derive from it
  uint32_t depth = 256;       // frames that each lane holds: what waits stays in the cache
  uint16_t mtu = 1500;
  uint16_t queues = 1;
  uint32_t pool_packets = 8192;   // of each queue of each end
  uint16_t max_segments = 512;    // of one packet
  bool threads = false;           // each end on a thread of its own
  bool checksum_offload = false;  // ends trust each other: checksums are neither made nor checked
  bool segmentation_offload =
      false;  // packets of up to 64 KB cross as they are; implies the former

  friend bool operator==(const RingOptions&, const RingOptions&) = default;
};

// The two ends of a wire, in any order of destruction. Frames in flight are freed with the last.
struct RingPair {
  std::unique_ptr<Device> a;
  std::unique_ptr<Device> b;
};

// The options must be sensible: depth, queues, segments and pool at least 1, mtu at least 68.
RingPair MakeRingPair(const RingOptions& options = {});

// What `ring:` URIs call.
absl::StatusOr<std::unique_ptr<Device>> OpenRing(const DeviceUri& uri, const OpenOptions& options);

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_RING_RING_H_
