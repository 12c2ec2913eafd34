#include "http/h2/frame_scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/bytes.h"

namespace corelane::h2 {
namespace {

// RFC 9113 §3.4.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum FrameType : uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoAway,
  kWindowUpdate,
  kContinuation,
};

constexpr uint8_t kAck = 0x1;
constexpr uint8_t kEndStream = 0x1;
constexpr uint8_t kEndHeaders = 0x4;

// Streams of a client that it has not ended. Those that the server has reset are among them until
// they are forgotten, so it is more than there may be at a time.
size_t MostPeerStreams(const SessionOptions& options) {
  return std::clamp<size_t>(size_t{2} * options.max_concurrent_streams, 256, 4096);
}

}  // namespace

FrameScanner::FrameScanner(bool server, const SessionOptions& options, SessionStats& stats)
    : server_(server),
      max_continuations_(options.max_continuations),
      stats_(stats),
      resets_(options.resets),
      pings_(options.pings),
      settings_(options.settings),
      useless_(options.useless_frames),
      preface_left_(server ? kPreface.size() : 0),
      streams_(MostPeerStreams(options)) {}

size_t FrameScanner::Scan(std::string_view bytes, Instant now) {
  size_t at = 0;
  if (preface_left_ > 0) {
    at = std::min(preface_left_, bytes.size());
    if (kPreface.substr(kPreface.size() - preface_left_, at) != bytes.substr(0, at)) {
      Fail(ErrorCode::kProtocolError, "bad connection preface");
      return 0;
    }
    preface_left_ -= at;
  }
  while (at < bytes.size()) {
    if (payload_left_ > 0) {
      const size_t skipped = std::min<size_t>(payload_left_, bytes.size() - at);
      payload_left_ -= static_cast<uint32_t>(skipped);
      at += skipped;
      if (payload_left_ == 0) OnFrameEnd();
      continue;
    }
    const size_t begin = at;
    const size_t taken = std::min(kHeaderSize - header_size_, bytes.size() - at);
    std::memcpy(header_.data() + header_size_, bytes.data() + at, taken);
    header_size_ += taken;
    at += taken;
    if (header_size_ < kHeaderSize) break;
    header_size_ = 0;
    const FrameHeader frame{LoadBe32(header_.data()) >> 8, header_[3], header_[4],
                            LoadBe32(header_.data() + 5) & 0x7fffffff};
    if (!OnFrame(frame, now)) return begin;
    payload_left_ = frame.length;
    if (payload_left_ == 0) OnFrameEnd();
  }
  return at;
}

void FrameScanner::OnFrameEnd() {
  if (std::exchange(block_ends_, false)) block_since_ = kNever;
}

bool FrameScanner::OnFrame(const FrameHeader& frame, Instant now) {
  switch (frame.type) {
    case kHeaders:
    case kContinuation:
      return OnFieldBlock(frame, now);
    case kPing:
      if ((frame.flags & kAck) != 0) return true;
      return Limit(pings_, now, stats_.ping_floods, "too many PING frames");
    case kSettings:
      if ((frame.flags & kAck) != 0) return true;
      return Limit(settings_, now, stats_.settings_floods, "too many SETTINGS frames");
    case kRstStream:
      // A client asks for nothing that a server's resets could cost it.
      if (!server_) return true;
      streams_.End(frame.stream_id);
      return Limit(resets_, now, stats_.reset_floods, "too many RST_STREAM frames");
    case kData:
      return !server_ || OnClientData(frame);
    case kPushPromise:
    case kGoAway:
    case kWindowUpdate:
      return true;
    default:  // PRIORITY, which RFC 9113 §5.3.2 deprecates, and types that nobody here knows.
      return Limit(useless_, now, stats_.useless_frame_floods, "too many frames of no use");
  }
}

bool FrameScanner::OnFieldBlock(const FrameHeader& frame, Instant now) {
  block_ends_ = (frame.flags & kEndHeaders) != 0;
  if (frame.type == kHeaders) {
    continuations_ = 0;
    block_since_ = now;
    if (server_ && !OnClientHeaders(frame)) return false;
  } else if (++continuations_ > max_continuations_) {
    ++stats_.continuation_floods;
    return Fail(ErrorCode::kEnhanceYourCalm, "too many CONTINUATION frames");
  }
  if (frame.length > 0 || block_ends_) return true;
  return Limit(useless_, now, stats_.useless_frame_floods, "too many frames of no use");
}

bool FrameScanner::OnClientHeaders(const FrameHeader& frame) {
  if (frame.stream_id % 2 == 0) return true;  // The session knows what is wrong with that.
  const bool ends = (frame.flags & kEndStream) != 0;
  switch (streams_.Look(frame.stream_id)) {
    case PeerStreams::State::kIdle:
      streams_.Open(frame.stream_id, ends);
      return true;
    case PeerStreams::State::kOpen:  // Trailers.
      if (ends) streams_.End(frame.stream_id);
      return true;
    case PeerStreams::State::kClosed:
      return Fail(ErrorCode::kStreamClosed, "HEADERS: the stream is closed");
    case PeerStreams::State::kSkipped:  // RFC 9113 §5.1.1
      return Fail(ErrorCode::kProtocolError, "HEADERS: stream id lower than that of one before");
  }
  return true;
}

bool FrameScanner::OnClientData(const FrameHeader& frame) {
  if (frame.stream_id % 2 == 0) return true;
  switch (streams_.Look(frame.stream_id)) {
    case PeerStreams::State::kIdle:
      return true;
    case PeerStreams::State::kOpen:
      if ((frame.flags & kEndStream) != 0) streams_.End(frame.stream_id);
      return true;
    case PeerStreams::State::kClosed:
    case PeerStreams::State::kSkipped:
      return Fail(ErrorCode::kStreamClosed, "DATA: the stream is closed");
  }
  return true;
}

bool FrameScanner::Fail(ErrorCode code, std::string_view reason) {
  violation_ = {code, reason};
  return false;
}

bool FrameScanner::Limit(TokenBucket& bucket, Instant now, uint64_t& counter,
                         std::string_view reason) {
  if (bucket.Take(now)) return true;
  ++counter;
  return Fail(ErrorCode::kEnhanceYourCalm, reason);
}

}  // namespace corelane::h2
