// One queue of a TAP interface: a descriptor on which each read and each write is one frame.
// Private to the plugin.

#ifndef CORELANE_DRIVER_TAP_TAP_QUEUE_H_
#define CORELANE_DRIVER_TAP_TAP_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/packet.h"
#include "driver/device.h"
#include "driver/frame.h"

namespace corelane::driver::internal {

// What a queue's descriptor was set up for.
struct TapQueueOptions {
  uint32_t pool_packets = 8192;
  bool vnet_header = false;   // a virtio-net header stands before each frame
  bool large_frames = false;  // frames of up to 64 KB can come
};

class TapQueue final : public DeviceQueue {
 public:
  // Takes over the descriptor, which must not block.
  TapQueue(int fd, const DeviceInfo& info, const TapQueueOptions& options);
  ~TapQueue() override;

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override;
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override;
  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_.AllocateBurst(out); }
  std::optional<WakeSource> ArmWake() override;
  const QueueStats& stats() const override { return stats_; }
  const PacketPool* pool() const override { return &pool_; }

  static constexpr uint16_t kMaxTxSegments = 128;

 private:
  enum class Written : uint8_t { kSent, kFull, kNever };

  // Sees to it that the rooms for the longest frame are there. False: the pool is low.
  bool FillRooms();
  // Reads one frame into the rooms. Null: there is none, or what there was is dropped.
  PacketBuf Read(bool& again);
  // Makes the first rooms a packet of n bytes.
  PacketBuf TakeRooms(size_t n);
  Written Write(PacketBuf& packet);

  int fd_;
  PacketPool pool_;
  TxLimits limits_;
  bool vnet_header_;
  size_t rooms_needed_;
  std::vector<PacketHead*> rooms_;  // empty packets that wait for the next frame
  bool starved_ = false;
  QueueStats stats_;
};

}  // namespace corelane::driver::internal

#endif  // CORELANE_DRIVER_TAP_TAP_QUEUE_H_
