#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/spsc_queue.h"
#include "driver/frame.h"
#include "driver/ring/wire.h"
#include "driver/wake_flag.h"

namespace corelane::driver::internal {
namespace {

// One direction of one queue.
//
//   producer --filled--> consumer        the packet, on loan: only its bytes and head are read
//   producer <--used---- consumer        the same packet, to be freed at home
//
// At most `depth` packets are out at a time, in either queue or in `held`, so neither overflows.
struct Channel {
  explicit Channel(uint32_t queue_depth)
      : depth(queue_depth), filled(queue_depth), used(queue_depth) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  // When both threads are done.
  ~Channel() {
    Free(std::exchange(held, nullptr));
    PacketHead* packet;
    while (filled.TryPop(packet)) Free(packet);
    while (used.TryPop(packet)) Free(packet);
  }
  // Its memory may be a stack's, whose thread was another one.
  static void Free(PacketHead* packet) {
    for (PacketHead* s = packet; s != nullptr; s = s->next_segment) {
      s->pool->ReleaseOwner();
      if (s->block != nullptr) s->block->pool->ReleaseOwner();
    }
    PacketBuf::Adopt(packet);
  }

  const uint32_t depth;
  SpscQueue<PacketHead*> filled;
  SpscQueue<PacketHead*> used;
  WakeFlag wake;                 // of the consumer
  alignas(64) uint32_t out = 0;  // producer's: packets that are not back yet
  alignas(64)
      PacketHead* held = nullptr;  // consumer's: popped, but there was no room to copy it to
};

// Queue i of both ends. Members are destroyed from the last to the first: the channels give their
// packets back before the pools go.
using QueuePair = WirePair<Channel>;

class ThreadedQueue final : public DeviceQueue {
 public:
  ThreadedQueue(std::shared_ptr<Wire> wire, QueuePair& pair, size_t end, const DeviceInfo& info)
      : wire_(std::move(wire)),
        rx_(pair.towards[end]),
        tx_(pair.towards[1 - end]),
        pool_(pair.pool[end]),
        limits_(info),
        rx_checksum_(info.capabilities.rx_checksum) {}
  // Sleeps no more: a later wake-up would be for nobody.
  ~ThreadedQueue() override {
    if (armed_) rx_.wake.Disarm();
  }

  size_t ReceiveBurst(Instant, std::span<PacketBuf> out) override {
    if (armed_) [[unlikely]] {
      armed_ = false;
      rx_.wake.Disarm();
    }
    Reclaim();
    starved_ = false;
    size_t n = 0;
    while (n < out.size() && Peek()) {
      PacketBuf copy = CopyPacket(*rx_.held, pool_);
      if (!copy) [[unlikely]] {
        if (Fits(*rx_.held)) {
          starved_ = true;
          break;
        }
        ++stats_.rx_dropped;
        GiveBack();
        continue;
      }
      GiveBack();
      SentToReceived(*copy.head(), rx_checksum_);
      ++stats_.rx_packets;
      stats_.rx_bytes += copy.packet_size();
      out[n++] = std::move(copy);
    }
    return n;
  }

  size_t TransmitBurst(Instant, std::span<PacketBuf> in) override {
    Reclaim();
    size_t i = 0;
    size_t sent = 0;
    for (; i < in.size(); ++i) {
      if (tx_.out == tx_.depth) {
        ++stats_.tx_full;
        break;
      }
      PacketHead* packet = in[i].head();
      if (!CanSend(*packet, limits_) || in[i].segments() > limits_.max_segments) [[unlikely]] {
        in[i].Reset();
        ++stats_.tx_dropped;
        continue;
      }
      stats_.tx_bytes += packet->packet_length;
      ++sent;
      ++tx_.out;
      const bool pushed = tx_.filled.TryPush(in[i].Release());
      CL_DCHECK(pushed);
      static_cast<void>(pushed);
    }
    stats_.tx_packets += sent;
    if (sent > 0) tx_.wake.WakeIfSleeping();
    return i;
  }

  size_t AllocateBurst(std::span<PacketBuf> out) override {
    Reclaim();
    return pool_.AllocateBurst(out);
  }

  std::optional<WakeSource> ArmWake() override {
    // With its pool empty the queue cannot receive what is there: look again soon, but don't spin.
    if (starved_) return WakeSource{.fd = -1, .nap = std::chrono::milliseconds(1)};
    if (armed_ || rx_.wake.fd() < 0) {
      if (HasWork()) return std::nullopt;
      if (rx_.wake.fd() < 0) return WakeSource{.fd = -1, .nap = std::chrono::milliseconds(1)};
      return WakeSource{.fd = rx_.wake.fd()};
    }
    if (!rx_.wake.Arm([this] { return HasWork(); })) return std::nullopt;
    armed_ = true;
    return WakeSource{.fd = rx_.wake.fd()};
  }

  const QueueStats& stats() const override { return stats_; }
  const PacketPool* pool() const override { return &pool_; }

 private:
  // Frees the packets that the consumer is done with.
  void Reclaim() {
    PacketHead* packet;
    while (tx_.used.TryPop(packet)) {
      PacketBuf::Adopt(packet);
      --tx_.out;
    }
  }

  bool Peek() { return rx_.held != nullptr || rx_.filled.TryPop(rx_.held); }
  bool HasWork() const { return rx_.held != nullptr || rx_.filled.size_approx() > 0; }

  void GiveBack() {
    const bool pushed = rx_.used.TryPush(std::exchange(rx_.held, nullptr));
    CL_DCHECK(pushed);
    static_cast<void>(pushed);
  }

  // Whether the packet could be copied if the whole pool were free.
  bool Fits(const PacketHead& packet) const {
    const size_t first = pool_.data_room() - pool_.headroom();
    return packet.packet_length <= first + (pool_.max_packets() - 1) * pool_.data_room();
  }

  std::shared_ptr<Wire> wire_;
  Channel& rx_;
  Channel& tx_;
  PacketPool& pool_;
  TxLimits limits_;
  bool rx_checksum_;
  bool armed_ = false;
  bool starved_ = false;
  QueueStats stats_;
};

}  // namespace

std::shared_ptr<Wire> MakeThreadedWire(const RingOptions& options) {
  return std::make_shared<PairedWire<ThreadedQueue, QueuePair>>(options);
}

}  // namespace corelane::driver::internal
