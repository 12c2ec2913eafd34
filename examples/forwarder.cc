#include "examples/forwarder.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <utility>
#include <vector>

#include "examples/kernel_sockets.h"
#include "runtime/tcp_stream.h"

namespace corelane::examples {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// One connection, its two directions and their buffers.
struct Tunnel {
  Tunnel(KernelStream outside, runtime::TcpStream inside)
      : outside(std::move(outside)), inside(std::move(inside)) {}

  KernelStream outside;
  runtime::TcpStream inside;
};

// Copies one direction until its end, which it passes on; an error ends both.
template <class From, class To>
Task Pump(std::shared_ptr<Tunnel> tunnel, From& from, To& to) {
  std::vector<char> bytes(64 * 1024);
  error_code error;
  auto token = asio::redirect_error(kAwait, error);
  for (;;) {
    const asio::mutable_buffer room = asio::buffer(bytes);
    const size_t n = co_await from.async_read_some(room, token);
    if (error) break;
    const asio::const_buffer part(bytes.data(), n);
    co_await asio::async_write(to, part, token);
    if (error) break;
  }
  error_code ignored;
  if (error == asio::error::eof) {
    to.shutdown(asio::socket_base::shutdown_send, ignored);
  } else {
    tunnel->inside.reset();
    tunnel->outside.close(ignored);
  }
}

}  // namespace

struct Forwarder::State {
  State(runtime::Worker& worker, stack::Stack& stack, const Endpoint& to)
      : worker(worker), stack(stack), to(to), acceptor(worker.get_executor()) {}

  static Task Carry(std::shared_ptr<State> self, KernelStream outside) {
    runtime::TcpStream inside(self->worker.get_executor(), self->stack);
    error_code error;
    auto token = asio::redirect_error(kAwait, error);
    const Endpoint to = self->to;
    co_await inside.async_connect(to, token);
    if (error) co_return;
    error_code ignored;
    outside.set_option(asio::ip::tcp::no_delay(true), ignored);
    inside.set_option(asio::ip::tcp::no_delay(true));
    auto tunnel = std::make_shared<Tunnel>(std::move(outside), std::move(inside));
    const runtime::WorkerExecutor executor = self->worker.get_executor();
    asio::co_spawn(executor, Pump(tunnel, tunnel->outside, tunnel->inside), asio::detached);
    asio::co_spawn(executor, Pump(tunnel, tunnel->inside, tunnel->outside), asio::detached);
  }

  runtime::Worker& worker;
  stack::Stack& stack;
  Endpoint to;
  KernelAcceptor acceptor;
};

Forwarder::Forwarder(runtime::Worker& worker, stack::Stack& stack, const Endpoint& to)
    : state_(std::make_shared<State>(worker, stack, to)) {}

Forwarder::~Forwarder() { Close(); }

error_code Forwarder::Listen(const Endpoint& at) {
  const error_code error = examples::Listen(state_->acceptor, at);
  if (error) return error;
  const auto carry = [self = state_](KernelStream outside) {
    asio::co_spawn(self->worker.get_executor(), State::Carry(self, std::move(outside)),
                   asio::detached);
  };
  asio::co_spawn(state_->worker.get_executor(), AcceptLoop(state_->acceptor, carry),
                 asio::detached);
  return error;
}

Endpoint Forwarder::local_endpoint() const { return LocalEndpoint(state_->acceptor); }

void Forwarder::Close() {
  error_code ignored;
  state_->acceptor.close(ignored);
}

}  // namespace corelane::examples
