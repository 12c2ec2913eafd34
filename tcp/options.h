// Settings of one connection, the same for every way to make one.

#ifndef CORELANE_TCP_OPTIONS_H_
#define CORELANE_TCP_OPTIONS_H_

#include <cstdint>

#include "core/time.h"

namespace corelane::tcp {

struct Options {
  Options() {}

  // Bytes of payload that a queue may hold: where it starts and how far it grows with the
  // bandwidth-delay product.
  uint32_t send_buffer = 64 * 1024;
  uint32_t send_buffer_max = 4 * 1024 * 1024;
  uint32_t receive_buffer = 128 * 1024;
  uint32_t receive_buffer_max = 4 * 1024 * 1024;

  // Payload of our largest segment; 0: what the path's MTU allows. For peers behind broken paths,
  // and for tests.
  uint16_t max_segment_size = 0;

  // True turns Nagle's algorithm (RFC 9293 §3.7.4) off.
  bool no_delay = false;
  bool sack = true;
  bool timestamps = true;
  bool window_scaling = true;
  bool rack_tlp = true;    // RFC 8985: losses found by time, tail loss probes; needs SACK
  bool keepalive = false;  // RFC 9293 §3.8.4, off by default (MUST-25)

  uint8_t syn_retries = 7;  // 247 seconds; at least three minutes (RFC 9293 §3.8.3, MUST-23)
  uint8_t retries = 15;     // retransmissions of the same data before giving up (R2)
  uint8_t keepalive_probes = 9;
  Duration delayed_ack = std::chrono::milliseconds(40);  // at most 500 ms (RFC 9293 §3.8.6.3)
  Duration keepalive_idle = std::chrono::hours(2);       // MUST-28
  Duration keepalive_interval = std::chrono::seconds(75);
  Duration user_timeout{};  // RFC 5482; 0: only `retries` counts
  Duration fin_wait_2 =
      std::chrono::seconds(60);  // how long a closed socket waits for the peer's FIN
  // A closed socket that still has bytes to deliver must get half of them acknowledged in each such
  // period, or it is reset: a peer that reads slowly or never cannot keep it for ever.
  Duration orphan_timeout = std::chrono::seconds(60);
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_OPTIONS_H_
