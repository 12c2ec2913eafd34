// LaneSnapshot: what one lane came to, as plain numbers; LaneReader takes it, in pieces.
//
// Reading is for the lane's own thread: socket tables, pools and queues are read by nobody else. A
// table of many sockets is walked a piece at a time, so that no turn of the lane grows long.

#ifndef CORELANE_RUNTIME_METRICS_SNAPSHOT_H_
#define CORELANE_RUNTIME_METRICS_SNAPSHOT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "driver/device.h"
#include "ip/drop_reason.h"
#include "runtime/metrics/counter_tables.h"
#include "runtime/metrics_source.h"
#include "runtime/turn_histogram.h"
#include "runtime/worker.h"
#include "stack/stack.h"
#include "tcp/connection.h"

namespace corelane::runtime {

// From 16 us to 17 s.
using RttCounts = Log2Counts<14, 34>;

inline constexpr size_t kTcpStates = static_cast<size_t>(tcp::State::kTimeWait) + 1;

// Packets, or blocks of payload memory.
struct PoolSnapshot {
  size_t size = 0;
  size_t in_use = 0;
  size_t peak = 0;         // the most that were in use
  uint64_t exhausted = 0;  // allocations refused
};

struct InterfaceSnapshot {
  std::string name;  // of the device; no two of a stack are the same
  std::string mac;
  uint16_t mtu = 0;
  driver::QueueStats queue;
  size_t backlog = 0;                // frames that wait for the device
  std::optional<PoolSnapshot> pool;  // where the queue has one
};

struct ListenerSnapshot {
  std::string local;  // the endpoint
  size_t backlog = 0;
  size_t embryonic = 0;
  size_t accept_queue = 0;
};

// The open connections of one kind: those that a listener's port accepted, or all that were begun
// here.
struct ConnectionClass {
  bool inbound = false;
  uint16_t port = 0;  // 0: outbound, or of one of the ports beyond kMaxClasses
  size_t connections = 0;
  uint64_t send_queue_bytes = 0;     // written and not acknowledged yet
  uint64_t receive_queue_bytes = 0;  // received and not read yet
  RttCounts rtt;                     // smoothed, of those that have measured it
};

struct StackSnapshot {
  std::string name;
  uint64_t turns = 0;
  std::vector<InterfaceSnapshot> interfaces;
  std::array<uint64_t, internal::kTcpCounters.size()> tcp{};
  std::array<uint64_t, internal::kUdpCounters.size()> udp{};
  std::array<uint64_t, internal::kNetworkCounters.size()> network{};
  std::array<uint64_t, internal::kNeighborCounters.size()> neighbor{};
  std::array<uint64_t, internal::kLaneCounters.size()> lane{};  // zeros where there are no others
  std::array<uint64_t, ip::kDropReasons> drops{};
  std::array<uint64_t, kTcpStates> tcp_states{};
  size_t orphans = 0;
  size_t udp_sockets = 0;
  size_t neighbors = 0;
  std::vector<ListenerSnapshot> listeners;
  std::vector<ConnectionClass> classes;  // outbound first, then by port
  PoolSnapshot control_pool;
  PoolSnapshot block_pool;
};

struct LaneSnapshot {
  std::string name;
  bool up = false;  // it answered; else there are only the worker's counters
  uint64_t turns = 0;
  uint64_t handlers = 0;
  uint64_t sleeps = 0;
  TurnHistogram::Counts busy_turns;
  std::vector<StackSnapshot> stacks;
};

// The worker's own counters. Any thread.
void ReadWorkerCounters(const WorkerCounters& counters, LaneSnapshot& snapshot);

// `lane` outlives the reader.
class LaneReader {
 public:
  // Listeners' ports with a class of their own.
  static constexpr size_t kMaxClasses = 64;
  // Buckets of the socket table, of about one socket each, that a Step() visits.
  static constexpr size_t kBucketsPerStep = 512;

  explicit LaneReader(const LaneInfo& lane) : lane_(lane) { snapshot_.name = lane.name; }

  // Reads on. True: done, Take() has it. On the worker's thread, or where no thread runs it.
  bool Step();
  LaneSnapshot Take() { return std::move(snapshot_); }

 private:
  void ReadStack(stack::Stack& stack, size_t index);
  bool ReadSockets(const stack::TcpLayer& tcp, StackSnapshot& to);

  const LaneInfo& lane_;
  LaneSnapshot snapshot_;
  size_t stack_ = 0;    // the one whose sockets are being read
  size_t buckets_ = 0;  // of its table; 0: not begun
  size_t next_bucket_ = 0;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_METRICS_SNAPSHOT_H_
