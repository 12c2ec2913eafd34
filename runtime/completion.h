// HandlerOp: an operation together with the handler that it completes, as Asio asks for it:
// memory from the handler's associated allocator (a worker's free lists where it has none), the
// call through its associated executor, cancellation through its slot.

#ifndef CORELANE_RUNTIME_COMPLETION_H_
#define CORELANE_RUNTIME_COMPLETION_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/op.h"
#include "runtime/worker.h"

namespace corelane::runtime::internal {

// A standard allocator over a worker's free lists.
template <class T>
class WorkerAllocator {
 public:
  using value_type = T;
  explicit WorkerAllocator(Worker& worker) : worker_(&worker) {}
  template <class U>
  WorkerAllocator(const WorkerAllocator<U>& other) : worker_(other.worker()) {}

  T* allocate(size_t n) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(worker_->memory().Allocate(n * sizeof(T)));
  }
  void deallocate(T* p, size_t n) { worker_->memory().Deallocate(p, n * sizeof(T)); }
  Worker* worker() const { return worker_; }
  friend bool operator==(const WorkerAllocator&, const WorkerAllocator&) = default;

 private:
  Worker* worker_;
};

// The handler's allocator for T; where it has none, the worker's.
template <class T, class Handler>
auto AllocatorFor(const Handler& handler, Worker& worker) {
  auto allocator = boost::asio::get_associated_allocator(handler);
  using Allocator = decltype(allocator);
  using Value = typename std::allocator_traits<Allocator>::value_type;
  if constexpr (std::is_same_v<Allocator, std::allocator<Value>>) {
    return WorkerAllocator<T>(worker);
  } else {
    return typename std::allocator_traits<Allocator>::template rebind_alloc<T>(allocator);
  }
}

// Calls a handler on its associated executor: directly where that is the worker's own, which the
// caller is on.
template <class Handler>
class HandlerWork {
  using Executor = boost::asio::associated_executor_t<Handler, WorkerExecutor>;

 public:
  HandlerWork(const Handler& handler, Worker& worker) {
    auto executor = boost::asio::get_associated_executor(handler, worker.get_executor());
    if (!IsOf(executor, worker)) elsewhere_.emplace(std::move(executor));
  }

  template <class Result>
  void Invoke(Handler handler, Result result) {
    if (!elsewhere_) [[likely]] {
      std::apply(std::move(handler), std::move(result));
      return;
    }
    auto call = [handler = std::move(handler), result = std::move(result)]() mutable {
      std::apply(std::move(handler), std::move(result));
    };
    boost::asio::dispatch(elsewhere_->get_executor(), std::move(call));
  }

 private:
  static bool IsOf(const WorkerExecutor& executor, const Worker& worker) {
    return &executor.worker() == &worker;
  }
  template <class Other>
  static bool IsOf(const Other& executor, const Worker& worker) {
    if constexpr (requires { executor.template target<WorkerExecutor>(); }) {
      const WorkerExecutor* const target = executor.template target<WorkerExecutor>();
      return target != nullptr && &target->worker() == &worker;
    } else {
      return false;
    }
  }

  // Keeps the other executor's context running until the call.
  std::optional<boost::asio::executor_work_guard<Executor>> elsewhere_;
};

// Base: a WaitingOp with `auto TakeResult()`, the tuple that the handler is called with.
template <class Base, class Handler>
class HandlerOp final : public Base {
 public:
  template <class H, class... Args>
  static HandlerOp* New(Worker& worker, H&& handler, Args&&... args) {
    auto allocator = AllocatorFor<HandlerOp>(handler, worker);
    HandlerOp* const memory = std::allocator_traits<decltype(allocator)>::allocate(allocator, 1);
    return new (static_cast<void*>(memory))
        HandlerOp(worker, std::forward<H>(handler), std::forward<Args>(args)...);
  }

  // The operation waits: from now on its handler's cancellation slot can end it. None of our
  // operations leaves anything half done, so every kind of cancellation is honoured.
  void ConnectCancellation() {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.template emplace<Canceller>(this);
    cancellable_ = true;
  }

 private:
  struct Canceller {
    explicit Canceller(HandlerOp* op) : op(op) {}
    void operator()(boost::asio::cancellation_type_t type) {
      using boost::asio::cancellation_type;
      const auto any =
          cancellation_type::terminal | cancellation_type::partial | cancellation_type::total;
      if ((type & any) != cancellation_type::none && op->owner != nullptr) {
        op->owner->CancelOp(*op);
      }
    }
    HandlerOp* op;
  };

  template <class H, class... Args>
  HandlerOp(Worker& worker, H&& handler, Args&&... args)
      : Base(&Do, std::forward<Args>(args)...),
        worker_(worker),
        handler_(std::forward<H>(handler)),
        work_(handler_, worker) {}
  ~HandlerOp() = default;

  static void Do(Op* op, bool run) {
    auto* const self = static_cast<HandlerOp*>(op);
    if (!run) {
      [[maybe_unused]] const Handler handler = self->Delete();
      return;
    }
    if (self->cancellable_) boost::asio::get_associated_cancellation_slot(self->handler_).clear();
    HandlerWork<Handler> work(std::move(self->work_));
    auto result = self->TakeResult();
    work.Invoke(self->Delete(), std::move(result));
  }

  Handler Delete() {
    auto allocator = AllocatorFor<HandlerOp>(handler_, worker_);
    Handler handler(std::move(handler_));
    this->~HandlerOp();
    std::allocator_traits<decltype(allocator)>::deallocate(allocator, this, 1);
    return handler;
  }

  Worker& worker_;
  bool cancellable_ = false;
  Handler handler_;
  HandlerWork<Handler> work_;
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_COMPLETION_H_
