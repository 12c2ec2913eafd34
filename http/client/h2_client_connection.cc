#include "http/client/h2_client_connection.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kOutputBytes = 64 << 10;
constexpr size_t kMaxSpare = 64;

bool IsSecret(std::string_view name) {
  return EqualsIgnoreCase(name, "authorization") || EqualsIgnoreCase(name, "proxy-authorization") ||
         EqualsIgnoreCase(name, "cookie");
}

}  // namespace

// One stream as the user sees it. Lives until it is released and its stream closed.
class H2ClientConnection::StreamExchange final : public Exchange, public h2::DataSource {
 public:
  explicit StreamExchange(H2ClientConnection& connection) : connection_(connection) {}

  void Start(const ExchangeRequest& request, ExchangeEvents& events, Instant now) {
    request_ = request;
    events_ = &events;
    body_at_ = 0;
    source_left_ = 0;
    source_sized_ = false;
    informational_ = 0;
    head_seen_ = response_ended_ = failed_ = released_ = closing_ = upload_failed_ = false;
    in_.Clear();
    trailers_.Clear();
    failure_ = {};
    continue_at_ = kNever;
    if (request.source != nullptr) {
      const std::optional<uint64_t> size = request.source->size();
      source_sized_ = size.has_value();
      source_left_ = size.value_or(0);
      request.source->set_ready(
          [](void* self) { static_cast<StreamExchange*>(self)->OnSourceReady(); }, this);
    }
    if (request.has_body && request.expect_timeout > Duration::zero()) {
      continue_at_ = now + request.expect_timeout;
      ++connection_.expecting_;
    }
  }

  // h2::DataSource
  Result Read(h2::Stream& stream, std::span<char> out) override {
    if (continue_at_ != kNever) return {Result::Kind::kPending, 0};
    if (request_.source == nullptr) {
      const std::string_view left = request_.body.substr(body_at_);
      const size_t size = std::min(left.size(), out.size());
      if (size > 0) std::memcpy(out.data(), left.data(), size);
      body_at_ += size;
      if (events_ != nullptr) events_->OnProgress();
      if (size < left.size()) return {Result::Kind::kData, size};
      connection_.just_sent_.push_back(this);
      return {Result::Kind::kEnd, size};
    }
    const UploadSource::Result got = request_.source->Read(out);
    switch (got.kind) {
      case UploadSource::Result::Kind::kData:
        if (got.size == 0 || got.size > out.size() || (source_sized_ && got.size > source_left_)) {
          return FailUpload();
        }
        source_left_ -= source_sized_ ? got.size : 0;
        if (events_ != nullptr) events_->OnProgress();
        return {Result::Kind::kData, got.size};
      case UploadSource::Result::Kind::kEnd:
        return EndSource(stream);
      case UploadSource::Result::Kind::kPending:
        return {Result::Kind::kPending, 0};
      case UploadSource::Result::Kind::kFailed:
        break;
    }
    return FailUpload();
  }

  // Exchange
  BodyRead Read(std::span<char> out) override {
    if (!in_.empty()) {
      const size_t size = std::min(out.size(), in_.size());
      std::memcpy(out.data(), in_.data(), size);
      in_.Consume(size);
      if (stream_ != nullptr) connection_.session_->Consume(*stream_, size);
      return {BodyRead::Status::kData, size};
    }
    if (failed_) return {BodyRead::Status::kFailed, 0};
    return {response_ended_ ? BodyRead::Status::kEnd : BodyRead::Status::kPending, 0};
  }
  const ExchangeFailure& failure() const override { return failure_; }
  Fields trailers() const override { return trailers_.view(); }
  void Release() override {
    released_ = true;
    events_ = nullptr;
    DetachSource();
    StopWaiting();
    std::erase(connection_.just_sent_, this);
    if (stream_ != nullptr) {
      connection_.session_->Reset(*stream_, h2::ErrorCode::kCancel);
    } else if (!closing_) {
      connection_.Recycle(*this);
    }
  }

  // The server lets the body come, or has kept silent for long enough.
  void Continue() {
    if (continue_at_ == kNever) return;
    StopWaiting();
    if (stream_ != nullptr) connection_.session_->Resume(*stream_);
  }

