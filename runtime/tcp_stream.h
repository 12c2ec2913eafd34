// TcpStream: a TCP connection on a worker, with the interface of Asio's sockets.
//
//   TcpStream stream(worker.get_executor());
//   co_await stream.async_connect(endpoint, token);
//   size_t n = co_await stream.async_read_some(boost::asio::buffer(bytes), token);
//
// Models AsyncReadStream and AsyncWriteStream: boost::asio::async_read and async_write, Beast and
// boost::asio::ssl::stream work on it. Any completion token; no operation completes inside the
// function that starts it. Reads (and writes) that are started while another is pending wait behind
// it, in order.
//
// Errors are Asio's: connection_refused, connection_reset, timed_out, host_unreachable, eof,
// operation_aborted, bad_descriptor (not open), not_connected, broken_pipe.
//
// A stream that is destroyed or closed while connected ends in the background: what was written
// still goes out, then a FIN. If received bytes were left unread, the peer gets a reset instead
// (RFC 9293 §3.6.1, RFC 1122 §4.2.2.13). reset() does so at once.
//
// Ownership: the stream owns its connection; move-only, also with operations pending. Threading:
// the worker's thread.

#ifndef CORELANE_RUNTIME_TCP_STREAM_H_
#define CORELANE_RUNTIME_TCP_STREAM_H_

#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <cstddef>
#include <utility>

#include "core/check.h"
#include "core/ip_address.h"
#include "core/packet.h"
#include "runtime/completion.h"
#include "runtime/tcp_stream_impl.h"
#include "runtime/worker.h"

namespace corelane::runtime {

template <class Executor>
class BasicTcpListener;

// Executor: WorkerExecutor, or one that wraps it.
template <class Executor = WorkerExecutor>
class BasicTcpStream {
 public:
  using executor_type = Executor;
  using lowest_layer_type = BasicTcpStream;
  using endpoint_type = Endpoint;
  using shutdown_type = boost::asio::socket_base::shutdown_type;
  static constexpr shutdown_type shutdown_receive = boost::asio::socket_base::shutdown_receive;
  static constexpr shutdown_type shutdown_send = boost::asio::socket_base::shutdown_send;
  static constexpr shutdown_type shutdown_both = boost::asio::socket_base::shutdown_both;
  template <class Other>
  struct rebind_executor {
    using other = BasicTcpStream<Other>;
  };

  // On the worker's first stack.
  explicit BasicTcpStream(const Executor& executor) : BasicTcpStream(executor, nullptr) {}
  // On this one.
  BasicTcpStream(const Executor& executor, stack::Stack& stack)
      : BasicTcpStream(executor, &stack) {}
  ~BasicTcpStream() {
    if (impl_ != nullptr) internal::TcpStreamImpl::Delete(impl_);
  }
  BasicTcpStream(BasicTcpStream&& other) noexcept
      : executor_(other.executor_),
        stack_(other.stack_),
        impl_(std::exchange(other.impl_, nullptr)) {}
  template <class Other>
  BasicTcpStream(BasicTcpStream<Other>&& other) noexcept
      : executor_(other.executor_),
        stack_(other.stack_),
        impl_(std::exchange(other.impl_, nullptr)) {}
  BasicTcpStream& operator=(BasicTcpStream&& other) noexcept {
    executor_ = other.executor_;
    std::swap(stack_, other.stack_);
    if (this != &other) Replace(std::exchange(other.impl_, nullptr));
    return *this;
  }

  executor_type get_executor() const noexcept { return executor_; }
  lowest_layer_type& lowest_layer() { return *this; }
  const lowest_layer_type& lowest_layer() const { return *this; }

  // Connected or connecting.
  bool is_open() const { return impl_ != nullptr && impl_->is_open(); }
  // For state and statistics; null when not open.
  stack::TcpSocket* native_handle() { return impl_ != nullptr ? impl_->socket() : nullptr; }

