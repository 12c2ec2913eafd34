// TcpListener: accepts TCP connections on one endpoint of a worker's stack.
//
//   TcpListener listener(worker.get_executor(), *Endpoint::Parse("0.0.0.0:80"));
//   for (;;) {
//     TcpStream stream = co_await listener.async_accept(token);
//     ...
//   }
//
// 0.0.0.0 takes IPv4, [::] takes both. Closing resets the connections that were not accepted.
// Move-only; belongs to the worker's thread.

#ifndef CORELANE_RUNTIME_TCP_LISTENER_H_
#define CORELANE_RUNTIME_TCP_LISTENER_H_

#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "core/ip_address.h"
#include "runtime/completion.h"
#include "runtime/tcp_listener_impl.h"
#include "runtime/tcp_stream.h"
#include "runtime/worker.h"

namespace corelane::runtime {

template <class Executor = WorkerExecutor>
class BasicTcpListener {
 public:
  using executor_type = Executor;
  using endpoint_type = Endpoint;
  using Stream = BasicTcpStream<Executor>;
  template <class Other>
  struct rebind_executor {
    using other = BasicTcpListener<Other>;
  };

  // Not listening yet; on the worker's first stack.
  explicit BasicTcpListener(const Executor& executor)
      : BasicTcpListener(executor, DefaultStack(executor)) {}
  BasicTcpListener(const Executor& executor, stack::Stack& stack)
      : executor_(executor), impl_(internal::TcpListenerImpl::New(WorkerOf(executor), stack)) {}
  // Listening. Throws boost::system::system_error.
  BasicTcpListener(const Executor& executor, const Endpoint& local,
                   const ListenOptions& options = ListenOptions())
      : BasicTcpListener(executor) {
    listen(local, options);
  }
  BasicTcpListener(const Executor& executor, stack::Stack& stack, const Endpoint& local,
                   const ListenOptions& options = ListenOptions())
      : BasicTcpListener(executor, stack) {
    listen(local, options);
  }
  ~BasicTcpListener() {
    if (impl_ != nullptr) internal::TcpListenerImpl::Delete(impl_);
  }
  BasicTcpListener(BasicTcpListener&& other) noexcept
      : executor_(other.executor_), impl_(std::exchange(other.impl_, nullptr)) {}
  BasicTcpListener& operator=(BasicTcpListener&& other) noexcept {
    executor_ = other.executor_;
    std::swap(impl_, other.impl_);
    return *this;
  }

  executor_type get_executor() const noexcept { return executor_; }
  bool is_open() const { return impl_ != nullptr && impl_->listener() != nullptr; }
  // With the port that was chosen where 0 was asked for.
  Endpoint local_endpoint() const { return is_open() ? impl_->listener()->local() : Endpoint{}; }

  // Errors: address_in_use, address_not_available (not one of the stack's), already_open.
  void listen(const Endpoint& local, const ListenOptions& options, error_code& ec) {
    impl_->Listen(local, options, ec);
  }
  void listen(const Endpoint& local, const ListenOptions& options = ListenOptions()) {
    error_code ec;
    listen(local, options, ec);
    if (ec) ThrowOnError(ec, ("TcpListener: listen on " + local.ToString()).c_str());
  }
  // Pending accepts end with operation_aborted.
  void close() {
    if (impl_ != nullptr) impl_->Close();
  }
  void cancel() {
    if (impl_ != nullptr) impl_->Cancel();
  }

  // void(error_code, BasicTcpStream<Executor>)
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_accept(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, Stream)>(InitiateAccept{this},
                                                                        token);
  }
  // void(error_code); the connection is put into `peer`, which must not be open.
  template <class OtherExecutor, class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_accept(BasicTcpStream<OtherExecutor>& peer, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateAcceptInto{this}, token,
                                                                &peer);
  }

 private:
  class StreamOp : public internal::AcceptOp {
   public:
    std::tuple<error_code, Stream> TakeResult() {
      return {ec, Stream(executor_, stack, std::exchange(accepted, nullptr))};
    }

   protected:
    StreamOp(Function function, const Executor& executor)
        : AcceptOp(function), executor_(executor) {}
    ~StreamOp() = default;
    Executor executor_;
  };

  template <class Peer>
  class IntoOp : public internal::AcceptOp {
   public:
    std::tuple<error_code> TakeResult() {
      if (accepted != nullptr) {
        peer_->stack_ = stack;
        peer_->Replace(std::exchange(accepted, nullptr));
      }
      return {ec};
    }

   protected:
    IntoOp(Function function, Peer* peer) : AcceptOp(function), peer_(peer) {}
    ~IntoOp() = default;
    Peer* peer_;
  };

  struct Initiate {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return listener->executor_; }
    BasicTcpListener* listener;
  };
  struct InitiateAccept : Initiate {
    template <class Handler>
    void operator()(Handler&& handler) const {
      internal::TcpListenerImpl& impl = *this->listener->impl_;
      auto* const op = internal::HandlerOp<StreamOp, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler), this->listener->executor_);
      if (impl.StartAccept(*op)) op->ConnectCancellation();
    }
  };
  struct InitiateAcceptInto : Initiate {
    template <class Handler, class Peer>
    void operator()(Handler&& handler, Peer* peer) const {
      internal::TcpListenerImpl& impl = *this->listener->impl_;
      auto* const op = internal::HandlerOp<IntoOp<Peer>, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler), peer);
      if (peer->is_open()) {
        impl.worker().Complete(*op, boost::asio::error::already_open);
      } else if (impl.StartAccept(*op)) {
        op->ConnectCancellation();
      }
    }
  };

  static stack::Stack& DefaultStack(const Executor& executor) {
    stack::Stack* const stack = WorkerOf(executor).default_stack();
    CL_CHECK(stack != nullptr);
    return *stack;
  }

  Executor executor_;
  internal::TcpListenerImpl* impl_;
};

using TcpListener = BasicTcpListener<>;

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_TCP_LISTENER_H_
