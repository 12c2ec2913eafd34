#include "http/h2_exchange.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "http/h2_server.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kPushedBody = 16 << 10;  // Copied to the session with its head.

bool StatusAllowsBody(int status) { return status != 204 && status != 304; }

Response LateBody() {
  return Response::Static("text/plain", "the body took too long to arrive\n", 408);
}

// Fields of HTTP/1.1's connections, which HTTP/2 has not (RFC 9113 §8.2.2).
bool IsConnectionField(std::string_view name) {
  return EqualsIgnoreCase(name, "Upgrade") || EqualsIgnoreCase(name, "Keep-Alive") ||
         EqualsIgnoreCase(name, "Proxy-Connection");
}

// Copies fields to `text`; the slots refer to its beginning.
void CopyFields(const Fields& fields, std::string& text, std::vector<FieldSlot>& slots) {
  const auto copy = [&text](std::string_view part) {
    const auto at = static_cast<uint32_t>(text.size());
    text.append(part);
    return at;
  };
  for (size_t i = 0; i < fields.size(); ++i) {
    const Field field = fields[i];
    slots.push_back({copy(field.name), copy(field.value), static_cast<uint32_t>(field.value.size()),
                     static_cast<uint16_t>(field.name.size()), fields.id(i)});
  }
}

}  // namespace

// --- The request ---

void H2Exchange::OnRequest(h2::Stream& stream, const h2::RequestHead& head, bool end) {
  stream_ = &stream;
  ended_ = end;
  KeepHead(head);
  server_.MarkReady(*this);
}

void H2Exchange::KeepHead(const h2::RequestHead& from) {
  size_t size =
      from.method.size() + from.authority.size() + from.path.size() + from.protocol.size();
  for (const Field field : from.fields) size += field.name.size() + field.value.size();
  text_.reserve(size);
  CopyFields(from.fields, text_, slots_);
  const auto keep = [this](std::string_view part) {
    const size_t at = text_.size();
    text_.append(part);  // Reserved: nothing moves.
    return std::string_view(text_).substr(at);
  };
  RequestHead head;
  head.version = Version::kHttp2;
  head.method_text = keep(from.method);
  head.method = ParseMethod(from.method);
  head.protocol = keep(from.protocol);
  if (!from.protocol.empty()) head.method = Method::kGet;  // RFC 8441: as a GET with Upgrade.
  head.target = keep(from.path);
  const size_t question = std::min(head.target.find('?'), head.target.size());
  head.path = head.target.substr(0, question);
  head.query = head.target.substr(std::min(question + 1, head.target.size()));
  head.authority = keep(from.authority);
  head.fields = Fields(text_.data(), slots_);
  if (head.authority.empty()) head.authority = head.fields.Find("host").value_or(head.authority);
  head.body.kind = ended_ ? BodyKind::kNone : BodyKind::kUntilClose;
  if (const auto length = head.fields.Find("content-length"); length.has_value() && !ended_) {
    head.body.kind = BodyKind::kLength;
    head.body.length = ParseDecimal(*length).value_or(0);  // The session has looked at it.
  }
  request_ = Request(head, this);
}

void H2Exchange::Route() {
  const std::string_view authority = request_.authority();
  const auto host = request_.Header("host");
  // RFC 9113 §8.3.1, RFC 9110 §7.2
  if (authority.empty() || (host.has_value() && !EqualsIgnoreCase(*host, authority))) {
    return Respond(Response::Static("text/plain", "bad Host or :authority\n", 400));
  }
  const HeadLimits& limits = server_.options_.head;
  if (request_.target().size() > limits.target_bytes) {
    return Respond(Response::Static("text/plain", "the request target is too long\n", 414));
  }
  if (request_.fields().size() > limits.fields) {
    return Respond(Response::Static("text/plain", "too many field lines\n", 431));
  }
  const auto expect = request_.Header("expect");
  if (expect.has_value() && !EqualsIgnoreCase(*expect, "100-continue")) {
    return Respond(Response::Static("text/plain", "this expectation cannot be met\n", 417));
  }
  expect_continue_ = expect.has_value() && !ended_ && in_.empty();
  const Method method = request_.method();
  if (method == Method::kUnknown || method == Method::kConnect) {
    return Respond(Response::Static("text/plain", "this method is not implemented\n", 501));
  }
  match_ = server_.router_.Match(method, request_.path(), request_.mutable_params(), path_scratch_);
  if (match_.kind != RouteMatch::Kind::kFound) return Respond(AnswerUnrouted(match_));
  if (match_.handler->coroutine) {
    phase_ = Phase::kHandler;
    return;
  }
  phase_ = Phase::kCollect;
  Collect();
}

