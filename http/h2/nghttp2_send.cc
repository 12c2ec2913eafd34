// Messages on their way out.

#include <algorithm>
#include <charconv>
#include <cstring>

#include "http/h2/nghttp2_session.h"
#include "http/wire/syntax.h"

namespace corelane::h2 {
namespace {

constexpr size_t kFrameHeaderSize = 9;

// RFC 9113 §8.2.2.
bool MayBeSent(const HeaderField& field) {
  if (!http::IsToken(field.name) || !http::IsFieldValue(field.value)) return false;
  switch (http::IdentifyField(field.name)) {
    case http::FieldId::kConnection:
    case http::FieldId::kTransferEncoding:
    case http::FieldId::kUpgrade:
      return false;
    case http::FieldId::kTe:
      return http::EqualsIgnoreCase(field.value, "trailers");
    default:
      return !http::EqualsIgnoreCase(field.name, "keep-alive") &&
             !http::EqualsIgnoreCase(field.name, "proxy-connection");
  }
}

bool MayBeSent(const RequestLine& line) {
  return http::IsToken(line.method) && http::IsFieldValue(line.scheme) &&
         http::IsFieldValue(line.authority) && http::IsFieldValue(line.path) &&
         http::IsFieldValue(line.protocol);
}

Nghttp2Stream& Own(Stream& stream) { return static_cast<Nghttp2Stream&>(stream); }

}  // namespace

void SavedFields::Clear() {
  text_.clear();
  sizes_.clear();
}

void SavedFields::Assign(HeaderFields fields) {
  Clear();
  for (const HeaderField& field : fields) {
    text_.append(field.name).append(field.value);
    sizes_.push_back({static_cast<uint32_t>(field.name.size()),
                      static_cast<uint32_t>(field.value.size()), field.never_indexed});
  }
}

void SavedFields::AppendTo(std::vector<nghttp2_nv>& nva) const {
  auto* at = reinterpret_cast<uint8_t*>(const_cast<char*>(text_.data()));  // Only read.
  for (const Sizes& sizes : sizes_) {
    const uint8_t flags = sizes.never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    nva.push_back({at, at + sizes.name, sizes.name, sizes.value, flags});
    at += sizes.name + sizes.value;
  }
}

void Nghttp2Session::AppendField(std::string_view name, std::string_view value,
                                 bool never_indexed) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));  // Only read.
  };
  const uint8_t flags = never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  nva_.push_back({bytes(name), bytes(value), name.size(), value.size(), flags});
}

bool Nghttp2Session::AppendFields(HeaderFields fields) {
  for (const HeaderField& field : fields) {
    if (!MayBeSent(field)) return false;
    AppendField(field.name, field.value, field.never_indexed);
  }
  return true;
}

nghttp2_data_provider Nghttp2Session::Provider(Nghttp2Stream& stream, Body body) {
  stream.source = body.source();
  stream.has_body = !body.none();
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = [](nghttp2_session*, int32_t, uint8_t*, size_t length, uint32_t* flags,
                              nghttp2_data_source* source, void* self) {
    return static_cast<Nghttp2Session*>(self)->ReadBody(*static_cast<Nghttp2Stream*>(source->ptr),
                                                        length, *flags);
  };
  return provider;
}

Stream* Nghttp2Session::SubmitRequest(const RequestLine& line, HeaderFields fields, Body body) {
  if (server_ || draining_ || ending_ || closed_ || !MayBeSent(line)) return nullptr;
  if (!line.protocol.empty() && !peer_settings_.enable_connect_protocol) return nullptr;
  if (nghttp2_session_check_request_allowed(session_.get()) == 0) return nullptr;
  nva_.clear();
  AppendField(":method", line.method);
  if (!line.protocol.empty()) AppendField(":protocol", line.protocol);
  if (!line.scheme.empty()) AppendField(":scheme", line.scheme);
  if (!line.authority.empty()) AppendField(":authority", line.authority);
  if (!line.path.empty()) AppendField(":path", line.path);
  if (!AppendFields(fields)) return nullptr;
  Nghttp2Stream* stream = NewStream();
  const nghttp2_data_provider provider = Provider(*stream, body);
  const int32_t id = nghttp2_submit_request(session_.get(), nullptr, nva_.data(), nva_.size(),
                                            body.none() ? nullptr : &provider, stream);
  if (id < 0) {
    Close(*stream, ErrorCode::kRefusedStream, true);
    return nullptr;
  }
  stream->id_ = static_cast<uint32_t>(id);
  stream->announced = true;
  return stream;
}

