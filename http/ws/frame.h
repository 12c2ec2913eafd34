// Frame heads of WebSocket (RFC 6455 §5.2), and the codes that connections end with (§7.4).
//
//    0                   1                   2                   3
//   +-+-+-+-+-------+-+-------------+-------------------------------+
//   |F|R|R|R| opcode|M| length: 7,  | 16 or 64 bits more            |
//   |I|S|S|S|  (4)  |A| 126 or 127  | where it was 126 or 127       |
//   |N|1|2|3|       |S|             |                               |
//   +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//   | the mask's key, 4 bytes, where M is set                       |
//   +---------------------------------------------------------------+
//
// FrameHeadParser takes bytes in any pieces, keeps at most one head, and allocates nothing:
//
//   FrameHeadParser parser(Role::kServer);
//   switch (parser.Parse(bytes)) {           // takes a prefix of `bytes`
//     case FrameHeadParser::Status::kNeedMore: ...
//     case FrameHeadParser::Status::kDone:     parser.head() ...; parser.Reset();
//     case FrameHeadParser::Status::kError:    parser.error() is what to close with
//   }

#ifndef CORELANE_HTTP_WS_FRAME_H_
#define CORELANE_HTTP_WS_FRAME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/ws/mask.h"

namespace corelane::ws {

// Which end we are: a server gets masked frames and sends unmasked ones, a client the reverse.
enum class Role : uint8_t { kServer, kClient };

// RFC 6455 §11.8
enum class Opcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};
constexpr bool IsControl(Opcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

// RFC 6455 §7.4.1, and the registry that it founded. Numbers from 3000 on are the applications'.
enum class CloseCode : uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kUnsupportedData = 1003,
  kNoCode = 1005,       // Never sent: the close frame had none.
  kAbnormal = 1006,     // Never sent: the connection ended without a close frame.
  kInvalidData = 1007,  // Text that is not UTF-8, or data that cannot be inflated.
  kPolicyViolation = 1008,
  kTooBig = 1009,
  kMissingExtension = 1010,  // From clients only.
  kInternalError = 1011,
  kServiceRestart = 1012,
  kTryAgainLater = 1013,
  kBadGateway = 1014,
};
// Whether a close frame may carry it: 1000 to 1003, 1007 to 1014, 3000 to 4999.
constexpr bool IsSendable(CloseCode code) {
  const auto number = static_cast<uint16_t>(code);
  return (number >= 1000 && number <= 1003) || (number >= 1007 && number <= 1014) ||
         (number >= 3000 && number <= 4999);
}

// Why a connection is failed (RFC 6455 §7.1.7). `reason` has static storage and fits a close frame.
struct ProtocolError {
  CloseCode code = CloseCode::kProtocolError;
  std::string_view reason;
};

inline constexpr size_t kMaxControlPayload = 125;                  // RFC 6455 §5.5
inline constexpr size_t kMaxCloseReason = kMaxControlPayload - 2;  // Behind the code.
inline constexpr size_t kMaxFrameHead = 14;

struct FrameHead {
  bool fin = true;
  bool rsv1 = false;  // A compressed message begins (RFC 7692 §6).
  bool masked = false;
  Opcode opcode = Opcode::kText;
  uint64_t length = 0;  // Of the payload, below 2^63.
  MaskKey key{};        // Where masked.

  size_t emitted_size() const {
    return 2 + (length > 0xffff ? 8 : length > kMaxControlPayload ? 2 : 0) + (masked ? 4 : 0);
  }
  // Writes emitted_size() bytes, at most kMaxFrameHead.
  void Emit(char* out) const;
};

// What can be said of one head alone is checked here; what takes the heads before it, in Decoder.
class FrameHeadParser {
 public:
  enum class Status : uint8_t { kNeedMore, kDone, kError };

  // `allow_rsv1`: permessage-deflate was agreed on. Even then control frames and continuations must
  // not have the bit (RFC 7692 §6).
  explicit FrameHeadParser(Role role, bool allow_rsv1 = false)
      : role_(role), allow_rsv1_(allow_rsv1) {}

  // Removes from `bytes` what it has taken: all of it unless the head is done, or wrong. Refuses as
  // soon as the byte has come that is wrong.
  Status Parse(std::string_view& bytes);
  // After kDone, until Reset().
  const FrameHead& head() const { return head_; }
  const ProtocolError& error() const { return error_; }
  void Reset() { taken_ = 0; }
  // Inside a head.
  bool started() const { return taken_ > 0; }

 private:
  bool OnFirst(uint8_t byte);
  bool OnSecond(uint8_t byte);
  bool OnLength();
  bool Fail(std::string_view reason);

  Role role_;
  bool allow_rsv1_;
  uint8_t taken_ = 0;         // Bytes of the head so far.
  uint8_t length_bytes_ = 0;  // Of the extended length.
  uint8_t size_ = 2;          // Of the head, once its second byte is known.
  std::array<uint8_t, kMaxFrameHead> bytes_{};
  FrameHead head_;
  ProtocolError error_;
};

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_FRAME_H_
