#include "http/client/h1_client_connection.h"

#include <algorithm>
#include <cstring>

#include "http/h1/serializer.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kPiece = 16 << 10;  // Of a streamed request's body.

}  // namespace

// --- The request ---

Exchange* H1ClientConnection::Start(const ExchangeRequest& request, ExchangeEvents& events,
                                    Instant now) {
  if (capacity() == 0) return nullptr;
  request_ = request;
  method_ = ParseMethod(request.method);
  out_.Clear();
  if (!WriteHead()) {
    out_.Clear();
    return nullptr;
  }
  events_ = &events;
  phase_ = Phase::kHead;
  wrote_any_ = received_any_ = sent_reported_ = false;
  informational_ = 0;
  failure_ = {};
  in_.Clear();
  slice_size_ = 0;
  parser_.Start(options_.limits, method_);
  ListenToSource();
  sending_ = Sending::kNothing;
  continue_deadline_ = kNever;
  if (request_.has_body && request_.expect_timeout > Duration::zero()) {
    sending_ = Sending::kContinue;
    continue_deadline_ = now + request_.expect_timeout;
  } else {
    StartBody();
  }
  return this;
}

void H1ClientConnection::ListenToSource() {
  if (request_.source == nullptr) return;
  request_.source->set_ready(
      [](void* self) {
        auto* const connection = static_cast<H1ClientConnection*>(self);
        if (connection->sending_ != Sending::kSourcePending) return;
        connection->sending_ = Sending::kSource;
        connection->Wake();
      },
      this);
}

bool H1ClientConnection::WriteHead() {
  if (!AppendRequestLine(request_.method, request_.target, out_)) return false;
  // RFC 9112 §3.2: always, and first.
  if (!IsHostAndPort(request_.authority) || !AppendField("Host", request_.authority, out_)) {
    return false;
  }
  if (!WriteFields()) return false;
  if (!request_.upgrade.empty()) {
    out_.Append("Connection: Upgrade\r\n");
    if (!AppendField("Upgrade", request_.upgrade, out_)) return false;
  }
  chunked_ = source_sized_ = false;
  if (request_.source != nullptr) {
    const std::optional<uint64_t> size = request_.source->size();
    source_sized_ = size.has_value();
    source_left_ = size.value_or(0);
    chunked_ = !source_sized_;
    if (chunked_) {
      out_.Append("Transfer-Encoding: chunked\r\n");
    } else {
      AppendContentLength(source_left_, out_);
    }
  } else if (request_.has_body || method_ == Method::kPost || method_ == Method::kPut ||
             method_ == Method::kPatch) {
    AppendContentLength(request_.body.size(), out_);  // RFC 9110 §8.6
  }
  if (request_.has_body && request_.expect_timeout > Duration::zero()) {
    out_.Append("Expect: 100-continue\r\n");
  }
  if (!reusable_) out_.Append("Connection: close\r\n");
  out_.Append("\r\n");
  return true;
}

bool H1ClientConnection::WriteFields() {
  if (request_.fields != nullptr) {
    for (const auto& [name, value] : *request_.fields) {
      if (!AppendField(name, value, out_)) return false;
    }
  }
  for (const auto& [name, value] : request_.more_fields) {
    if (!AppendField(name, value, out_)) return false;
  }
  return true;
}

void H1ClientConnection::StartBody() {
  continue_deadline_ = kNever;
  if (request_.source != nullptr) {
    sending_ = Sending::kSource;
    return;
  }
  sending_ = Sending::kNothing;
  if (request_.has_body) body_out_ = request_.body;
}

void H1ClientConnection::PullSource() {
  const size_t prefix = chunked_ ? kChunkPrefix : 0;
  while (sending_ == Sending::kSource && out_.size() < options_.write_ahead) {
    char* const at = out_.Prepare(prefix + kPiece + 2);
    const UploadSource::Result got = request_.source->Read({at + prefix, kPiece});
    switch (got.kind) {
      case UploadSource::Result::Kind::kData:
        if (got.size == 0 || got.size > kPiece || (source_sized_ && got.size > source_left_)) {
          return Fail(ClientError::kUpload, "the source gave more than it had announced");
        }
        source_left_ -= source_sized_ ? got.size : 0;
        if (chunked_) WriteChunkPrefix(got.size, at);
        out_.Commit(prefix + got.size);
        if (chunked_) out_.Append("\r\n");
        break;
      case UploadSource::Result::Kind::kEnd:
        return EndSource();
      case UploadSource::Result::Kind::kPending:
        sending_ = Sending::kSourcePending;
        break;
      case UploadSource::Result::Kind::kFailed:
        return Fail(ClientError::kUpload, "");
    }
  }
}

