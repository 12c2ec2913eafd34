// Watches the frame headers of what a peer sends, before anything acts on them: the rules and
// limits that need no decoding.
//
//   | 24 bytes of preface (to a server) | 9-byte header | payload | 9-byte header | payload | ...
//
// Scan returns how many leading bytes are in order. When that is not all, violation() tells why,
// and nothing more must be scanned.

#ifndef CORELANE_HTTP_H2_FRAME_SCANNER_H_
#define CORELANE_HTTP_H2_FRAME_SCANNER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/time.h"
#include "http/h2/error_code.h"
#include "http/h2/options.h"
#include "http/h2/peer_streams.h"
#include "http/h2/rate_limit.h"

namespace corelane::h2 {

struct Violation {
  ErrorCode code = ErrorCode::kNoError;
  std::string_view reason;  // Of static storage.
};

class FrameScanner {
 public:
  FrameScanner(bool server, const SessionOptions& options, SessionStats& stats);

  size_t Scan(std::string_view bytes, Instant now);
  const Violation& violation() const { return violation_; }
  // When the field block began that has come in part; kNever: none has.
  Instant field_block_since() const { return block_since_; }

 private:
  static constexpr size_t kHeaderSize = 9;

  struct FrameHeader {
    uint32_t length;
    uint8_t type;
    uint8_t flags;
    uint32_t stream_id;
  };

  // Each returns false after a violation.
  bool OnFrame(const FrameHeader& frame, Instant now);
  bool OnFieldBlock(const FrameHeader& frame, Instant now);
  void OnFrameEnd();
  // What a client may send on this stream (RFC 9113 §5.1).
  bool OnClientHeaders(const FrameHeader& frame);
  bool OnClientData(const FrameHeader& frame);
  bool Fail(ErrorCode code, std::string_view reason);
  bool Limit(TokenBucket& bucket, Instant now, uint64_t& counter, std::string_view reason);

  const bool server_;
  const uint32_t max_continuations_;
  SessionStats& stats_;
  TokenBucket resets_;
  TokenBucket pings_;
  TokenBucket settings_;
  TokenBucket useless_;
  size_t preface_left_;
  std::array<uint8_t, kHeaderSize> header_{};  // What of it has arrived.
  size_t header_size_ = 0;
  uint32_t payload_left_ = 0;
  uint32_t continuations_ = 0;
  Instant block_since_ = kNever;
  bool block_ends_ = false;  // With the frame that is being received.
  PeerStreams streams_;      // Of a client.
  Violation violation_;
};

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_FRAME_SCANNER_H_
