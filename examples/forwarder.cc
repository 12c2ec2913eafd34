#include "examples/forwarder.h"

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace corelane::examples {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = runtime::WorkerExecutor;
using KernelSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using KernelAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Task = asio::awaitable<void, Executor>;

constexpr asio::use_awaitable_t<Executor> kAwait;

// One connection, its two directions and their buffers.
struct Tunnel {
  Tunnel(KernelSocket outside, runtime::TcpStream inside)
      : outside(std::move(outside)), inside(std::move(inside)) {}

  KernelSocket outside;
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

  static Task Carry(std::shared_ptr<State> self, KernelSocket outside) {
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
    const Executor executor = self->worker.get_executor();
    asio::co_spawn(executor, Pump(tunnel, tunnel->outside, tunnel->inside), asio::detached);
    asio::co_spawn(executor, Pump(tunnel, tunnel->inside, tunnel->outside), asio::detached);
  }

  static Task Accept(std::shared_ptr<State> self) {
    error_code error;
    auto token = asio::redirect_error(kAwait, error);
    while (self->acceptor.is_open()) {
      KernelSocket socket = co_await self->acceptor.async_accept(token);
      if (error == asio::error::operation_aborted) break;
      if (error) continue;
      asio::co_spawn(self->worker.get_executor(), Carry(self, std::move(socket)), asio::detached);
    }
  }

  runtime::Worker& worker;
  stack::Stack& stack;
  Endpoint to;
  KernelAcceptor acceptor;
};

Forwarder::Forwarder(runtime::Worker& worker, stack::Stack& stack, const Endpoint& to)
    : state_(std::make_shared<State>(worker, stack, to)) {}

Forwarder::~Forwarder() { Close(); }

asio::ip::tcp::endpoint ToAsio(const Endpoint& endpoint) {
  return {asio::ip::make_address(endpoint.address.ToString()), endpoint.port};
}

error_code Forwarder::Listen(const Endpoint& at) {
  const asio::ip::tcp::endpoint endpoint = ToAsio(at);
  error_code error;
  KernelAcceptor& acceptor = state_->acceptor;
  if (acceptor.open(endpoint.protocol(), error)) return error;
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (acceptor.bind(endpoint, error)) return error;
  if (acceptor.listen(asio::socket_base::max_listen_connections, error)) return error;
  asio::co_spawn(state_->worker.get_executor(), State::Accept(state_), asio::detached);
  return error;
}

Endpoint Forwarder::local_endpoint() const {
  error_code ignored;
  const auto local = state_->acceptor.local_endpoint(ignored);
  return {IpAddress::Parse(local.address().to_string()).value_or(IpAddress()), local.port()};
}

void Forwarder::Close() {
  error_code ignored;
  state_->acceptor.close(ignored);
}

}  // namespace corelane::examples