  Endpoint local_endpoint(error_code& ec) const {
    ec = Opened();
    return ec ? Endpoint{} : impl_->socket()->local();
  }
  Endpoint local_endpoint() const {
    return Throwing([this](auto& ec) { return this->local_endpoint(ec); });
  }
  Endpoint remote_endpoint(error_code& ec) const {
    ec = Opened();
    return ec ? Endpoint{} : impl_->socket()->remote();
  }
  Endpoint remote_endpoint() const {
    return Throwing([this](auto& ec) { return this->remote_endpoint(ec); });
  }
  // Bytes that can be read without waiting.
  size_t available(error_code& ec) const {
    ec = Opened();
    return ec ? 0 : impl_->socket()->readable_bytes();
  }
  size_t available() const {
    return Throwing([this](auto& ec) { return this->available(ec); });
  }

  // shutdown_send: a FIN follows what was written. shutdown_receive: reads end with eof.
  void shutdown(shutdown_type what, error_code& ec) {
    if (impl_ == nullptr) {
      ec = boost::asio::error::not_connected;
    } else {
      impl_->Shutdown(what != shutdown_send, what != shutdown_receive, ec);
    }
  }
  void shutdown(shutdown_type what) {
    Throwing([&](auto& ec) { shutdown(what, ec); });
  }
  // Pending operations end with operation_aborted; the connection ends in the background.
  void close() {
    if (impl_ != nullptr) impl_->Close();
  }
  void close(error_code& ec) {
    ec = {};
    close();
  }
  // Pending operations end with operation_aborted, the peer gets a RST.
  void reset() {
    if (impl_ != nullptr) impl_->Reset();
  }
  // Pending operations end with operation_aborted; a connection attempt is given up.
  void cancel() {
    if (impl_ != nullptr) impl_->Cancel();
  }
  void cancel(error_code& ec) {
    ec = {};
    cancel();
  }

  // Gives the connection to another lane of the program: handler(error_code, TcpStream) is called
  // on that lane's worker, with what this stream was; this one is closed then, and its pending
  // operations end with operation_aborted. Bytes that were written or not read yet move along. The
  // handler moves to the other thread; where that lane has no memory for the connection it hears
  // no_buffer_space, and the peer gets a reset.
  // Errors, with nothing changed: not_connected, invalid_argument (no other lane of that number),
  // try_again (too many are on their way).
  template <class Handler>
  error_code move_to(size_t lane, Handler&& handler) {
    if (impl_ == nullptr) return boost::asio::error::not_connected;
    return impl_->Move(lane, std::make_unique<ArrivalHandler<std::decay_t<Handler>>>(
                                 std::forward<Handler>(handler)));
  }

  // Every setting of the connection, or of the next one while not open. Buffer sizes are those that
  // a connection begins with, the maxima those that it may grow to.
  const tcp::Options& options() { return impl().options(); }
  // Takes effect at once.
  void set_options(const tcp::Options& options) { impl().SetOptions(options); }
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
  void get_option(boost::asio::ip::tcp::no_delay& o) { o = options().no_delay; }
  void get_option(boost::asio::socket_base::keep_alive& o) { o = options().keepalive; }
  void get_option(boost::asio::socket_base::send_buffer_size& o) {
    o = static_cast<int>(options().send_buffer_max);
  }
  void get_option(boost::asio::socket_base::receive_buffer_size& o) {
    o = static_cast<int>(options().receive_buffer_max);
  }
  template <class Option>
  void get_option(Option& option, error_code& ec) {
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

  // void(error_code, size_t). The buffers' memory stays valid until then.
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

  // void(error_code, PacketBuf). Lends received bytes where they are instead of copying them; the
  // packet goes back to its pool when it is destroyed, which must happen before the device's end.
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_read_packet(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, PacketBuf)>(InitiateReadPacket{this},
                                                                           token);
  }

 private:
  template <class>
  friend class BasicTcpStream;
  template <class>
  friend class BasicTcpListener;

