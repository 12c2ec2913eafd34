// The response half of H1Server: heads, bodies, and what follows an exchange.

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "http/h1_server.h"

namespace corelane::http {
namespace {

constexpr size_t kSmallBody = 8192;        // Copied behind its head.
constexpr size_t kStreamBytes = 32 << 10;  // A source is pulled up to this before a write.
constexpr size_t kStreamPiece = 16 << 10;
constexpr size_t kLingerBuffer = 4096;

bool StatusAllowsBody(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

// --- Responses ---

bool H1Server::CanSwallowBody() const {
  if (expect_continue_) return false;  // Whether the client will send it is unknown.
  return body_.framing().kind != BodyKind::kLength || body_.left() <= options_.drain_bytes;
}

void H1Server::Respond(Response response) {
  response_ = response.valid() ? std::move(response)
                               : Response::Static("text/plain", "internal error\n", 500);
  if (!response_.tunnel_protocol().empty()) {
    if (StartTunnel()) return;
    response_ = Response::Static("text/plain", "this connection cannot be upgraded\n",
                                 stopping_ ? 503 : 400);
  }
  BodySource* const source = response_.source();
  const int status = response_.status();
  if (response_.close() || stopping_) keep_alive_ = false;
  if (source != nullptr && expect_continue_ && status < 400) {
    // The source may read the request's body, after this head is out: the interim response comes
    // first.
    out_.Append(kContinue);
    expect_continue_ = false;
  }
  const bool unread = !body_.done() && (source == nullptr || expect_continue_);
  if (unread && !CanSwallowBody()) keep_alive_ = false;
  std::optional<uint64_t> length = response_.body().size();
  if (source != nullptr) length = source->size();
  // RFC 9112 §6.1: no chunks for HTTP/1.0; the end of the connection ends the body.
  chunked_ = !length.has_value() && request_.version() != Version::kHttp10;
  if (!length.has_value() && !chunked_) keep_alive_ = false;
  ++stats_.responses_by_class[std::clamp(status / 100, 0, 9)];
  WriteHead(response_, length);
  if (request_.method() == Method::kHead || !StatusAllowsBody(status)) return FinishExchange();
  if (source != nullptr) {
    stream_left_ = length;
    phase_ = Phase::kStream;
    if (!source->duplex()) return;
    wait_task_ = source->Wait();
    Start(wait_task_);
  } else if (response_.body().size() <= kSmallBody) {
    out_.Append(response_.body());
    FinishExchange();
  } else {
    body_out_ = response_.body();
    phase_ = Phase::kSendBody;
  }
}

void H1Server::RespondError(int status, std::string_view reason) {
  request_ = Request();
  keep_alive_ = false;
  expect_continue_ = false;
  task_ = {};
  Respond(Response::Text(std::string(reason) + "\n", status));
}

// RFC 9110 §7.8
bool H1Server::StartTunnel() {
  if (request_.version() != Version::kHttp11 || !body_.done() || stopping_ ||
      !request_.Header("Upgrade").has_value()) {
    return false;
  }
  ++stats_.responses_by_class[1];
  AppendStatusLine(101, out_);
  out_.Append("Connection: Upgrade\r\n");
  AppendField("Upgrade", response_.tunnel_protocol(), out_);
  out_.Append(response_.fields().text());
  out_.Append("\r\n");
  tunnel_ = true;
  keep_alive_ = false;
  chunked_ = false;
  stream_left_.reset();
  BodyFraming framing;
  framing.kind = BodyKind::kUntilClose;
  body_.Start(framing);
  phase_ = Phase::kStream;
  return true;
}

void H1Server::WriteHead(const Response& response, std::optional<uint64_t> length) {
  out_.Prepare(256 + response.fields().text().size());
  AppendStatusLine(response.status(), out_);
  out_.Append("Date: ");
  out_.Append(date_.At(unix_seconds_));
  out_.Append("\r\n");
  if (!response.content_type().empty()) {
    AppendField("Content-Type", response.content_type(), out_);
  }
  out_.Append(response.fields().text());
  if (StatusAllowsBody(response.status())) {
    if (length.has_value()) {
      AppendContentLength(*length, out_);
    } else if (chunked_) {
      out_.Append("Transfer-Encoding: chunked\r\n");
    }
  }
  if (!keep_alive_) {
    out_.Append("Connection: close\r\n");
  } else if (request_.version() == Version::kHttp10) {
    out_.Append("Connection: keep-alive\r\n");
  }
  out_.Append("\r\n");
}

H1Server::Step H1Server::StepSendBody() {
  if (WantsWrite()) return Write();
  FinishExchange();
  return std::nullopt;
}

H1Server::Step H1Server::StepStream() {
  if (out_.size() >= kStreamBytes) return Write();
  if (stream_left_ == uint64_t{0}) {
    FinishExchange();
    return std::nullopt;
  }
  return PullSource();
}

H1Server::Step H1Server::PullSource() {
  const size_t prefix = chunked_ ? kChunkPrefix : 0;
  const auto wanted =
      static_cast<size_t>(std::min<uint64_t>(kStreamPiece, stream_left_.value_or(kStreamPiece)));
  char* const at = out_.Prepare(prefix + wanted + 2);
  BodySource::Result result;
  try {
    result = response_.source()->Read({at + prefix, wanted});
  } catch (...) {
    result = BodySource::Result::Failed();  // the response cannot say more than that
  }
  using Kind = BodySource::Result::Kind;
  switch (result.kind) {
    case Kind::kData:
      CL_CHECK(result.size > 0 && result.size <= wanted);
      if (chunked_) {
        WriteChunkPrefix(result.size, at);
        std::memcpy(at + prefix + result.size, "\r\n", 2);
      }
      out_.Commit(prefix + result.size + (chunked_ ? 2 : 0));
      if (stream_left_.has_value()) *stream_left_ -= result.size;
      return std::nullopt;
    case Kind::kEnd:
      if (stream_left_.has_value()) break;  // Less than it had announced.
      if (chunked_) WriteLastChunk();
      EndSource();
      return std::nullopt;
    case Kind::kPending:
      if (WantsWrite()) return Write();
      phase_ = Phase::kStreamWait;
      if (wait_task_) return std::nullopt;  // It runs beside.
      wait_task_ = response_.source()->Wait();
      Start(wait_task_);
      return std::nullopt;
    case Kind::kFailed:
      break;
  }
  ++stats_.aborted;
  Abort();
  return std::nullopt;
}

void H1Server::EndSource() {
  if (wait_task_ && !wait_task_.done() && wait_.outside()) {  // It runs beside, and must come back.
    source_ended_ = true;
    phase_ = Phase::kStreamWait;
    return wait_task_.Cancel();
  }
  wait_task_ = {};
  FinishExchange();
}

void H1Server::WriteLastChunk() {
  const FieldLines* const trailers = response_.source()->trailers();
  if (trailers == nullptr || trailers->empty() || !trailers->valid()) {
    out_.Append(kLastChunk);
    return;
  }
  out_.Append("0\r\n");
  out_.Append(trailers->text());
  out_.Append("\r\n");
}

// --- Between and after exchanges ---

void H1Server::FinishExchange() {
  response_ = Response();
  stream_left_.reset();
  if (!keep_alive_) {
    phase_ = Phase::kFlush;
  } else if (!body_.done()) {
    phase_ = Phase::kDrain;
  } else {
    NextRequest();
  }
}

void H1Server::NextRequest() {
  in_.Consume(body_at_);
  parser_.Start(options_.head);
  idle_since_ = now_;
  phase_ = Phase::kHead;
}

H1Server::Step H1Server::StepDrain() {
  while (!body_.done()) {
    const BodyStep step = body_.Decode(RawBody());
    body_at_ += step.consumed;
    body_bytes_ += step.data.size();
    drained_ += step.data.size();
    if (step.status == ParseStatus::kError || drained_ > options_.drain_bytes) {
      phase_ = Phase::kFlush;
      return std::nullopt;
    }
    if (!step.data.empty() || body_.done()) continue;
    if (eof_) {
      phase_ = Phase::kFlush;
      return std::nullopt;
    }
    return ReadMoreBody();
  }
  NextRequest();
  return std::nullopt;
}

H1Server::Step H1Server::StepFlush() {
  if (WantsWrite()) return Write();
  if (eof_ || failed_) {
    phase_ = Phase::kClosed;
    return std::nullopt;
  }
  drained_ = 0;
  linger_until_ = now_ + options_.linger_timeout;
  phase_ = Phase::kLinger;
  return IoAction::kShutdown;
}

H1Server::Step H1Server::StepLinger() {
  if (reading_) return Read(linger_until_);
  drained_ += in_.size();
  in_.Clear();
  if (eof_ || drained_ > options_.linger_bytes) {
    phase_ = Phase::kClosed;
    return std::nullopt;
  }
  in_.Prepare(kLingerBuffer);
  return Read(linger_until_);
}

}  // namespace corelane::http