SubmitResult Nghttp2Session::SubmitInformational(Stream& stream, int status, HeaderFields fields) {
  Nghttp2Stream& own = Own(stream);
  if (!server_ || ending_ || own.resetting || own.head_submitted) return SubmitResult::kWrongState;
  if (status < 100 || status > 199 || status == 101) return SubmitResult::kInvalidField;
  char digits[4];
  std::to_chars(digits, digits + sizeof digits, status);
  nva_.clear();
  AppendField(":status", {digits, 3});
  if (!AppendFields(fields)) return SubmitResult::kInvalidField;
  const int32_t result =
      nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, static_cast<int32_t>(own.id_),
                             nullptr, nva_.data(), nva_.size(), nullptr);
  return result == 0 ? SubmitResult::kOk : SubmitResult::kWrongState;
}

SubmitResult Nghttp2Session::SubmitResponse(Stream& stream, int status, HeaderFields fields,
                                            Body body) {
  Nghttp2Stream& own = Own(stream);
  if (!server_ || ending_ || own.resetting || own.head_submitted) return SubmitResult::kWrongState;
  if (status < 200 || status > 999) return SubmitResult::kInvalidField;
  char digits[4];
  std::to_chars(digits, digits + sizeof digits, status);
  nva_.clear();
  AppendField(":status", {digits, 3});
  if (!AppendFields(fields)) return SubmitResult::kInvalidField;
  const nghttp2_data_provider provider = Provider(own, body);
  own.head_submitted = true;
  const int result =
      nghttp2_submit_response(session_.get(), static_cast<int32_t>(own.id_), nva_.data(),
                              nva_.size(), body.none() ? nullptr : &provider);
  return result == 0 ? SubmitResult::kOk : SubmitResult::kWrongState;
}

SubmitResult Nghttp2Session::SubmitTrailers(Stream& stream, HeaderFields fields) {
  Nghttp2Stream& own = Own(stream);
  if (ending_ || own.resetting || !own.has_body || own.has_trailers) {
    return SubmitResult::kWrongState;
  }
  if (!std::all_of(fields.begin(), fields.end(),
                   [](const HeaderField& field) { return MayBeSent(field); })) {
    return SubmitResult::kInvalidField;
  }
  own.trailers.Assign(fields);
  own.has_trailers = true;
  if (own.source == nullptr) {
    own.has_body = false;
    Resume(stream);
  }
  return SubmitResult::kOk;
}

size_t Nghttp2Session::Write(Stream& stream, std::string_view data, bool end) {
  Nghttp2Stream& own = Own(stream);
  if (ending_ || own.resetting || !own.has_body || own.source != nullptr) return 0;
  const size_t room =
      options_.send_buffer_size - std::min(own.out.size(), options_.send_buffer_size);
  const size_t taken = std::min(room, data.size());
  own.out.Append(data.substr(0, taken));
  if (taken < data.size()) {
    own.wants_writable = true;
  } else if (end) {
    own.has_body = false;
  }
  Resume(stream);
  return taken;
}

void Nghttp2Session::Resume(Stream& stream) {
  Nghttp2Stream& own = Own(stream);
  if (!own.deferred || own.resetting || ending_) return;
  own.deferred = false;
  static_cast<void>(nghttp2_session_resume_data(session_.get(), static_cast<int32_t>(own.id_)));
}

void Nghttp2Session::Consume(Stream& stream, size_t size) {
  Nghttp2Stream& own = Own(stream);
  size = std::min(size, own.unconsumed_);
  if (size == 0 || closed_ || !own.live.linked()) return;
  own.unconsumed_ -= size;
  static_cast<void>(nghttp2_session_consume(session_.get(), static_cast<int32_t>(own.id_), size));
}

void Nghttp2Session::Reset(Stream& stream, ErrorCode code) {
  Nghttp2Stream& own = Own(stream);
  if (ending_ || own.resetting) return;
  own.resetting = true;
  if (!server_ && !own.sent && !own.writable.linked()) writable_.PushBack(own);
  static_cast<void>(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE,
                                              static_cast<int32_t>(own.id_),
                                              static_cast<uint32_t>(code)));
}

