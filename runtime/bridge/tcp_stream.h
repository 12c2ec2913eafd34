// BasicBridgeTcpStream: a TCP connection of a worker's stack, for ordinary threads.
//
//   BasicBridgeTcpStream stream(io.get_executor(), bridge);
//   stream.async_connect(endpoint, boost::asio::use_future).get();
//
// The interface, the errors and the ways to end are those of TcpStream; see bridge.h for threads
// and lifetimes. Models AsyncReadStream and AsyncWriteStream. Functions without async_ never wait:
// what shutdown(), close() and set_options() ask for, the worker does in its next turn.
//
// As with Asio's own sockets, a program waits for its writes before it ends the connection; what
// they have written is sent then, also after close(). Of a write that is still pending shutdown()
// lets through what the send queue has room for: it completes with that, and with broken_pipe where
// there is no room. close(), reset() and cancel() end it with operation_aborted, whether the worker
// has seen it or not.

#ifndef CORELANE_RUNTIME_BRIDGE_TCP_STREAM_H_
#define CORELANE_RUNTIME_BRIDGE_TCP_STREAM_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <utility>

#include "core/ip_address.h"
#include "runtime/bridge/bridge.h"
#include "runtime/bridge/bridge_handle.h"
#include "runtime/bridge/bridge_op.h"
#include "runtime/bridge/tcp_state.h"

namespace corelane::runtime {

template <class Executor>
class BasicBridgeTcpListener;

template <class Executor = boost::asio::any_io_executor>
class BasicBridgeTcpStream {
 public:
  using executor_type = Executor;
  using lowest_layer_type = BasicBridgeTcpStream;
  using endpoint_type = Endpoint;
  using shutdown_type = boost::asio::socket_base::shutdown_type;
  static constexpr shutdown_type shutdown_receive = boost::asio::socket_base::shutdown_receive;
  static constexpr shutdown_type shutdown_send = boost::asio::socket_base::shutdown_send;
  static constexpr shutdown_type shutdown_both = boost::asio::socket_base::shutdown_both;
  template <class Other>
  struct rebind_executor {
    using other = BasicBridgeTcpStream<Other>;
  };

  BasicBridgeTcpStream(const Executor& executor, const Bridge& bridge)
      : handle_(executor, bridge.core()) {}
  BasicBridgeTcpStream(BasicBridgeTcpStream&&) noexcept = default;
  BasicBridgeTcpStream& operator=(BasicBridgeTcpStream&&) noexcept = default;
  template <class Other>
  BasicBridgeTcpStream(BasicBridgeTcpStream<Other>&& other)
      : handle_(Executor(other.get_executor()), std::move(other.handle_)) {}
  // The same connection on another executor. No operation is pending.
  template <class Other>
  BasicBridgeTcpStream(const Executor& executor, BasicBridgeTcpStream<Other>&& other)
      : handle_(executor, std::move(other.handle_)) {}

  executor_type get_executor() const noexcept { return handle_.executor(); }
  lowest_layer_type& lowest_layer() { return *this; }
  const lowest_layer_type& lowest_layer() const { return *this; }

  // Connected or connecting.
  bool is_open() const { return handle_.get() != nullptr && handle_.get()->is_open(); }
  Endpoint local_endpoint(error_code& ec) const { return Endpoints(ec).first; }
  Endpoint local_endpoint() const {
    return internal::Throwing("BridgeTcpStream",
                              [this](auto& ec) { return this->local_endpoint(ec); });
  }
  Endpoint remote_endpoint(error_code& ec) const { return Endpoints(ec).second; }
  Endpoint remote_endpoint() const {
    return internal::Throwing("BridgeTcpStream",
                              [this](auto& ec) { return this->remote_endpoint(ec); });
  }

  // shutdown_send: a FIN follows what was written, and writes fail with broken_pipe from then on.
  // shutdown_receive: reads end with eof.
  void shutdown(shutdown_type what, error_code& ec) {
    if (handle_.get() == nullptr) {
      ec = boost::asio::error::not_connected;
    } else {
      handle_.get()->Shutdown(what != shutdown_send, what != shutdown_receive, ec);
    }
  }
  void shutdown(shutdown_type what) {
    internal::Throwing("BridgeTcpStream", [&](auto& ec) { shutdown(what, ec); });
  }
  // Pending operations end with operation_aborted; the connection ends in the background.
  void close() {
    if (handle_.get() != nullptr) handle_.get()->Close();
  }
  void close(error_code& ec) {
    ec = {};
    close();
  }
  // Pending operations end with operation_aborted, the peer gets a RST.
  void reset() {
    if (handle_.get() != nullptr) handle_.get()->Reset();
  }
  // Pending operations end with operation_aborted; a connection attempt is given up.
  void cancel() {
    if (handle_.get() != nullptr) handle_.get()->Cancel();
  }
  void cancel(error_code& ec) {
    ec = {};
    cancel();
  }