void H2Exchange::Collect() {
  EndBodyWait();
  if (body_late_) return Respond(LateBody());
  const uint64_t announced = request_.content_length().value_or(0);
  if (std::max(announced, body_bytes_) > server_.options_.max_content_bytes) {
    return Respond(Response::Static("text/plain", "the body is too large\n", 413));
  }
  if (ended_ && content_.empty()) return RunPlain(in_.view());
  content_.append(in_.view());
  server_.session_->Consume(*stream_, in_.size());
  in_.Clear();
  ended_ ? RunPlain(content_) : BeginBodyWait();
}

void H2Exchange::RunPlain(std::string_view content) {
  request_.set_content(content);
  try {
    Respond(match_.handler->plain(request_));
  } catch (...) {
    Respond(Response::Static("text/plain", "internal error\n", 500));
  }
}

// --- Its body ---

void H2Exchange::OnData(std::string_view bytes, bool end) {
  ended_ = end;
  body_bytes_ += bytes.size();
  expect_continue_ = false;
  if (phase_ == Phase::kResponse && response_.source() == nullptr) {  // Nobody will read it.
    return server_.session_->Consume(*stream_, bytes.size());
  }
  in_.Append(bytes);
  if (phase_ == Phase::kCollect || wait_.wants_body()) server_.MarkReady(*this);
}

void H2Exchange::OnTrailers(const Fields& fields) {
  CopyFields(fields, trailer_text_, trailer_slots_);
  OnData({}, true);
}

std::optional<BodyChunk> H2Exchange::PollBody() {
  using Kind = BodyChunk::Kind;
  ReleaseChunk();
  if (failed_) return BodyChunk{Kind::kFailed, {}};
  if (!in_.empty()) {
    std::swap(in_, chunk_);
    return BodyChunk{Kind::kData, chunk_.view()};
  }
  if (ended_) return BodyChunk{Kind::kEnd, {}};
  return std::nullopt;
}

void H2Exchange::ReleaseChunk() {
  if (stream_ != nullptr && !chunk_.empty()) {
    server_.session_->Consume(*stream_, chunk_.size());
  }
  chunk_.Clear();
}

void H2Exchange::BeginBodyWait() {
  if (std::exchange(expect_continue_, false)) {  // RFC 9110 §10.1.1
    server_.session_->SubmitInformational(*stream_, 100, {});
  }
  if (tunnel_ || slow_body_ || body_since_ != kNever) return;
  body_since_ = server_.now_;
  const ServerOptions& options = server_.options_;
  const auto seconds =
      static_cast<int64_t>(body_bytes_ / std::max<uint64_t>(options.body_bytes_per_second, 1));
  const Duration allowed = options.body_grace + std::chrono::seconds(seconds);
  body_until_ = body_since_ + std::max(allowed - body_waited_, Duration::zero());
}

void H2Exchange::EndBodyWait() {
  if (body_since_ != kNever) body_waited_ += server_.now_ - body_since_;
  body_since_ = body_until_ = kNever;
}

// --- Its handler ---

bool H2Exchange::stopping() const { return server_.stopping_; }
Instant H2Exchange::now() const { return server_.now_; }
const ConnectionInfo& H2Exchange::connection() const { return server_.connection_; }
uint64_t H2Exchange::max_content_bytes() const { return server_.options_.max_content_bytes; }

void H2Exchange::Suspend(HandlerWait::For what, Duration most, std::coroutine_handle<> waiter) {
  wait_.Suspend(what, most, waiter);
  server_.MarkReady(*this);
}

void H2Exchange::Interrupt() {
  if (wait_.Interrupt()) server_.MarkReady(*this);
}

void H2Exchange::ResumeOutput() {
  if (stream_ == nullptr || !duplex_ || phase_ != Phase::kResponse) return;
  if (stall_until_ == kNever) stall_until_ = server_.now_ + server_.options_.write_timeout;
  server_.session_->Resume(*stream_);
  server_.MarkReady(*this);
}

void H2Exchange::SetTimeout(Duration duration) {
  wait_.SetTimeout(duration, server_.now_);
  server_.MarkReady(*this);
}

bool H2Exchange::task_waits_outside() const {
  const bool runs = (task_ && !task_.done()) || (wait_task_ && !wait_task_.done());
  return runs && wait_.outside();
}

template <class T>
void H2Exchange::StartTask(Task<T>& task) {
  wait_.Begin();
  task.Start(
      [](void* self) {
        auto* const exchange = static_cast<H2Exchange*>(self);
        exchange->server_.MarkReady(*exchange);
      },
      this);
}

