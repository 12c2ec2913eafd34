#include "http/client/call.h"

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <utility>

#include "http/client/client_core.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr int kMaxStaleAttempts = 3;

// asio::error::operation_aborted and in_progress, without Asio.
boost::system::error_code Aborted() { return {ECANCELED, boost::system::system_category()}; }
boost::system::error_code InProgress() { return {EINPROGRESS, boost::system::system_category()}; }

}  // namespace

Call::Call(ClientCore& core, OutgoingRequest request, std::unique_ptr<SendDone> done)
    : core_(&core),
      request_(std::move(request)),
      source_(request_.upgrade().empty() ? request_.source() : request_.tunnel()),
      send_done_(std::move(done)),
      phase_deadline_([](void* self) { static_cast<Call*>(self)->OnPhaseTimeout(); }, this),
      total_deadline_([](void* self) { static_cast<Call*>(self)->OnTotalTimeout(); }, this) {}

Call::~Call() { Cancel(); }

// --- The request ---

void Call::Start() {
  if (!Prepare()) return;
  const ClientOptions& options = core_->options();
  core_->deadlines_.ArmAfter(total_deadline_,
                             request_.total_timeout().value_or(options.timeouts.total));
  expect_ = request_.expect_continue() && request_.has_body();
  Attempt();
}

bool Call::Prepare() {
  std::string problem = request_.Problem();
  if (!problem.empty()) {
    FailWith(ClientError::kBadRequest, ClientPhase::kPrepare, std::move(problem));
    return false;
  }
  std::optional<Url> url = Url::Parse(request_.url(), &problem);
  if (!url) {
    FailWith(ClientError::kBadUrl, ClientPhase::kPrepare, std::move(problem));
    return false;
  }
  url_ = *std::move(url);
  TakeCredentials();
  return true;
}

// RFC 3986 §3.2.1: the URL's userinfo, for its own origin; a field of the user's goes first.
void Call::TakeCredentials() {
  if (!url_.has_credentials() || request_.fields().Has("Authorization")) return;
  request_.Set("Authorization", BasicCredentials(url_.user(), url_.password()));
}

void Call::Attempt() {
  const ClientOptions& options = core_->options();
  HttpVersion version = request_.version();
  if (version == HttpVersion::kAny) version = options.version;
  if (!request_.upgrade().empty()) version = HttpVersion::kHttp1;
  const Url* const proxy = options.proxy.For(url_);
  if (proxy != nullptr && proxy->secure()) {
    return FailWith(ClientError::kBadRequest, ClientPhase::kPrepare,
                    "proxy '" + proxy->text() + "': expected http");
  }
  route_ = Route(url_, proxy, version);
  address_.clear();
  state_ = State::kWaiting;
  phase_ = ClientPhase::kPool;
  core_->deadlines_.ArmAfter(phase_deadline_, options.timeouts.pool);
  core_->pool_.Acquire(*this, route_);
}

void Call::OnDialing() { core_->deadlines_.Cancel(phase_deadline_); }
void Call::OnQueued() {
  core_->deadlines_.ArmAfter(phase_deadline_, core_->options().timeouts.pool);
}

void Call::OnNoLink(const Failure& failure) {
  const std::shared_ptr<Call> keep = shared_from_this();
  HandleFailure(failure);
}

void Call::OnLink(Link& link) {
  const std::shared_ptr<Call> keep = shared_from_this();
  link_ = link.shared_from_this();
  address_ = link.address();
  reused_ = link.uses() > 0;
  if (reused_) ++core_->stats_.reused;
  link.CountUse();
  if (!StartExchange()) {
    link_ = nullptr;
    FailWith(ClientError::kBadRequest, ClientPhase::kPrepare, "a field cannot be sent");
    return;
  }
  link.Touch();
}

void Call::AddDefault(std::string_view name, std::string_view value) {
  if (!request_.fields().Has(name)) more_fields_.emplace_back(name, value);
}

