#include "http/h2/nghttp2_session.h"

#include <algorithm>
#include <limits>

#include "core/bytes.h"
#include "core/check.h"

namespace corelane::h2 {
namespace {

constexpr size_t kFeedSize = 16 << 10;  // Between two looks at the queue of answers.
constexpr size_t kMaxSpareStreams = 32;
constexpr size_t kMaxSpareBuffer = 16 << 10;
constexpr uint32_t kNoStreamLimit = 0xffffffff;
constexpr size_t kHeaderSize = 9;  // Of a frame (RFC 9113 §4.1).

Nghttp2Session& Self(void* user_data) { return *static_cast<Nghttp2Session*>(user_data); }
const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
std::string_view Text(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_option* NewLibraryOptions() {
  nghttp2_option* option = nullptr;
  CL_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  // Ours are limits in the caller's time, and end in GOAWAY; the library's must not come before.
  nghttp2_option_set_stream_reset_rate_limit(option, std::numeric_limits<uint32_t>::max(), 0);
  nghttp2_option_set_max_outbound_ack(option, std::numeric_limits<uint32_t>::max());
  nghttp2_option_set_max_continuations(option, std::numeric_limits<uint32_t>::max());
  nghttp2_option_set_max_settings(option, 32);
  // It would keep as many as the limit of streams, which it does not know. FrameScanner tells
  // frames on closed streams.
  nghttp2_option_set_no_closed_streams(option, 1);
  return option;
}

}  // namespace

std::unique_ptr<Session> Session::Server(const SessionOptions& options, Handler& handler,
                                         SessionStats& stats) {
  return std::make_unique<Nghttp2Session>(true, options, handler, stats);
}

std::unique_ptr<Session> Session::Client(const SessionOptions& options, Handler& handler,
                                         SessionStats& stats) {
  return std::make_unique<Nghttp2Session>(false, options, handler, stats);
}

void Nghttp2Stream::Start() {
  id_ = 0;
  user_data_ = nullptr;
  unconsumed_ = 0;
  out.Clear();
  if (out.capacity() > kMaxSpareBuffer) out = http::Buffer();
  trailers.Clear();
  source = nullptr;
  announced = resetting = head_received = head_submitted = false;
  has_body = has_trailers = deferred = wants_writable = sent = unsent = false;
}

Nghttp2Session::Nghttp2Session(bool server, const SessionOptions& options, Handler& handler,
                               SessionStats& stats)
    : server_(server),
      options_(options),
      handler_(handler),
      stats_(stats),
      scanner_(server, options, stats),
      provoked_resets_(options.resets),
      empty_data_(options.useless_frames) {
  ++stats_.sessions;
  nghttp2_session_callbacks* callbacks = NewCallbacks();
  nghttp2_option* option = NewLibraryOptions();
  nghttp2_session* session = nullptr;
  const auto make = server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  CL_CHECK(make(&session, callbacks, this, option, memory_.mem()) == 0);
  session_.reset(session);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  SubmitPreface();
}

Nghttp2Session::~Nghttp2Session() {
  while (!live_.empty()) delete live_.PopFront();
}

nghttp2_session_callbacks* Nghttp2Session::NewCallbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  CL_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  using S = nghttp2_session;
  using F = const nghttp2_frame;
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      callbacks, [](S*, const nghttp2_frame_hd* header, void* self) {
        return Self(self).OnBeginFrame(*header);
      });
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](S*, F* frame, void* self) { return Self(self).OnBeginHeaders(*frame); });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](S*, F* frame, const uint8_t* name, size_t name_size, const uint8_t* value,
                    size_t value_size, uint8_t, void* self) {
        return Self(self).OnHeader(frame->hd.stream_id, Text(name, name_size),
                                   Text(value, value_size));
      });
  // RFC 9113 §8.2.1: the message is malformed; without this, the field would only be left out.
  nghttp2_session_callbacks_set_on_invalid_header_callback(
      callbacks, [](S*, F*, const uint8_t*, size_t, const uint8_t*, size_t, uint8_t, void*) {
        return static_cast<int>(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](S*, uint8_t flags, int32_t id, const uint8_t* data, size_t size, void* self) {
        return Self(self).OnDataChunk(id, flags, Text(data, size));
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](S*, F* frame, void* self) { return Self(self).OnFrameReceived(*frame); });
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks,
                                                               [](S*, F*, int error, void* self) {
                                                                 Self(self).CountInvalid(error);
                                                                 return 0;
                                                               });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](S*, int32_t id, uint32_t code, void* self) {
        return Self(self).OnStreamClosed(id, code);
      });
  nghttp2_session_callbacks_set_send_data_callback(
      callbacks, [](S*, nghttp2_frame*, const uint8_t* header, size_t length, nghttp2_data_source*,
                    void* self) { return Self(self).SendBody(header, length); });
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, [](S*, F* frame, void* self) {
    Self(self).OnFrameSent(*frame);
    return 0;
  });
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks,
                                                           [](S*, F* frame, int, void* self) {
                                                             Self(self).OnFrameNotSent(*frame);
                                                             return 0;
                                                           });
  return callbacks;
}

