// Session over nghttp2's frame and HPACK codec. Nothing but factories and their tests includes it.
//
// nghttp2 decodes, keeps the stream states and both flow-control windows, and encodes. Here are the
// limits (FrameScanner looks at frames first), messages as http::Fields, the bodies, and the
// output:
//
//   Receive -> FrameScanner -> nghttp2 -> FieldBlock -> Handler
//   Write   -> Stream::out  -> nghttp2 (frame header only) -> out_ -> Output
//
// A body's bytes go from the stream's buffer or source straight into out_.

#ifndef CORELANE_HTTP_H2_NGHTTP2_SESSION_H_
#define CORELANE_HTTP_H2_NGHTTP2_SESSION_H_

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/intrusive_list.h"
#include "core/time.h"
#include "http/h2/block_cache.h"
#include "http/h2/field_block.h"
#include "http/h2/frame_scanner.h"
#include "http/h2/session.h"
#include "http/wire/buffer.h"

namespace corelane::h2 {

// Fields that wait until the body before them has been sent.
class SavedFields {
 public:
  void Clear();
  void Assign(HeaderFields fields);
  void AppendTo(std::vector<nghttp2_nv>& nva) const;

 private:
  struct Sizes {
    uint32_t name;
    uint32_t value;
    bool never_indexed;
  };
  std::string text_;
  std::vector<Sizes> sizes_;
};

class Nghttp2Stream final : public Stream {
 public:
  // As new, but for the memory of its buffers.
  void Start();

  ListNode live;
  ListNode writable;  // Waits for OnWritable, or for OnClosed of a request that was not sent.
  http::Buffer out;   // Of a pushed body.
  SavedFields trailers;
  DataSource* source;
  bool announced;       // The user knows it.
  bool resetting;       // No event but OnClosed.
  bool head_received;   // The final one, at a client.
  bool head_submitted;  // The final one, at a server.
  bool has_body;        // Ours, not yet ended by its source or Write.
  bool has_trailers;
  bool deferred;  // nghttp2 does not ask for data until it is told to.
  bool wants_writable;
  bool sent;    // The request has left.
  bool unsent;  // It never will.

 private:
  friend class Nghttp2Session;  // Sets the base's members.
};

// Its answer comes when the client has seen that the server drains.
inline constexpr PingPayload kDrainPing = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

class Nghttp2Session final : public Session {
 public:
  Nghttp2Session(bool server, const SessionOptions& options, Handler& handler, SessionStats& stats);
  ~Nghttp2Session() override;

  void Receive(std::string_view bytes, Instant now) override;
  std::string_view Output() override;
  void OnWritten(size_t size) override;
  void Abort(ErrorCode code) override;
  bool finished() const override;

  Stream* SubmitRequest(const RequestLine& line, HeaderFields fields, Body body) override;
  SubmitResult SubmitInformational(Stream& stream, int status, HeaderFields fields) override;
  SubmitResult SubmitResponse(Stream& stream, int status, HeaderFields fields, Body body) override;
  SubmitResult SubmitTrailers(Stream& stream, HeaderFields fields) override;
  size_t Write(Stream& stream, std::string_view data, bool end) override;
  void Resume(Stream& stream) override;
  void Consume(Stream& stream, size_t size) override;
  void Reset(Stream& stream, ErrorCode code) override;

  void Drain() override;
  void GoAway(ErrorCode code, std::string_view debug) override;
  void Ping(const PingPayload& payload) override;
  const PeerSettings& peer_settings() const override { return peer_settings_; }
  size_t open_streams() const override { return open_streams_; }
  uint64_t body_bytes_sent() const override { return body_bytes_sent_; }
  Instant fields_since() const override {
    return ending_ ? kNever : scanner_.field_block_since();  // Nothing is received any more.
  }

 private:
  struct SessionDeleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  // nghttp2's callbacks: they find the session and call what is below.
  static nghttp2_session_callbacks* NewCallbacks();
  void SubmitPreface();
  void SubmitLastGoAway();