template <class T>
bool H2Exchange::Drive(Task<T>& task) {
  while (!task.done()) {
    if (wait_.outside()) return false;
    if (!wait_.Over(server_.now_, server_.stopping_)) {
      if (!wait_.wants_body()) return false;
      ReleaseChunk();
      if (!body_ready()) {
        BeginBodyWait();
        return false;
      }
    }
    EndBodyWait();
    wait_.Resume();
  }
  return true;
}

void H2Exchange::Advance() {
  // What came back from outside after the stream's end goes no further.
  if (stream_ == nullptr && !task_waits_outside()) return server_.Release(*this);
  switch (phase_) {
    case Phase::kHandler:
      if (!task_) {
        task_ = match_.handler->coroutine(request_);
        StartTask(task_);
      }
      if (Drive(task_)) TakeResponse();
      return;
    case Phase::kSourceWait:
      return DriveWait();
    case Phase::kStart:
      Route();
      if (phase_ == Phase::kHandler) Advance();
      return;
    case Phase::kCollect:
      return Collect();
    case Phase::kResponse:
      if (wait_task_) DriveWait();
      return;
  }
}

void H2Exchange::DriveWait() {
  if (!Drive(wait_task_)) return;
  bool failed = false;
  try {
    wait_task_.Take();
  } catch (...) {
    failed = true;
  }
  wait_task_ = {};
  phase_ = Phase::kResponse;
  if (stream_ == nullptr) return server_.Release(*this);
  if (failed) return server_.session_->Reset(*stream_, h2::ErrorCode::kInternalError);
  stall_until_ = server_.now_ + server_.options_.write_timeout;
  server_.session_->Resume(*stream_);
}

void H2Exchange::TakeResponse() {
  if (stream_ == nullptr) return server_.Release(*this);
  Response response;
  try {
    response = task_.Take();
  } catch (...) {
    response = Response::Static("text/plain", "internal error\n", 500);
  }
  task_ = {};
  if (body_late_) response = LateBody();
  Respond(std::move(response));
}

// --- The response ---

void H2Exchange::Respond(Response response) {
  phase_ = Phase::kResponse;
  EndBodyWait();
  response_ = response.valid() ? std::move(response)
                               : Response::Static("text/plain", "internal error\n", 500);
  tunnel_ = !response_.tunnel_protocol().empty();
  if (tunnel_ && request_.protocol().empty()) {
    tunnel_ = false;
    response_ = Response::Static("text/plain", "this stream cannot be upgraded\n", 400);
  }
  const bool head_only =
      request_.method() == Method::kHead || (!tunnel_ && !StatusAllowsBody(response_.status()));
  if (Submit(head_only) == h2::SubmitResult::kInvalidField) {
    response_ = Response::Static("text/plain", "internal error\n", 500);
    Submit(head_only);
  }
  const int status = tunnel_ ? 200 : response_.status();
  ++server_.stats_.responses_by_class[std::clamp(status / 100, 0, 9)];
  if (response_.close()) server_.session_->Drain();
  if (response_.source() == nullptr || head_only) {  // Nobody reads what is still to come.
    server_.session_->Consume(*stream_, in_.size());
    in_.Clear();
    ReleaseChunk();
  }
  stall_until_ = server_.now_ + server_.options_.write_timeout;
  duplex_ = response_.source() != nullptr && !head_only && response_.source()->duplex();
  if (!duplex_) return;
  wait_task_ = response_.source()->Wait();
  StartTask(wait_task_);
}

h2::SubmitResult H2Exchange::Submit(bool head_only) {
  std::vector<h2::HeaderField>& fields = server_.fields_;
  fields.clear();
  fields.push_back({"date", server_.date()});
  if (!response_.content_type().empty())
    fields.push_back({"content-type", response_.content_type()});
  BodySource* const source = response_.source();
  source_left_ = source != nullptr ? source->size() : response_.body().size();
  const int status = tunnel_ ? 200 : response_.status();
  char digits[20];
  if (source_left_.has_value() && !tunnel_ && StatusAllowsBody(status)) {
    char* const end = std::to_chars(digits, digits + sizeof(digits), *source_left_).ptr;
    fields.push_back({"content-length", {digits, static_cast<size_t>(end - digits)}});
  }
  response_.fields().ForEach([&fields](std::string_view name, std::string_view value) {
    if (!IsConnectionField(name)) fields.push_back({name, value});
  });
  h2::Session& session = *server_.session_;
  const std::string_view body = response_.body();
  if (head_only || (source == nullptr && body.empty())) {
    return session.SubmitResponse(*stream_, status, fields, h2::Body::None());
  }
  if (source != nullptr || body.size() > kPushedBody) {
    sent_ = 0;
    return session.SubmitResponse(*stream_, status, fields, h2::Body::From(*this));
  }
  const h2::SubmitResult result =
      session.SubmitResponse(*stream_, status, fields, h2::Body::Pushed());
  if (result == h2::SubmitResult::kOk) session.Write(*stream_, body, true);
  return result;
}

