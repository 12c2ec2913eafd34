// What a session has to send: messages in the order in which they came, in frames of a bounded
// size, with control frames between them.
//
//            Send: lent, in place  --.
//   TrySend: copied to a queue ------+--> one frame at a time --> view() --> Consume
//   pings, pongs --------------------'     while there is room
//
// Frames are made only while no more than `room` bytes wait to be taken. So a message however large
// takes no more memory than that and one frame, and what the codec keeps; a ping behind it waits
// for one frame at most to be made (RFC 6455 §5.4). Sans-IO; not thread-safe.

#ifndef CORELANE_HTTP_WS_OUTBOX_H_
#define CORELANE_HTTP_WS_OUTBOX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/wire/buffer.h"
#include "http/ws/codec.h"

namespace corelane::ws::internal {

class Outbox {
 public:
  // `fragment`: bytes of a message in one frame, before they are compressed; at least 1.
  Outbox(Encoder encoder, size_t fragment, size_t room);

  // --- What is to be sent. None of it once Close or Abandon has been called. ---

  // Copies it.
  void Copy(MessageType type, std::string_view data);
  // Keeps a message that stays where it is for as long as lent(). One at a time.
  void Lend(MessageType type, std::string_view data);
  bool lent() const { return lent_; }
  void Ping(std::string_view payload) { encoder_.Ping(payload, out_); }
  void Pong(std::string_view payload) { encoder_.Pong(payload, out_); }

  // --- The end ---

  // A close frame behind all messages.
  void Close(CloseCode code, std::string_view reason);
  // Whether it is among the frames.
  bool close_made() const { return close_made_; }
  // Drops what has not become a frame, but for the close frame, which comes at once. A message may
  // remain without its end: nobody waits for it any more.
  void Abandon();

  // --- What is ready ---

  // Makes frames while there is room; true when the message that was lent has become frames, whole.
  bool Refill();
  std::string_view view() const { return out_.view(); }
  void Consume(size_t size) { out_.Consume(size); }
  bool empty() const { return out_.empty(); }
  bool has_room() const { return out_.size() <= room_; }
  // Bytes held, in frames or not. What is lent does not count.
  size_t size() const { return out_.size() + queue_.size(); }
  // No message waits to become frames.
  bool settled() const { return !lent_ && queue_.empty(); }
  // Gives memory back where it is not in use: for a connection that is quiet.
  void ReleaseMemory();

 private:
  // Before each message in the queue.
  struct QueueHead {
    MessageType type;
    size_t size;
  };

  // Makes a frame of what is first of `rest`, or of none where compression has held it back.
  void MakeFrame(MessageType type, std::string_view& rest);
  void StepQueue();
  void MakeClose();

  Encoder encoder_;
  const size_t fragment_;
  const size_t room_;
  http::Buffer out_;    // Frames.
  http::Buffer queue_;  // [QueueHead | data]..., of the first perhaps only the rest of its data.
  size_t front_left_ = 0;
  MessageType front_type_ = MessageType::kText;
  bool begun_ = false;  // Frames of a message are out, and more are to come.

  bool lent_ = false;
  MessageType lent_type_ = MessageType::kText;
  std::string_view lent_rest_;
  size_t ahead_ = 0;  // Bytes of the queue that are to be sent before what is lent.

  bool closing_ = false;
  bool close_made_ = false;
  CloseCode close_code_ = CloseCode::kNoCode;
  std::string close_reason_;
};

}  // namespace corelane::ws::internal

#endif  // CORELANE_HTTP_WS_OUTBOX_H_