void H1ClientConnection::EndSource() {
  if (source_sized_ && source_left_ > 0) {
    return Fail(ClientError::kUpload, "the source ended before the size it had announced");
  }
  if (chunked_) {
    out_.Append("0\r\n");
    const FieldList* const trailers = request_.source->trailers();
    if (trailers != nullptr) {
      for (const auto& [name, value] : *trailers) {
        // RFC 9110 §6.5.1: nothing that says where a message ends.
        const bool framing = IdentifyField(name) != FieldId::kOther;
        if (framing || !AppendField(name, value, out_)) {
          return Fail(ClientError::kUpload, "a trailer field that must not be sent");
        }
      }
    }
    out_.Append("\r\n");
  }
  sending_ = Sending::kNothing;
}

std::array<std::string_view, 2> H1ClientConnection::Output(Instant) {
  if (phase_ == Phase::kIdle) return {};
  if (sending_ == Sending::kSource) PullSource();
  if (phase_ == Phase::kIdle || phase_ == Phase::kFailed) return {};
  return {out_.view(), body_out_};
}

void H1ClientConnection::OnWritten(size_t size, Instant) {
  if (phase_ == Phase::kIdle) return;
  wrote_any_ |= size > 0;
  const size_t head = std::min(size, out_.size());
  out_.Consume(head);
  body_out_.remove_prefix(std::min(size - head, body_out_.size()));
  if (phase_ != Phase::kFailed && !sent_reported_) events_->OnProgress();
  CheckSent();
}

void H1ClientConnection::CheckSent() {
  if (phase_ == Phase::kIdle || sent_reported_ || !SentAll()) return;
  sent_reported_ = true;
  events_->OnSent();
}

void H1ClientConnection::OnDeadline(Instant now) {
  if (sending_ == Sending::kContinue && now >= continue_deadline_) StartBody();
}

// --- The response ---

bool H1ClientConnection::wants_read() const {
  if (ended_) return false;
  switch (phase_) {
    case Phase::kIdle:
      return reusable_;  // To see that the server closes it.
    case Phase::kHead:
      return true;
    case Phase::kBody:
      return in_.size() < options_.read_ahead;
    case Phase::kEnded:
    case Phase::kFailed:
      break;
  }
  return false;
}

void H1ClientConnection::OnReceived(std::string_view bytes, Instant now) {
  if (bytes.empty()) return;
  switch (phase_) {
    case Phase::kHead:
      received_any_ = true;
      in_.Append(bytes);
      ParseHeads(now);
      break;
    case Phase::kBody:
      in_.Append(bytes);
      events_->OnReadable();
      break;
    case Phase::kIdle:   // RFC 9112 §9.2: bytes that answer nothing.
    case Phase::kEnded:  // More than the response had: nothing after it can be trusted.
    case Phase::kFailed:
      reusable_ = false;
      break;
  }
}

void H1ClientConnection::OnTransportEnd(boost::system::error_code error, Instant) {
  ended_ = true;
  reusable_ = false;
  end_error_ = error;
  if (phase_ == Phase::kHead) {
    if (received_any_) {
      Fail(ClientError::kTruncated, "in the head", error);
    } else {
      Fail(error ? ClientError::kTransport : ClientError::kClosed, "", error);
    }
  } else if (phase_ == Phase::kBody) {
    events_->OnReadable();
  }
}

void H1ClientConnection::ParseHeads(Instant now) {
  while (phase_ == Phase::kHead) {
    switch (parser_.Parse(in_.view())) {
      case ParseStatus::kNeedMore:
        return;
      case ParseStatus::kError: {
        const ParseError error = parser_.error();
        const bool large =
            error == ParseError::kHeadTooLarge || error == ParseError::kTooManyFields;
        return Fail(large ? ClientError::kHeadTooLarge : ClientError::kBadResponse, Reason(error));
      }
      case ParseStatus::kDone:
        if (!OnHeadParsed(now)) return;
        break;
    }
  }
}

// True when another head is to come.
bool H1ClientConnection::OnHeadParsed(Instant) {
  const ResponseHead head = parser_.head(in_.view());
  in_.Consume(parser_.consumed());  // The bytes stay where they are until more is received.
  if (head.status >= 200) {
    OnFinalHead(head);
    return false;
  }
  if (head.status == 101) {
    const std::string_view protocol = head.fields.Find("Upgrade").value_or("");
    if (!request_.upgrade.empty() && EqualsIgnoreCase(protocol, request_.upgrade)) {
      OnSwitch(head);
      return false;
    }
    Fail(ClientError::kBadResponse, "a change of protocol that was not asked for");
    return false;
  }
  if (++informational_ > options_.max_informational) {
    Fail(ClientError::kTooManyInformational, "");
    return false;
  }
  if (head.status == 100 && sending_ == Sending::kContinue) StartBody();
  // The bytes behind this head move when more is received only.
  parser_.Start(options_.limits, method_);
  events_->OnInformational(head.status, head.fields);
  return true;
}

