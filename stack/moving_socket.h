// What travels from one lane to another when a connection moves, or when its TIME-WAIT goes home.

#ifndef CORELANE_STACK_MOVING_SOCKET_H_
#define CORELANE_STACK_MOVING_SOCKET_H_

#include <memory>
#include <optional>

#include "core/time.h"
#include "tcp/flow_table.h"
#include "tcp/moving_connection.h"
#include "tcp/time_wait.h"

namespace corelane::stack {

// Whatever the application wants to find again where its connection arrives. Destroyed there, also
// when that lane ends first; or by the LaneGroup where it was gone already.
class MoveTicket {
 public:
  virtual ~MoveTicket() = default;
};

struct MovingSocket {
  tcp::FourTuple tuple;
  Instant created{};
  std::unique_ptr<MoveTicket> ticket;
  // One of the two.
  std::unique_ptr<tcp::MovingConnection> connection;
  std::optional<tcp::TimeWaitRecord> time_wait;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_MOVING_SOCKET_H_