void Call::FillFields() {
  const ClientOptions& options = core_->options();
  more_fields_.clear();
  AddDefault("Accept", "*/*");
  if (!options.user_agent.empty()) AddDefault("User-Agent", options.user_agent);
  // What the user has asked for comes to the user as it is; so do ranges, which count coded bytes.
  decompress_ = request_.decompress().value_or(options.decompress) &&
                !request_.fields().Has("Accept-Encoding") && !request_.fields().Has("Range");
  if (decompress_) AddDefault("Accept-Encoding", kAcceptedCodings);
  if (route_.absolute_form && route_.proxy->has_credentials()) {
    AddDefault("Proxy-Authorization",
               BasicCredentials(route_.proxy->user(), route_.proxy->password()));
  }
}

bool Call::StartExchange() {
  FillFields();
  target_ = route_.absolute_form ? "http://" + url_.authority() + url_.target() : url_.target();
  ExchangeRequest request;
  request.method = request_.method();
  request.scheme = url_.scheme();
  request.authority = url_.authority();
  request.target = target_;
  request.fields = &request_.fields();
  request.more_fields = more_fields_;
  request.body = request_.body();
  request.source = request_.source().get();
  request.has_body = request_.has_body();
  request.upgrade = request_.upgrade();
  request.tunnel = request_.tunnel().get();
  if (expect_) request.expect_timeout = core_->options().expect_timeout;
  source_used_ |= request.source != nullptr;
  state_ = State::kActive;
  phase_ = ClientPhase::kWrite;
  core_->deadlines_.ArmAfter(phase_deadline_, core_->options().timeouts.write);
  exchange_ = link_->connection().Start(request, *this, core_->deadlines_.now());
  return exchange_ != nullptr;
}

void Call::OnProgress() {
  if (phase_ != ClientPhase::kWrite) return;
  core_->deadlines_.ArmAfter(phase_deadline_, core_->options().timeouts.write);
}

void Call::OnSent() {
  if (phase_ != ClientPhase::kWrite) return;
  phase_ = ClientPhase::kFirstByte;
  core_->deadlines_.ArmAfter(phase_deadline_, core_->options().timeouts.first_byte);
}

// --- The response's head ---

void Call::OnHead(const IncomingHead& head) {
  const std::shared_ptr<Call> keep = shared_from_this();
  if (Redirect(head) || RetryLater(head) || RepeatTimedOut(head) || RepeatWithoutExpect(head)) {
    return;
  }
  Deliver(head);
}

bool Call::Redirect(const IncomingHead& head) {
  const RedirectOptions& options = core_->options().redirect;
  if (!request_.follow_redirects().value_or(options.follow) || !IsRedirect(head.status)) {
    return false;
  }
  const std::optional<std::string_view> location = head.fields.Find("Location");
  if (!location) return false;
  phase_ = ClientPhase::kFirstByte;
  if (redirects_ >= options.max) {
    FailWith(ClientError::kTooManyRedirects, phase_, std::to_string(redirects_));
    return true;
  }
  std::string why;
  std::optional<Url> to = url_.Resolve(*location, &why);
  if (!to) {
    FailWith(ClientError::kBadRedirect, phase_, std::move(why));
    return true;
  }
  ReleaseExchange();
  if (const auto error = ApplyRedirect(head.status, url_, *to, options, request_)) {
    FailWith(*error, phase_, "to " + to->text());
    return true;
  }
  source_used_ = false;
  expect_ = expect_ && request_.has_body();
  ++redirects_;
  ++core_->stats_.redirects;
  url_ = *std::move(to);
  TakeCredentials();
  Attempt();
  return true;
}

// RFC 9110 §10.2.3: a server in trouble says when it wants to be asked again.
bool Call::RetryLater(const IncomingHead& head) {
  const RetryOptions& options = core_->options().retry;
  if (head.status != 429 && head.status != 503) return false;
  const std::optional<std::string_view> value = head.fields.Find("Retry-After");
  if (!value || !request_.idempotent() || attempts_ >= options.max) return false;
  const std::optional<Duration> after = ParseRetryAfter(*value, core_->alarm_.UnixSeconds());
  if (!after || *after > options.max_retry_after || !Rewind()) return false;
  if (!core_->budget_.Take()) {
    ++core_->stats_.retries_denied;
    return false;
  }
  ReleaseExchange();
  BackOff(*after);
  return true;
}

// RFC 9110 §15.5.9: on a kept connection a 408 has crossed the request, and answers nothing.
bool Call::RepeatTimedOut(const IncomingHead& head) {
  if (head.status != 408 || !reused_ || !request_.idempotent() ||
      stale_attempts_ >= kMaxStaleAttempts || !Rewind()) {
    return false;
  }
  ++stale_attempts_;
  ++core_->stats_.stale_retries;
  link_->connection().Drain();
  ReleaseExchange();
  Attempt();
  return true;
}

