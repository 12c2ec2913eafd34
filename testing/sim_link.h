// SimLink: a link of a simulated network: two devices of its own and what lies between them.
//
//   end 0 --TransmitBurst--> [ stall | filter | MTU | loss | corruption | duplication
//                              | bandwidth and its queue | delay, jitter, reordering ] --> end 1
//
// Each direction has its own SimPath, which may change at any time. Whole frames of bytes cross;
// each end has a packet pool of its own, as two machines have. Everything follows from the seed and
// the time of the calls.

#ifndef CORELANE_TESTING_SIM_LINK_H_
#define CORELANE_TESTING_SIM_LINK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "core/ip_address.h"
#include "core/packet.h"
#include "core/random.h"
#include "core/time.h"
#include "driver/device.h"
#include "testing/segment_builder.h"

namespace corelane::testing {

// One direction. Probabilities are of a frame, from 0 to 1.
struct SimPath {
  Duration delay = std::chrono::milliseconds(1);
  Duration jitter{0};            // up to this much on top; keeps the order
  uint64_t bandwidth = 0;        // bits a second of frames; 0: no limit
  size_t queue_bytes = 1 << 18;  // what waits for bandwidth
  bool backpressure = false;     // a full queue refuses frames instead of losing them
  double loss = 0;
  double burst_loss = 0;    // a burst of losses begins
  double burst_length = 5;  // its mean length in frames
  double duplicate = 0;
  double reorder = 0;  // the frame is late by up to reorder_delay
  Duration reorder_delay = std::chrono::milliseconds(5);
  double corrupt = 0;       // one bit is flipped
  uint16_t mtu = 0;         // of a narrower part of the path; 0: the link's
  bool reports_mtu = true;  // a router tells senders of too long packets
};

struct SimLinkOptions {
  SimLinkOptions() {}

  SimPath path[2];                // by the end that sends
  uint16_t mtu = 1500;            // of both devices
  size_t pool_packets = 4096;     // of each end
  uint16_t max_tx_segments = 64;  // of a packet that the devices gather
  double stall = 0;               // probability that a TransmitBurst() begins a stall
  Duration stall_time = std::chrono::milliseconds(20);  // its longest time
};

struct SimPathStats {
  uint64_t sent = 0;  // taken from the stack
  uint64_t delivered = 0;
  uint64_t filtered = 0;
  uint64_t lost = 0;
  uint64_t corrupted = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t overflowed = 0;  // the queue was full
  uint64_t too_long = 0;
  uint64_t no_buffer = 0;  // the receiver's pool was exhausted
  uint64_t stalls = 0;
};

// What a filter looks at.
struct SimFrame {
  Instant at;
  uint32_t link = 0;
  int from = 0;  // the end that sends
  std::span<const uint8_t> bytes;
};

class SimLink {
 public:
  // Called for every frame that an end sends, before anything happens to it; false drops it.
  using Observer = std::function<bool(const SimFrame&)>;

  SimLink(uint32_t index, const SimLinkOptions& options, uint64_t seed, Observer observer);
  ~SimLink();
  SimLink(const SimLink&) = delete;
  SimLink& operator=(const SimLink&) = delete;

  uint32_t index() const { return index_; }
  driver::Device& device(int end);
  // 10.INDEX.0.1 and .2; fd00:0:0:INDEX::1 and ::2.
  IpAddress address(int end, bool v6) const;
  SimPath& path(int from) { return options_.path[from]; }
  const SimPathStats& stats(int from) const { return lanes_[from].stats; }
  const PacketPool& pool(int end) const;

  // TransmitBurst() of `end` takes nothing before `until`.
  void Stall(int end, Instant until) { lanes_[end].stalled_until = until; }
  // A frame from nowhere, to `end`.
  void Inject(int to, Bytes frame, Instant due);
  // When a frame arrives or a stall ends next.
  Instant NextEvent() const;
  size_t in_flight() const { return lanes_[0].waiting.size() + lanes_[1].waiting.size(); }

 private:
  class End;

  struct Lane {
    std::map<std::pair<Instant, uint64_t>, Bytes> waiting;
    Instant link_free = Instant::min();
    Instant last_due = Instant::min();
    Instant stalled_until = Instant::min();
    bool in_burst = false;
    SimPathStats stats;
  };

  // False: not taken, the queue is full and says so.
  bool Send(int from, Bytes frame, Instant now);
  bool PassesMtu(int from, const Bytes& frame, Instant now);
  bool IsLost(int from);
  void Pass(int from, Bytes frame, Instant now);
  size_t QueuedBytes(int from, Instant now) const;

  uint32_t index_;
  SimLinkOptions options_;
  Random random_;
  Observer observer_;
  uint64_t next_number_ = 0;
  Lane lanes_[2];  // by the end that sends
  std::unique_ptr<End> ends_[2];
};

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_SIM_LINK_H_
