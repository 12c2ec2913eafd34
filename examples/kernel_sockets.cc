#include "examples/kernel_sockets.h"

namespace corelane::examples {

namespace asio = boost::asio;
using boost::system::error_code;

asio::ip::tcp::endpoint ToTcp(const Endpoint& endpoint) {
  return {asio::ip::make_address(endpoint.address.ToString()), endpoint.port};
}

asio::ip::udp::endpoint ToUdp(const Endpoint& endpoint) {
  return {asio::ip::make_address(endpoint.address.ToString()), endpoint.port};
}

error_code Listen(KernelAcceptor& acceptor, const Endpoint& at) {
  const asio::ip::tcp::endpoint endpoint = ToTcp(at);
  error_code error;
  if (acceptor.open(endpoint.protocol(), error)) return error;
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (acceptor.bind(endpoint, error)) return error;
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

error_code Bind(KernelUdpSocket& socket, const Endpoint& at) {
  const asio::ip::udp::endpoint endpoint = ToUdp(at);
  error_code error;
  if (socket.open(endpoint.protocol(), error)) return error;
  socket.bind(endpoint, error);
  return error;
}

Endpoint LocalEndpoint(const KernelAcceptor& acceptor) {
  error_code ignored;
  const auto local = acceptor.local_endpoint(ignored);
  return {IpAddress::Parse(local.address().to_string()).value_or(IpAddress()), local.port()};
}

}  // namespace corelane::examples