  // Every setting of the connection, or of the next one while not open, as last set here.
  tcp::Options options() const {
    return handle_.get() != nullptr ? handle_.get()->options() : handle_.core()->tcp;
  }
  void set_options(const tcp::Options& options) {
    if (!is_open()) Renew();
    handle_.get()->SetOptions(options);
  }
  // Asio's own option types, for code that also runs on kernel sockets.
  void set_option(const boost::asio::ip::tcp::no_delay& o) {
    Change([&](tcp::Options& to) { to.no_delay = o.value(); });
  }
  void set_option(const boost::asio::socket_base::keep_alive& o) {
    Change([&](tcp::Options& to) { to.keepalive = o.value(); });
  }
  void set_option(const boost::asio::socket_base::send_buffer_size& o) {
    Change([&](tcp::Options& to) {
      to.send_buffer = to.send_buffer_max = static_cast<uint32_t>(o.value());
    });
  }
  void set_option(const boost::asio::socket_base::receive_buffer_size& o) {
    Change([&](tcp::Options& to) {
      to.receive_buffer = to.receive_buffer_max = static_cast<uint32_t>(o.value());
    });
  }
  template <class Option>
  void set_option(const Option& option, error_code& ec) {
    ec = {};
    set_option(option);
  }
  void get_option(boost::asio::ip::tcp::no_delay& o) const { o = options().no_delay; }
  void get_option(boost::asio::socket_base::keep_alive& o) const { o = options().keepalive; }
  void get_option(boost::asio::socket_base::send_buffer_size& o) const {
    o = static_cast<int>(options().send_buffer_max);
  }
  void get_option(boost::asio::socket_base::receive_buffer_size& o) const {
    o = static_cast<int>(options().receive_buffer_max);
  }
  template <class Option>
  void get_option(Option& option, error_code& ec) const {
    ec = {};
    get_option(option);
  }

  // void(error_code). Opens the stream; when the attempt fails, it is closed again.
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_connect(const Endpoint& remote, const ConnectOptions& options,
                     Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateConnect{this}, token,
                                                                remote, options);
  }
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_connect(const Endpoint& remote, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateConnect{this}, token,
                                                                remote, ConnectOptions());
  }

  // void(error_code, size_t). The buffers' memory stays valid until then. At most 256 KiB at once.
  template <class MutableBuffers, class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_read_some(const MutableBuffers& buffers, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(InitiateRead{this}, token,
                                                                        buffers);
  }
  template <class ConstBuffers, class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_write_some(const ConstBuffers& buffers, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(InitiateWrite{this}, token,
                                                                        buffers);
  }

 private:
  template <class>
  friend class BasicBridgeTcpStream;
  template <class>
  friend class BasicBridgeTcpListener;
  using State = internal::BridgeTcp;

  struct Initiate {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return stream->get_executor(); }
    // An operation in the stream's state, ready to be started.
    template <class Op, class Handler, class... Args>
    auto& NewOp(Handler&& handler, const Args&... args) const {
      using HandlerOp = internal::BridgeHandlerOp<Op, std::decay_t<Handler>, Executor>;
      auto& op = *HandlerOp::New(get_executor(), std::forward<Handler>(handler), args...);
      op.ConnectCancellation(*stream->handle_.get());
      return op;
    }
    BasicBridgeTcpStream* stream;
  };
  struct InitiateConnect : Initiate {
    template <class Handler>
    void operator()(Handler&& handler, const Endpoint& remote,
                    const ConnectOptions& options) const {
      if (!this->stream->is_open()) this->stream->Renew();
      auto& op = this->template NewOp<internal::BridgeConnectOp>(std::forward<Handler>(handler));
      this->stream->handle_.get()->StartConnect(op, remote, options);
    }
  };
  struct InitiateRead : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      State& state = this->stream->state();
      auto& op =
          this->template NewOp<internal::BridgeReadOp>(std::forward<Handler>(handler), buffers);
      state.StartRead(op);
    }
  };
  struct InitiateWrite : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      State& state = this->stream->state();
      auto& op =
          this->template NewOp<internal::BridgeWriteOp>(std::forward<Handler>(handler), buffers);
      state.StartWrite(op);
    }
  };

  // Around what a listener accepted; null: nothing.
  BasicBridgeTcpStream(const Executor& executor, std::shared_ptr<internal::BridgeCore> core,
                       internal::BridgeRef<State> state)
      : handle_(executor, std::move(core)) {
    if (state != nullptr) handle_.Set(std::move(state));
  }

  template <class F>
  void Change(F&& change) {
    tcp::Options to = options();
    change(to);
    set_options(to);
  }
  std::pair<Endpoint, Endpoint> Endpoints(error_code& ec) const {
    std::pair<Endpoint, Endpoint> ends;
    ec = handle_.get() != nullptr ? handle_.get()->GetEndpoints(ends.first, ends.second)
                                  : error_code(boost::asio::error::bad_descriptor);
    return ends;
  }
  State& state() {
    if (handle_.get() == nullptr) Renew();
    return *handle_.get();
  }
  // A state that can connect, with the settings made so far.
  void Renew() {
    if (handle_.get() != nullptr && handle_.get()->is_fresh()) return;
    const tcp::Options to = options();
    handle_.Set(internal::BridgeRef<State>(new State(handle_.core())));
    handle_.get()->SetOptions(to);
  }

  internal::BridgeHandle<State, Executor> handle_;
};

template <class Executor>
BasicBridgeTcpStream(const Executor&, const Bridge&) -> BasicBridgeTcpStream<Executor>;

using BridgeTcpStream = BasicBridgeTcpStream<>;

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_BRIDGE_TCP_STREAM_H_
