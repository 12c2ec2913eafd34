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

// What a connection begins with.
struct InitialNumbers {
  // RFC 6528 §3: ISN = M + F(tuple, secret); M ticks every 4 microseconds.
  SeqNum iss;
  // The same for every connection of a tuple, so that its timestamps grow from one to the next (RFC
  // 6191).
  uint32_t timestamp_offset = 0;
};

class SequenceSecrets {
 public:
  explicit SequenceSecrets(Random& random);

  // The two numbers are halves of one hash: neither tells anything about the other.
  InitialNumbers ForConnection(const FourTuple& tuple, Instant now) const;
  // Where the search for a local port of a new connection to this remote endpoint begins.
  uint32_t PortOffset(const IpAddress& local, const IpAddress& remote, uint16_t remote_port) const;
  // Of SYN cookies.
  SipKey CookieKey() const;

 private:
  SipKey connection_;
  SipKey port_;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_INITIAL_SEQUENCE_H_
