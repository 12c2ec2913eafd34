// BasicBridgeUdpSocket: UDP of a worker's stack, for ordinary threads.
//
//   BasicBridgeUdpSocket socket(io.get_executor(), bridge, *Endpoint::Parse("0.0.0.0:53"));
//   size_t n = co_await socket.async_receive_from(boost::asio::buffer(bytes), from, token);
//   co_await socket.async_send_to(boost::asio::buffer(bytes, n), from, token);
//
// The interface of UdpSocket; see bridge.h for threads and lifetimes. bind() and connect() wait for
// the worker's next turn, or do the work themselves where nobody is inside Run(). A send completes
// when the worker has handed the datagram over: one that awaits its sends has never more than one
// buffered. A datagram given in several buffers is put together first.

#ifndef CORELANE_RUNTIME_BRIDGE_UDP_SOCKET_H_
#define CORELANE_RUNTIME_BRIDGE_UDP_SOCKET_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <future>
#include <optional>
#include <utility>

#include "core/ip_address.h"
#include "runtime/bridge/bridge.h"
#include "runtime/bridge/bridge_handle.h"
#include "runtime/bridge/bridge_op.h"
#include "runtime/bridge/udp_state.h"

namespace corelane::runtime {

template <class Executor = boost::asio::any_io_executor>
class BasicBridgeUdpSocket {
 public:
  using executor_type = Executor;
  using endpoint_type = Endpoint;
  using lowest_layer_type = BasicBridgeUdpSocket;
  template <class Other>
  struct rebind_executor {
    using other = BasicBridgeUdpSocket<Other>;
  };

  // Open, and not bound.
  BasicBridgeUdpSocket(const Executor& executor, const Bridge& bridge,
                       const udp::UdpOptions& options = udp::UdpOptions())
      : handle_(executor, bridge.core()) {
    handle_.Set(internal::BridgeRef<State>(new State(bridge.core(), options)));
  }
  // Bound. Throws boost::system::system_error.
  BasicBridgeUdpSocket(const Executor& executor, const Bridge& bridge, const Endpoint& local,
                       const udp::UdpOptions& options = udp::UdpOptions())
      : BasicBridgeUdpSocket(executor, bridge, options) {
    bind(local);
  }
  BasicBridgeUdpSocket(BasicBridgeUdpSocket&&) noexcept = default;
  BasicBridgeUdpSocket& operator=(BasicBridgeUdpSocket&&) noexcept = default;
  // The same socket on another executor. No operation is pending.
  template <class Other>
  BasicBridgeUdpSocket(const Executor& executor, BasicBridgeUdpSocket<Other>&& other)
      : handle_(executor, std::move(other.handle_)) {}

  executor_type get_executor() const noexcept { return handle_.executor(); }
  lowest_layer_type& lowest_layer() { return *this; }
  const lowest_layer_type& lowest_layer() const { return *this; }
  bool is_open() const { return handle_.get() != nullptr && handle_.get()->is_open(); }
  Endpoint local_endpoint() const { return is_open() ? handle_.get()->local() : Endpoint{}; }
  Endpoint remote_endpoint() const { return is_open() ? handle_.get()->remote() : Endpoint{}; }

  // Errors: address_in_use, address_not_available (not one of the stack's), bad_descriptor or
  // operation_aborted (closed; bridge or worker is gone).
  void bind(const Endpoint& local, error_code& ec) { ec = Setup(local, false); }
  void bind(const Endpoint& local) {
    const error_code ec = Setup(local, false);
    if (ec) ThrowOnError(ec, ("BridgeUdpSocket: bind to " + local.ToString()).c_str());
  }
  // Only datagrams of this peer are received from then on.
  void connect(const Endpoint& remote, error_code& ec) { ec = Setup(remote, true); }
  void connect(const Endpoint& remote) {
    const error_code ec = Setup(remote, true);
    if (ec) ThrowOnError(ec, ("BridgeUdpSocket: connect to " + remote.ToString()).c_str());
  }
  // Pending operations end with operation_aborted.
  void cancel() {
    if (handle_.get() != nullptr) handle_.get()->Cancel();
  }
  // The same, and later ones with bad_descriptor.
  void close() {
    if (handle_.get() != nullptr) handle_.get()->Close();
  }

  // void(error_code)
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_bind(const Endpoint& local, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateBind{this}, token, local,
                                                                false);
  }
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_connect(const Endpoint& remote, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateBind{this}, token, remote,
                                                                true);
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
  template <class>
  friend class BasicBridgeUdpSocket;
  using State = internal::BridgeUdp;

  struct Initiate {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return socket->get_executor(); }
    template <class Op, class Handler, class... Args>
    auto& NewOp(Handler&& handler, const Args&... args) const {
      using HandlerOp = internal::BridgeHandlerOp<Op, std::decay_t<Handler>, Executor>;
      auto& op = *HandlerOp::New(get_executor(), std::forward<Handler>(handler), args...);
      op.ConnectCancellation(*socket->handle_.get());
      return op;
    }
    State& state() const { return *socket->handle_.get(); }
    BasicBridgeUdpSocket* socket;
  };
  struct InitiateBind : Initiate {
    template <class Handler>
    void operator()(Handler&& handler, const Endpoint& endpoint, bool connects) const {
      this->state().StartBind(this->template NewOp<internal::BridgeBindOp>(
          std::forward<Handler>(handler), endpoint, connects));
    }
  };
  struct InitiateReceive : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers, Endpoint* from) const {
      this->state().StartReceive(this->template NewOp<internal::BridgeReceiveOp>(
          std::forward<Handler>(handler), buffers, from));
    }
  };
  struct InitiateSend : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers,
                    const std::optional<Endpoint>& to) const {
      this->state().StartSend(this->template NewOp<internal::BridgeSendOp>(
          std::forward<Handler>(handler), buffers, to));
    }
  };

  error_code Setup(const Endpoint& endpoint, bool connects) {
    std::promise<error_code> setup;
    std::future<error_code> ended = setup.get_future();
    using Op = internal::BridgeBlockingOp<internal::BridgeBindOp>;
    handle_.get()->StartBind(*new Op(std::move(setup), endpoint, connects));
    return handle_.get()->Wait(std::move(ended));
  }

  internal::BridgeHandle<State, Executor> handle_;
};

template <class Executor, class... Args>
BasicBridgeUdpSocket(const Executor&, const Bridge&, const Args&...)
    -> BasicBridgeUdpSocket<Executor>;

using BridgeUdpSocket = BasicBridgeUdpSocket<>;

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_BRIDGE_UDP_SOCKET_H_
