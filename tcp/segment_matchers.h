// Matchers of frames that a ScriptedConnection sent.

#ifndef CORELANE_TCP_SEGMENT_MATCHERS_H_
#define CORELANE_TCP_SEGMENT_MATCHERS_H_

#include <gmock/gmock.h>

#include "tcp/scripted_connection.h"

namespace corelane::tcp {

// Flags without PSH, relative numbers.
MATCHER_P4(IsSegment, flags, seq, ack, length, "") {
  return (arg.flags & ~kPsh) == (flags) && arg.seq == static_cast<uint32_t>(seq) &&
         arg.ack == static_cast<uint32_t>(ack) && arg.length == static_cast<uint32_t>(length);
}
// A segment without data that acknowledges up to `ack`.
MATCHER_P(IsAck, ack, "") {
  return arg.flags == kAck && arg.length == 0 && arg.ack == static_cast<uint32_t>(ack);
}
// Data, whatever it acknowledges.
MATCHER_P2(IsData, seq, length, "") {
  return (arg.flags & (kSyn | kRst)) == 0 && arg.seq == static_cast<uint32_t>(seq) &&
         arg.length == static_cast<uint32_t>(length);
}
MATCHER(IsRst, "") { return (arg.flags & kRst) != 0; }

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_SEGMENT_MATCHERS_H_
