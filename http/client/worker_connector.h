// WorkerConnector: our own stack's sockets and resolver, on a runtime::Worker.
//
//   http::Client<http::WorkerConnector> client(executor, http::WorkerConnector(executor, stack));

#ifndef CORELANE_HTTP_CLIENT_WORKER_CONNECTOR_H_
#define CORELANE_HTTP_CLIENT_WORKER_CONNECTOR_H_

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/ip_address.h"
#include "http/client/happy_eyeballs.h"
#include "runtime/resolver/resolver.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_stream.h"

namespace corelane::http {

class WorkerNet {
 public:
  using Executor = runtime::WorkerExecutor;
  using Stream = runtime::TcpStream;
  using Resolver = runtime::Resolver;
  using Endpoint = corelane::Endpoint;

  WorkerNet(const Executor& executor, stack::Stack& stack,
            std::shared_ptr<runtime::NameService> names)
      : executor_(executor), stack_(&stack), names_(std::move(names)) {}

  const Executor& executor() const { return executor_; }
  Stream MakeStream() const { return Stream(executor_, *stack_); }
  Resolver MakeResolver() const {
    return names_ != nullptr ? Resolver(executor_, names_) : Resolver(executor_, *stack_);
  }
  static std::optional<Endpoint> Literal(const std::string& host, uint16_t port) {
    const auto address = IpAddress::Parse(host);
    if (!address) return std::nullopt;
    return Endpoint{*address, port};
  }
  static bool IsV6(const Endpoint& endpoint) { return !endpoint.address.is_v4(); }
  static std::string Text(const Endpoint& endpoint) { return endpoint.ToString(); }
  static void SetNoDelay(Stream& stream) {
    stream.set_option(boost::asio::ip::tcp::no_delay(true));
  }

 private:
  Executor executor_;
  stack::Stack* stack_;
  std::shared_ptr<runtime::NameService> names_;
};

class WorkerConnector : public HappyConnector<WorkerNet> {
 public:
  // On this stack, which must outlive it; names: null for those of the worker.
  WorkerConnector(const runtime::WorkerExecutor& executor, stack::Stack& stack,
                  std::shared_ptr<runtime::NameService> names = nullptr,
                  const HappyEyeballsOptions& options = HappyEyeballsOptions())
      : HappyConnector<WorkerNet>(WorkerNet(executor, stack, std::move(names)), options) {}
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_WORKER_CONNECTOR_H_
