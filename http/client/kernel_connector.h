// KernelConnector: the kernel's sockets and resolver, through Asio.
//
//   http::Client<http::KernelConnector<>> client(executor, http::KernelConnector<>(executor));

#ifndef CORELANE_HTTP_CLIENT_KERNEL_CONNECTOR_H_
#define CORELANE_HTTP_CLIENT_KERNEL_CONNECTOR_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "http/client/happy_eyeballs.h"

namespace corelane::http {

template <class IoExecutor>
class KernelNet {
 public:
  using Executor = IoExecutor;
  using Stream = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
  using Resolver = boost::asio::ip::basic_resolver<boost::asio::ip::tcp, Executor>;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  explicit KernelNet(const Executor& executor) : executor_(executor) {}

  const Executor& executor() const { return executor_; }
  Stream MakeStream() const { return Stream(executor_); }
  Resolver MakeResolver() const { return Resolver(executor_); }
  static std::optional<Endpoint> Literal(const std::string& host, uint16_t port) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host, error);
    if (error) return std::nullopt;
    return Endpoint(address, port);
  }
  static bool IsV6(const Endpoint& endpoint) { return endpoint.address().is_v6(); }
  static std::string Text(const Endpoint& endpoint) {
    const std::string address = endpoint.address().to_string();
    return (IsV6(endpoint) ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
  }
  static void SetNoDelay(Stream& stream) {
    boost::system::error_code ignored;
    stream.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  }

 private:
  Executor executor_;
};

template <class Executor = boost::asio::any_io_executor>
class KernelConnector : public HappyConnector<KernelNet<Executor>> {
 public:
  explicit KernelConnector(const Executor& executor,
                           const HappyEyeballsOptions& options = HappyEyeballsOptions())
      : HappyConnector<KernelNet<Executor>>(KernelNet<Executor>(executor), options) {}
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_KERNEL_CONNECTOR_H_
