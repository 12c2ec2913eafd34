// SYN cookies: answering a SYN without remembering it (RFC 4987 §3.6).
//
//   initial sequence number = | minutes : 5 | MSS : 3 | keyed hash : 24 |
//   low bits of our TSval   =                  ... | window scale : 4 | SACK : 1 |
//
// Who sends the third segment of the handshake returns both, and with them what its SYN said. The
// hash covers the endpoints, the peer's initial sequence number, the MSS and the time, so only who
// received our answer can know it. What the timestamp says is not covered: it concerns the peer
// alone.

#ifndef CORELANE_TCP_SYN_COOKIE_H_
#define CORELANE_TCP_SYN_COOKIE_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/siphash.h"
#include "core/time.h"
#include "tcp/flow_table.h"
#include "tcp/segment.h"
#include "tcp/seq_num.h"

namespace corelane::tcp {

class SynCookies {
 public:
  // A cookie is good for at least one of these and at most two.
  static constexpr Duration kPeriod = std::chrono::seconds(64);

  explicit SynCookies(const SipKey& key) : key_(key) {}

  // The initial sequence number that answers `syn`.
  SeqNum Make(const FourTuple& tuple, const Segment& syn, Instant now) const;
  // The TSval beside it, at most 32 ticks older than `clock`: what is sent later looks newer.
  static uint32_t TimestampFor(const Segment& syn, uint32_t clock);
  // The SYN that was answered, if `ack` returns one of our cookies; its window is that of `ack`.
  std::optional<Segment> Check(const FourTuple& tuple, const Segment& ack, Instant now) const;

 private:
  uint32_t Hash(const FourTuple& tuple, SeqNum irs, uint32_t period, uint32_t mss_index) const;

  SipKey key_;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_SYN_COOKIE_H_
