#include "http/h1_server.h"

#include <algorithm>
#include <utility>

namespace corelane::http {
namespace {

constexpr size_t kHeadBuffer = 4096;
constexpr size_t kBodyBuffer = 65536;
constexpr size_t kTunnelBuffer = 16384;
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 §3.4
constexpr size_t kFlushBytes = 64 << 10;  // Responses gather up to this.

}  // namespace

H1Server::H1Server(const Router& router, const ServerOptions& options, ServerStats& stats,
                   const ConnectionInfo& connection)
    : router_(router),
      options_(options),
      stats_(stats),
      connection_(connection),
      pace_(std::max(options.response_grace, options.write_timeout),
            options.response_bytes_per_second) {
  parser_.Start(options_.head);
}

H1Server::~H1Server() = default;

void H1Server::OnProtocol(std::string_view alpn) {
  http1_agreed_ = alpn == "http/1.1";
  http2_agreed_ = alpn == "h2";
}

IoAction H1Server::Next(Instant now, int64_t unix_seconds) {
  now_ = now;
  unix_seconds_ = unix_seconds;
  if (idle_since_ == kNever) idle_since_ = now;
  if (writing_ && !failed_) return IoAction::kWait;  // What is being sent must stay where it is.
  in_next_ = true;
  Step step;
  while (!step.has_value()) {
    switch (phase_) {
      case Phase::kHead:
        step = StepHead();
        break;
      case Phase::kCollect:
        step = StepCollect();
        break;
      case Phase::kHandler:
        step = StepHandler();
        break;
      case Phase::kSendBody:
        step = StepSendBody();
        break;
      case Phase::kStream:
        step = StepStream();
        break;
      case Phase::kStreamWait:
        step = StepStreamWait();
        break;
      case Phase::kDrain:
        step = StepDrain();
        break;
      case Phase::kFlush:
        step = StepFlush();
        break;
      case Phase::kLinger:
        step = StepLinger();
        break;
      case Phase::kClosed:
        step = IoAction::kClose;
        break;
    }
  }
  in_next_ = false;
  return *step;
}

// --- Input ---

std::span<char> H1Server::ReadBuffer() {
  if (watching_) return watch_;
  return {in_.data() + in_.size(), in_.room()};
}

void H1Server::OnRead(size_t size, Instant now) {
  now_ = now;
  reading_ = false;
  if (read_since_ != kNever) body_waited_ += now - read_since_;
  read_since_ = kNever;
  if (size == 0) eof_ = true;
  if (std::exchange(watching_, false)) {
    in_.Append({watch_.data(), size});  // Watch() has made sure that nothing moves.
  } else {
    in_.Commit(size);
  }
}

void H1Server::OnWritten(size_t size, Instant now) {
  now_ = now;
  writing_ = false;
  pace_.OnTaken(size, now);
  pace_.Pause(now);
  if (failed_) return;
  const size_t from_head = std::min(size, out_.size());
  out_.Consume(from_head);
  body_out_.remove_prefix(size - from_head);
}

void H1Server::OnDeadline(Instant now) {
  now_ = now;
  if (now < deadline_) return;
  if (!WantsWrite() && (phase_ == Phase::kLinger || idle())) {
    phase_ = Phase::kClosed;  // Nothing to answer.
    return;
  }
  if (handler_runs() && !WantsWrite() && wait_.due() <= now) {
    if (wait_.TimeOut(now) && wait_.outside()) CancelOutside();
    return;  // Else Next resumes it.
  }
  ++stats_.timeouts;
  if (WantsWrite()) return Abort();
  switch (phase_) {
    case Phase::kHead:
      RespondError(408, "the request took too long to arrive");
      return;
    case Phase::kCollect:
      RespondError(408, "the body took too long to arrive");
      return;
    case Phase::kHandler:
    case Phase::kStreamWait:  // The handler reads its body.
      timed_out_ = true;
      body_failed_ = true;
      return;
    default:
      Abort();
  }
}

void H1Server::OnFailure() {
  if (failed_ || phase_ == Phase::kClosed) return;
  ++stats_.aborted;
  Abort();
}

// The stream is of no use any more. A handler that waits for something outside must come back
// first: what it waits for will resume its frame.
void H1Server::Abort() {
  failed_ = true;
  body_failed_ = true;
  out_.Clear();
  body_out_ = {};
  if (handler_runs() && wait_.outside()) {
    if (phase_ != Phase::kHandler) phase_ = Phase::kStreamWait;
    return CancelOutside();
  }
  wait_.Clear();
  task_ = {};
  wait_task_ = {};
  phase_ = Phase::kClosed;
}

void H1Server::Stop() {
  stopping_ = true;
  if (tunnel_) Interrupt();  // Its source looks whether the server stops.
}

H1Server::Step H1Server::Write() {
  if (!writing_) {
    write_until_ = now_ + options_.write_timeout;
    pace_.Begin(now_);
  }
  deadline_ = std::min(write_until_, pace_.due());
  return std::exchange(writing_, true) ? IoAction::kWait : IoAction::kWrite;
}

H1Server::Step H1Server::Read(Instant deadline) {
  deadline_ = deadline;
  return std::exchange(reading_, true) ? IoAction::kWait : IoAction::kRead;
}

H1Server::Step H1Server::Watch() {
  const bool whole = body_.done() && in_.size() == body_at_;  // Nothing of the next request yet.
  if (reading_ || eof_ || failed_ || !whole || in_.room() < kWatchBytes) return IoAction::kWait;
  reading_ = watching_ = true;
  return IoAction::kRead;
}

// --- Heads ---

H1Server::Step H1Server::StepHead() {
  if (out_.size() >= kFlushBytes) return Write();
  if (requests_ == 0 && options_.http2) {
    if (const Step step = DetectHttp2()) return step;
  }
  switch (parser_.Parse(in_.view())) {
    case ParseStatus::kDone:
      Dispatch();
      return std::nullopt;
    case ParseStatus::kError:
      ++stats_.bad_requests;
      RespondError(StatusFor(parser_.error()), Reason(parser_.error()));
      return std::nullopt;
    case ParseStatus::kNeedMore:
      break;
  }
  if (WantsWrite()) return Write();
  if (eof_ || (stopping_ && !parser_.started())) {
    phase_ = Phase::kFlush;
    return std::nullopt;
  }
  return ReadMoreHead();
}

H1Server::Step H1Server::ReadMoreHead() {
  pace_.CaughtUp();
  if (in_.empty()) {
    head_since_ = kNever;
    if (!reading_) in_.Prepare(kHeadBuffer);
    return Read(idle_since_ + options_.idle_timeout);
  }
  if (head_since_ == kNever) head_since_ = now_;
  if (!reading_ && in_.room() == 0) in_.Prepare(std::max(in_.size(), kHeadBuffer));
  return Read(head_since_ + options_.head_timeout);
}

H1Server::Step H1Server::DetectHttp2() {
  const std::string_view seen = in_.view();
  if (http1_agreed_ || seen.empty()) return std::nullopt;
  if (http2_agreed_) return IoAction::kHttp2;  // Where a wrong preface is an error (§3.4).
  if (seen.size() < 3 || !kHttp2Preface.starts_with(seen.substr(0, kHttp2Preface.size()))) {
    return std::nullopt;
  }
  if (seen.size() >= kHttp2Preface.size()) return IoAction::kHttp2;
  if (eof_ || stopping_) return std::nullopt;
  return ReadMoreHead();
}

void H1Server::Dispatch() {
  ++requests_;
  ++stats_.requests;
  head_since_ = kNever;
  head_size_ = parser_.consumed();
  body_at_ = head_size_;
  RequestHead head = parser_.head(in_.view());
  body_.Start(head.body);
  const size_t wanted = !body_.done()                             ? kBodyBuffer
                        : head.fields.Find("Upgrade").has_value() ? kTunnelBuffer
                                                                  : 0;
  if (in_.room() + (in_.size() - head_size_) < wanted) {
    in_.Prepare(wanted - (in_.size() - head_size_));  // Before views are handed out.
    head = parser_.head(in_.view());
  }
  StartRequest(head);
  Route();
}

void H1Server::StartRequest(const RequestHead& head) {
  keep_alive_ = head.keep_alive && !stopping_ &&
                (options_.max_requests == 0 || requests_ < options_.max_requests);
  expect_continue_ = head.expect_continue;
  body_bytes_ = 0;
  body_waited_ = {};
  body_failed_ = false;
  drained_ = 0;
  content_.clear();
  content_slice_ = {};
  polled_.reset();
  timed_out_ = false;
  slow_body_ = output_ready_ = source_ended_ = false;
  wait_.Reset();
  request_ = Request(head, this);
}

void H1Server::Route() {
  const Method method = request_.method();
  if (method == Method::kUnknown || method == Method::kConnect) {
    return Respond(Response::Static("text/plain", "this method is not implemented\n", 501));
  }
  match_ = router_.Match(method, request_.path(), request_.mutable_params(), path_scratch_);
  if (match_.kind != RouteMatch::Kind::kFound) return Respond(AnswerUnrouted(match_));
  if (match_.handler->coroutine) {
    phase_ = Phase::kHandler;
    return;
  }
  if (body_.done()) return RunPlain({});
  if (body_.framing().length > options_.max_content_bytes) {
    return Respond(Response::Static("text/plain", "the body is too large\n", 413));
  }
  phase_ = Phase::kCollect;
}

void H1Server::RunPlain(std::string_view content) {
  request_.set_content(content);
  try {
    Respond(match_.handler->plain(request_));
  } catch (...) {
    Respond(Response::Static("text/plain", "internal error\n", 500));
  }
}

// --- Bodies of requests ---

H1Server::Step H1Server::ReadMoreBody() {
  if (expect_continue_) {  // RFC 9110 §10.1.1
    expect_continue_ = false;
    if (RawBody().empty()) out_.Append(kContinue);
  }
  if (WantsWrite()) return Write();
  if (reading_) return Read(body_until_);
  // Make room behind the head, which views point to: move the rest of the body down to it.
  if (body_at_ > head_size_ && (in_.size() == body_at_ || in_.room() < kBodyBuffer / 2)) {
    in_.Erase(head_size_, body_at_);
    body_at_ = head_size_;
  }
  if (tunnel_ || slow_body_) {
    body_until_ = kNever;
  } else {
    read_since_ = now_;
    const auto seconds =
        static_cast<int64_t>(body_bytes_ / std::max<uint64_t>(options_.body_bytes_per_second, 1));
    const Duration allowed = options_.body_grace + std::chrono::seconds(seconds);
    body_until_ = now_ + std::max(allowed - body_waited_, Duration::zero());
  }
  return Read(body_until_);
}

H1Server::Step H1Server::StepCollect() {
  while (!body_.done()) {
    const BodyStep step = body_.Decode(RawBody());
    if (step.status == ParseStatus::kError) {
      ++stats_.bad_requests;
      RespondError(StatusFor(body_.error()), Reason(body_.error()));
      return std::nullopt;
    }
    body_at_ += step.consumed;
    body_bytes_ += step.data.size();
    if (body_bytes_ > options_.max_content_bytes) {
      Respond(Response::Static("text/plain", "the body is too large\n", 413));
      return std::nullopt;
    }
    if (!step.data.empty()) {
      if (content_.empty() && content_slice_.empty()) {
        content_slice_ = step.data;
      } else {
        content_.append(std::exchange(content_slice_, {}));
        content_.append(step.data);
      }
      continue;
    }
    if (body_.done()) break;
    if (eof_) {
      ++stats_.aborted;
      Abort();
      return std::nullopt;
    }
    content_.append(std::exchange(content_slice_, {}));
    return ReadMoreBody();
  }
  RunPlain(content_.empty() ? content_slice_ : std::string_view(content_));
  return std::nullopt;
}

std::optional<BodyChunk> H1Server::PollBody() {
  using Kind = BodyChunk::Kind;
  if (polled_.has_value()) return std::exchange(polled_, std::nullopt);
  if (body_failed_) return BodyChunk{Kind::kFailed, {}};
  while (!body_.done()) {
    const BodyStep step = body_.Decode(RawBody());
    if (step.status == ParseStatus::kError) {
      ++stats_.bad_requests;
      body_failed_ = true;
      return BodyChunk{Kind::kFailed, {}};
    }
    body_at_ += step.consumed;
    body_bytes_ += step.data.size();
    if (!step.data.empty()) return BodyChunk{Kind::kData, step.data};
    if (body_.done()) break;
    if (!eof_) return std::nullopt;
    if (tunnel_) break;
    ++stats_.aborted;
    body_failed_ = true;
    return BodyChunk{Kind::kFailed, {}};
  }
  return BodyChunk{Kind::kEnd, {}};
}

void H1Server::Interrupt() {
  if (wait_.Interrupt()) NotifyOutside();
}

void H1Server::ResumeOutput() {
  output_ready_ = response_.source() != nullptr && response_.source()->duplex();
  if (output_ready_) NotifyOutside();
}

void H1Server::SetTimeout(Duration duration) {
  wait_.SetTimeout(duration, now_);
  NotifyOutside();
}

void H1Server::ResumeWaiter() {
  const bool outer = std::exchange(in_next_, true);
  wait_.Resume();
  in_next_ = outer;
}

// --- Coroutine handlers ---

template <class T>
bool H1Server::Drive(Task<T>& task, Step& step) {
  while (!task.done()) {
    if (!wait_.outside() && failed_) {  // It waits for us only: it can go.
      Abort();
      return false;
    }
    if (std::exchange(output_ready_, false) && !source_ended_ && !failed_) {
      phase_ = Phase::kStream;
      return false;
    }
    if (WantsWrite()) {
      step = Write();
      return false;
    }
    step = Await();
    if (step.has_value()) return false;
    ResumeWaiter();
  }
  return true;
}

H1Server::Step H1Server::Await() {
  pace_.CaughtUp();  // All that there was has been written.
  if (wait_.Over(now_, stopping_)) return std::nullopt;
  Step step;
  deadline_ = kNever;
  if (wait_.wants_body()) {
    polled_ = PollBody();
    if (polled_.has_value()) return std::nullopt;
    step = ReadMoreBody();
  } else {
    step = Watch();
  }
  if (!writing_) deadline_ = std::min(deadline_, wait_.due());
  return step;
}

H1Server::Step H1Server::StepHandler() {
  if (!task_) {
    task_ = match_.handler->coroutine(request_);
    Start(task_);
  }
  Step step;
  if (!Drive(task_, step)) return step;
  TakeResponse();
  return std::nullopt;
}

void H1Server::TakeResponse() {
  if (failed_ || (body_failed_ && eof_)) {  // Nobody is there to read it.
    task_ = {};
    phase_ = Phase::kClosed;
    return;
  }
  if (body_failed_ || timed_out_) keep_alive_ = false;
  if (body_.error() != ParseError::kNone) {
    task_ = {};
    return RespondError(StatusFor(body_.error()), Reason(body_.error()));
  }
  if (timed_out_) {
    task_ = {};
    return RespondError(408, "the body took too long to arrive");
  }
  Response response;
  try {
    response = task_.Take();
  } catch (...) {
    response = Response::Static("text/plain", "internal error\n", 500);
  }
  task_ = {};
  Respond(std::move(response));
}

H1Server::Step H1Server::StepStreamWait() {
  Step step;
  if (!Drive(wait_task_, step)) return step;
  if (source_ended_ && !failed_) {
    wait_task_ = {};
    FinishExchange();
    return std::nullopt;
  }
  if (failed_) {
    wait_task_ = {};
    phase_ = Phase::kClosed;
    return std::nullopt;
  }
  phase_ = Phase::kStream;
  try {
    wait_task_.Take();
  } catch (...) {
    Abort();
  }
  wait_task_ = {};
  return std::nullopt;
}

}  // namespace corelane::http