H2Exchange::Result H2Exchange::Read(h2::Stream&, std::span<char> out) {
  if (phase_ == Phase::kSourceWait) return {Result::Kind::kPending, 0};
  stall_until_ = server_.now_ + server_.options_.write_timeout;
  if (response_.source() != nullptr) return ReadSource(out);
  const std::string_view rest = response_.body().substr(sent_);
  const size_t size = std::min(out.size(), rest.size());
  std::memcpy(out.data(), rest.data(), size);
  sent_ += size;
  return {size == rest.size() ? Result::Kind::kEnd : Result::Kind::kData, size};
}

H2Exchange::Result H2Exchange::ReadSource(std::span<char> out) {
  using Kind = BodySource::Result::Kind;
  const size_t wanted =
      static_cast<size_t>(std::min<uint64_t>(out.size(), source_left_.value_or(out.size())));
  if (wanted == 0) {
    EndSource();
    return {Result::Kind::kEnd, 0};
  }
  BodySource::Result result;
  try {
    result = response_.source()->Read(out.first(wanted));
  } catch (...) {
    result = BodySource::Result::Failed();  // The response cannot say more than that.
  }
  switch (result.kind) {
    case Kind::kData:
      CL_CHECK(result.size > 0 && result.size <= wanted);
      if (source_left_.has_value()) *source_left_ -= result.size;
      return {Result::Kind::kData, result.size};
    case Kind::kEnd:
      if (source_left_.has_value()) break;  // Less than it had announced.
      EndSource();
      return {Result::Kind::kEnd, 0};
    case Kind::kPending:
      stall_until_ = kNever;
      if (duplex_) return {wait_task_ ? Result::Kind::kPending : Result::Kind::kFailed, 0};
      phase_ = Phase::kSourceWait;
      wait_task_ = response_.source()->Wait();
      StartTask(wait_task_);
      return {Result::Kind::kPending, 0};
    case Kind::kFailed:
      break;
  }
  return {Result::Kind::kFailed, 0};
}

void H2Exchange::EndSource() {
  const FieldLines* const trailers = response_.source()->trailers();
  if (trailers == nullptr || trailers->empty() || !trailers->valid()) return;
  std::vector<h2::HeaderField>& fields = server_.fields_;
  fields.clear();
  trailers->ForEach([&fields](std::string_view name, std::string_view value) {
    fields.push_back({name, value});
  });
  server_.session_->SubmitTrailers(*stream_, fields);
}

// --- Time and ends ---

Instant H2Exchange::due() const {
  return std::min({runs() ? wait_.due() : kNever, body_until_, stall_until_});
}

void H2Exchange::OnStop() {
  if (tunnel_) wait_.Interrupt();  // Its source looks whether the server stops.
  server_.MarkReady(*this);
}

void H2Exchange::OnTime(Instant now) {
  if (now < due()) return;
  if (runs() && wait_.due() <= now) {
    if (wait_.TimeOut(now) && wait_.outside()) {
      phase_ == Phase::kHandler ? task_.Cancel() : wait_task_.Cancel();
    }
    server_.MarkReady(*this);
  }
  if (body_until_ <= now) {
    ++server_.stats_.timeouts;
    EndBodyWait();
    failed_ = body_late_ = true;
    server_.MarkReady(*this);
  }
  if (stall_until_ <= now) {
    stall_until_ = kNever;
    ++server_.stats_.timeouts;
    if (stream_ != nullptr) server_.session_->Reset(*stream_, h2::ErrorCode::kCancel);
  }
}

bool H2Exchange::OnClosed(h2::ErrorCode code) {
  if (code != h2::ErrorCode::kNoError && !server_.failed_) ++server_.stats_.aborted;
  stream_ = nullptr;
  failed_ = true;
  body_until_ = stall_until_ = kNever;
  if (!task_waits_outside()) return true;
  task_ ? task_.Cancel() : wait_task_.Cancel();
  return false;
}

void H2Exchange::Clear() {
  stream_ = nullptr;
  phase_ = Phase::kStart;
  ended_ = failed_ = body_late_ = expect_continue_ = tunnel_ = duplex_ = slow_body_ = false;
  wait_.Reset();
  task_ = {};
  wait_task_ = {};
  response_ = Response();
  request_ = Request();
  text_.clear();
  slots_.clear();
  trailer_text_.clear();
  trailer_slots_.clear();
  in_.Clear();
  chunk_.Clear();
  content_.clear();
  body_bytes_ = 0;
  body_waited_ = {};
  body_since_ = body_until_ = stall_until_ = kNever;
  sent_ = 0;
  source_left_.reset();
}

}  // namespace corelane::http
