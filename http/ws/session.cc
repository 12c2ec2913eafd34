#include "http/ws/session.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace corelane::ws::internal {
namespace {

Instant After(Instant from, Duration duration) {
  if (duration <= Duration::zero()) return from;
  return from > kNever - duration ? kNever : from + duration;
}

}  // namespace

Session::Session(std::shared_ptr<const Endpoint> endpoint, const http::Request& request,
                 std::string subprotocol, const std::optional<DeflateParams>& deflate)
    : endpoint_(std::move(endpoint)),
      request_(request),
      subprotocol_(std::move(subprotocol)),
      compressed_(deflate.has_value()),
      socket_(*this),
      decoder_(Role::kServer, endpoint_->options.max_message, deflate),
      outbox_(Encoder(Role::kServer, nullptr, deflate,
                      endpoint_->options.deflate.value_or(DeflateOptions())),
              endpoint_->options.fragment_size, endpoint_->options.send_buffer) {}

Session::~Session() {
  // What the handler's frames destroy may still call the socket.
  EndAs(CloseCode::kAbnormal, {});
  detached_ = true;
  pumping_ = true;
  task_ = {};
  if (root_.handle) root_.handle.destroy();
}

void Session::Release(std::unique_ptr<Session> session) {
  Session& self = *session;
  self.detached_ = true;
  self.input_ = {};
  self.EndAs(CloseCode::kAbnormal, {});
  self.outbox_.Abandon();
  if (!self.started_ || self.handler_ended_) return;
  self.pumping_ = true;
  while (self.ResumeHandler()) {
  }
  self.pumping_ = false;
  if (self.handler_ended_ || self.waiter_) return;
  static_cast<void>(session.release());  // OnHandlerEnd deletes it, now or later.
  self.task_.Cancel();
}

// --- The handler ---

Session::Root Session::Run() {
  bool failed = false;
  try {
    task_ = endpoint_->handler(socket_);
    co_await std::move(task_);
  } catch (...) {
    failed = true;
  }
  if (failed) Close(CloseCode::kInternalError, "internal error");
}

// Runs in the final suspension of root_, so that its frame may be destroyed.
void Session::OnHandlerEnd() {
  handler_ended_ = true;
  if (detached_) {
    if (!pumping_) delete this;
    return;
  }
  Close(CloseCode::kNormal, {});
}

void Session::Suspend(Waiting what, Duration duration, std::coroutine_handle<> waiter) {
  CL_CHECK(!waiter_);  // One operation of the handler's own at a time.
  waiter_ = waiter;
  waiting_ = what;
  sleep_for_ = duration;
  wake_at_ = kNever;
  if (!detached_) return Wake();
  if (!pumping_) delete this;  // It goes on although all is over, and nobody else has an eye on it.
}

bool Session::CanResume() {
  if (outbox_.lent()) return false;  // It is being sent from where the handler has it.
  if (over_) return refusals_ <= kMaxRefusals;
  switch (waiting_) {
    case Waiting::kNothing:
      return false;
    case Waiting::kMessage:
      return ready_;
    case Waiting::kRoom:
      return sent();
    case Waiting::kTime:
      if (wake_at_ == kNever) wake_at_ = After(now_, sleep_for_);
      return now_ >= wake_at_;
  }
  return false;
}

bool Session::ResumeHandler() {
  if (!waiter_ || !CanResume()) return false;
  waiting_ = Waiting::kNothing;
  wake_at_ = kNever;
  std::exchange(waiter_, {}).resume();
  return true;
}

void Session::Wake() {
  if (!pumping_ && !detached_ && wake_ != nullptr) wake_(wake_context_);
}

// --- The owner's side ---

void Session::Advance(Instant now, bool stopping) {
  if (stopping) Close(CloseCode::kGoingAway, "the server is stopping");
  if (!started_) {
    started_ = true;
    now_ = heard_ = last_message_ = now;
    pumping_ = true;
    root_ = Run();
    root_.handle.resume();
    pumping_ = false;
  }
  Pump(now);
}

void Session::OnInput(std::string_view bytes, Instant now) {
  CL_DCHECK(wants_input());
  input_ = bytes;
  heard_ = now;
  pong_until_ = kNever;
  Pump(now);
}

void Session::OnInputEnd(Instant now) {
  EndAs(CloseCode::kAbnormal, {});
  outbox_.Abandon();
  finish_ = true;
  Pump(now);
}

void Session::Pump(Instant now) {
  now_ = now;
  pumping_ = true;
  CheckTime();
  do {
    while (ResumeHandler() || Decode()) {
    }
    if (pong_due_) SendPong();
  } while (outbox_.Refill());
  if (std::exchange(messages_sent_, false)) last_message_ = now;
  // What the handler did may have begun the end.
  if (outbox_.close_made() && close_until_ == kNever)
    close_until_ = After(now, options().close_timeout);
  pumping_ = false;
}

