// What nghttp2 reports of the peer's frames.

#include <algorithm>

#include "http/h2/nghttp2_session.h"

namespace corelane::h2 {
namespace {

// Makes nghttp2 drop the rest of the block, without harm to the HPACK state.
constexpr int kDropBlock = NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;

constexpr uint32_t kMaxWindow = 0x7fffffff;  // RFC 9113 §6.9.1.

bool EndsStream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

}  // namespace

int Nghttp2Session::OnBeginFrame(const nghttp2_frame_hd& header) {
  frame_left_ = static_cast<uint32_t>(header.length);
  last_data_ = {};
  if (header.type == NGHTTP2_SETTINGS && header.length > 0) widest_window_ = WidestWindow();
  return 0;
}

int Nghttp2Session::OnBeginHeaders(const nghttp2_frame& frame) {
  if (ending_) return 0;
  block_.Clear();
  if (frame.hd.type != NGHTTP2_HEADERS || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  if (open_streams_ >= options_.max_concurrent_streams) {  // RFC 9113 §5.1.2
    ++stats_.refused_streams;
    static_cast<void>(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE,
                                                frame.hd.stream_id, NGHTTP2_REFUSED_STREAM));
    return kDropBlock;
  }
  Nghttp2Stream* stream = NewStream();
  stream->id_ = static_cast<uint32_t>(frame.hd.stream_id);
  return nghttp2_session_set_stream_user_data(session_.get(), frame.hd.stream_id, stream);
}

int Nghttp2Session::OnHeader(int32_t id, std::string_view name, std::string_view value) {
  if (ending_ || block_.Add(name, value, options_.max_header_list_size)) return 0;
  ++stats_.oversized_headers;
  static_cast<void>(
      nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM));
  return kDropBlock;
}

void Nghttp2Session::CountInvalid(int error) {
  if (error == NGHTTP2_ERR_REFUSED_STREAM) ++stats_.refused_streams;
  if (error == NGHTTP2_ERR_HTTP_MESSAGING || error == NGHTTP2_ERR_HTTP_HEADER) ++stats_.malformed;
}

int Nghttp2Session::OnFrameReceived(const nghttp2_frame& frame) {
  if (ending_) return 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      OnHeadersReceived(frame);
      break;
    case NGHTTP2_DATA:
      OnDataReceived(frame);
      break;
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) OnSettingsReceived();
      break;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) OnPingAckReceived(frame);
      break;
    case NGHTTP2_GOAWAY:
      OnGoAwayReceived(frame);
      break;
    default:
      break;
  }
  return 0;
}

void Nghttp2Session::OnHeadersReceived(const nghttp2_frame& frame) {
  Nghttp2Stream* stream = Find(frame.hd.stream_id);
  if (stream == nullptr || stream->resetting) return;
  block_.Finish();
  const bool end = EndsStream(frame);
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    DeliverRequest(*stream, end);
  } else if (!server_ && !stream->head_received) {
    DeliverResponse(*stream, end);
  } else {
    handler_.OnTrailers(*stream, block_.fields());
  }
}

void Nghttp2Session::DeliverRequest(Nghttp2Stream& stream, bool end) {
  RequestHead head;
  if (!block_.ReadRequest(head)) {
    ++stats_.malformed;
    static_cast<void>(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE,
                                                static_cast<int32_t>(stream.id_),
                                                NGHTTP2_PROTOCOL_ERROR));
    return;
  }
  stream.announced = true;
  handler_.OnRequest(stream, head, end);
}

void Nghttp2Session::DeliverResponse(Nghttp2Stream& stream, bool end) {
  const ResponseHead head = block_.response();
  if (head.status < 200) {
    handler_.OnInformational(stream, head);
    return;
  }
  stream.head_received = true;
  handler_.OnResponse(stream, head, end);
}

