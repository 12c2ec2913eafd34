// WebSocket's framing in both directions and both roles (RFC 6455 §5 to §7), sans-IO.
//
//   Decoder decoder(Role::kServer, limits);
//   while (true) {
//     switch (decoder.Decode(bytes)) {                  // takes a prefix of `bytes`
//       case Event::kNeedMore: return;                  // all of it is taken
//       case Event::kMessage:  ... decoder.type(), decoder.message() ...
//       case Event::kPing:     encoder.Pong(decoder.control(), out); break;
//       case Event::kPong:     break;
//       case Event::kClose:    ... decoder.close_code(), decoder.close_reason() ...
//       case Event::kError:    encoder.Close(decoder.error().code, decoder.error().reason, out);
//     }
//   }
//
// Text is validated, and compressed messages are inflated, as their pieces come: what is wrong, or
// above the limit, is refused at once, in the middle of a frame. Memory stays below the limit for a
// message and what zlib takes. Neither class is thread-safe.

#ifndef CORELANE_HTTP_WS_CODEC_H_
#define CORELANE_HTTP_WS_CODEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "http/wire/buffer.h"
#include "http/ws/deflate.h"
#include "http/ws/frame.h"
#include "http/ws/utf8.h"

namespace corelane::ws {

enum class MessageType : uint8_t { kText = 1, kBinary = 2 };

enum class Event : uint8_t { kNeedMore, kMessage, kPing, kPong, kClose, kError };

class Decoder {
 public:
  // `max_message`: of a whole message, inflated, in bytes; 1009 beyond. `deflate`: what was agreed
  // on.
  Decoder(Role role, uint64_t max_message, const std::optional<DeflateParams>& deflate = {});

  // Up to the next event; removes from `bytes` what it has taken. After kClose nothing that follows
  // counts (RFC 6455 §1.4): all is taken, kNeedMore. After kError it remains kError.
  Event Decode(std::string_view& bytes);

  // After kMessage, until the next Decode.
  MessageType type() const { return type_; }
  std::string_view message() const { return message_.view(); }
  // Moves the message out by an exchange of buffers, so that neither is copied or allocated anew.
  void TakeMessage(http::Buffer& into) { std::swap(message_, into); }
  // Gives memory back between messages: for a connection that is quiet.
  void ReleaseMemory() {
    if (!in_message_) message_ = http::Buffer();
  }
  // After kPing and kPong: the payload, until the next Decode.
  std::string_view control() const { return {control_.data(), control_size_}; }
  // After kClose: kNoCode where there was none. The reason is valid UTF-8.
  CloseCode close_code() const { return close_code_; }
  std::string_view close_reason() const { return control().substr(control_size_ < 2 ? 0 : 2); }
  // After kError: what to close with.
  const ProtocolError& error() const { return error_; }

 private:
  enum class State : uint8_t { kHead, kData, kControl, kClosed, kFailed };

  void BeginFrame();
  void BeginData(const FrameHead& head);
  // Takes a part of the frame's payload; false when it is wrong.
  bool TakeData(std::string_view& bytes);
  bool TakePlain(std::string_view piece);
  bool TakeCompressed(std::string_view piece);
  bool CheckInflated(Inflater::Status status, size_t from);
  void TakeControl(std::string_view& bytes);
  bool EndMessage();
  Event EndControl();
  Event EndClose();
  bool Fail(CloseCode code, std::string_view reason);

  uint64_t max_message_;
  FrameHeadParser parser_;
  std::optional<Inflater> inflater_;
  State state_ = State::kHead;
  FrameHead head_;
  uint64_t taken_ = 0;  // Of the frame's payload.

  bool in_message_ = false;
  bool delivered_ = false;  // message_ is to be cleared before the next.
  bool compressed_ = false;
  MessageType type_ = MessageType::kText;
  http::Buffer message_;
  Utf8Validator utf8_;

  std::array<char, kMaxControlPayload> control_{};
  size_t control_size_ = 0;
  CloseCode close_code_ = CloseCode::kNoCode;
  ProtocolError error_;
};

// Appends whole frames. A message is one of them, or several with control frames between:
//
//   encoder.Begin(MessageType::kBinary, file.size());
//   while (...) encoder.Add(piece, last, out);
//
// A client's masks come from `new_mask`, which must give keys that an
// attacker cannot foresee (RFC 6455 §10.3); a server needs none.
class Encoder {
 public:
  explicit Encoder(Role role, std::function<MaskKey()> new_mask = nullptr,
                   const std::optional<DeflateParams>& deflate = {},
                   const DeflateOptions& options = {});

  // As one frame, compressed where that was agreed on and is worth it. Text must be UTF-8.
  void Message(MessageType type, std::string_view payload, http::Buffer& out);
  // The same in pieces, a frame each (RFC 6455 §5.4), but for those that compression holds back to
  // send them with the next. `size`, that of all, only tells whether to compress. A character may
  // be cut by pieces.
  void Begin(MessageType type, size_t size);
  void Add(std::string_view piece, bool last, http::Buffer& out);
  // Gives memory back: for a connection that is quiet.
  void ReleaseMemory() { compressed_ = http::Buffer(); }
  // At most kMaxControlPayload bytes are sent of a longer payload.
  void Ping(std::string_view payload, http::Buffer& out) { Control(Opcode::kPing, payload, out); }
  void Pong(std::string_view payload, http::Buffer& out) { Control(Opcode::kPong, payload, out); }
  // A code that may not be sent makes an empty frame. Of a longer reason the characters that fit
  // are sent.
  void Close(CloseCode code, std::string_view reason, http::Buffer& out);

 private:
  void Control(Opcode opcode, std::string_view payload, http::Buffer& out);
  void Frame(FrameHead head, std::string_view payload, http::Buffer& out);

  Role role_;
  std::function<MaskKey()> new_mask_;
  std::optional<Deflater> deflater_;
  http::Buffer compressed_;
  // Of the message that has begun.
  Opcode opcode_ = Opcode::kContinuation;  // Of its next frame.
  bool compresses_ = false;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_CODEC_H_
