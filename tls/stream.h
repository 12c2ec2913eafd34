// Stream: TLS over any AsyncStream, a kernel socket of Asio's or our own.
//
//   tls::Stream<TcpStream> stream(std::move(connected), context, "example.com");
//   co_await stream.async_handshake(token);
//   co_await boost::asio::async_write(stream, boost::asio::buffer(request), token);
//
// Models AsyncReadStream and AsyncWriteStream. Any completion token; no operation completes inside
// the function that starts it. Reading, writing and shutting down can go on at the same time; those
// that are started while another of their kind is pending wait behind it, in order. A read or a
// write makes the handshake by itself where async_handshake did not.
//
// It runs on its executor, which must be one thread or a strand, and uses no timer and no thread.
//
// Errors are of ErrorCategory(), or the next layer's. eof: the peer's close_notify; where the next
// layer ends without one, Error::kTruncated. Alerts of ours are sent before the error is reported.
// operation_aborted: by cancellation, also of a single operation; the stream can be used further. A
// cancelled write may have been taken in part, as its size says, unless the cancellation was total.
//
// A stream that is destroyed or closed ends without a close_notify: call async_shutdown first, or
// shutdown.

#ifndef CORELANE_TLS_STREAM_H_
#define CORELANE_TLS_STREAM_H_

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tls/context.h"
#include "tls/engine.h"
#include "tls/stream_core.h"
#include "tls/stream_op.h"

namespace corelane::tls {

namespace internal {

template <class Next>
class StreamOver final : public StreamCore {
 public:
  using Executor = typename Next::executor_type;

  template <class Context, class... Name>
  explicit StreamOver(Next next, const Context& context, const Name&... name)
      : StreamCore(context, name...), next_(std::move(next)) {}

  Next& next() { return next_; }

 private:
  // Completes a receive or a send of the next layer.
  template <bool kReceives>
  class Pump {
   public:
    explicit Pump(StreamOver* core) : core_(core) {}
    Pump(Pump&&) noexcept = default;
    Pump& operator=(Pump&&) = delete;
    ~Pump() {
      if (core_ != nullptr) core_->OnDropped();
    }

    using cancellation_slot_type = boost::asio::cancellation_slot;
    cancellation_slot_type get_cancellation_slot() const noexcept {
      return kReceives ? core_->receive_signal_.slot() : cancellation_slot_type();
    }

    void operator()(error_code ec, size_t size) {
      const boost::intrusive_ptr<StreamOver> core = std::move(core_);
      if constexpr (kReceives) {
        core->OnReceived(ec, size);
      } else {
        core->OnSent(ec, size);
      }
    }

   private:
    boost::intrusive_ptr<StreamOver> core_;
  };

  void StartReceive(std::span<char> to) override {
    next_.async_read_some(boost::asio::mutable_buffer(to.data(), to.size()), Pump<true>(this));
  }
  void StartSend(std::string_view from) override {
    next_.async_write_some(boost::asio::const_buffer(from.data(), from.size()), Pump<false>(this));
  }
  void CancelReceive() override {
    receive_signal_.emit(boost::asio::cancellation_type::terminal |
                         boost::asio::cancellation_type::partial |
                         boost::asio::cancellation_type::total);
  }
  void ShutdownNext() override {
    error_code ignored;
    constexpr auto kSend = boost::asio::socket_base::shutdown_send;
    if constexpr (requires { next_.shutdown(kSend, ignored); }) next_.shutdown(kSend, ignored);
  }
  void CloseNext() override {
    error_code ignored;
    if constexpr (requires { next_.close(ignored); }) {
      next_.close(ignored);
    } else {
      next_.close();
    }
  }

  Next next_;
  boost::asio::cancellation_signal receive_signal_;
};

template <class Next>
struct LowestLayer {
  using type = Next;
};
template <class Next>
  requires requires { typename Next::lowest_layer_type; }
struct LowestLayer<Next> {
  using type = typename Next::lowest_layer_type;
};

}  // namespace internal

// Next: an AsyncStream with close(). Move-only, also with operations pending.
template <class Next>
class Stream {
 public:
  using executor_type = typename Next::executor_type;
  using next_layer_type = Next;
  using lowest_layer_type = typename internal::LowestLayer<Next>::type;

  // next: connected, before any of its bytes were read.
  Stream(Next next, const ServerContext& context)
      : core_(new internal::StreamOver<Next>(std::move(next), context)) {}
  // server: the name or the address that the certificate must be for.
  Stream(Next next, const ClientContext& context, std::string_view server)
      : core_(new internal::StreamOver<Next>(std::move(next), context, server)) {}
  ~Stream() { Reset(); }
  Stream(Stream&& other) noexcept = default;
  Stream& operator=(Stream&& other) noexcept {
    if (this != &other) {
      Reset();
      core_ = std::move(other.core_);
    }
    return *this;
  }

