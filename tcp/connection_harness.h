// Two connections and a wire between them, in virtual time: for the tests of this folder.

#ifndef CORELANE_TCP_CONNECTION_HARNESS_H_
#define CORELANE_TCP_CONNECTION_HARNESS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/packet_cache.h"
#include "core/random.h"
#include "tcp/connection.h"

namespace corelane::tcp {

// The memory of one core, and its counters.
struct CoreMemory {
  explicit CoreMemory(size_t max_packets = 8192, size_t max_blocks = 8192)
      : packets(max_packets), blocks(max_blocks), chunks(16384), reassembly(64), scoreboards(64) {
    resources = {&blocks, &chunks, &reassembly, &scoreboards, &counters};
    cache = PacketCache(
        [](void* pool, std::span<PacketBuf> out) {
          return static_cast<PacketPool*>(pool)->AllocateBurst(out);
        },
        &packets);
  }
  ~CoreMemory() { cache.Clear(); }

  PacketPool packets;
  BlockPool blocks;
  ObjectPool<SendChunk> chunks;
  ObjectPool<ReassemblyQueue> reassembly;
  ObjectPool<Scoreboard> scoreboards;
  Counters counters;
  Resources resources;
  PacketCache cache;
};

// What a segment on the wire says, for expectations.
struct WireSegment {
  Segment header;
  std::vector<uint8_t> payload;
};

// One frame's worth of payload at most: splits a segment as segmentation offload would.
std::vector<WireSegment> Frames(const PacketBuf& packet);

struct WireOptions {
  WireOptions() {}
  Duration delay = std::chrono::milliseconds(10);
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  // probability of three extra delays
};

// Ends 0 (active) and 1 (passive), each with its memory.
class ConnectionPair {
 public:
  explicit ConnectionPair(const Options& a = Options(), const Options& b = Options(),
                          const WireOptions& wire = WireOptions(), uint64_t seed = 1);
  ~ConnectionPair();

  Connection& end(int i) { return *ends_[i]; }
  CoreMemory& memory(int i) { return *memory_[i]; }
  Instant now() const { return now_; }
  WireOptions& wire() { return wire_; }

  // End i goes on with the memory of another core.
  void Move(int i, std::unique_ptr<CoreMemory> to = std::make_unique<CoreMemory>());

  // SYN from end 0; end 1 is created when it arrives.
  void Connect();
  // Delivers, fires timers and polls in order of time until `done` or `limit` of virtual time.
  // True: done.
  bool RunUntil(const std::function<bool()>& done, Duration limit = std::chrono::minutes(30));
  void RunFor(Duration d) {
    RunUntil([] { return false; }, d);
  }
  bool ConnectAndRun() {
    Connect();
    return RunUntil([this] {
      return ends_[1] != nullptr && ends_[0]->state() == State::kEstablished &&
             ends_[1]->state() == State::kEstablished;
    });
  }
  // Called for each frame that leaves end `from`; false drops it.
  std::function<bool(int from, const WireSegment&)> filter;
  // Called after every step, for the application.
  std::function<void()> on_step;
  size_t frames_sent(int i) const { return frames_sent_[i]; }

  void Poll(int i);

 private:
  void Deliver(int to, const WireSegment& segment);
  void Send(int from, const WireSegment& segment);

  Options options_[2];
  WireOptions wire_;
  Random random_;
  Instant now_{std::chrono::seconds(1)};
  std::unique_ptr<CoreMemory> memory_[2];
  std::unique_ptr<Connection> ends_[2];
  std::multimap<Instant, std::pair<int, WireSegment>> in_flight_;
  size_t frames_sent_[2] = {0, 0};
};

// The byte at position n of the stream that the tests send.
inline uint8_t PatternByte(uint64_t n) {
  return static_cast<uint8_t>((n * 0x9e3779b97f4a7c15u) >> 56);
}
std::vector<uint8_t> Pattern(uint64_t from, size_t n);

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_CONNECTION_HARNESS_H_