  // Receiving.
  int OnBeginFrame(const nghttp2_frame_hd& header);
  int OnBeginHeaders(const nghttp2_frame& frame);
  int OnHeader(int32_t id, std::string_view name, std::string_view value);
  void CountInvalid(int error);
  int OnDataChunk(int32_t id, uint8_t flags, std::string_view data);
  int OnFrameReceived(const nghttp2_frame& frame);
  void OnHeadersReceived(const nghttp2_frame& frame);
  void DeliverRequest(Nghttp2Stream& stream, bool end);
  void DeliverResponse(Nghttp2Stream& stream, bool end);
  void OnDataReceived(const nghttp2_frame& frame);
  void OnSettingsReceived();
  // Of the windows that the peer gives its streams.
  uint32_t WidestWindow();
  void OnPingAckReceived(const nghttp2_frame& frame);
  int OnStreamClosed(int32_t id, uint32_t code);
  void FeedLibrary(std::string_view bytes);

  // Sending.
  void Pump();
  void AnnounceLimit(size_t size);
  bool DeliverWritable();
  ssize_t ReadBody(Nghttp2Stream& stream, size_t length, uint32_t& flags);
  void EndBody(Nghttp2Stream& stream, uint32_t& flags);
  int SendBody(const uint8_t* header, size_t length);
  void OnEndSent(int32_t id);  // Of a response.
  void OnFrameSent(const nghttp2_frame& frame);
  void OnFrameNotSent(const nghttp2_frame& frame);
  nghttp2_data_provider Provider(Nghttp2Stream& stream, Body body);
  bool AppendFields(HeaderFields fields);  // To nva_; false when one is invalid.
  void AppendField(std::string_view name, std::string_view value, bool never_indexed = false);

  Nghttp2Stream* NewStream();
  Nghttp2Stream* Find(int32_t id);
  // Tells the user; the library keeps a request that waits until it could be sent.
  void CloseUnsent(Nghttp2Stream& stream, ErrorCode code);
  void OnGoAwayReceived(const nghttp2_frame& frame);
  void Close(Nghttp2Stream& stream, ErrorCode code, bool unprocessed);
  void CloseAll(ErrorCode code);
  // Sends GOAWAY; from now on nothing is received.
  void Fail(ErrorCode code, std::string_view reason);

  const bool server_;
  const SessionOptions options_;
  Handler& handler_;
  SessionStats& stats_;
  FrameScanner scanner_;
  TokenBucket provoked_resets_;  // Sent because the peer broke a rule.
  TokenBucket empty_data_;
  BlockCache memory_;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  Instant now_{};

  IntrusiveList<Nghttp2Stream, &Nghttp2Stream::live> live_;
  IntrusiveList<Nghttp2Stream, &Nghttp2Stream::writable> writable_;
  size_t open_streams_ = 0;
  std::vector<std::unique_ptr<Nghttp2Stream>> spare_;  // To be used again.
  Nghttp2Stream* last_found_ = nullptr;  // Frames of one stream come in runs: saves the look-up.

  FieldBlock block_;            // Of the message that is being decoded; never more than one.
  std::string_view last_data_;  // Completes a DATA frame that ends a stream: given with `end`.
  uint32_t frame_left_ = 0;     // Of the frame that is being received.
  PeerSettings peer_settings_;
  uint32_t widest_window_ = 0;  // Before the SETTINGS that are being received.

  http::Buffer out_;
  uint64_t body_bytes_sent_ = 0;
  std::vector<nghttp2_nv> nva_;
  bool limit_announced_ = false;
  bool draining_ = false;
  bool drain_ping_ = false;  // Follows the notice, or is on its way.
  bool ending_ = false;      // GOAWAY is queued: no more events but closes.
  bool goaway_sent_ = false;
  bool closed_ = false;
  ErrorCode end_code_ = ErrorCode::kNoError;
  std::string end_reason_;
};

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_NGHTTP2_SESSION_H_