void H1ClientConnection::OnFinalHead(const ResponseHead& head) {
  if (!head.keep_alive) reusable_ = false;
  const bool unsent = sending_ != Sending::kNothing || !body_out_.empty();
  // RFC 9112 §9.5, RFC 9110 §10.1.1: a server that has refused need not be sent the rest.
  if (unsent && (sending_ == Sending::kContinue || head.status >= 400)) {
    DetachSource();
    sending_ = Sending::kAborted;
    body_out_ = {};
    continue_deadline_ = kNever;
  }
  phase_ = Phase::kBody;
  body_.Start(head.body);
  IncomingHead incoming;
  incoming.status = head.status;
  incoming.reason = head.reason;
  incoming.version = head.minor_version == 0 ? 10 : 11;
  incoming.fields = head.fields;
  if (head.body.kind == BodyKind::kLength) incoming.length = head.body.length;
  incoming.end = body_.done();
  events_->OnHead(incoming);
}

void H1ClientConnection::OnSwitch(ResponseHead head) {
  head.keep_alive = false;
  head.body = {};
  head.body.kind = BodyKind::kUntilClose;
  request_.source = request_.tunnel;
  chunked_ = source_sized_ = false;
  sending_ = Sending::kSource;
  ListenToSource();
  OnFinalHead(head);
}

bool H1ClientConnection::DecodeMore() {
  const BodyStep step = body_.Decode(in_.view());
  if (step.status == ParseStatus::kError) {
    FailRead(ClientError::kBadResponse, Reason(body_.error()));
    return false;
  }
  if (!step.data.empty()) {
    slice_offset_ = static_cast<size_t>(step.data.data() - in_.data());
    slice_size_ = step.data.size();
    step_end_ = step.consumed;
    return true;
  }
  in_.Consume(step.consumed);
  if (body_.done()) return true;
  if (!ended_) return false;
  if (body_.framing().kind == BodyKind::kUntilClose && !end_error_) {
    phase_ = Phase::kEnded;
  } else {
    FailRead(ClientError::kTruncated, "in the body");
    failure_.cause = end_error_;
  }
  return false;
}

BodyRead H1ClientConnection::Read(std::span<char> out) {
  size_t total = 0;
  while (phase_ == Phase::kBody && total < out.size()) {
    if (slice_size_ > 0) {
      const size_t size = std::min(slice_size_, out.size() - total);
      std::memcpy(out.data() + total, in_.data() + slice_offset_, size);
      total += size;
      slice_offset_ += size;
      slice_size_ -= size;
      if (slice_size_ == 0) in_.Consume(step_end_);
    } else if (body_.done()) {
      phase_ = Phase::kEnded;
    } else if (!DecodeMore()) {
      break;
    }
  }
  if (total > 0) return {BodyRead::Status::kData, total};
  switch (phase_) {
    case Phase::kEnded:
      return {BodyRead::Status::kEnd, 0};
    case Phase::kFailed:
      return {BodyRead::Status::kFailed, 0};
    default:
      return {BodyRead::Status::kPending, 0};
  }
}

void H1ClientConnection::Release() {
  // What has arrived already may be the rest.
  char scratch[4096];
  while (phase_ == Phase::kBody && Read(scratch).status == BodyRead::Status::kData) {
  }
  const bool complete = phase_ == Phase::kEnded && SentAll() && in_.empty() && !ended_;
  if (!complete) reusable_ = false;
  DetachSource();
  phase_ = Phase::kIdle;
  sending_ = Sending::kNothing;
  continue_deadline_ = kNever;
  body_out_ = {};
  slice_size_ = 0;
  events_ = nullptr;
}

// --- Failures ---

void H1ClientConnection::Fail(ClientError error, const char* detail,
                              boost::system::error_code cause) {
  const bool before_head = phase_ == Phase::kHead;
  failure_ = {error, cause, detail, before_head && !wrote_any_};
  DetachSource();
  reusable_ = false;
  sending_ = Sending::kAborted;
  continue_deadline_ = kNever;
  phase_ = Phase::kFailed;
  if (before_head) {
    events_->OnFailed(failure_);
  } else {
    events_->OnReadable();
  }
}

BodyRead H1ClientConnection::FailRead(ClientError error, const char* detail) {
  failure_ = {error, {}, detail, false};
  reusable_ = false;
  phase_ = Phase::kFailed;
  return {BodyRead::Status::kFailed, 0};
}

void H1ClientConnection::DetachSource() {
  if (phase_ != Phase::kIdle && request_.source != nullptr) {
    request_.source->set_ready(nullptr, nullptr);
  }
  request_.source = nullptr;
}

}  // namespace corelane::http
