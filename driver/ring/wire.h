// What the two ends of a ring share, in each of its two modes. Private to the plugin.

#ifndef CORELANE_DRIVER_RING_WIRE_H_
#define CORELANE_DRIVER_RING_WIRE_H_

#include <cstddef>
#include <memory>

#include "driver/device.h"
#include "driver/ring/ring.h"

namespace corelane::driver::internal {

// The lanes and pools of all queues. It lives until both ends are gone, and frees what is in flight
// then.
class Wire {
 public:
  virtual ~Wire() = default;
  // The queue of an end (0 or 1) as long as the wire lives. Asked for once per end and queue at a
  // time; what was in flight towards an earlier one is still there.
  virtual std::unique_ptr<DeviceQueue> MakeQueue(size_t end, size_t index) = 0;
};

DeviceInfo RingInfo(const RingOptions& options, size_t end);

// Both ends on one thread.
std::shared_ptr<Wire> MakeLocalWire(const RingOptions& options);
// Each end on a thread of its own.
std::shared_ptr<Wire> MakeThreadedWire(const RingOptions& options);

}  // namespace corelane::driver::internal

#endif  // CORELANE_DRIVER_RING_WIRE_H_