void Nghttp2Session::SubmitPreface() {
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.initial_window_size},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, options_.max_frame_size},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options_.max_header_list_size},
  };
  if (server_) {
    // Where the client has acknowledged a limit, the library ends the connection for one stream
    // more, and RFC 9113 §5.1.2 asks for a stream error: OnBeginHeaders counts, and AnnounceLimit
    // puts the number where the client sees it.
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kNoStreamLimit});
    if (options_.enable_connect_protocol) {
      settings.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
    }
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  CL_CHECK(nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(),
                                   settings.size()) == 0);
  CL_CHECK(nghttp2_session_set_local_window_size(
               session_.get(), NGHTTP2_FLAG_NONE, 0,
               static_cast<int32_t>(options_.connection_window_size)) == 0);
}

void Nghttp2Session::Receive(std::string_view bytes, Instant now) {
  now_ = now;
  if (ending_ || closed_) return;
  const size_t orderly = scanner_.Scan(bytes, now);
  const bool violated = orderly < bytes.size();
  bytes = bytes.substr(0, orderly);
  while (!bytes.empty() && !ending_) {
    const size_t size = std::min(bytes.size(), kFeedSize);
    FeedLibrary(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  if (violated) Fail(scanner_.violation().code, scanner_.violation().reason);
}

void Nghttp2Session::FeedLibrary(std::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(session_.get(), Bytes(bytes), bytes.size());
  if (taken < 0) {  // Out of memory, or a state that the library itself calls an internal error.
    Fail(ErrorCode::kInternalError, nghttp2_strerror(static_cast<int>(taken)));
    return;
  }
  // Two for each stream are the user's: a head and a body.
  const size_t queued = nghttp2_session_get_outbound_queue_size(session_.get());
  if (queued > options_.max_queued_frames + 2 * open_streams_) {
    ++stats_.output_floods;
    Fail(ErrorCode::kEnhanceYourCalm, "too many frames wait for being read");
  }
}

std::string_view Nghttp2Session::Output() {
  if (!closed_) {
    do {
      Pump();
    } while (!closed_ && DeliverWritable());
  }
  return out_.view();
}

void Nghttp2Session::Pump() {
  while (!goaway_sent_ && out_.size() < options_.output_size) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size < 0) {
      end_code_ = ErrorCode::kInternalError;
      end_reason_ = nghttp2_strerror(static_cast<int>(size));
      goaway_sent_ = true;  // It cannot be: closing the transport is all that is left.
      break;
    }
    if (size == 0) break;
    out_.Append(Text(bytes, static_cast<size_t>(size)));
    if (server_ && !limit_announced_) AnnounceLimit(static_cast<size_t>(size));
  }
  if (!goaway_sent_) return;
  if (end_code_ != ErrorCode::kNoError) {
    ++stats_.connection_errors;
    handler_.OnConnectionError(end_code_, end_reason_);
  }
  CloseAll(end_code_ == ErrorCode::kNoError ? ErrorCode::kCancel : end_code_);
}

// The output's last `size` bytes are a frame.
void Nghttp2Session::AnnounceLimit(size_t size) {
  constexpr size_t kEntrySize = 6;  // RFC 9113 §6.5.1
  auto* const frame = reinterpret_cast<uint8_t*>(out_.data() + out_.size() - size);
  if (size < kHeaderSize || frame[3] != NGHTTP2_SETTINGS || (frame[4] & NGHTTP2_FLAG_ACK) != 0)
    return;
  for (size_t at = kHeaderSize; at + kEntrySize <= size; at += kEntrySize) {
    if (LoadBe16(frame + at) != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) continue;
    StoreBe32(frame + at + 2, options_.max_concurrent_streams);
    limit_announced_ = true;
  }
}

