// Interface: one queue of a device inside a stack, with the frames that wait for it.

#ifndef CORELANE_STACK_INTERFACE_H_
#define CORELANE_STACK_INTERFACE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/counter.h"
#include "core/mac_address.h"
#include "core/packet.h"
#include "core/packet_cache.h"
#include "core/time.h"
#include "core/vlan.h"
#include "driver/device.h"

namespace corelane::stack {

// Frames that wait for the device are at most a few bursts: while one is full, connections are not
// polled.
class Interface {
 public:
  // queue outlives the interface. batch: the largest transmit burst.
  Interface(uint16_t index, driver::DeviceQueue& queue, const driver::DeviceInfo& info,
            const MacAddress& mac, size_t batch, const std::optional<Vlan>& vlan = std::nullopt);
  ~Interface();
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;

  uint16_t index() const { return index_; }
  driver::DeviceQueue& queue() { return queue_; }
  const driver::DeviceInfo& info() const { return info_; }
  const driver::Capabilities& capabilities() const { return info_.capabilities; }
  const MacAddress& mac() const { return mac_; }
  // Of IP packets; a tag comes on top.
  uint16_t mtu() const { return info_.mtu; }
  // What the wire's frames are tagged with; none: with nothing.
  const std::optional<Vlan>& vlan() const { return vlan_; }
  // Empty packets that the device can send from.
  PacketCache& cache() { return cache_; }

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) {
    return queue_.ReceiveBurst(now, out);
  }

  // Frames that may still be enqueued in this turn by connections; control frames have a reserve
  // beyond it.
  size_t room() const { return batch_ > pending_ ? batch_ - pending_ : 0; }
  // Takes a frame with its Ethernet header, and with its tag. False: even the reserve is full; the
  // frame is gone.
  bool Enqueue(PacketBuf frame) {
    if (pending_ == backlog_.size()) [[unlikely]] {
      return false;
    }
    std::construct_at(&backlog_[pending_++], std::move(frame));  // the slot holds none
    return true;
  }
  // One non-blocking burst of what waits; what the device does not take stays. Returns how many it
  // took.
  size_t Flush(Instant now);
  size_t pending() const { return pending_; }

 private:
  static size_t Allocate(void* self, std::span<PacketBuf> out);

  uint16_t index_;
  driver::DeviceQueue& queue_;
  driver::DeviceInfo info_;
  MacAddress mac_;
  std::optional<Vlan> vlan_;
  size_t batch_;
  size_t pending_ = 0;
  std::vector<PacketBuf> backlog_;
  PacketCache cache_;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_INTERFACE_H_
