// Those who hear the same messages: a chat room, a topic.
//
//   ws::Room room;                              // outlives its members
//   ...in a handler...
//   ws::Room::Member member(room, socket);      // until the handler ends
//   room.Broadcast({ws::MessageType::kText, "hello"}, &socket);   // to all but this one
//
// One thread. Nothing is allocated but what the sockets' buffers grow by.

#ifndef CORELANE_HTTP_WS_ROOM_H_
#define CORELANE_HTTP_WS_ROOM_H_

#include <cstddef>
#include <cstdint>

#include "core/intrusive_list.h"
#include "http/ws/socket.h"

namespace corelane::ws {

// What happens to a member whose buffer (Options::max_send_buffer) has no room for a message.
enum class SlowMember : uint8_t {
  kMisses,  // This message.
  kClosed,  // It is closed with 1008, so that no member misses anything unawares.
};

class Room {
 public:
  class Member {
   public:
    Member(Room& room, Socket& socket) : socket_(socket) { room.members_.PushBack(*this); }

   private:
    friend class Room;

    Socket& socket_;
    ListNode node_;  // Its destruction leaves the room.
  };

  explicit Room(SlowMember slow = SlowMember::kMisses) : slow_(slow) {}

  // Returns how many members are sent it.
  size_t Broadcast(const Message& message, const Socket* except = nullptr);
  void CloseAll(CloseCode code, std::string_view reason = {});
  bool empty() const { return members_.empty(); }
  // Messages that slow members have missed, the last one of those who were closed included.
  uint64_t missed() const { return missed_; }

 private:
  const SlowMember slow_;
  uint64_t missed_ = 0;
  IntrusiveList<Member, &Member::node_> members_;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_ROOM_H_
