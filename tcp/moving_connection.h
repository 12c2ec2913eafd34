// A connection on its way from one core to another: its state, and copies of its bytes, for what
// holds them belongs to the core that it left.
//
//   moving = connection.MoveOut();                           // on the one core
//   Connection connection(std::move(*moving), resources);    // on the other
//
// Nothing is sent, received or timed meanwhile; that is a pause as any loss of packets would make.
// Threading: belongs to whoever has it.

#ifndef CORELANE_TCP_MOVING_CONNECTION_H_
#define CORELANE_TCP_MOVING_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "tcp/connection.h"

namespace corelane::tcp {

class MovingConnection {
 public:
  // Of a connection that is established, or was and is neither closed nor in TIME-WAIT.
  explicit MovingConnection(Connection& from);

  const Connection& state() const { return state_; }
  // Payload that travels along.
  size_t bytes() const;

 private:
  friend class Connection;

  struct Piece {
    SeqNum seq;
    std::vector<uint8_t> bytes;
  };

  SeqNum unacknowledged_from_;
  std::vector<uint8_t> unacknowledged_;
  std::vector<uint8_t> unread_;
  std::vector<Piece> out_of_order_;
  std::vector<SeqRange> sacked_;
  Connection state_;  // its queues are empty
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_MOVING_CONNECTION_H_