  void OnInformational(const h2::ResponseHead& head, size_t most) {
    if (head.status == 100) Continue();
    if (++informational_ > most) {
      Fail({ClientError::kTooManyInformational, {}, "", false});
      if (stream_ != nullptr) connection_.session_->Reset(*stream_, h2::ErrorCode::kCancel);
      return;
    }
    if (events_ != nullptr) events_->OnInformational(head.status, head.fields);
  }
  void OnResponse(const h2::ResponseHead& head, bool end) {
    head_seen_ = true;
    response_ended_ = end;
    if (continue_at_ != kNever) StopWaiting();  // And the body, which nobody wants, stays here.
    IncomingHead incoming;
    incoming.status = head.status;
    incoming.version = 20;
    incoming.fields = head.fields;
    const std::optional<std::string_view> length = head.fields.Find("content-length");
    if (length) incoming.length = ParseDecimal(*length);
    incoming.end = end;
    if (events_ != nullptr) events_->OnHead(incoming);
  }
  void OnData(std::string_view data, bool end) {
    if (events_ == nullptr) return;
    in_.Append(data);
    response_ended_ = end;
    events_->OnReadable();
  }
  void OnTrailers(const Fields& fields) {
    if (events_ == nullptr) return;
    trailers_.Assign(fields);
    response_ended_ = true;
    events_->OnReadable();
  }
  void OnClosed(h2::ErrorCode code, bool unprocessed) {
    stream_ = nullptr;
    DetachSource();
    StopWaiting();
    closing_ = true;
    if (!response_ended_ && !failed_) {
      Fail(upload_failed_ ? ExchangeFailure{ClientError::kUpload, {}, "", false}
                          : connection_.FailureFor(code, unprocessed, head_seen_));
    }
    closing_ = false;
    if (released_) connection_.Recycle(*this);
  }

  void set_stream(h2::Stream* stream) { stream_ = stream; }
  h2::Stream* stream() const { return stream_; }
  ExchangeEvents* events() const { return events_; }
  Instant continue_at() const { return continue_at_; }
  size_t index = 0;  // In streams_.

 private:
  Result FailUpload() {
    upload_failed_ = true;
    return {Result::Kind::kFailed, 0};
  }
  Result EndSource(h2::Stream& stream) {
    if (source_sized_ && source_left_ > 0) return FailUpload();
    const FieldList* const trailers = request_.source->trailers();
    if (trailers != nullptr) {
      std::vector<h2::HeaderField> fields;
      for (const auto& [name, value] : *trailers) {
        if (IdentifyField(name) != FieldId::kOther) return FailUpload();  // RFC 9110 §6.5.1
        fields.push_back({name, value});
      }
      if (connection_.session_->SubmitTrailers(stream, fields) != h2::SubmitResult::kOk) {
        return FailUpload();
      }
    }
    connection_.just_sent_.push_back(this);
    return {Result::Kind::kEnd, 0};
  }
  void OnSourceReady() {
    if (stream_ == nullptr) return;
    connection_.session_->Resume(*stream_);
    connection_.Wake();
  }
  void DetachSource() {
    if (request_.source != nullptr) request_.source->set_ready(nullptr, nullptr);
    request_.source = nullptr;
  }
  void StopWaiting() {
    if (continue_at_ == kNever) return;
    continue_at_ = kNever;
    --connection_.expecting_;
  }
  void Fail(const ExchangeFailure& failure) {
    failed_ = true;
    failure_ = failure;
    if (events_ == nullptr) return;
    if (head_seen_) {
      events_->OnReadable();
    } else {
      events_->OnFailed(failure_);
    }
  }

  H2ClientConnection& connection_;
  h2::Stream* stream_ = nullptr;
  ExchangeRequest request_;
  ExchangeEvents* events_ = nullptr;
  size_t body_at_ = 0;
  uint64_t source_left_ = 0;
  size_t informational_ = 0;
  bool source_sized_ = false;
  bool head_seen_ = false;
  bool response_ended_ = false;
  bool failed_ = false;
  bool released_ = false;
  bool closing_ = false;
  bool upload_failed_ = false;
  Instant continue_at_ = kNever;
  Buffer in_;
  OwnedFields trailers_;
  ExchangeFailure failure_;
};

