// What the connections of one core share: memory, counters and settings. Owned by the stack;
// outlives every connection.

#ifndef CORELANE_TCP_RESOURCES_H_
#define CORELANE_TCP_RESOURCES_H_

#include <cstdint>

#include "core/block.h"
#include "core/counter.h"
#include "core/object_pool.h"
#include "core/packet_cache.h"
#include "tcp/reassembly_queue.h"
#include "tcp/scoreboard.h"
#include "tcp/send_queue.h"

namespace corelane::tcp {

// Totals over all connections of a core. Written by the core, read by anybody.
struct Counters {
  Counter segments_in;
  Counter segments_out;
  Counter bytes_in;   // payload delivered in order
  Counter bytes_out;  // payload sent for the first time
  Counter retransmitted_segments;
  Counter retransmission_timeouts;
  Counter fast_recoveries;
  Counter resets_in;
  Counter resets_out;
  Counter challenge_acks;
  Counter active_opens;
  Counter passive_opens;
  Counter established;  // ever
  Counter out_of_order_segments;
  Counter duplicate_segments;
  Counter tail_loss_probes;  // RFC 8985 §7
  Counter losses_by_time;    // RFC 8985 §6
  Counter zero_window_probes;
  Counter keepalive_probes;
  Counter paws_rejected;
  Counter backlog_drops;
  Counter syn_cookies_out;  // SYNs answered by a cookie
  Counter syn_cookies_in;   // connections that came of them
  Counter memory_drops;
};

struct Resources {
  BlockPool* blocks;
  ObjectPool<SendChunk>* chunks;
  ObjectPool<ReassemblyQueue>* reassembly;
  ObjectPool<Scoreboard>* scoreboards;
  Counters* counters;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_RESOURCES_H_
