#include "tcp/time_wait.h"

namespace corelane::tcp {

TimeWaitTable::~TimeWaitTable() {
  while (!order_.empty()) Remove(order_.front());
}

void TimeWaitTable::Add(const TimeWaitRecord& record, Instant now) {
  TimeWait* entry = pool_.New();
  if (entry == nullptr) {
    if (order_.empty()) return;
    Remove(order_.front());
    entry = pool_.New();
  }
  static_cast<TimeWaitRecord&>(*entry) = record;
  entry->expires = now + kLifetime;
  table_.Insert(entry);
  order_.PushBack(*entry);
}

void TimeWaitTable::Remove(TimeWait& record) {
  table_.Remove(&record);
  order_.Remove(record);
  pool_.Delete(&record);
}

TimeWaitTable::Verdict TimeWaitTable::OnSegment(TimeWait& record, const Segment& s, Instant now) {
  if (s.rst()) return Verdict::kDrop;  // RFC 1337 §3, fix 1
  const bool both_timestamps = record.uses_timestamps && s.has_timestamps;
  const auto newer = static_cast<int32_t>(s.timestamps.value - record.ts_recent);
  if (s.syn()) {
    // RFC 6191 §2
    const bool later = both_timestamps && (newer > 0 || (newer == 0 && s.seq > record.rcv_nxt));
    const bool beyond = !both_timestamps && s.seq > record.rcv_nxt;
    return !s.has_ack() && (later || beyond) ? Verdict::kReopen : Verdict::kAck;
  }
  if (both_timestamps && newer < 0) return Verdict::kAck;  // RFC 7323 §5.3 R1
  if (s.fin()) {
    // The peer did not see our last ACK: wait again for the full time.
    record.expires = now + kLifetime;
    order_.Remove(record);
    order_.PushBack(record);
    return Verdict::kAck;
  }
  return s.payload_length > 0 || s.seq != record.rcv_nxt ? Verdict::kAck : Verdict::kDrop;
}

void TimeWaitTable::OnTimer(Instant now) {
  while (!order_.empty() && order_.front().expires <= now) Remove(order_.front());
}

}  // namespace corelane::tcp