  executor_type get_executor() const noexcept { return core_->next().get_executor(); }
  next_layer_type& next_layer() { return core_->next(); }
  const next_layer_type& next_layer() const { return core_->next(); }
  lowest_layer_type& lowest_layer() {
    if constexpr (requires { core_->next().lowest_layer(); }) {
      return core_->next().lowest_layer();
    } else {
      return core_->next();
    }
  }
  // For what was agreed on: alpn(), version(), PeerSubject().
  Engine& engine() { return core_->engine(); }

  // void(error_code).
  template <class Token = boost::asio::default_completion_token_t<executor_type>>
  auto async_handshake(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateControl{{this}}, token,
                                                                Kind::kHandshake);
  }
  // void(error_code). Sends close_notify once what was written before has gone; reading goes on,
  // until eof where the peer has closed too.
  template <class Token = boost::asio::default_completion_token_t<executor_type>>
  auto async_shutdown(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateControl{{this}}, token,
                                                                Kind::kShutdown);
  }
  // void(error_code, size_t). The buffers' memory stays valid until then. A write completes when
  // the next layer has taken the bytes.
  template <class MutableBuffers,
            class Token = boost::asio::default_completion_token_t<executor_type>>
  auto async_read_some(const MutableBuffers& buffers, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(InitiateRead{{this}}, token,
                                                                        buffers);
  }
  template <class ConstBuffers,
            class Token = boost::asio::default_completion_token_t<executor_type>>
  auto async_write_some(const ConstBuffers& buffers, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, size_t)>(InitiateWrite{{this}},
                                                                        token, buffers);
  }

  // shutdown_send: close_notify and then the next layer's own end, in the background.
  void shutdown(boost::asio::socket_base::shutdown_type what, error_code& ec) {
    ec = {};
    if (what != boost::asio::socket_base::shutdown_receive) core_->ShutdownSend();
  }
  // Pending operations end with operation_aborted. cancel: what was taken for sending still goes.
  void cancel() { core_->Cancel(); }
  void cancel(error_code& ec) {
    ec = {};
    cancel();
  }
  void close() { core_->Close(); }
  void close(error_code& ec) {
    ec = {};
    close();
  }

 private:
  using Core = internal::StreamOver<Next>;
  using Kind = internal::StreamOp::Kind;

  struct Initiate {
    using executor_type = typename Next::executor_type;
    executor_type get_executor() const noexcept { return stream->get_executor(); }

    template <bool kSized, class Handler, class Fill>
    void Start(Kind kind, Handler&& handler, Fill&& fill) const {
      Core& core = *stream->core_;
      using Op = internal::HandlerStreamOp<kSized, std::decay_t<Handler>, executor_type>;
      Op* const op = Op::New(core, get_executor(), kind, std::forward<Handler>(handler));
      fill(*op);
      if (core.Start(*op)) op->ConnectCancellation();
    }

    Stream* stream;
  };
  struct InitiateControl : Initiate {
    template <class Handler>
    void operator()(Handler&& handler, Kind kind) const {
      this->template Start<false>(kind, std::forward<Handler>(handler), [](internal::StreamOp&) {});
    }
  };
  struct InitiateRead : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      this->template Start<true>(Kind::kRead, std::forward<Handler>(handler),
                                 [&](internal::StreamOp& op) {
                                   op.pieces = Fill<boost::asio::mutable_buffer>(buffers, op.to);
                                 });
    }
  };
  struct InitiateWrite : Initiate {
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      this->template Start<true>(Kind::kWrite, std::forward<Handler>(handler),
                                 [&](internal::StreamOp& op) {
                                   op.pieces = Fill<boost::asio::const_buffer>(buffers, op.from);
                                 });
    }
  };

  // Empty buffers are left out.
  template <class Buffer, class Buffers, class Pieces>
  static size_t Fill(const Buffers& buffers, Pieces& pieces) {
    size_t count = 0;
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
      const Buffer buffer(*it);
      if (buffer.size() == 0) continue;
      if (count == pieces.size()) break;
      pieces[count++] = buffer;
    }
    return count;
  }

  void Reset() {
    if (core_ == nullptr) return;
    core_->Close();
    core_.reset();
  }

  boost::intrusive_ptr<Core> core_;
};

}  // namespace corelane::tls

#endif  // CORELANE_TLS_STREAM_H_