// RFC 9110 §15.5.18: a 417 to an expectation that a proxy does not know.
bool Call::RepeatWithoutExpect(const IncomingHead& head) {
  if (head.status != 417 || !expect_ || !Rewind()) return false;
  expect_ = false;
  ReleaseExchange();
  Attempt();
  return true;
}

void Call::Deliver(const IncomingHead& head) {
  status_ = head.status;
  version_ = head.version;
  reason_ = head.reason;
  fields_.Assign(head.fields);
  length_ = head.length;
  state_ = State::kBody;
  phase_ = ClientPhase::kBody;
  core_->deadlines_.Cancel(phase_deadline_);
  if (tunnels()) core_->deadlines_.Cancel(total_deadline_);
  ++core_->stats_.responses;
  if (decompress_ && !head.end) {
    const auto coding = head.fields.Find("Content-Encoding");
    if (coding) decoder_ = ContentDecoder::For(*coding);
    if (decoder_ != nullptr) {
      length_.reset();
      fields_.Remove("Content-Encoding");
      fields_.Remove("Content-Length");
    }
  }
  // Without a body the connection is free already.
  char none[1];
  if (head.end && exchange_->Read(none).status == BodyRead::Status::kEnd) Finish();
  self.reset();  // From now on the response's owner is the call's.
  std::exchange(send_done_, nullptr)->OnSent({}, shared_from_this());
}

// --- Failures ---

std::string Call::Where() const {
  std::string where = route_.name.empty() ? request_.url() : route_.name;
  if (!address_.empty()) where += " [" + address_ + "]";
  return where;
}

void Call::OnFailed(const ExchangeFailure& failure) {
  const std::shared_ptr<Call> keep = shared_from_this();
  Failure what;
  what.code = failure.error;
  what.cause = failure.cause;
  what.phase = phase_;
  what.where = Where();
  what.detail = failure.detail;
  what.unprocessed = failure.unprocessed;
  ReleaseExchange();
  HandleFailure(what);
}

bool Call::Rewind() {
  if (request_.source() == nullptr || !source_used_) return true;
  source_used_ = !request_.source()->Rewind();
  return !source_used_;
}

bool Call::MayRepeat(const Failure& failure) {
  switch (static_cast<ClientError>(failure.code.value())) {
    case ClientError::kConnect:
      return core_->options().retry.connect_failures;
    case ClientError::kClosed:
    case ClientError::kTransport:
    case ClientError::kTruncated:
    case ClientError::kPingTimeout:
    case ClientError::kConnectionError:
    case ClientError::kRefused:
    case ClientError::kReset:
      return failure.unprocessed || (request_.idempotent() && failure.code != ClientError::kReset);
    default:
      return false;
  }
}

void Call::HandleFailure(const Failure& failure) {
  const RetryOptions& options = core_->options().retry;
  if (failure.code.category() != ClientErrorCategory() || !MayRepeat(failure) || !Rewind()) {
    return EndWith(failure);
  }
  // The server had closed a kept connection, which nobody can know before.
  const bool stale = reused_ && (failure.unprocessed || failure.code == ClientError::kClosed ||
                                 failure.code == ClientError::kTransport);
  if (stale && stale_attempts_ < kMaxStaleAttempts) {
    ++stale_attempts_;
    ++core_->stats_.stale_retries;
    return Attempt();
  }
  if (attempts_ >= options.max) return EndWith(failure);
  if (!core_->budget_.Take()) {
    ++core_->stats_.retries_denied;
    return EndWith(failure);
  }
  BackOff(http::BackOff(options, attempts_, core_->random_));
}

void Call::BackOff(Duration delay) {
  ++attempts_;
  ++core_->stats_.retries;
  state_ = State::kBackOff;
  phase_ = ClientPhase::kPool;
  core_->deadlines_.Arm(phase_deadline_, core_->deadlines_.now() + delay);
}

void Call::FailWith(ClientError error, ClientPhase phase, std::string detail) {
  Failure failure;
  failure.code = error;
  failure.phase = phase;
  failure.where = Where();
  failure.detail = std::move(detail);
  EndWith(std::move(failure));
}

