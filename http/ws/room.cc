#include "http/ws/room.h"

namespace corelane::ws {

size_t Room::Broadcast(const Message& message, const Socket* except) {
  size_t sent = 0;
  for (Member& member : members_) {
    Socket& socket = member.socket_;
    if (&socket == except || !socket.open()) continue;
    if (socket.TrySend(message)) {
      ++sent;
      continue;
    }
    ++missed_;
    if (slow_ == SlowMember::kClosed) socket.Close(CloseCode::kPolicyViolation, "too slow");
  }
  return sent;
}

void Room::CloseAll(CloseCode code, std::string_view reason) {
  for (Member& member : members_) member.socket_.Close(code, reason);
}

}  // namespace corelane::ws
