// What the two ends of a ring share, in each of its two modes. Private to the plugin.

#ifndef CORELANE_DRIVER_RING_WIRE_H_
#define CORELANE_DRIVER_RING_WIRE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "core/packet.h"
#include "driver/device.h"
#include "driver/registry.h"
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

// What one queue of both ends shares: a pool for each, and a Lane towards each.
template <class Lane>
struct WirePair {
  explicit WirePair(const RingOptions& options)
      : pool{PacketPool(options.pool_packets, DataRoomFor(options.mtu)),
             PacketPool(options.pool_packets, DataRoomFor(options.mtu))},
        towards{Lane(options.depth), Lane(options.depth)} {}
  // The threads that owned the pools are done; what is in flight is freed by this one.
  ~WirePair() {
    for (PacketPool& each : pool) each.ReleaseOwner();
  }

  PacketPool pool[2];
  Lane towards[2];
};

// A wire of Pairs with Queues as their ends.
template <class Queue, class Pair>
class PairedWire final : public Wire, public std::enable_shared_from_this<PairedWire<Queue, Pair>> {
 public:
  explicit PairedWire(const RingOptions& options) : options_(options) {
    for (size_t i = 0; i < options.queues; ++i) pairs_.push_back(std::make_unique<Pair>(options));
  }

  std::unique_ptr<DeviceQueue> MakeQueue(size_t end, size_t index) override {
    return std::make_unique<Queue>(this->shared_from_this(), *pairs_[index], end,
                                   RingInfo(options_, end));
  }

 private:
  RingOptions options_;
  std::vector<std::unique_ptr<Pair>> pairs_;
};

// Both ends on one thread.
std::shared_ptr<Wire> MakeLocalWire(const RingOptions& options);
// Each end on a thread of its own.
std::shared_ptr<Wire> MakeThreadedWire(const RingOptions& options);

}  // namespace corelane::driver::internal

#endif  // CORELANE_DRIVER_RING_WIRE_H_
