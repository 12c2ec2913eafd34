#include "bench/http_ends.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <span>
#include <string_view>

#include "http/router.h"
#include "http/serve.h"
#include "http/server_options.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/worker.h"

namespace corelane::bench {
namespace {

constexpr std::string_view kBody = kHelloBody;
constexpr std::string_view kType = kHelloType;
constexpr std::string_view kRequest = "GET /hello HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n";

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

// --- the server ---

namespace {

runtime::WorkerOptions Spins() {
  runtime::WorkerOptions options;
  options.idle_spin = std::chrono::hours(24);
  return options;
}

runtime::ListenOptions Backlog(const Options& options) {
  runtime::ListenOptions listen;
  listen.backlog = options.conns + 16;
  return listen;
}

}  // namespace

// Coroutines that still wait go with the worker, after the server but before the router.
struct HttpServerEnd::Parts {
  Parts(const Options& options, stack::Stack& stack, const Endpoint& at)
      : server(Listen(options, stack, at), router, http::ServerOptions()) {}

  runtime::TcpListener Listen(const Options& options, stack::Stack& stack, const Endpoint& at) {
    router.Get("/hello", [](const http::Request&) { return http::Response::Static(kType, kBody); });
    worker.AttachStack(stack);
    return runtime::TcpListener(worker.get_executor(), stack, at, Backlog(options));
  }

  http::Router router;
  runtime::Worker worker{Spins()};
  http::Server<runtime::TcpListener> server;
};

HttpServerEnd::HttpServerEnd(const Options& options, stack::Stack& stack, const Endpoint& at)
    : parts_(std::make_unique<Parts>(options, stack, at)) {
  boost::asio::co_spawn(parts_->worker.get_executor(), parts_->server.Run(), boost::asio::detached);
}

HttpServerEnd::~HttpServerEnd() = default;

void HttpServerEnd::Run(const std::function<bool()>& done, Duration time) {
  parts_->worker.RunUntil(done, time);
}

Result HttpServerEnd::counted() const {
  const http::ServerStats& stats = parts_->server.stats();
  Result result;
  result.transactions = stats.responses_by_class[2];
  result.bytes = result.transactions * kBody.size();
  result.errors = stats.bad_requests + stats.aborted + stats.timeouts;
  for (const int other : {1, 3, 4, 5}) result.errors += stats.responses_by_class[other];
  return result;
}

// --- the client ---

void HttpClientEnd::Open() {
  stack::TcpSetupError error;
  stack::TcpSocket* const s = stack_.tcp().Connect(server_, {}, error);
  if (s == nullptr) {
    ++counted_.errors;
    return;
  }
  peers_.push_back(std::make_unique<Peer>());
  peers_.back()->socket = s;
  s->user = peers_.back().get();
}

void HttpClientEnd::Ask(Peer& peer) {
  peer.unsent -= peer.socket->Write(Bytes(kRequest.substr(kRequest.size() - peer.unsent)));
}

void HttpClientEnd::Fail(Peer& peer) {
  ++counted_.errors;
  peer.socket->user = nullptr;
  peer.socket->Abort();
  peer.socket->Release();
  peer.socket = nullptr;
}

bool HttpClientEnd::TakeAnswer(Peer& peer) {
  const std::string_view text(peer.answer.data(), peer.size);
  // From its first byte each time: nearly every answer arrives whole.
  parser_.Start(http::HeadLimits(), http::Method::kGet);
  const http::ParseStatus status = parser_.Parse(text);
  if (status == http::ParseStatus::kNeedMore && peer.size < peer.answer.size()) return false;
  if (status != http::ParseStatus::kDone) {
    Fail(peer);
    return false;
  }
  const http::ResponseHead head = parser_.head(text);
  const size_t whole = parser_.consumed() + kBody.size();
  const bool right = head.status == 200 && head.keep_alive &&
                     head.body.kind == http::BodyKind::kLength &&
                     head.body.length == kBody.size() &&
                     head.fields.Find("content-type") == kType && whole <= peer.answer.size();
  if (right && peer.size < whole) return false;
  // One request is outstanding, so nothing may follow its answer.
  if (!right || peer.size > whole || text.substr(parser_.consumed()) != kBody) {
    Fail(peer);
    return false;
  }
  return true;
}

void HttpClientEnd::OnEvent(Peer& peer) {
  stack::TcpSocket& s = *peer.socket;
  const uint8_t events = s.TakeEvents();
  if (events & tcp::kConnected) peer.unsent = kRequest.size();
  if (events & tcp::kReadable) {
    auto* const room = reinterpret_cast<uint8_t*>(peer.answer.data());
    peer.size += s.Read({room + peer.size, peer.answer.size() - peer.size});
    if (peer.size > 0 && TakeAnswer(peer)) {
      ++counted_.transactions;
      counted_.bytes += kBody.size();
      peer.size = 0;
      peer.unsent = kRequest.size();
    }
    if (peer.socket == nullptr) return;
  }
  if (s.closed() || s.end_of_stream()) return Fail(peer);
  if (peer.unsent > 0) Ask(peer);
}

void HttpClientEnd::Turn() {
  while (stack::TcpSocket* const s = stack_.tcp().NextReady()) {
    if (s->user != nullptr) OnEvent(*static_cast<Peer*>(s->user));
  }
}

}  // namespace corelane::bench
