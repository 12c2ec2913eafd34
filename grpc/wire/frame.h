// Messages on the wire (PROTOCOL-HTTP2.md, Length-Prefixed-Message): a flag, four bytes of length,
// and the bytes.

#ifndef CORELANE_GRPC_WIRE_FRAME_H_
#define CORELANE_GRPC_WIRE_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "grpc/wire/compression.h"
#include "grpc/wire/status.h"

namespace corelane::grpc {

inline constexpr size_t kFramePrefix = 5;

// To the kFramePrefix bytes at `to`. size: below 4 GiB.
inline void WriteFramePrefix(bool compressed, size_t size, char* to) {
  to[0] = compressed ? 1 : 0;
  to[1] = static_cast<char>(size >> 24);
  to[2] = static_cast<char>(size >> 16);
  to[3] = static_cast<char>(size >> 8);
  to[4] = static_cast<char>(size);
}

// Finds the messages of a stream that comes in pieces:
//
//   for (;;) {
//     switch (reader.Next(input)) {
//       case Event::kMessage: ...reader.message()...; continue;
//       case Event::kNeedMore: input = more; or reader.Finish() at the end
//       case Event::kError: ...reader.status()...
//     }
//   }
//
// One that lies in a piece as a whole is not copied.
class MessageReader {
 public:
  enum class Event : uint8_t { kNeedMore, kMessage, kError };

  // Messages of more than `max` bytes, inflated, are RESOURCE_EXHAUSTED; longer than 2 GiB - 1 none
  // may be.
  explicit MessageReader(size_t max);

  // What messages with the flag are compressed by. kIdentity: they are INTERNAL.
  void set_compression(Compression compression) { compression_ = compression; }

  // Takes a prefix of `input`: all of it unless there is a message. An error is final.
  Event Next(std::string_view& input);
  // After kMessage, until the next Next, and as long as the input it came from.
  std::string_view message() const { return message_; }
  // After kError.
  const Status& status() const { return status_; }
  // At the stream's end: INTERNAL inside of a message.
  Status Finish() const;

 private:
  Event Fail(StatusCode code, std::string message);
  // The prefix is complete.
  bool TakePrefix();
  Event Deliver(std::string_view bytes);

  const size_t max_;
  Compression compression_ = Compression::kIdentity;
  std::array<uint8_t, kFramePrefix> prefix_{};
  size_t prefix_size_ = 0;
  size_t size_ = 0;  // Of the message, once the prefix is there.
  bool delivered_ = false;
  std::string partial_;
  std::string inflated_;
  Compressor compressor_;
  std::string_view message_;
  Status status_;
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_WIRE_FRAME_H_