H2ClientConnection::H2ClientConnection(const H2ClientOptions& options, h2::SessionStats& stats,
                                       Instant now)
    : options_(options),
      session_(h2::Session::Client(options_.session, *this, stats)),
      last_received_(now) {}

H2ClientConnection::~H2ClientConnection() = default;

size_t H2ClientConnection::capacity() const {
  if (!reusable()) return 0;
  const size_t most =
      std::min(options_.max_streams, session_->peer_settings().max_concurrent_streams);
  return most > streams_.size() ? most - streams_.size() : 0;
}

void H2ClientConnection::GatherFields(const ExchangeRequest& request) {
  fields_.clear();
  const auto add = [this](const FieldList::Entry& entry) {
    fields_.push_back({entry.first, entry.second, IsSecret(entry.first)});
  };
  if (request.fields != nullptr) std::for_each(request.fields->begin(), request.fields->end(), add);
  std::for_each(request.more_fields.begin(), request.more_fields.end(), add);
  if (!request.has_body) return;
  const std::optional<uint64_t> size = request.source != nullptr
                                           ? request.source->size()
                                           : std::optional<uint64_t>(request.body.size());
  if (size) {
    char* const end =
        std::to_chars(length_text_.data(), length_text_.data() + length_text_.size(), *size).ptr;
    fields_.push_back(
        {"content-length", {length_text_.data(), static_cast<size_t>(end - length_text_.data())}});
  }
  if (request.expect_timeout > Duration::zero()) fields_.push_back({"expect", "100-continue"});
}

Exchange* H2ClientConnection::Start(const ExchangeRequest& request, ExchangeEvents& events,
                                    Instant now) {
  if (capacity() == 0 || !request.upgrade.empty()) return nullptr;
  GatherFields(request);
  StreamExchange& exchange = Acquire();
  exchange.Start(request, events, now);
  const bool body = request.has_body && (request.source != nullptr || !request.body.empty());
  h2::Stream* const stream = session_->SubmitRequest(
      {request.method, request.scheme, request.authority, request.target, {}}, fields_,
      body ? h2::Body::From(exchange) : h2::Body::None());
  if (stream == nullptr) {
    exchange.Release();
    return nullptr;
  }
  stream->set_user_data(&exchange);
  exchange.set_stream(stream);
  if (!body) just_sent_.push_back(&exchange);
  if (streams_.size() == 1) last_received_ = std::max(last_received_, now);
  return &exchange;
}

H2ClientConnection::StreamExchange& H2ClientConnection::Acquire() {
  if (spare_.empty()) spare_.push_back(std::make_unique<StreamExchange>(*this));
  streams_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  streams_.back()->index = streams_.size() - 1;
  return *streams_.back();
}

void H2ClientConnection::Recycle(StreamExchange& exchange) {
  const size_t at = exchange.index;
  std::swap(streams_[at], streams_.back());
  streams_[at]->index = at;
  if (spare_.size() < kMaxSpare) spare_.push_back(std::move(streams_.back()));
  streams_.pop_back();
}

// --- Transport ---

void H2ClientConnection::OnReceived(std::string_view bytes, Instant now) {
  last_received_ = now;
  session_->Receive(bytes, now);
}

void H2ClientConnection::OnTransportEnd(boost::system::error_code error, Instant) {
  if (ended_) return;
  ended_ = true;
  if (!broken_) {
    broken_ = true;
    broken_error_ = error ? ClientError::kTransport : ClientError::kClosed;
    broken_cause_ = error;
  }
  session_->Abort(h2::ErrorCode::kInternalError);
}

std::array<std::string_view, 2> H2ClientConnection::Output(Instant) {
  if (ended_) return {};
  if (out_.empty()) {
    // Copied, since the session's own output may move while it is being sent.
    for (std::string_view bytes = session_->Output(); !bytes.empty() && out_.size() < kOutputBytes;
         bytes = session_->Output()) {
      out_.Append(bytes);
      session_->OnWritten(bytes.size());
    }
    TellSent();
  }
  return {out_.view(), {}};
}

