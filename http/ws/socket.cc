#include "http/ws/socket.h"

#include "http/ws/session.h"

namespace corelane::ws {

using internal::Session;

bool Socket::ReceiveAwaiter::await_ready() {
  return session_.over() ? session_.MayRefuse() : session_.has_message();
}
void Socket::ReceiveAwaiter::await_suspend(std::coroutine_handle<> waiter) {
  session_.Suspend(Session::Waiting::kMessage, {}, waiter);
}
std::optional<Message> Socket::ReceiveAwaiter::await_resume() { return session_.TakeMessage(); }

bool Socket::SendAwaiter::await_ready() {
  sent_ = session_.Submit(message_);
  return sent_ ? session_.sent() : session_.MayRefuse();
}
void Socket::SendAwaiter::await_suspend(std::coroutine_handle<> waiter) {
  session_.Suspend(Session::Waiting::kRoom, {}, waiter);
}
bool Socket::SendAwaiter::await_resume() { return sent_ && !session_.over(); }

bool Socket::SleepAwaiter::await_ready() { return session_.over() && session_.MayRefuse(); }
void Socket::SleepAwaiter::await_suspend(std::coroutine_handle<> waiter) {
  session_.Suspend(Session::Waiting::kTime, duration_, waiter);
}
bool Socket::SleepAwaiter::await_resume() { return !session_.over(); }

bool Socket::TrySend(Message message) { return session_.TrySubmit(message); }
void Socket::Close(CloseCode code, std::string_view reason) { session_.Close(code, reason); }
bool Socket::Ping(std::string_view payload) { return session_.Ping(payload); }

bool Socket::open() const { return !session_.over(); }
CloseCode Socket::close_code() const { return session_.close_code(); }
std::string_view Socket::close_reason() const { return session_.close_reason(); }
size_t Socket::buffered() const { return session_.buffered(); }
std::string_view Socket::subprotocol() const { return session_.subprotocol(); }
bool Socket::compressed() const { return session_.compressed(); }
const http::Request& Socket::request() const { return session_.request(); }

}  // namespace corelane::ws
