// BridgeHandlerOp: an operation of an ordinary thread together with the handler that it completes.
//
// It is started on the user's thread and waits in its socket. Run() posts it to the handler's
// associated executor (the socket's where it has none), where it is freed and the handler called;
// memory comes from the associated allocator (Asio's recycling one where there is none).

#ifndef CORELANE_RUNTIME_BRIDGE_BRIDGE_OP_H_
#define CORELANE_RUNTIME_BRIDGE_BRIDGE_OP_H_

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <future>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/bridge/bridge_socket.h"
#include "runtime/error.h"

namespace corelane::runtime::internal {

// Base: a BridgeOp with `auto TakeResult()`, the tuple that the handler is called with.
template <class Base, class Handler, class IoExecutor>
class BridgeHandlerOp final : public Base {
  using Executor = boost::asio::associated_executor_t<Handler, IoExecutor>;

 public:
  template <class H, class... Args>
  static BridgeHandlerOp* New(const IoExecutor& executor, H&& handler, Args&&... args) {
    auto allocator = AllocatorFor(handler);
    BridgeHandlerOp* const memory =
        std::allocator_traits<decltype(allocator)>::allocate(allocator, 1);
    return new (static_cast<void*>(memory))
        BridgeHandlerOp(executor, std::forward<H>(handler), std::forward<Args>(args)...);
  }

  // Before the operation is started: from then on its handler's cancellation slot can end it. None
  // of our operations leaves anything half done, so every kind of cancellation is honoured.
  void ConnectCancellation(BridgeSocket& socket) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.template emplace<Canceller>(socket, *this);
    cancellable_ = true;
  }

 private:
  // Keeps the socket: it may be closed before the handler runs, which clears the slot.
  struct Canceller {
    Canceller(BridgeSocket& socket, BridgeOp& op) : socket(&socket), op(op) {}
    void operator()(boost::asio::cancellation_type_t type) {
      using boost::asio::cancellation_type;
      const auto any =
          cancellation_type::terminal | cancellation_type::partial | cancellation_type::total;
      if ((type & any) != cancellation_type::none) socket->CancelOp(op);
    }
    BridgeRef<BridgeSocket> socket;
    BridgeOp& op;
  };

  // What the executor is given.
  class Completion {
   public:
    explicit Completion(BridgeHandlerOp* op) : op_(op) {}
    Completion(Completion&& other) noexcept : op_(std::exchange(other.op_, nullptr)) {}
    ~Completion() {
      if (op_ != nullptr) op_->Destroy();
    }
    void operator()() { std::exchange(op_, nullptr)->Complete(); }

   private:
    BridgeHandlerOp* op_;
  };

  template <class H, class... Args>
  BridgeHandlerOp(const IoExecutor& executor, H&& handler, Args&&... args)
      : Base(&Do, std::forward<Args>(args)...),
        handler_(std::forward<H>(handler)),
        work_(boost::asio::get_associated_executor(handler_, executor)) {
    if (!IsHandlers(executor)) io_work_.emplace(executor);
  }
  ~BridgeHandlerOp() = default;

  bool IsHandlers(const IoExecutor& executor) const {
    if constexpr (std::is_same_v<Executor, IoExecutor>) {
      return work_.get_executor() == executor;
    } else {
      return false;
    }
  }

  static auto AllocatorFor(const Handler& handler) {
    auto allocator = boost::asio::get_associated_allocator(
        handler, boost::asio::recycling_allocator<BridgeHandlerOp>());
    return
        typename std::allocator_traits<decltype(allocator)>::template rebind_alloc<BridgeHandlerOp>(
            allocator);
  }

  static void Do(Op* op, bool run) {
    auto* const self = static_cast<BridgeHandlerOp*>(op);
    if (!run) {
      [[maybe_unused]] const Handler handler = self->Delete();
      return;
    }
    // The operation may be gone before post() returns.
    const Executor executor = self->work_.get_executor();
    boost::asio::post(executor, Completion(self));
  }

  void Complete() {
    if (cancellable_) boost::asio::get_associated_cancellation_slot(handler_).clear();
    // Both contexts keep running until the handler has returned.
    const auto work = std::move(work_);
    const auto io_work = std::move(io_work_);
    auto result = this->TakeResult();
    std::apply(Delete(), std::move(result));
  }

  Handler Delete() {
    auto allocator = AllocatorFor(handler_);
    Handler handler(std::move(handler_));
    this->~BridgeHandlerOp();
    std::allocator_traits<decltype(allocator)>::deallocate(allocator, this, 1);
    return handler;
  }

  bool cancellable_ = false;
  Handler handler_;
  boost::asio::executor_work_guard<Executor> work_;
  // Where it differs from the handler's.
  std::optional<boost::asio::executor_work_guard<IoExecutor>> io_work_;
};

// The same for a thread that waits.
template <class Base>
class BridgeBlockingOp final : public Base {
 public:
  template <class... Args>
  explicit BridgeBlockingOp(std::promise<error_code> ended, Args&&... args)
      : Base(&Do, std::forward<Args>(args)...), ended_(std::move(ended)) {}

 private:
  static void Do(Op* op, bool run) {
    const std::unique_ptr<BridgeBlockingOp> self(static_cast<BridgeBlockingOp*>(op));
    self->ended_.set_value(run ? self->ec : boost::asio::error::operation_aborted);
  }
  friend std::default_delete<BridgeBlockingOp>;
  ~BridgeBlockingOp() = default;

  std::promise<error_code> ended_;
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_BRIDGE_BRIDGE_OP_H_
