// CarriedQueue: what a lane has in place of a queue of the device, where the device has fewer
// queues than there are lanes (LaneGroupOptions::queues).
//
//   stack::CarriedQueue queue(group.lane(i), device.info(), 0);
//   stack.AddInterface(queue, queue.info(), options);
//
// It receives nothing: what is for the lane is forwarded to it by the lanes that have queues. What
// it is given to send goes to the lane's carrier, which copies it into the device's packets and
// sends it from its own interface of the same index; what the carrier's ring does not take stays
// with the stack.
//
// Belongs to the lane's core, and outlives its stack. The packets' memory is the lane's.

#ifndef CORELANE_STACK_CARRIED_QUEUE_H_
#define CORELANE_STACK_CARRIED_QUEUE_H_

#include <cstdint>

#include "driver/device.h"
#include "driver/frame.h"
#include "stack/lane_group.h"

namespace corelane::stack {

class CarriedQueue final : public driver::DeviceQueue {
 public:
  // interface: the index that it gets in the stack, as in the carrier's. packets: of its pool.
  CarriedQueue(Lane& lane, const driver::DeviceInfo& device, uint16_t interface,
               size_t packets = 4096);

  // The device's, but for what does not concern a queue of this kind.
  const driver::DeviceInfo& info() const { return info_; }

  size_t ReceiveBurst(Instant, std::span<PacketBuf>) override { return 0; }
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override;
  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_->AllocateBurst(out); }
  // The lane is woken by what is forwarded to it: Stack::ArmWake().
  std::optional<driver::WakeSource> ArmWake() override { return driver::WakeSource{}; }
  const driver::QueueStats& stats() const override { return stats_; }
  const PacketPool* pool() const override { return pool_.get(); }

 private:
  Lane& lane_;
  driver::DeviceInfo info_;
  driver::TxLimits limits_;
  uint16_t interface_;
  PacketPoolPtr pool_;
  driver::QueueStats stats_;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_CARRIED_QUEUE_H_