// Puts the bytes where they go, with room before them for the frame's header, which SendBody gets.
ssize_t Nghttp2Session::ReadBody(Nghttp2Stream& stream, size_t length, uint32_t& flags) {
  if (ending_ || stream.resetting) return NGHTTP2_ERR_DEFERRED;
  char* at = out_.Prepare(kFrameHeaderSize + length) + kFrameHeaderSize;
  DataSource::Result result;
  if (stream.source != nullptr) {
    result = stream.source->Read(stream, {at, length});
  } else {
    result.size = std::min(length, stream.out.size());
    if (result.size > 0) std::memcpy(at, stream.out.data(), result.size);
    stream.out.Consume(result.size);
    const bool end = !stream.has_body && stream.out.empty();
    if (!end) {
      result.kind =
          result.size > 0 ? DataSource::Result::Kind::kData : DataSource::Result::Kind::kPending;
    }
    if (stream.wants_writable && stream.out.size() <= options_.send_buffer_size / 2) {
      stream.wants_writable = false;
      if (!stream.writable.linked()) writable_.PushBack(stream);
    }
  }
  switch (result.kind) {
    case DataSource::Result::Kind::kPending:
      stream.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    case DataSource::Result::Kind::kFailed:
      stream.resetting = true;
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    case DataSource::Result::Kind::kEnd:
      EndBody(stream, flags);
      break;
    case DataSource::Result::Kind::kData:
      break;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  body_bytes_sent_ += result.size;
  return static_cast<ssize_t>(result.size);
}

void Nghttp2Session::EndBody(Nghttp2Stream& stream, uint32_t& flags) {
  stream.has_body = false;
  flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!stream.has_trailers) return;
  flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  nva_.clear();
  stream.trailers.AppendTo(nva_);
  static_cast<void>(nghttp2_submit_trailer(session_.get(), static_cast<int32_t>(stream.id_),
                                           nva_.data(), nva_.size()));
}

int Nghttp2Session::SendBody(const uint8_t* header, size_t length) {
  std::memcpy(out_.Prepare(kFrameHeaderSize + length), header, kFrameHeaderSize);
  out_.Commit(kFrameHeaderSize + length);
  return out_.size() >= options_.output_size ? NGHTTP2_ERR_PAUSE : 0;
}

void Nghttp2Session::OnEndSent(int32_t id) {
  if (ending_ || nghttp2_session_get_stream_remote_close(session_.get(), id) != 0) return;
  Nghttp2Stream* stream = Find(id);
  if (stream != nullptr) Reset(*stream, ErrorCode::kNoError);
}

void Nghttp2Session::OnFrameSent(const nghttp2_frame& frame) {
  const bool message = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
  if (server_ && message && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
      options_.reset_after_response) {
    OnEndSent(frame.hd.stream_id);
  }
  if (frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    Nghttp2Stream* stream = Find(frame.hd.stream_id);
    if (stream != nullptr) stream->sent = true;
    return;
  }
  if (frame.hd.type == NGHTTP2_GOAWAY) {
    const auto code = static_cast<ErrorCode>(frame.goaway.error_code);
    if (!ending_ && code == ErrorCode::kNoError) {  // Part of Drain.
      if (drain_ping_) Ping(kDrainPing);            // Not before: the library lets PING overtake.
      return;
    }
    if (!ending_) {  // The library has found an error.
      end_code_ = code;
      end_reason_.assign(reinterpret_cast<const char*>(frame.goaway.opaque_data),
                         frame.goaway.opaque_data_len);
    }
    ending_ = goaway_sent_ = true;
  } else if (frame.hd.type == NGHTTP2_RST_STREAM && server_ && !ending_) {
    const Nghttp2Stream* stream = Find(frame.hd.stream_id);
    if (stream != nullptr && stream->resetting) return;  // The user's will.
    if (provoked_resets_.Take(now_)) return;
    ++stats_.reset_floods;
    Fail(ErrorCode::kEnhanceYourCalm, "too many streams had to be reset");
  }
}

// A request that was never sent: the server is going away, or the user has reset it. The library
// closes the stream next.
void Nghttp2Session::OnFrameNotSent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
  Nghttp2Stream* stream = Find(frame.hd.stream_id);
  if (stream != nullptr) stream->unsent = true;
}

}  // namespace corelane::h2
