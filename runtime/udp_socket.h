// UdpSocket: UDP on a worker, with the interface of Asio's sockets.
//
//   UdpSocket socket(worker.get_executor(), *Endpoint::Parse("0.0.0.0:53"));
//   Endpoint from;
//   size_t n = co_await socket.async_receive_from(boost::asio::buffer(bytes), from, token);
//   co_await socket.async_send_to(boost::asio::buffer(bytes, n), from, token);
//
// A send hands its datagram over at once; it never waits. A datagram longer than the buffers of a
// receive is cut. On a connected socket an ICMP error about something that was sent ends the next
// receive: connection_refused, host_unreachable, network_unreachable, message_size. Move-only;
// belongs to the worker's thread.

#ifndef CORELANE_RUNTIME_UDP_SOCKET_H_
#define CORELANE_RUNTIME_UDP_SOCKET_H_

#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/ip_address.h"
#include "runtime/completion.h"
#include "runtime/udp_socket_impl.h"
#include "runtime/worker.h"

namespace corelane::runtime {

template <class Executor = WorkerExecutor>
class BasicUdpSocket {
 public:
  using executor_type = Executor;
  using endpoint_type = Endpoint;
  using lowest_layer_type = BasicUdpSocket;
  template <class Other>
  struct rebind_executor {
    using other = BasicUdpSocket<Other>;
  };

  // On the worker's first stack; open, and not bound.
  explicit BasicUdpSocket(const Executor& executor,
                          const udp::UdpOptions& options = udp::UdpOptions())
      : BasicUdpSocket(executor, DefaultStack(executor), options) {}
  BasicUdpSocket(const Executor& executor, stack::Stack& stack,
                 const udp::UdpOptions& options = udp::UdpOptions())
      : executor_(executor),
        impl_(internal::UdpSocketImpl::New(WorkerOf(executor), stack, options)) {
    impl_->Open();
  }
  // Bound. Throws boost::system::system_error.
  BasicUdpSocket(const Executor& executor, const Endpoint& local,
                 const udp::UdpOptions& options = udp::UdpOptions())
      : BasicUdpSocket(executor, options) {
    bind(local);
  }
  BasicUdpSocket(const Executor& executor, stack::Stack& stack, const Endpoint& local,
                 const udp::UdpOptions& options = udp::UdpOptions())
      : BasicUdpSocket(executor, stack, options) {
    bind(local);
  }
  ~BasicUdpSocket() {
    if (impl_ != nullptr) internal::UdpSocketImpl::Delete(impl_);
  }
  BasicUdpSocket(BasicUdpSocket&& other) noexcept
      : executor_(other.executor_), impl_(std::exchange(other.impl_, nullptr)) {}
  BasicUdpSocket& operator=(BasicUdpSocket&& other) noexcept {
    if (this == &other) return *this;
    if (impl_ != nullptr) internal::UdpSocketImpl::Delete(impl_);
    executor_ = other.executor_;
    impl_ = std::exchange(other.impl_, nullptr);
    return *this;
  }

  executor_type get_executor() const noexcept { return executor_; }
  lowest_layer_type& lowest_layer() { return *this; }
  bool is_open() const { return impl_ != nullptr && impl_->socket() != nullptr; }
  udp::UdpSocket* native_handle() { return impl_ != nullptr ? impl_->socket() : nullptr; }
  Endpoint local_endpoint() const { return is_open() ? impl_->socket()->local() : Endpoint{}; }
  Endpoint remote_endpoint() const { return is_open() ? impl_->socket()->remote() : Endpoint{}; }

  // Errors: address_in_use, address_not_available (not one of the stack's).
  void bind(const Endpoint& local, error_code& ec) { impl_->Bind(local, ec); }
  void bind(const Endpoint& local) {
    error_code ec;
    bind(local, ec);
    if (ec) ThrowOnError(ec, ("UdpSocket: bind to " + local.ToString()).c_str());
  }
  // Only datagrams of this peer are received from then on.
  void connect(const Endpoint& remote, error_code& ec) { impl_->Connect(remote, ec); }
  void connect(const Endpoint& remote) {
    error_code ec;
    connect(remote, ec);
    if (ec) ThrowOnError(ec, ("UdpSocket: connect to " + remote.ToString()).c_str());
  }
  // Pending receives end with operation_aborted.
  void cancel() {
    if (impl_ != nullptr) impl_->Cancel();
  }
  void close() {
    if (impl_ != nullptr) impl_->Close();
  }

  // void(error_code, size_t)
  template <class MutableBuffers, class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_receive_from(const MutableBuffers& buffers, Endpoint& from, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(InitiateReceive{this},
                                                                        token, buffers, &from);
  }
  template <class MutableBuffers, class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_receive(const MutableBuffers& buffers, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(
        InitiateReceive{this}, token, buffers, static_cast<Endpoint*>(nullptr));
  }
  template <class ConstBuffers, class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_send_to(const ConstBuffers& buffers, const Endpoint& to, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(
        InitiateSend{this}, token, buffers, std::optional<Endpoint>(to));
  }
  // To the connected peer.
  template <class ConstBuffers, class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_send(const ConstBuffers& buffers, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(
        InitiateSend{this}, token, buffers, std::optional<Endpoint>());
  }

 private:
  struct Initiate {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return socket->executor_; }
    BasicUdpSocket* socket;
  };
  struct InitiateReceive : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers, Endpoint* from) const {
      internal::UdpSocketImpl& impl = *this->socket->impl_;
      auto* const op = internal::HandlerOp<internal::ReceiveOp, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler), buffers, from);
      if (impl.StartReceive(*op)) op->ConnectCancellation();
    }
  };
  struct InitiateSend : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers,
                    const std::optional<Endpoint>& to) const {
      internal::UdpSocketImpl& impl = *this->socket->impl_;
      const internal::BufferList<const uint8_t, 64> list(buffers);
      auto* const op = internal::HandlerOp<internal::SendOp, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler));
      impl.Send(*op, list.all(), to);
    }
  };

  static stack::Stack& DefaultStack(const Executor& executor) {
    stack::Stack* const stack = WorkerOf(executor).default_stack();
    CL_CHECK(stack != nullptr);
    return *stack;
  }

  Executor executor_;
  internal::UdpSocketImpl* impl_;
};

using UdpSocket = BasicUdpSocket<>;

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_UDP_SOCKET_H_