bool Nghttp2Session::DeliverWritable() {
  if (writable_.empty() || out_.size() >= options_.output_size) return false;
  while (!writable_.empty()) {
    Nghttp2Stream* stream = writable_.PopFront();
    if (!stream->resetting) {
      handler_.OnWritable(*stream);
    } else if (!server_ && !stream->sent) {
      CloseUnsent(*stream, ErrorCode::kCancel);
    }
  }
  return true;
}

void Nghttp2Session::OnWritten(size_t size) { out_.Consume(size); }

void Nghttp2Session::Abort(ErrorCode code) {
  if (closed_) return;
  out_.Clear();
  CloseAll(code);
}

bool Nghttp2Session::finished() const {
  if (!out_.empty()) return false;
  if (closed_) return true;
  return !ending_ && !drain_ping_ && nghttp2_session_want_read(session_.get()) == 0 &&
         nghttp2_session_want_write(session_.get()) == 0;
}

void Nghttp2Session::Drain() {
  if (draining_ || ending_ || closed_) return;
  draining_ = true;
  if (!server_) {
    SubmitLastGoAway();
    return;
  }
  static_cast<void>(nghttp2_submit_shutdown_notice(session_.get()));
  drain_ping_ = true;
}

// A client's last word, when all of its requests have ended: the library listens no more after it.
void Nghttp2Session::SubmitLastGoAway() {
  if (open_streams_ > 0) return;
  static_cast<void>(
      nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0));
}

void Nghttp2Session::OnPingAckReceived(const nghttp2_frame& frame) {
  PingPayload payload;
  std::copy_n(frame.ping.opaque_data, payload.size(), payload.begin());
  if (!drain_ping_ || payload != kDrainPing) {
    handler_.OnPingAck(payload);
    return;
  }
  drain_ping_ = false;
  const int32_t last = nghttp2_session_get_last_proc_stream_id(session_.get());
  static_cast<void>(
      nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0));
}

void Nghttp2Session::GoAway(ErrorCode code, std::string_view debug) { Fail(code, debug); }

void Nghttp2Session::Ping(const PingPayload& payload) {
  const std::string_view text(payload.data(), payload.size());
  static_cast<void>(nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, Bytes(text)));
}

void Nghttp2Session::Fail(ErrorCode code, std::string_view reason) {
  if (ending_ || closed_) return;
  ending_ = true;
  end_code_ = code;
  end_reason_ = reason;
  const int32_t last = nghttp2_session_get_last_proc_stream_id(session_.get());
  static_cast<void>(nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last,
                                          static_cast<uint32_t>(code), Bytes(reason),
                                          reason.size()));
}

Nghttp2Stream* Nghttp2Session::NewStream() {
  Nghttp2Stream* stream = nullptr;
  if (spare_.empty()) {
    stream = new Nghttp2Stream;
  } else {
    stream = spare_.back().release();
    spare_.pop_back();
  }
  stream->Start();
  live_.PushBack(*stream);
  ++open_streams_;
  ++stats_.streams;
  return stream;
}

Nghttp2Stream* Nghttp2Session::Find(int32_t id) {
  if (last_found_ != nullptr && last_found_->id_ == static_cast<uint32_t>(id)) return last_found_;
  void* data = nghttp2_session_get_stream_user_data(session_.get(), id);
  if (data == nullptr) return nullptr;
  return last_found_ = static_cast<Nghttp2Stream*>(data);
}

void Nghttp2Session::Close(Nghttp2Stream& stream, ErrorCode code, bool unprocessed) {
  if (last_found_ == &stream) last_found_ = nullptr;
  stream.live.Unlink();
  stream.writable.Unlink();
  stream.resetting = true;  // Calls from within OnClosed do nothing.
  --open_streams_;
  if (stream.announced) handler_.OnClosed(stream, code, unprocessed);
  std::unique_ptr<Nghttp2Stream> owned(&stream);
  if (spare_.size() < kMaxSpareStreams) spare_.push_back(std::move(owned));
  if (!server_ && draining_ && !ending_) SubmitLastGoAway();
}

void Nghttp2Session::CloseUnsent(Nghttp2Stream& stream, ErrorCode code) {
  if (!stream.announced) return;
  stream.announced = false;
  stream.resetting = true;
  handler_.OnClosed(stream, code, true);
}

void Nghttp2Session::CloseAll(ErrorCode code) {
  closed_ = ending_ = true;
  while (!live_.empty()) Close(*live_.begin(), code, false);
}

}  // namespace corelane::h2