void H2ClientConnection::TellSent() {
  while (!just_sent_.empty()) {
    StreamExchange* const exchange = just_sent_.back();
    just_sent_.pop_back();
    if (exchange->events() != nullptr) exchange->events()->OnSent();
  }
}

void H2ClientConnection::OnWritten(size_t size, Instant) {
  wrote_any_ |= size > 0;
  out_.Consume(std::min(size, out_.size()));
}

Instant H2ClientConnection::PingDeadline() const {
  if (options_.ping_interval <= Duration::zero() || ended_) return kNever;
  if (ping_sent_ != kNever) return ping_sent_ + options_.ping_timeout;
  if (streams_.empty() && !options_.ping_when_idle) return kNever;
  return last_received_ + options_.ping_interval;
}

Instant H2ClientConnection::deadline() const {
  Instant earliest = PingDeadline();
  if (expecting_ > 0) {
    for (const auto& exchange : streams_) {
      earliest = std::min(earliest, exchange->continue_at());
    }
  }
  return earliest;
}

void H2ClientConnection::OnDeadline(Instant now) {
  if (expecting_ > 0) {
    for (const auto& exchange : streams_) {
      if (exchange->continue_at() <= now) exchange->Continue();
    }
  }
  if (PingDeadline() > now) return;
  if (ping_sent_ == kNever) {
    session_->Ping({'c', 'o', 'r', 'e', 'l', 'a', 'n', 'e'});
    ping_sent_ = now;
    return;
  }
  broken_ = true;
  broken_error_ = ClientError::kPingTimeout;
  OnTransportEnd({}, now);
}

bool H2ClientConnection::finished() const {
  if (ended_) return true;
  if (draining_ && streams_.empty()) return true;
  return session_->finished() && out_.empty();
}

// --- h2::Handler ---

void H2ClientConnection::OnInformational(h2::Stream& stream, const h2::ResponseHead& head) {
  static_cast<StreamExchange*>(stream.user_data())
      ->OnInformational(head, options_.max_informational);
}
void H2ClientConnection::OnResponse(h2::Stream& stream, const h2::ResponseHead& head, bool end) {
  static_cast<StreamExchange*>(stream.user_data())->OnResponse(head, end);
}
void H2ClientConnection::OnData(h2::Stream& stream, std::string_view data, bool end) {
  static_cast<StreamExchange*>(stream.user_data())->OnData(data, end);
}
void H2ClientConnection::OnTrailers(h2::Stream& stream, const Fields& fields) {
  static_cast<StreamExchange*>(stream.user_data())->OnTrailers(fields);
}
void H2ClientConnection::OnClosed(h2::Stream& stream, h2::ErrorCode code, bool unprocessed) {
  auto* const exchange = static_cast<StreamExchange*>(stream.user_data());
  if (exchange != nullptr) exchange->OnClosed(code, unprocessed);
}

void H2ClientConnection::OnConnectionError(h2::ErrorCode code, std::string_view) {
  draining_ = true;
  if (broken_) return;
  broken_ = true;
  broken_error_ = ClientError::kConnectionError;
  broken_detail_ = h2::ErrorName(code).data();  // Of a literal, so it ends with NUL.
}

ExchangeFailure H2ClientConnection::FailureFor(h2::ErrorCode code, bool unprocessed,
                                               bool head_seen) const {
  ExchangeFailure failure;
  failure.unprocessed = unprocessed || !wrote_any_;
  if (broken_) {
    failure.error = broken_error_;
    if (head_seen && failure.error == ClientError::kClosed) failure.error = ClientError::kTruncated;
    failure.cause = broken_cause_;
    failure.detail = broken_detail_;
    return failure;
  }
  // RFC 9113 §8.7
  const bool refused = unprocessed || code == h2::ErrorCode::kRefusedStream;
  failure.error = refused ? ClientError::kRefused : ClientError::kReset;
  failure.unprocessed |= refused;
  failure.detail = h2::ErrorName(code).data();
  return failure;
}

}  // namespace corelane::http