int Nghttp2Session::OnDataChunk(int32_t id, uint8_t flags, std::string_view data) {
  Nghttp2Stream* stream = Find(id);
  if (ending_ || stream == nullptr) return 0;
  frame_left_ -= static_cast<uint32_t>(std::min<size_t>(data.size(), frame_left_));
  if (stream->resetting || !stream->announced) {
    return nghttp2_session_consume_connection(session_.get(), data.size());
  }
  stream->unconsumed_ += data.size();
  if (frame_left_ == 0 && (flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    last_data_ = data;  // OnDataReceived gives it when the whole message has proved well-formed.
  } else {
    handler_.OnData(*stream, data, false);
  }
  return 0;
}

void Nghttp2Session::OnDataReceived(const nghttp2_frame& frame) {
  if (!EndsStream(frame)) {
    if (frame.hd.length > frame.data.padlen) return;
    if (empty_data_.Take(now_)) return;
    ++stats_.useless_frame_floods;
    Fail(ErrorCode::kEnhanceYourCalm, "too many frames of no use");
    return;
  }
  Nghttp2Stream* stream = Find(frame.hd.stream_id);
  if (stream == nullptr || stream->resetting || !stream->announced) return;
  handler_.OnData(*stream, last_data_, true);
}

uint32_t Nghttp2Session::WidestWindow() {
  int32_t widest = 0;
  for (Nghttp2Stream& stream : live_) {
    widest = std::max(widest, nghttp2_session_get_stream_remote_window_size(
                                  session_.get(), static_cast<int32_t>(stream.id_)));
  }
  return static_cast<uint32_t>(widest);
}

void Nghttp2Session::OnSettingsReceived() {
  const uint32_t initial_before = peer_settings_.initial_window_size;
  const auto get = [this](nghttp2_settings_id id) {
    return nghttp2_session_get_remote_settings(session_.get(), id);
  };
  peer_settings_ = {get(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
                    get(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE), get(NGHTTP2_SETTINGS_MAX_FRAME_SIZE),
                    get(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE),
                    get(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1};
  // RFC 9113 §6.9.2; the library would only reset the stream.
  const uint64_t widest = uint64_t{widest_window_} + peer_settings_.initial_window_size;
  if (widest > uint64_t{kMaxWindow} + initial_before) {
    return Fail(ErrorCode::kFlowControlError, "SETTINGS: a stream's window becomes too large");
  }
  handler_.OnSettings(peer_settings_);
}

void Nghttp2Session::OnGoAwayReceived(const nghttp2_frame& frame) {
  const auto* debug = reinterpret_cast<const char*>(frame.goaway.opaque_data);
  handler_.OnGoAway(static_cast<ErrorCode>(frame.goaway.error_code),
                    static_cast<uint32_t>(frame.goaway.last_stream_id),
                    {debug, frame.goaway.opaque_data_len});
  if (server_) return;
  for (Nghttp2Stream& stream : live_) {
    if (stream.sent || stream.resetting) continue;
    static_cast<void>(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE,
                                                static_cast<int32_t>(stream.id_),
                                                NGHTTP2_REFUSED_STREAM));
    CloseUnsent(stream, ErrorCode::kRefusedStream);
  }
}

int Nghttp2Session::OnStreamClosed(int32_t id, uint32_t code) {
  if (ending_) return 0;  // CloseAll comes.
  Nghttp2Stream* stream = Find(id);
  if (stream == nullptr) return 0;
  static_cast<void>(nghttp2_session_set_stream_user_data(session_.get(), id, nullptr));
  if (stream->unconsumed_ > 0) {
    const int result = nghttp2_session_consume_connection(session_.get(), stream->unconsumed_);
    if (result != 0) return result;
  }
  ErrorCode error = static_cast<ErrorCode>(code);
  if (stream->unsent && !stream->resetting) error = ErrorCode::kRefusedStream;
  Close(*stream, error, stream->unsent || error == ErrorCode::kRefusedStream);
  return 0;
}

}  // namespace corelane::h2
