#include "http/ws/handler.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "http/ws/handshake.h"
#include "http/ws/session.h"

namespace corelane::ws {
namespace {

using internal::Endpoint;
using internal::Session;

// The session between the bytes of a tunnel.
class Tunnel final : public http::BodySource {
 public:
  explicit Tunnel(std::unique_ptr<Session> session)
      : session_(std::move(session)), request_(session_->request()) {
    session_->set_wake([](void* self) { static_cast<Tunnel*>(self)->request_.Interrupt(); }, this);
  }
  ~Tunnel() override { Session::Release(std::move(session_)); }

  Result Read(std::span<char> out) override {
    if (!std::exchange(started_, true)) request_.SetTimeout(Duration::max());
    session_->Advance(request_.now(), request_.stopping());
    TakeInput();
    const std::string_view output = session_->output();
    if (output.empty()) return session_->finished() ? Result::End() : Result::Pending();
    const size_t size = std::min(output.size(), out.size());
    std::memcpy(out.data(), output.data(), size);
    session_->OnSent(size);
    return Result::Data(size);
  }

  http::Task<void> Wait() override {
    const Instant until = session_->NextDeadline();
    const Duration most =
        until == kNever ? Duration::max() : std::max(until - request_.now(), Duration::zero());
    if (session_->wants_input()) {
      auto more = request_.WaitForBody(most);
      co_await more;
    } else {  // What has arrived stays where it is, and more would end the wait at once.
      auto time = request_.Sleep(most);
      co_await time;
    }
  }

 private:
  void TakeInput() {
    while (session_->wants_input()) {
      const std::optional<http::BodyChunk> chunk = request_.PollBody();
      if (!chunk.has_value()) return;
      if (chunk->end()) {
        session_->OnInputEnd(request_.now());
      } else {
        session_->OnInput(chunk->data, request_.now());
      }
    }
  }

  std::unique_ptr<Session> session_;
  const http::Request& request_;
  bool started_ = false;
};

std::shared_ptr<const Endpoint> MakeEndpoint(internal::HandlerFunction handle, Options options) {
  const std::string problem = options.Problem();
  if (!problem.empty()) throw std::invalid_argument("ws::Options: " + problem);
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->handler = std::move(handle);
  endpoint->options = std::move(options);
  return endpoint;
}

}  // namespace

Handler::Handler(std::function<http::Task<void>(Socket&)> handle, Options options)
    : endpoint_(MakeEndpoint(std::move(handle), std::move(options))) {}

http::Task<http::Response> Handler::operator()(const http::Request& request) const {
  Accepted accepted = Accept(request, endpoint_->options);
  if (accepted.refusal.has_value()) co_return *std::move(accepted.refusal);
  auto session =
      std::make_unique<Session>(endpoint_, request, accepted.subprotocol, accepted.deflate);
  http::Response response =
      http::Response::Tunnel("websocket", std::make_unique<Tunnel>(std::move(session)));
  accepted.AddTo(response);
  co_return std::move(response);
}

}  // namespace corelane::ws
