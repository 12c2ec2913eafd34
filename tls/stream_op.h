// An operation of a Stream together with its handler, as Asio asks for it: memory from the
// handler's associated allocator (the stream's own where it has none), the call through its
// associated executor, cancellation through its slot.

#ifndef CORELANE_TLS_STREAM_OP_H_
#define CORELANE_TLS_STREAM_OP_H_

#include <boost/asio/append.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#include "tls/stream_core.h"

namespace corelane::tls::internal {

// kSized: the handler takes an error and a size, else an error only. Executor: the stream's.
template <bool kSized, class Handler, class Executor>
class HandlerStreamOp final : public StreamOp {
 public:
  template <class H>
  static HandlerStreamOp* New(StreamCore& core, const Executor& executor, Kind kind, H&& handler) {
    void* memory = nullptr;
    if constexpr (kOwnMemory) {
      memory = core.memory().Allocate(sizeof(HandlerStreamOp));
    } else {
      Allocator allocator(boost::asio::get_associated_allocator(handler));
      memory = std::allocator_traits<Allocator>::allocate(allocator, 1);
    }
    return new (memory) HandlerStreamOp(core, executor, kind, std::forward<H>(handler));
  }

  // The operation waits: from now on its handler's cancellation slot can end it.
  void ConnectCancellation() {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.template emplace<Canceller>(this);
    cancellable_ = true;
  }

  void Complete(bool post) override {
    if (cancellable_) boost::asio::get_associated_cancellation_slot(handler_).clear();
    const Work work(std::move(work_));
    const Executor executor = executor_;
    const error_code result = ec;
    [[maybe_unused]] const size_t size = bytes;
    Handler handler = Delete();
    if constexpr (kSized) {
      Call(executor, post, std::move(handler), result, size);
    } else {
      Call(executor, post, std::move(handler), result);
    }
  }

  void Destroy() override {
    if (cancellable_) boost::asio::get_associated_cancellation_slot(handler_).clear();
    [[maybe_unused]] const Handler handler = Delete();
  }

 private:
  using Associated = boost::asio::associated_allocator_t<Handler>;
  using Allocator =
      typename std::allocator_traits<Associated>::template rebind_alloc<HandlerStreamOp>;
  using Work =
      boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler, Executor>>;
  static constexpr bool kOwnMemory =
      std::is_same_v<Associated,
                     std::allocator<typename std::allocator_traits<Associated>::value_type>>;

  struct Canceller {
    explicit Canceller(HandlerStreamOp* op) : op(op) {}
    void operator()(boost::asio::cancellation_type_t type) { op->core_.CancelOp(*op, type); }
    HandlerStreamOp* op;
  };

  template <class H>
  HandlerStreamOp(StreamCore& core, const Executor& executor, Kind kind, H&& handler)
      : StreamOp(kind),
        core_(core),
        executor_(executor),
        handler_(std::forward<H>(handler)),
        work_(boost::asio::get_associated_executor(handler_, executor)) {}
  ~HandlerStreamOp() = default;

  template <class... Results>
  static void Call(const Executor& executor, bool post, Handler&& handler, Results... results) {
    auto call = boost::asio::append(std::move(handler), results...);
    if (post) {
      boost::asio::post(executor, std::move(call));
    } else {
      boost::asio::dispatch(executor, std::move(call));
    }
  }

  Handler Delete() {
    Handler handler(std::move(handler_));
    StreamCore& core = core_;
    this->~HandlerStreamOp();
    if constexpr (kOwnMemory) {
      core.memory().Deallocate(this, sizeof(HandlerStreamOp));
    } else {
      Allocator allocator(boost::asio::get_associated_allocator(handler));
      std::allocator_traits<Allocator>::deallocate(allocator, this, 1);
    }
    return handler;
  }

  StreamCore& core_;
  const Executor executor_;
  bool cancellable_ = false;
  Handler handler_;
  Work work_;
};

}  // namespace corelane::tls::internal

#endif  // CORELANE_TLS_STREAM_OP_H_
