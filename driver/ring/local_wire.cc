#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "driver/frame.h"
#include "driver/ring/wire.h"

namespace corelane::driver::internal {
namespace {

// A bounded first-in, first-out queue of packets: an index ring on one thread.
class Lane {
 public:
  explicit Lane(uint32_t depth) : depth_(depth), mask_(std::bit_ceil(depth) - 1) {
    slots_.resize(mask_ + 1);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane() {
    while (size() > 0) PacketBuf::Adopt(Pop());
  }

  uint32_t size() const { return head_ - tail_; }
  uint32_t space() const { return depth_ - size(); }
  void Push(PacketHead* packet) { slots_[head_++ & mask_] = packet; }
  PacketHead* Pop() { return slots_[tail_++ & mask_]; }

 private:
  std::vector<PacketHead*> slots_;
  uint32_t depth_;
  uint32_t mask_;
  uint32_t head_ = 0;
  uint32_t tail_ = 0;
};

// Queue i of both ends. Members are destroyed from the last to the first: the lanes give their
// packets back before the pools go.
using QueuePair = WirePair<Lane>;

class LocalQueue final : public DeviceQueue {
 public:
  LocalQueue(std::shared_ptr<Wire> wire, QueuePair& pair, size_t end, const DeviceInfo& info)
      : wire_(std::move(wire)),
        rx_(pair.towards[end]),
        tx_(pair.towards[1 - end]),
        pool_(pair.pool[end]),
        limits_(info),
        rx_checksum_(info.capabilities.rx_checksum) {}

  size_t ReceiveBurst(Instant, std::span<PacketBuf> out) override {
    const size_t n = std::min<size_t>(out.size(), rx_.size());
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; ++i) {
      PacketHead* packet = rx_.Pop();
      bytes += packet->packet_length;
      out[i] = PacketBuf::Adopt(packet);
    }
    stats_.rx_packets += n;
    stats_.rx_bytes += bytes;
    return n;
  }

  size_t TransmitBurst(Instant, std::span<PacketBuf> in) override {
    uint32_t space = tx_.space();
    size_t sent = 0;
    uint64_t bytes = 0;
    size_t i = 0;
    for (; i < in.size(); ++i) {
      if (space == 0) [[unlikely]] {
        ++stats_.tx_full;
        break;
      }
      PacketHead* packet = in[i].head();
      if (!Prepare(packet)) [[unlikely]] {
        in[i].Reset();
        ++stats_.tx_dropped;
        continue;
      }
      SentToReceived(*packet, rx_checksum_);
      --space;
      ++sent;
      bytes += packet->packet_length;
      tx_.Push(in[i].Release());
    }
    stats_.tx_packets += sent;
    stats_.tx_bytes += bytes;
    return i;
  }

  size_t AllocateBurst(std::span<PacketBuf> out) override { return pool_.AllocateBurst(out); }

  std::optional<WakeSource> ArmWake() override {
    if (rx_.size() > 0) return std::nullopt;
    return WakeSource{};  // who could wake this thread is on it
  }

  const QueueStats& stats() const override { return stats_; }
  const PacketPool* pool() const override { return &pool_; }

 private:
  // False: this can never cross. Forgets the further segments' data sums on the way.
  bool Prepare(PacketHead* packet) const {
    if (!CanSend(*packet, limits_)) return false;
    uint32_t segments = 1;
    for (PacketHead* s = packet->next_segment; s != nullptr; s = s->next_segment) {
      if (++segments > limits_.max_segments) return false;
      s->flags = 0;
    }
    return true;
  }

  std::shared_ptr<Wire> wire_;
  Lane& rx_;
  Lane& tx_;
  PacketPool& pool_;
  TxLimits limits_;
  bool rx_checksum_;
  QueueStats stats_;
};

}  // namespace

std::shared_ptr<Wire> MakeLocalWire(const RingOptions& options) {
  return std::make_shared<PairedWire<LocalQueue, QueuePair>>(options);
}

}  // namespace corelane::driver::internal