  // Goes to another lane, where the stream is that lane's.
  template <class Handler>
  class ArrivalHandler final : public ArrivalTicket {
   public:
    template <class H>
    explicit ArrivalHandler(H&& handler) : handler_(std::forward<H>(handler)) {}

    void OnArrival(Worker& worker, stack::Stack& stack, stack::TcpSocket* socket) override {
      using Stream = BasicTcpStream<WorkerExecutor>;
      auto* const impl = internal::TcpStreamImpl::Arrived(worker, stack, socket, *this);
      const WorkerExecutor executor = worker.get_executor();
      executor.execute([handler = std::move(handler_), stream = Stream(executor, &stack, impl),
                        lost = impl == nullptr]() mutable {
        const error_code ec = lost ? error_code(boost::asio::error::no_buffer_space) : error_code();
        std::move(handler)(ec, std::move(stream));
      });
    }

   private:
    Handler handler_;
  };

  template <class F>
  void Change(F&& change) {
    tcp::Options to = options();
    change(to);
    set_options(to);
  }

  struct Initiate {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return stream->executor_; }
    BasicTcpStream* stream;
  };
  struct InitiateConnect : Initiate {
    template <class Handler>
    void operator()(Handler&& handler, const Endpoint& remote,
                    const ConnectOptions& options) const {
      internal::TcpStreamImpl& impl = this->stream->impl();
      auto* const op = internal::HandlerOp<internal::ConnectOp, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler));
      if (impl.StartConnect(*op, remote, options)) op->ConnectCancellation();
    }
  };
  struct InitiateRead : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      internal::TcpStreamImpl& impl = this->stream->impl();
      auto* const op = internal::HandlerOp<internal::ReadOp, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler), buffers);
      if (impl.StartRead(*op)) op->ConnectCancellation();
    }
  };
  struct InitiateReadPacket : Initiate {
    template <class Handler>
    void operator()(Handler&& handler) const {
      internal::TcpStreamImpl& impl = this->stream->impl();
      auto* const op = internal::HandlerOp<internal::PacketReadOp, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler));
      if (impl.StartRead(*op)) op->ConnectCancellation();
    }
  };
  struct InitiateWrite : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      internal::TcpStreamImpl& impl = this->stream->impl();
      auto* const op = internal::HandlerOp<internal::WriteOp, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler), buffers);
      if (impl.StartWrite(*op)) op->ConnectCancellation();
    }
  };

  BasicTcpStream(const Executor& executor, stack::Stack* stack)
      : executor_(executor), stack_(stack) {}
  // Around what a listener accepted.
  BasicTcpStream(const Executor& executor, stack::Stack* stack, internal::TcpStreamImpl* impl)
      : executor_(executor), stack_(stack), impl_(impl) {}

  void Replace(internal::TcpStreamImpl* impl) {
    if (impl_ != nullptr) internal::TcpStreamImpl::Delete(impl_);
    impl_ = impl;
  }
  error_code Opened() const {
    return is_open() ? error_code() : error_code(boost::asio::error::bad_descriptor);
  }
  template <class F>
  static auto Throwing(F&& f) {
    error_code ec;
    if constexpr (std::is_void_v<decltype(f(ec))>) {
      f(ec);
      ThrowOnError(ec, "TcpStream");
    } else {
      auto result = f(ec);
      ThrowOnError(ec, "TcpStream");
      return result;
    }
  }
  internal::TcpStreamImpl& impl() {
    if (impl_ == nullptr) {
      Worker& worker = WorkerOf(executor_);
      stack::Stack* const stack = stack_ != nullptr ? stack_ : worker.default_stack();
      CL_CHECK(stack != nullptr);
      impl_ = internal::TcpStreamImpl::New(worker, *stack);
    }
    return *impl_;
  }

  Executor executor_;
  stack::Stack* stack_;
  internal::TcpStreamImpl* impl_ = nullptr;
};

using TcpStream = BasicTcpStream<>;

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_TCP_STREAM_H_
