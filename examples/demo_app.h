// The demonstration application: the same routes on every transport.
//
//   /             a page that shows what the stack is doing
//   /api/stats    the same as JSON          /api/events   pushed twice a second
//   /hello        128 bytes of text         /json         a small JSON object
//   /bytes/{n}    n bytes of a pattern      /echo         the request's body, streamed back
//   /stream/{n}   n chunks of a line each   /ws      a WebSocket that sends messages back
//   /sse          an event a second
//   /upload       counts and sums the request's body (POST or PUT)

#ifndef CORELANE_EXAMPLES_DEMO_APP_H_
#define CORELANE_EXAMPLES_DEMO_APP_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/router.h"

namespace corelane::examples {

struct InterfaceSnapshot {
  std::string name;
  uint64_t rx_packets = 0;
  uint64_t tx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t tx_bytes = 0;
  uint64_t rx_drops = 0;
  uint64_t tx_drops = 0;
};

struct TcpSnapshot {
  uint64_t active_opens = 0;
  uint64_t passive_opens = 0;
  uint64_t established = 0;  // Now.
  uint64_t segments_in = 0;
  uint64_t segments_out = 0;
  uint64_t retransmits = 0;
  uint64_t resets = 0;
};

struct ConnectionSnapshot {
  std::string local;
  std::string remote;
  std::string state;
  uint64_t srtt_us = 0;
  uint64_t rttvar_us = 0;
  uint64_t cwnd = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t retransmits = 0;
  uint64_t age_ms = 0;
};

struct StatsSnapshot {
  std::string device_uri;   // "ring:", "tap:corelane0", "kernel:" ...
  std::string device_name;  // For people.
  uint64_t uptime_ms = 0;
  uint64_t turns = 0;  // Of the worker.
  std::vector<InterfaceSnapshot> interfaces;
  std::vector<std::pair<std::string, uint64_t>> drops;  // By reason.
  TcpSnapshot tcp;
  std::vector<ConnectionSnapshot> connections;  // kMaxShownConnections are shown.
};

inline constexpr size_t kMaxShownConnections = 200;

// What /hello answers.
inline constexpr std::string_view kHello =
    "Hello from corelane: one lane per core, from the queue of a network card to a coroutine. "
    "This answer is exactly 128 bytes long.\n";
static_assert(kHello.size() == 128);

// Asked on the server's thread, a few times a second for each page that is open.
class StatsSource {
 public:
  virtual ~StatsSource() = default;
  virtual StatsSnapshot Snapshot() = 0;
};

// Byte i of /bytes/{n}.
char PatternByte(uint64_t i);

// `stats` must outlive the router.
void AddDemoRoutes(http::Router& router, StatsSource& stats);

std::string StatsToJson(const StatsSnapshot& snapshot);

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_DEMO_APP_H_
