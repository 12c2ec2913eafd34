// BridgeHandle: what the sockets of ordinary threads are made of: an executor, a bridge, and the
// state that they share with the worker.

#ifndef CORELANE_RUNTIME_BRIDGE_BRIDGE_HANDLE_H_
#define CORELANE_RUNTIME_BRIDGE_BRIDGE_HANDLE_H_

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#include "runtime/bridge/bridge_socket.h"
#include "runtime/error.h"

namespace corelane::runtime::internal {

// State: a BridgeSocket with Close(). Move-only; closes on destruction.
template <class State, class Executor>
class BridgeHandle {
 public:
  BridgeHandle(const Executor& executor, std::shared_ptr<BridgeCore> core)
      : executor_(executor), core_(std::move(core)) {}
  ~BridgeHandle() { Set(nullptr); }
  BridgeHandle(BridgeHandle&& other) noexcept
      : executor_(other.executor_), core_(other.core_), state_(std::move(other.state_)) {}
  BridgeHandle& operator=(BridgeHandle&& other) noexcept {
    if (this == &other) return *this;
    Set(nullptr);
    executor_ = other.executor_;
    core_ = other.core_;
    state_ = std::move(other.state_);
    return *this;
  }
  // On another executor. No operation is pending.
  template <class Other>
  BridgeHandle(const Executor& executor, BridgeHandle<State, Other>&& other)
      : executor_(executor), core_(other.core()) {
    Set(other.Take());
  }

  const Executor& executor() const { return executor_; }
  const std::shared_ptr<BridgeCore>& core() const { return core_; }
  // Null: there is none.
  State* get() const { return state_.get(); }
  // Closes what is there.
  void Set(BridgeRef<State> state) {
    if (state_ != nullptr) {
      state_->Close();
      state_->Leave();
    }
    state_ = std::move(state);
    if (state_ == nullptr) return;
    // Services end in the reverse order of their making. The one that strands live in is made
    // first: no worker may post to a strand while that one ends, but at the sockets' end all are
    // waited for.
    if (!BridgeSocket::IsKnownTo(context())) {
      [[maybe_unused]] const boost::asio::strand<Executor> first(executor_);
    }
    state_->Enter(context());
  }
  BridgeRef<State> Take() {
    if (state_ != nullptr) state_->Leave();
    return std::move(state_);
  }

 private:
  boost::asio::execution_context& context() const {
    return static_cast<boost::asio::execution_context&>(
        boost::asio::query(executor_, boost::asio::execution::context));
  }

  Executor executor_;
  std::shared_ptr<BridgeCore> core_;
  BridgeRef<State> state_;
};

// Calls f(error_code&), and throws what it says.
template <class F>
auto Throwing(const char* what, F&& f) {
  error_code ec;
  if constexpr (std::is_void_v<decltype(f(ec))>) {
    f(ec);
    ThrowOnError(ec, what);
  } else {
    auto result = f(ec);
    ThrowOnError(ec, what);
    return result;
  }
}

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_BRIDGE_BRIDGE_HANDLE_H_
