// Connections in TIME-WAIT (RFC 9293 §3.6.1, §3.10.7.4): one small record each, in order of expiry.

#ifndef CORELANE_TCP_TIME_WAIT_H_
#define CORELANE_TCP_TIME_WAIT_H_

#include <cstddef>
#include <cstdint>

#include "core/intrusive_list.h"
#include "core/object_pool.h"
#include "core/time.h"
#include "tcp/flow_table.h"
#include "tcp/segment.h"
#include "tcp/seq_num.h"

namespace corelane::tcp {

// What is left of a connection.
struct TimeWaitRecord {
  FourTuple four_tuple;
  SeqNum snd_nxt;
  SeqNum rcv_nxt;
  uint32_t ts_recent = 0;
  uint32_t ts_offset = 0;
  uint16_t window = 0;  // as on the wire
  bool uses_timestamps = false;
};

struct TimeWait : FlowTableNode<TimeWait>, TimeWaitRecord {
  Instant expires{};
  ListNode order;

  const FourTuple& tuple() const { return four_tuple; }
};

class TimeWaitTable {
 public:
  // Twice the maximum segment lifetime (RFC 9293 §3.4.2 says two minutes; see
  // docs/rfc-exceptions/time-wait.md).
  static constexpr Duration kLifetime = std::chrono::seconds(60);

  enum class Verdict : uint8_t {
    kDrop,    // nothing to do
    kAck,     // answer with <SEQ=snd_nxt><ACK=rcv_nxt>
    kReopen,  // a SYN that may open the tuple anew (MAY-2, RFC 6191): the record is gone, see
              // ReopenIss()
  };

  TimeWaitTable(size_t max, const FlowHashKey& key) : table_(key), pool_(max) {}
  ~TimeWaitTable();

  // At the bound the oldest record makes room.
  void Add(const TimeWaitRecord& record, Instant now);
  uint32_t Hash(const FourTuple& tuple) const { return table_.Hash(tuple); }
  TimeWait* Find(const FourTuple& tuple, uint32_t hash) const {
    return table_.size() == 0 ? nullptr : table_.Find(tuple, hash);
  }
  Verdict OnSegment(TimeWait& record, const Segment& s, Instant now);
  // After kReopen: the new ISS must lie beyond what the old connection used (RFC 9293 §3.10.7.4).
  static SeqNum ReopenIss(SeqNum generated, SeqNum old_snd_nxt) {
    return generated > old_snd_nxt ? generated : old_snd_nxt + 65535 + 2;
  }
  void Remove(TimeWait& record);

  void OnTimer(Instant now);
  Instant NextDeadline() const { return order_.empty() ? kNever : order_.front().expires; }
  size_t size() const { return table_.size(); }

 private:
  FlowTable<TimeWait> table_;
  ObjectPool<TimeWait> pool_;
  IntrusiveList<TimeWait, &TimeWait::order> order_;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_TIME_WAIT_H_
