// Initial sequence numbers, timestamp offsets and ephemeral ports that strangers cannot predict
// (RFC 6528, RFC 7323 §7.1, RFC 6056 §3.3.3).

#ifndef CORELANE_TCP_INITIAL_SEQUENCE_H_
#define CORELANE_TCP_INITIAL_SEQUENCE_H_

#include <cstdint>

#include "core/random.h"
#include "core/siphash.h"
#include "core/time.h"
#include "tcp/flow_table.h"
#include "tcp/seq_num.h"

namespace corelane::tcp {

class SequenceSecrets {
 public:
  explicit SequenceSecrets(Random& random);

  // RFC 6528 §3: ISN = M + F(tuple, secret); M ticks every 4 microseconds.
  SeqNum Iss(const FourTuple& tuple, Instant now) const;
  // The same for every connection of a tuple, so that its timestamps grow from one to the next (RFC
  // 6191).
  uint32_t TimestampOffset(const FourTuple& tuple) const;
  // Where the search for a local port of a new connection to this remote endpoint begins.
  uint32_t PortOffset(const IpAddress& local, const IpAddress& remote, uint16_t remote_port) const;

 private:
  SipKey iss_;
  SipKey timestamp_;
  SipKey port_;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_INITIAL_SEQUENCE_H_