void Call::OnPhaseTimeout() {
  const std::shared_ptr<Call> keep = shared_from_this();
  if (state_ == State::kBackOff) return Attempt();
  switch (phase_) {
    case ClientPhase::kPool:
      return FailWith(ClientError::kPoolTimeout, phase_);
    case ClientPhase::kWrite:
      return FailWith(ClientError::kWriteTimeout, phase_);
    case ClientPhase::kFirstByte:
      return FailWith(ClientError::kFirstByteTimeout, phase_);
    default:
      return FailWith(ClientError::kReadTimeout, phase_);
  }
}

void Call::OnTotalTimeout() {
  const std::shared_ptr<Call> keep = shared_from_this();
  FailWith(ClientError::kTotalTimeout, phase_);
}

void Call::Cancel() {
  if (core_ == nullptr || state_ == State::kEnded || state_ == State::kFailed) {
    open_node.Unlink();
    return;
  }
  Failure failure;
  failure.code = Aborted();
  failure.phase = phase_;
  EndWith(std::move(failure));
}

void Call::OnCoreGone() {
  const std::shared_ptr<Call> keep = shared_from_this();
  Cancel();
  open_node.Unlink();
  core_ = nullptr;
}

// The call is over; whoever waits hears it.
void Call::EndWith(Failure failure) {
  if (failure.code != Aborted()) ++core_->stats_.failures;
  failure_ = std::move(failure);
  core_->pool_.Abandon(*this);
  Finish();
  state_ = State::kFailed;
  const boost::system::error_code code = failure_.code;
  std::shared_ptr<Call> last = std::move(self);
  if (send_done_ != nullptr) std::exchange(send_done_, nullptr)->OnSent(code, std::move(last));
  if (read_done_ != nullptr) std::exchange(read_done_, nullptr)->OnRead(code, 0);
  if (read_all_done_ != nullptr) std::exchange(read_all_done_, nullptr)->OnReadAll(code, {});
}

void Call::Finish() {
  state_ = State::kEnded;
  core_->deadlines_.Cancel(phase_deadline_);
  core_->deadlines_.Cancel(total_deadline_);
  ReleaseExchange();
  open_node.Unlink();
  if (source_ != nullptr) std::exchange(source_, nullptr)->OnRequestOver();
}

void Call::ReleaseExchange() {
  if (exchange_ == nullptr) return;
  std::exchange(exchange_, nullptr)->Release();
  const std::shared_ptr<Link> link = std::move(link_);
  link->Touch();
}

// --- The body ---

Call::Got Call::PullRaw(std::span<char> out) {
  if (exchange_ == nullptr) return {BodyRead::Status::kEnd, 0};
  const BodyRead got = exchange_->Read(out);
  switch (got.status) {
    case BodyRead::Status::kData:
      link_->Touch();  // There may be room again.
      break;
    case BodyRead::Status::kEnd:
      trailers_.Assign(exchange_->trailers());
      Finish();
      break;
    default:
      break;
  }
  return {got.status, got.size};
}

Call::Got Call::PullDecoded(std::span<char> out) {
  if (raw_.empty()) raw_.resize(16 << 10);
  for (;;) {
    const ContentDecoder::Step step =
        decoder_->Decode({raw_.data() + raw_begin_, raw_end_ - raw_begin_}, out);
    raw_begin_ += step.consumed;
    if (step.consumed + step.produced > 0) {
      stream_ended_ = step.status == ContentDecoder::Step::Status::kEnd;
    }
    if (step.status == ContentDecoder::Step::Status::kError) {
      FailBody(ClientError::kBadContentCoding, "");
      return {BodyRead::Status::kFailed, 0};
    }
    if (step.produced > 0) return {BodyRead::Status::kData, step.produced};
    if (step.consumed > 0) continue;
    // What stands behind the coded stream is nobody's.
    raw_begin_ = raw_end_ = 0;
    const Got got = PullRaw(raw_);
    if (got.status == BodyRead::Status::kEnd && raw_any_ && !stream_ended_) {
      FailBody(ClientError::kBadContentCoding, "it ends too early");
      return {BodyRead::Status::kFailed, 0};
    }
    if (got.status != BodyRead::Status::kData) return got;
    raw_any_ = true;
    raw_end_ = got.size;
  }
}

