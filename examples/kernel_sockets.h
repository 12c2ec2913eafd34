// The kernel's sockets on a worker, and what the examples do with acceptors of either kind.

#ifndef CORELANE_EXAMPLES_KERNEL_SOCKETS_H_
#define CORELANE_EXAMPLES_KERNEL_SOCKETS_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <utility>

#include "core/ip_address.h"
#include "runtime/steady_timer.h"
#include "runtime/worker.h"

namespace corelane::examples {

using Task = boost::asio::awaitable<void, runtime::WorkerExecutor>;
inline constexpr boost::asio::use_awaitable_t<runtime::WorkerExecutor> kAwait;

using KernelStream =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, runtime::WorkerExecutor>;
using KernelAcceptor =
    boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, runtime::WorkerExecutor>;
using KernelUdpSocket =
    boost::asio::basic_datagram_socket<boost::asio::ip::udp, runtime::WorkerExecutor>;

boost::asio::ip::tcp::endpoint ToTcp(const Endpoint& endpoint);
boost::asio::ip::udp::endpoint ToUdp(const Endpoint& endpoint);

// Opens, binds and listens. Errors: Asio's.
boost::system::error_code Listen(KernelAcceptor& acceptor, const Endpoint& at);
// Opens and binds.
boost::system::error_code Bind(KernelUdpSocket& socket, const Endpoint& at);
// With the port that was chosen where 0 was asked for.
Endpoint LocalEndpoint(const KernelAcceptor& acceptor);

// Calls on_stream(stream) with each connection until the acceptor is closed.
template <class Acceptor, class OnStream>
Task AcceptLoop(Acceptor& acceptor, OnStream on_stream) {
  constexpr auto kPause = std::chrono::milliseconds(20);
  boost::system::error_code error;
  auto token = boost::asio::redirect_error(kAwait, error);
  while (acceptor.is_open()) {
    auto stream = co_await acceptor.async_accept(token);
    if (error == boost::asio::error::operation_aborted) break;
    if (!error) {
      on_stream(std::move(stream));
      continue;
    }
    // No descriptors, or a peer that has gone: try again soon.
    runtime::SteadyTimer timer(acceptor.get_executor());
    timer.expires_after(kPause);
    co_await timer.async_wait(token);
  }
}

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_KERNEL_SOCKETS_H_