// True when there may be more to do.
bool Session::Decode() {
  if (finish_) input_ = {};
  if (ready_ || input_.empty()) return false;
  switch (decoder_.Decode(input_)) {
    case Event::kNeedMore:
      return false;
    case Event::kMessage:
      last_message_ = now_;
      ready_ = !over_;  // After our close frame messages do not count.
      return true;
    case Event::kPing:
      // RFC 6455 §5.5.3: the last one may be answered for all.
      pong_size_ = decoder_.control().copy(pong_.data(), pong_.size());
      pong_due_ = true;
      SendPong();
      return true;
    case Event::kPong:
      return true;
    case Event::kClose:
      OnPeerClose();
      return true;
    case Event::kError:
      Fail(decoder_.error().code, decoder_.error().reason);
      return true;
  }
  return false;
}

// A client that pings and does not read cannot make more and more of them wait.
void Session::SendPong() {
  if (close_sent_ || finish_) pong_due_ = false;
  if (!pong_due_ || !outbox_.has_room()) return;
  outbox_.Pong({pong_.data(), pong_size_});
  pong_due_ = false;
}

// --- Time ---

bool Session::IsDue(Instant from, Duration after) const { return now_ >= After(from, after); }

void Session::CheckTime() {
  if (finish_) return;
  if (close_sent_) {
    if (close_until_ > now_) return;
    outbox_.Abandon();
    finish_ = true;
    return;
  }
  if (std::exchange(messages_sent_, false) || !outbox_.settled()) last_message_ = now_;
  if (IsDue(last_message_, options().idle_timeout)) {
    return Close(CloseCode::kGoingAway, "idle");
  }
  CheckSilence();
}

void Session::CheckSilence() {
  if (ready_ || std::exchange(listens_again_, false)) {  // It may have spoken, unheard.
    heard_ = now_;
    pong_until_ = kNever;
    return;
  }
  if (pong_until_ <= now_) return Fail(CloseCode::kInternalError, "no pong in time");
  if (pong_until_ != kNever || !IsDue(heard_, options().ping_interval)) return;
  ReleaseMemory();
  outbox_.Ping({});
  pong_until_ = After(now_, options().pong_timeout);
}

void Session::ReleaseMemory() {
  outbox_.ReleaseMemory();
  if (waiting_ != Waiting::kMessage) return;  // The handler may look at its message.
  lent_ = http::Buffer();
  decoder_.ReleaseMemory();
}

Instant Session::NextDeadline() const {
  if (finish_) return kNever;
  const Instant wake = waiting_ == Waiting::kTime && !over_ ? wake_at_ : kNever;
  if (close_sent_) return std::min(close_until_, wake);
  const Instant idle = After(last_message_, options().idle_timeout);
  if (ready_) return std::min(idle, wake);
  const Instant silence =
      pong_until_ != kNever ? pong_until_ : After(heard_, options().ping_interval);
  return std::min({idle, wake, silence});
}

// --- The socket's side ---

std::optional<Message> Session::TakeMessage() {
  if (over_ || !ready_) return std::nullopt;
  ready_ = false;
  listens_again_ = true;
  decoder_.TakeMessage(lent_);
  if (!pumping_) Wake();  // Input may go on.
  return Message{decoder_.type(), lent_.view()};
}

bool Session::Submit(const Message& message) {
  if (over_) return false;
  outbox_.Lend(message.type, message.data);
  messages_sent_ = true;
  Wake();
  return true;
}

bool Session::TrySubmit(const Message& message) {
  if (over_ || outbox_.size() + message.data.size() > options().max_send_buffer) return false;
  outbox_.Copy(message.type, message.data);
  messages_sent_ = true;
  Wake();
  return true;
}

bool Session::Ping(std::string_view payload) {
  if (over_ || outbox_.size() > options().max_send_buffer) return false;
  outbox_.Ping(payload);
  Wake();
  return true;
}

void Session::Close(CloseCode code, std::string_view reason) {
  if (over_) return;
  EndAs(code, reason);
  outbox_.Close(code, reason);
  close_sent_ = true;
  Wake();
}

// --- The end ---

void Session::EndAs(CloseCode code, std::string_view reason) {
  if (over_) return;
  over_ = true;
  ready_ = false;
  close_code_ = code;
  close_reason_ = reason;
}

// RFC 6455 §5.5.1, §7.1.1: answer it, and as the server end the connection.
void Session::OnPeerClose() {
  EndAs(decoder_.close_code(), decoder_.close_reason());
  outbox_.Abandon();  // RFC 6455 §5.5.1: it need not process what is left.
  outbox_.Close(decoder_.close_code(), {});
  close_sent_ = true;
  finish_ = true;
}

void Session::Fail(CloseCode code, std::string_view reason) {
  EndAs(code, reason);
  outbox_.Abandon();
  outbox_.Close(code, reason);
  close_sent_ = true;
  finish_ = true;
}

}  // namespace corelane::ws::internal
