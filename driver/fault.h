// Fault injection: a bad network around any device.
//
//   TransmitBurst -> loss -> bursts of loss -> corruption -> duplication
//                      -> bandwidth and its queue -> delay, jitter, reordering -> inner device
//
// and the same on the way from the inner device to ReceiveBurst, with faults of its own. Everything
// follows from the seed and from `now`: the same calls give the same faults. Packets wait in the
// decorator; NextEvent() tells when the next one is due, and a ReceiveBurst call then moves it on,
// whichever direction it goes.
//
//   auto options = ParseFaultOptions("loss=0.01,delay=20ms,rx.corrupt=0.001,seed=7");
//   std::unique_ptr<Device> bad = InjectFaults(std::move(device), *options);

#ifndef CORELANE_DRIVER_FAULT_H_
#define CORELANE_DRIVER_FAULT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/random.h"
#include "driver/decorator.h"
#include "driver/device.h"
#include "driver/frame.h"

namespace corelane::driver {

// One direction. Probabilities are of a packet, from 0 to 1.
struct FaultDirection {
  double loss = 0;
  double burst_loss = 0;    // probability that a burst of loss begins at a packet
  double burst_length = 5;  // its mean length in packets; at least 1
  double corrupt = 0;       // one bit is flipped
  double duplicate = 0;     // the copy follows at once
  double reorder = 0;       // the packet is late by reorder_delay, so that others overtake it
  Duration reorder_delay = std::chrono::milliseconds(1);
  Duration delay{0};
  Duration jitter{0};        // up to this much on top of delay; keeps the order
  uint64_t bandwidth = 0;    // bits a second of frames; 0: no limit
  uint64_t queue = 1 << 18;  // bytes that wait for bandwidth; what does not fit is lost
};

struct FaultOptions {
  uint64_t seed = 1;
  uint32_t hold = 16384;  // packets that wait in each direction; beyond, the device is full
  FaultDirection rx;
  FaultDirection tx;
};

// Parses `key=value[,key=value]*`: seed, hold, and loss, burst_loss, burst_length, corrupt,
// duplicate, reorder, reorder_delay, delay, jitter, bandwidth (bits a second, "100M"), queue
// (bytes, "64k"), for both directions or, as rx.loss or tx.loss, for one.
absl::StatusOr<FaultOptions> ParseFaultOptions(std::string_view text);

// What was done to the packets of one direction.
struct FaultStats {
  uint64_t passed = 0;  // moved on, duplicates included
  uint64_t lost = 0;    // by loss and burst_loss
  uint64_t corrupted = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t overflowed = 0;  // lost for want of bandwidth
};

namespace internal {

// One direction's faults and the packets that wait.
class FaultLine {
 public:
  FaultLine(const FaultDirection& faults, uint64_t seed, uint32_t hold, bool transmits);

  static constexpr size_t kMaxBurst = 32;

  // How many packets may enter: each may become two.
  size_t Room() const { return (hold_ - waiting_.size()) / 2; }
  // Needs Room(). `pool` is where copies come from.
  void Enter(Instant now, PacketBuf packet, PacketPool* pool);
  // Moves up to min(out.size(), kMaxBurst) packets that are due to `out`; returns how many.
  size_t Leave(Instant now, std::span<PacketBuf> out);
  // Puts out[from..n) of the last Leave() back to where they were.
  void UndoLeave(std::span<PacketBuf> out, size_t from);
  Instant NextDue() const { return waiting_.empty() ? kNever : waiting_.front().due; }
  bool NeedsPool() const { return faults_.corrupt > 0 || faults_.duplicate > 0; }
  FaultStats& stats() { return stats_; }
  const FaultStats& stats() const { return stats_; }

 private:
  struct Waiting {
    Instant due;
    uint64_t number;  // packets that are due at the same time keep their order
    PacketBuf packet;
  };
  struct Later {
    bool operator()(const Waiting& a, const Waiting& b) const {
      return a.due != b.due ? a.due > b.due : a.number > b.number;
    }
  };

  bool IsLost();
  void Corrupt(PacketBuf& packet, PacketPool* pool);
  // When the link has sent the packet, or nothing: its queue is full.
  std::optional<Instant> PassLink(Instant now, size_t bytes);
  void Wait(Instant now, PacketBuf packet);

  FaultDirection faults_;
  size_t hold_;
  bool transmits_;
  Random random_;
  bool in_burst_ = false;
  Instant link_free_ = Instant::min();
  Instant last_due_ = Instant::min();
  uint64_t next_number_ = 0;
  std::vector<Waiting> waiting_;         // a heap, the next one due in front
  std::array<Waiting, kMaxBurst> left_;  // what left last, without the packets
  FaultStats stats_;
};

}  // namespace internal

class FaultQueue final : public QueueDecorator {
 public:
  FaultQueue(DeviceQueue& inner, const DeviceInfo& info, const FaultOptions& options);

  size_t ReceiveBurst(Instant now, std::span<PacketBuf> out) override;
  size_t TransmitBurst(Instant now, std::span<PacketBuf> in) override;
  Instant NextEvent() const override;
  std::optional<WakeSource> ArmWake() override;
  // What the caller saw: packets that it was given, and packets that it gave.
  const QueueStats& stats() const override;

  const FaultStats& rx_faults() const { return rx_.stats(); }
  const FaultStats& tx_faults() const { return tx_.stats(); }

 private:
  // Sends what is due.
  void Flush(Instant now);
  PacketPool* CopyPool();

  TxLimits limits_;
  internal::FaultLine rx_;
  internal::FaultLine tx_;
  Instant now_ = Instant::min();  // of the last call
  Instant retry_ = Instant::min();
  PacketPool* pool_ = nullptr;
  mutable QueueStats stats_;
};

using FaultDevice = DecoratedDevice<FaultQueue>;

// Each queue's faults follow from the seed and the queue's index.
std::unique_ptr<FaultDevice> InjectFaults(std::unique_ptr<Device> inner,
                                          const FaultOptions& options);

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_FAULT_H_