Call::Got Call::Pull(std::span<char> out) {
  if (state_ == State::kFailed) return {BodyRead::Status::kFailed, 0};
  const Got got = decoder_ != nullptr ? PullDecoded(out) : PullRaw(out);
  if (got.status == BodyRead::Status::kFailed && exchange_ != nullptr) {
    const ExchangeFailure failure = exchange_->failure();
    FailBody(failure.error, failure.detail, failure.cause);
  }
  return got;
}

void Call::FailBody(ClientError error, std::string detail, boost::system::error_code cause) {
  Failure failure;
  failure.code = error;
  failure.cause = cause;
  failure.phase = ClientPhase::kBody;
  failure.where = Where();
  failure.detail = std::move(detail);
  if (core_ == nullptr) {
    failure_ = std::move(failure);
    state_ = State::kFailed;
    return;
  }
  EndWith(std::move(failure));
}

void Call::OnReadable() {
  const std::shared_ptr<Call> keep = shared_from_this();
  if (read_done_ != nullptr) {
    TryRead();
  } else if (read_all_done_ != nullptr) {
    TryReadAll();
  }
}

void Call::Read(std::span<char> into, std::unique_ptr<ReadDone> done) {
  const std::shared_ptr<Call> keep = shared_from_this();
  if (reading()) return done->OnRead(InProgress(), 0);
  if (state_ == State::kFailed) return done->OnRead(failure_.code, 0);
  if (into.empty()) return done->OnRead({}, 0);
  read_into_ = into;
  read_done_ = std::move(done);
  TryRead();
}

void Call::TryRead() {
  const Got got = Pull(read_into_);
  if (read_done_ == nullptr) return;  // It has failed, and said so.
  switch (got.status) {
    case BodyRead::Status::kData:
      return CompleteRead({}, got.size);
    case BodyRead::Status::kEnd:
      return CompleteRead({}, 0);
    case BodyRead::Status::kFailed:
      return CompleteRead(failure_.code, 0);
    case BodyRead::Status::kPending:
      break;
  }
  if (tunnels()) return;
  core_->deadlines_.ArmAfter(phase_deadline_, core_->options().timeouts.read);
}

void Call::CompleteRead(boost::system::error_code error, size_t size) {
  if (core_ != nullptr) core_->deadlines_.Cancel(phase_deadline_);
  std::exchange(read_done_, nullptr)->OnRead(error, size);
}

void Call::ReadAll(size_t limit, std::unique_ptr<ReadAllDone> done) {
  const std::shared_ptr<Call> keep = shared_from_this();
  if (reading()) return done->OnReadAll(InProgress(), {});
  if (state_ == State::kFailed) return done->OnReadAll(failure_.code, {});
  read_all_done_ = std::move(done);
  limit_ = limit;
  all_.clear();
  if (length_ && *length_ > limit) {
    return FailBody(ClientError::kBodyTooLarge, std::to_string(*length_) + " bytes announced, " +
                                                    std::to_string(limit) + " allowed");
  }
  if (length_) all_.reserve(static_cast<size_t>(std::min<uint64_t>(*length_, 1 << 20)));
  TryReadAll();
}

void Call::TryReadAll() {
  constexpr size_t kPiece = 16 << 10;
  Got got;
  do {
    const size_t before = all_.size();
    all_.resize(before + kPiece);
    got = Pull({all_.data() + before, kPiece});
    all_.resize(before + got.size);
    if (all_.size() > limit_ && read_all_done_ != nullptr) {
      return FailBody(ClientError::kBodyTooLarge, std::to_string(limit_) + " bytes allowed");
    }
  } while (got.status == BodyRead::Status::kData);
  if (read_all_done_ == nullptr) return;
  if (got.status == BodyRead::Status::kPending) {
    core_->deadlines_.ArmAfter(phase_deadline_, core_->options().timeouts.read);
    return;
  }
  if (core_ != nullptr) core_->deadlines_.Cancel(phase_deadline_);
  const boost::system::error_code error =
      got.status == BodyRead::Status::kEnd ? boost::system::error_code() : failure_.code;
  std::exchange(read_all_done_, nullptr)->OnReadAll(error, std::move(all_));
}

}  // namespace corelane::http
