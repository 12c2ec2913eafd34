// TCP of one lane among several: ports and connections that other lanes must know of, and
// connections that move.
//
//   lane a                                      lane b
//   Move(): into the ring to b  ------------->  after each look at what was published or forwarded,
//           then the flow is b's: published     and before acting on it: Arrive()
//
// Whoever sees that the flow is b's, or forwards to b because he saw it, does so after the
// connection was put into the ring; so b, which looks there last, has it before any of its packets.
// (And once more where a change of its own let it see what others published: Lane::is_ahead().)

#include <utility>

#include "ip/protocol.h"
#include "stack/tcp_layer.h"

namespace corelane::stack {

void TcpLayer::Announce(uint16_t port, bool listening) {
  Lane* const lane = network_.lane();
  if (lane == nullptr) return;
  lane->group().ChangeSteering([&](Steering& s) {
    if (listening) {
      s.AddPort(ip::protocol::kTcp, port, lane->index());
    } else {
      s.RemovePort(ip::protocol::kTcp, port, lane->index());
    }
  });
}

void TcpLayer::Claim(TcpSocket& socket) {
  Lane& lane = *network_.lane();
  socket.claimed_ = true;
  lane.ChangeSteering(
      [&](Steering& s) { s.Claim(ip::protocol::kTcp, socket.tuple_, lane.index()); });
}

void TcpLayer::Unclaim(TcpSocket& socket) {
  socket.claimed_ = false;
  Lane* const lane = network_.lane();
  if (lane == nullptr) return;
  lane->ChangeSteering(
      [&](Steering& s) { s.Unclaim(ip::protocol::kTcp, socket.tuple_, lane->index()); });
}

void TcpLayer::CountFlow(TcpSocket& socket) {
  Lane* const lane = network_.lane();
  if (lane == nullptr) return;
  const Steering& steering = lane->steering();
  socket.bucket_ =
      static_cast<uint16_t>(steering.BucketOf(steering.Hash(ip::protocol::kTcp, socket.tuple_)));
  lane->CountFlow(socket.bucket_, true);
}

TcpMoveResult TcpLayer::Move(TcpSocket& socket, size_t to, std::unique_ptr<MoveTicket>& ticket) {
  Lane* const lane = network_.lane();
  if (lane == nullptr || to >= lane->group().lanes() || to == lane->index()) {
    return TcpMoveResult::kNoLane;
  }
  if (!socket.connected() || socket.closed() || socket.listener_ != nullptr) {
    return TcpMoveResult::kNotConnected;
  }
  if (!lane->MaySend(to)) return TcpMoveResult::kBusy;
  auto moving = std::make_unique<MovingSocket>();
  moving->tuple = socket.tuple_;
  moving->created = socket.created_;
  moving->ticket = std::move(ticket);
  moving->connection = std::make_unique<tcp::MovingConnection>(socket.connection_);
  ++moved_away_;
  lane->Send(to, std::move(moving));
  // Claimed wherever it goes: packets on their way have been at lanes that did not have it then.
  socket.claimed_ = false;
  lane->ChangeSteering([&](Steering& s) { s.Claim(ip::protocol::kTcp, socket.tuple_, to); });
  Free(socket);
  return TcpMoveResult::kMoved;
}

// Where late segments look for it when the flow is nobody's any more. False: it has to stay.
bool TcpLayer::SendTimeWaitHome(TcpSocket& socket, const tcp::TimeWaitRecord& record) {
  Lane* const lane = network_.lane();
  if (lane == nullptr) return false;
  const Steering& steering = lane->steering();
  const size_t home = steering.LaneOf(steering.Hash(ip::protocol::kTcp, socket.tuple_));
  if (home == lane->index() || !lane->MaySend(home)) return false;
  auto moving = std::make_unique<MovingSocket>();
  moving->tuple = socket.tuple_;
  moving->time_wait.emplace(record);
  lane->Send(home, std::move(moving));
  return true;
}

size_t TcpLayer::TakeMoved(Instant now) {
  now_ = now;
  size_t n = 0;
  while (const auto moved = network_.lane()->TakeMoved()) {
    if (moved->time_wait) {
      time_wait_.Add(*moved->time_wait, now);
    } else {
      Arrive(*moved, now);
    }
    ++n;
  }
  return n;
}

void TcpLayer::Arrive(MovingSocket& moved, Instant now) {
  --moved_away_;
  const tcp::Connection& state = moved.connection->state();
  const tcp::OutgoingHeader reset{moved.tuple.local_port, moved.tuple.remote_port, state.snd_nxt(),
                                  state.rcv_nxt(), tcp::kRst | tcp::kAck};
  Path* const path = network_.paths().Acquire(moved.tuple.local, moved.tuple.remote);
  TcpSocket* const socket =
      path == nullptr
          ? nullptr
          : sockets_.New(*this, moved.tuple, std::move(*moved.connection), resources_, now);
  if (socket == nullptr) {
    if (path != nullptr) network_.paths().Release(path);
    Lane& lane = *network_.lane();
    lane.ChangeSteering(
        [&](Steering& s) { s.Unclaim(ip::protocol::kTcp, moved.tuple, lane.index()); });
    counters_.resets_out.Increment(1);
    SendBare(moved.tuple, reset, tcp::OutgoingOptions(), now);
  } else {
    socket->path_ = path;
    socket->created_ = moved.created;
    socket->claimed_ = true;
    CountFlow(*socket);
    all_.PushBack(*socket);
    table_.Insert(socket, table_.Hash(moved.tuple));
    socket->in_table_ = true;
    Touch(*socket);
  }
  arrivals_.push_back({socket, std::move(moved.ticket)});
}

std::optional<TcpLayer::Arrival> TcpLayer::TakeArrival() {
  if (arrivals_.empty()) return std::nullopt;
  Arrival arrival = std::move(arrivals_.front());
  arrivals_.pop_front();
  if (arrival.socket != nullptr) AfterInput(*arrival.socket);
  return arrival;
}

}  // namespace corelane::stack
