// BasicBridgeTcpListener: accepts TCP connections of a worker's stack, for ordinary threads.
//
//   BasicBridgeTcpListener listener(io.get_executor(), bridge, *Endpoint::Parse("0.0.0.0:80"));
//   auto stream = co_await listener.async_accept(token);
//
// The interface of TcpListener; see bridge.h for threads and lifetimes. listen() waits for the
// worker's next turn, or does the work itself where nobody is inside Run(); async_listen() does not
// wait.
//
// Worker::CloseListeners(), as at the stop of an App, closes it: pending and later operations end
// with operation_aborted, until close() makes it one that has never listened.

#ifndef CORELANE_RUNTIME_BRIDGE_TCP_LISTENER_H_
#define CORELANE_RUNTIME_BRIDGE_TCP_LISTENER_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <future>
#include <tuple>
#include <utility>

#include "core/ip_address.h"
#include "runtime/bridge/bridge.h"
#include "runtime/bridge/bridge_handle.h"
#include "runtime/bridge/bridge_op.h"
#include "runtime/bridge/listener_state.h"
#include "runtime/bridge/tcp_stream.h"

namespace corelane::runtime {

template <class Executor = boost::asio::any_io_executor>
class BasicBridgeTcpListener {
 public:
  using executor_type = Executor;
  using endpoint_type = Endpoint;
  using Stream = BasicBridgeTcpStream<Executor>;
  template <class Other>
  struct rebind_executor {
    using other = BasicBridgeTcpListener<Other>;
  };

  // Not listening yet.
  BasicBridgeTcpListener(const Executor& executor, const Bridge& bridge)
      : handle_(executor, bridge.core()) {}
  // Listening. Throws boost::system::system_error.
  BasicBridgeTcpListener(const Executor& executor, const Bridge& bridge, const Endpoint& local,
                         const ListenOptions& options = ListenOptions())
      : BasicBridgeTcpListener(executor, bridge) {
    listen(local, options);
  }
  BasicBridgeTcpListener(BasicBridgeTcpListener&&) noexcept = default;
  BasicBridgeTcpListener& operator=(BasicBridgeTcpListener&&) noexcept = default;

  executor_type get_executor() const noexcept { return handle_.executor(); }
  bool is_open() const { return handle_.get() != nullptr && handle_.get()->is_open(); }
  // With the port that was chosen where 0 was asked for.
  Endpoint local_endpoint() const {
    return handle_.get() != nullptr ? handle_.get()->local() : Endpoint{};
  }

  // Errors: address_in_use, address_not_available (not one of the stack's), already_open,
  // bad_descriptor or operation_aborted (bridge or worker is gone).
  void listen(const Endpoint& local, const ListenOptions& options, error_code& ec) {
    std::promise<error_code> listening;
    std::future<error_code> ended = listening.get_future();
    using Op = internal::BridgeBlockingOp<internal::BridgeListenOp>;
    State& listener = state();
    listener.StartListen(*new Op(std::move(listening), local, options));
    ec = listener.Wait(std::move(ended));
  }
  void listen(const Endpoint& local, const ListenOptions& options = ListenOptions()) {
    error_code ec;
    listen(local, options, ec);
    if (ec) ThrowOnError(ec, ("BridgeTcpListener: listen on " + local.ToString()).c_str());
  }
  // Pending operations end with operation_aborted.
  void close() { handle_.Set(nullptr); }
  void cancel() {
    if (handle_.get() != nullptr) handle_.get()->Cancel();
  }

  // void(error_code)
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_listen(const Endpoint& local, const ListenOptions& options, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateListen{this}, token, local,
                                                                options);
  }
  // void(error_code, BasicBridgeTcpStream<Executor>)
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_accept(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, Stream)>(
        InitiateAccept<Executor>{this, get_executor()}, token);
  }
  // void(error_code, BasicBridgeTcpStream<Other>): a stream that lives on another executor.
  template <class Other, class Token = boost::asio::default_completion_token_t<Executor>>
    requires(boost::asio::is_executor<Other>::value ||
             boost::asio::execution::is_executor<Other>::value)
  auto async_accept(const Other& executor, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code, BasicBridgeTcpStream<Other>)>(
        InitiateAccept<Other>{this, executor}, token);
  }

 private:
  using State = internal::BridgeListener;

  template <class Other>
  class StreamOp : public internal::BridgeAcceptOp {
   public:
    std::tuple<error_code, BasicBridgeTcpStream<Other>> TakeResult() {
      return {ec, BasicBridgeTcpStream<Other>(executor_, std::move(core_),
                                              std::exchange(accepted, nullptr))};
    }

   protected:
    StreamOp(Function function, const Other& executor, std::shared_ptr<internal::BridgeCore> core)
        : BridgeAcceptOp(function), executor_(executor), core_(std::move(core)) {}
    ~StreamOp() = default;
    Other executor_;
    std::shared_ptr<internal::BridgeCore> core_;
  };

  template <class Other>
  struct InitiateAccept {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return listener->get_executor(); }
    template <class Handler>
    void operator()(Handler&& handler) const {
      using Op = internal::BridgeHandlerOp<StreamOp<Other>, std::decay_t<Handler>, Executor>;
      State& state = listener->state();
      auto& op = *Op::New(get_executor(), std::forward<Handler>(handler), executor,
                          listener->handle_.core());
      op.ConnectCancellation(state);
      state.StartAccept(op);
    }
    BasicBridgeTcpListener* listener;
    Other executor;
  };
  struct InitiateListen {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return listener->get_executor(); }
    template <class Handler>
    void operator()(Handler&& handler, const Endpoint& local, const ListenOptions& options) const {
      using Op =
          internal::BridgeHandlerOp<internal::BridgeListenOp, std::decay_t<Handler>, Executor>;
      State& state = listener->state();
      auto& op = *Op::New(get_executor(), std::forward<Handler>(handler), local, options);
      op.ConnectCancellation(state);
      state.StartListen(op);
    }
    BasicBridgeTcpListener* listener;
  };

  State& state() {
    if (handle_.get() == nullptr) {
      handle_.Set(internal::BridgeRef<State>(new State(handle_.core())));
    }
    return *handle_.get();
  }

  internal::BridgeHandle<State, Executor> handle_;
};

template <class Executor, class... Args>
BasicBridgeTcpListener(const Executor&, const Bridge&, const Args&...)
    -> BasicBridgeTcpListener<Executor>;

using BridgeTcpListener = BasicBridgeTcpListener<>;

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_BRIDGE_TCP_LISTENER_H_
