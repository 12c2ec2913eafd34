// One queue pair of a port as a DeviceQueue. Private to the plugin.

#ifndef CORELANE_DRIVER_DPDK_DPDK_QUEUE_H_
#define CORELANE_DRIVER_DPDK_DPDK_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/packet.h"
#include "driver/device.h"
#include "driver/dpdk/mbuf.h"
#include "driver/dpdk/mempool.h"
#include "driver/dpdk/rx_interrupt.h"
#include "driver/frame.h"

namespace corelane::driver::dpdk {

struct QueueConfig {
  size_t packets = 0;  // that the stack may hold, of those in the mempool
  RxOffloads rx;
  Duration nap;  // of an idle worker, where the queue has no interrupt
  bool rx_interrupts = false;
  bool link_wants_asking = false;  // before each sleep
};

class DpdkQueue final : public DeviceQueue {
 public:
  // Of a started port; `mempool` outlives the queue.
  DpdkQueue(uint16_t port, uint16_t index, Mempool& mempool, const DeviceInfo& info,
            const QueueConfig& config);
  ~DpdkQueue() override;

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override;
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override;
  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_->AllocateBurst(out); }
  std::optional<WakeSource> ArmWake() override;
  const QueueStats& stats() const override { return stats_; }
  const PacketPool* pool() const override { return pool_.get(); }

 private:
  static constexpr size_t kBurst = 64;

  struct Outgoing {
    size_t skipped;  // packets consumed before the first mbuf's
    size_t count;
    // Of all mbufs.
    size_t segments;
    uint64_t bytes;
    uint64_t offloads;
    rte_mbuf* mbufs[kBurst];
  };
  bool IsPlain(const PacketHead& head) const;
  bool IsOurs(const PacketBuf& packet) const;
  rte_mbuf* ToUnusualMbuf(PacketBuf& packet, bool& wait);
  void Prepare(std::span<PacketBuf> in, Outgoing& out);
  uint16_t Ready(Outgoing& out) const;
  // A port that takes nothing for so long may take anything but the first packet, and does not say
  // so; or it has no link, and who waits for the packet has given up.
  static constexpr Duration kMaxRefusal = std::chrono::seconds(1);
  bool RefusedTooLong(Instant now);

  uint16_t port_;
  uint16_t index_;
  PacketPoolPtr pool_;
  TxLimits limits_;
  RxOffloads rx_;
  Duration nap_;
  bool link_wants_asking_;
  std::optional<RxInterrupt> interrupt_;
  rte_mbuf* mbufs_[kBurst];
  Instant refused_since_ = kNever;
  QueueStats stats_;
};

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_DPDK_QUEUE_H_
