// Sends back what it receives, over TCP and UDP at the same port.
//
//   echo_server                             on the in-process ring, behind a forwarder at
//                                           127.0.0.1:8080
//   echo_server --device tap:corelane0      on a Linux TAP interface
//   echo_server --device pcap:IN,out=OUT --neighbor ADDR=MAC
//                                           answers what a capture holds
//   echo_server --device kernel:            on the kernel's sockets

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/forwarder.h"
#include "examples/kernel_sockets.h"
#include "examples/shutdown.h"
#include "examples/stack_setup.h"
#include "examples/udp_forwarder.h"
#include "runtime/flags/common_flags.h"
#include "runtime/tcp_listener.h"
#include "runtime/udp_socket.h"
#include "runtime/worker.h"

namespace corelane::examples {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr uint16_t kEchoPort = 7;  // RFC 862; behind the forwarder
constexpr size_t kBufferSize = 65536;

// One connection, until the peer has sent its FIN and has got everything back.
template <class Stream>
Task EchoStream(Stream stream) {
  std::vector<char> bytes(kBufferSize);
  const asio::mutable_buffer room = asio::buffer(bytes);
  error_code error;
  auto token = asio::redirect_error(kAwait, error);
  while (!error) {
    const size_t n = co_await stream.async_read_some(room, token);
    if (error) break;
    const asio::const_buffer part(bytes.data(), n);
    co_await asio::async_write(stream, part, token);
  }
}

// Datagrams, until the socket is closed. One that cannot be sent back is lost, as datagrams are.
template <class Socket>
Task EchoDatagrams(Socket& socket) {
  std::vector<char> bytes(kBufferSize);
  const asio::mutable_buffer room = asio::buffer(bytes);
  typename Socket::endpoint_type from;
  error_code error;
  auto token = asio::redirect_error(kAwait, error);
  while (socket.is_open()) {
    const size_t n = co_await socket.async_receive_from(room, from, token);
    if (error == asio::error::operation_aborted) break;
    if (error) continue;
    const asio::const_buffer datagram(bytes.data(), n);
    co_await socket.async_send_to(datagram, from, token);
  }
}

// Runs until a signal or the end of --seconds. `at` is what clients use.
template <class Acceptor, class UdpSocket>
int Serve(runtime::Worker& worker, Acceptor& acceptor, UdpSocket& udp,
          const runtime::CommonFlags& flags, const Endpoint& at) {
  const runtime::WorkerExecutor executor = worker.get_executor();
  const auto serve = [executor](auto stream) {
    asio::co_spawn(executor, EchoStream(std::move(stream)), asio::detached);
  };
  asio::co_spawn(executor, AcceptLoop(acceptor, serve), asio::detached);
  asio::co_spawn(executor, EchoDatagrams(udp), asio::detached);
  std::printf("TCP and UDP echo at %s\n", at.ToString().c_str());
  std::fflush(stdout);
  Shutdown shutdown(worker, flags.seconds, [&worker] { worker.Stop(); });
  worker.Run();
  return 0;
}

int RunOnKernel(const runtime::FlagParser& parser, const runtime::CommonFlags& flags) {
  runtime::Worker worker;
  KernelAcceptor acceptor(worker.get_executor());
  KernelUdpSocket udp(worker.get_executor());
  error_code error = Listen(acceptor, *flags.listen);
  const Endpoint at = LocalEndpoint(acceptor);
  if (!error) error = Bind(udp, at);
  if (error) return RejectListen(parser, *flags.listen, error);
  return Serve(worker, acceptor, udp, flags, at);
}

int RunOnStack(const runtime::FlagParser& parser, const runtime::CommonFlags& flags) {
  Lanes lanes;
  runtime::Worker worker;
  if (const auto status = OpenLanes(parser, flags, worker, lanes)) return *status;
  stack::Stack& stack = *lanes.server.stack;
  const bool forwards = lanes.forwarder.stack != nullptr;
  const IpAddress any = Ipv6Address();  // IPv4 too
  runtime::TcpListener listener(worker.get_executor(), stack);
  runtime::UdpSocket udp(worker.get_executor(), stack);
  error_code error;
  listener.listen({any, forwards ? kEchoPort : flags.listen->port}, runtime::ListenOptions(),
                  error);
  const Endpoint server{ServerAddress(flags), listener.local_endpoint().port};
  if (!error) udp.bind({any, server.port}, error);
  if (error) return RejectListen(parser, *flags.listen, error);
  if (!forwards) return Serve(worker, listener, udp, flags, server);
  Forwarder streams(worker, *lanes.forwarder.stack, server);
  UdpForwarder datagrams(worker, *lanes.forwarder.stack, server);
  error = streams.Listen(*flags.listen);
  if (!error) error = datagrams.Listen(streams.local_endpoint());
  if (error) return RejectListen(parser, *flags.listen, error);
  return Serve(worker, listener, udp, flags, streams.local_endpoint());
}

int Main(int argc, char** argv) {
  runtime::FlagParser parser("echo_server", "Sends back what it receives, over TCP and UDP.");
  runtime::CommonFlags flags = ServerDefaults();
  runtime::AddCommonFlags(parser, flags);
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  return flags.on_kernel() ? RunOnKernel(parser, flags) : RunOnStack(parser, flags);
}

}  // namespace
}  // namespace corelane::examples

int main(int argc, char** argv) { return corelane::examples::Main(argc, argv); }
