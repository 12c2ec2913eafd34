// Worker: one thread's Asio execution context, which drives the stacks of one lane.
//
//   Worker worker;
//   stack::Stack& stack = worker.NewStack(stack_options);
//   stack.AddInterface(device.queue(0), device.info(), interface_options);
//   boost::asio::co_spawn(worker.get_executor(), Serve(worker), boost::asio::detached);
//   worker.Run();                                             // until Stop()
//
// A turn: read the clock once; receive; what sockets, other threads and timers made ready; a
// bounded run of handlers; transmit. Several stacks have their turns one after the other. With
// nothing to do for a while the worker arms its devices' wake-ups and sleeps until one of them, a
// post, or the next deadline.
//
// Ordinary Asio objects (kernel sockets, timers, signal sets) work on get_executor() too, on the
// worker's thread.
//
// Threading: a worker, its stacks, sockets and timers belong to the thread that calls Run(); before
// that, to the one that set them up. Any thread may call Stop() and use the executor, which is how
// work comes in from outside.
//
// Destruction destroys what is still pending, uncalled, and closes every socket; sockets and timers
// that outlive their worker may still be destroyed, but not used.

#ifndef CORELANE_RUNTIME_WORKER_H_
#define CORELANE_RUNTIME_WORKER_H_

#include <atomic>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/counter.h"
#include "core/intrusive_list.h"
#include "core/time.h"
#include "core/timer_wheel.h"
#include "driver/device.h"
#include "runtime/kernel_events.h"
#include "runtime/op.h"
#include "runtime/op_memory.h"
#include "runtime/turn_histogram.h"
#include "runtime/worker_inbox.h"
#include "stack/stack.h"

namespace corelane::runtime {

class Worker;

struct WorkerOptions {
  WorkerOptions() {}

  // Set: virtual time. An idle worker moves this clock to the next deadline instead of sleeping.
  // Null: the machine's monotonic clock.
  ManualClock* manual_clock = nullptr;
  // How long a worker with nothing to do looks for more before it sleeps.
  Duration idle_spin = std::chrono::microseconds(50);
  // Handlers that one turn runs at most.
  size_t max_handlers = 512;
};

// Anything else that wants a call in every turn.
class Pollable {
 public:
  virtual ~Pollable() = default;
  // Returns whether there was something to do.
  virtual bool Poll(Instant now) = 0;
  // When Poll() is due at the latest.
  virtual Instant NextDeadline() const { return kNever; }
  // As driver::DeviceQueue::ArmWake().
  virtual std::optional<driver::WakeSource> ArmWake() { return driver::WakeSource{}; }
};

// A timer in the worker's wheel that knows what to do.
class WorkerTimer : public TimerNode {
 public:
  using Fire = void (*)(WorkerTimer& timer);
  explicit WorkerTimer(Fire fire) : fire_(fire) {}

 private:
  friend class Worker;
  Fire fire_;
};

// What a worker calls when something happened, and takes the ground from when it is destroyed. The
// `user` of a socket or listener of a worker's stack points to one.
class IoObject {
 public:
  IoObject() = default;
  IoObject(const IoObject&) = delete;
  IoObject& operator=(const IoObject&) = delete;

 protected:
  ~IoObject() = default;

 private:
  friend class Worker;
  // Gives back what belongs to worker or stack; pending operations go to Worker::Abandon().
  virtual void Detach() = 0;
  // The program ends in good order: nothing new is taken in.
  virtual void Drain() {}
  // The socket has events, the listener connections.
  virtual void OnReady() {}
  virtual void Retry() {}
  ListNode objects_;
  ListNode starved_;
};

// What the stacks of workers move connections with: called on the other lane's worker.
class ArrivalTicket : public stack::MoveTicket {
 public:
  bool send_shut = false;
  bool receive_shut = false;

  // socket: the ticket's. Null: the lane had no memory for it, and the connection was reset.
  virtual void OnArrival(Worker& worker, stack::Stack& stack, stack::TcpSocket* socket) = 0;
};

// Satisfies Asio's executor concept. Two words' worth of state would do; it fits into one.
class WorkerExecutor {
 public:
  explicit WorkerExecutor(Worker& worker) noexcept
      : bits_(reinterpret_cast<uintptr_t>(&worker) | kMayBlock) {}

  Worker& worker() const noexcept { return *reinterpret_cast<Worker*>(bits_ & ~kMask); }
  Worker& context() const noexcept { return worker(); }
  // On the worker's thread, inside Run().
  bool running_in_this_thread() const noexcept;

  Worker& query(boost::asio::execution::context_t) const noexcept { return worker(); }
  boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept {
    return (bits_ & kMayBlock) != 0
               ? boost::asio::execution::blocking_t(boost::asio::execution::blocking.possibly)
               : boost::asio::execution::blocking_t(boost::asio::execution::blocking.never);
  }
  static constexpr boost::asio::execution::mapping_t query(
      boost::asio::execution::mapping_t) noexcept {
    return boost::asio::execution::mapping.thread;
  }
  static constexpr boost::asio::execution::outstanding_work_t query(
      boost::asio::execution::outstanding_work_t) noexcept {
    return boost::asio::execution::outstanding_work.untracked;
  }
  WorkerExecutor require(boost::asio::execution::blocking_t::possibly_t) const noexcept {
    return WorkerExecutor(bits_ | kMayBlock);
  }
  WorkerExecutor require(boost::asio::execution::blocking_t::never_t) const noexcept {
    return WorkerExecutor(bits_ & ~kMayBlock);
  }

  // Queues f; where blocking.possibly and called from one of the worker's handlers, runs it at
  // once.
  template <class F>
  void execute(F&& f) const;

  friend bool operator==(const WorkerExecutor&, const WorkerExecutor&) noexcept = default;

 private:
  static constexpr uintptr_t kMayBlock = 1;
  static constexpr uintptr_t kMask = 1;

  explicit WorkerExecutor(uintptr_t bits) noexcept : bits_(bits) {}

  uintptr_t bits_;
};

struct WorkerCounters {
  Counter turns;
  Counter handlers;
  Counter sleeps;
  TurnHistogram busy_turns;  // how long turns with something to do took
};

class Worker : public boost::asio::execution_context {
 public:
  using executor_type = WorkerExecutor;

  explicit Worker(const WorkerOptions& options = WorkerOptions());
  ~Worker();

  executor_type get_executor() noexcept { return WorkerExecutor(*this); }

  // A stack that the worker owns; lane: of a group, which outlives the worker. The first stack is
  // what sockets use that name none.
  stack::Stack& NewStack(const stack::StackOptions& options, stack::Lane* lane = nullptr);
  // A stack that the worker only drives; it outlives the worker.
  void AttachStack(stack::Stack& stack);
  // Null: there is none yet.
  stack::Stack* default_stack() const { return stacks_.empty() ? nullptr : stacks_.front(); }
  std::span<stack::Stack* const> stacks() const { return stacks_; }
  // `pollable` outlives the worker, or is removed first.
  void AddPollable(Pollable& pollable) { pollables_.push_back(&pollable); }
  void RemovePollable(Pollable& pollable) { std::erase(pollables_, &pollable); }

  // Turns until Stop(). What a handler throws comes out here; Run() may then be called again.
  void Run();
  // Turns for so long on the worker's clock, or until Stop().
  void RunFor(Duration duration);
  // Turns until done() is true. False: Stop(), or the time was over before.
  template <class Predicate>
  bool RunUntil(Predicate&& done, Duration at_most = std::chrono::minutes(1)) {
    using Function = std::remove_reference_t<Predicate>;
    const auto call = [](void* f) { return static_cast<bool>((*static_cast<Function*>(f))()); };
    return RunLoop(clock_->Now() + at_most, call,
                   const_cast<std::remove_const_t<Function>*>(&done));
  }
  // Ends Run(), or makes the next one return at once. Any thread; where Run() returns meanwhile,
  // the worker may be destroyed before this has.
  void Stop();
  // Closes every listener, as if its owner had. The worker's thread.
  void CloseListeners();

  // The time of this turn; outside of turns the clock's.
  Instant now() const { return in_turn_ ? now_ : clock_->Now(); }
  const Clock& clock() const { return *clock_; }
  WorkerCounters& counters() { return *counters_; }
  // For those who look at them after the worker's end.
  std::shared_ptr<const WorkerCounters> shared_counters() const { return counters_; }

  // --- for sockets, timers and executors ---
  // Whose Run() this thread is inside of; null: none's.
  static Worker* Current() noexcept { return current_; }
  // Whether this thread is inside Run().
  bool IsRunningHere() const noexcept { return current_ == this; }
  // Whether it is inside a handler, so that another may run there and then. Completions of Asio's
  // own objects are queued: they are found by a nested scheduler, where the stacks' time may be old
  // and Asio recycles no memory.
  bool MayRunInline() const noexcept { return in_handler_ && IsRunningHere(); }
  OpMemory& memory() { return memory_; }
  // Queues a complete operation; it runs after the caller has returned.
  void Ready(Op& op) { ready_.PushBack(op); }
  void Complete(WaitingOp& op, const boost::system::error_code& ec) {
    op.owner = nullptr;
    op.ec = ec;
    ready_.PushBack(op);
  }
  // Destroys an operation, uncalled, as soon as nothing else is going on.
  void Abandon(Op& op) { ready_.PushBack(op); }
  // Any thread. What `op` does may end in the worker's destruction before this has returned.
  void Post(PostedOp& op) {
    const std::shared_ptr<WorkerInbox> inbox = inbox_;
    inbox->Post(op);
  }
  // For those who may post after the worker's end.
  const std::shared_ptr<WorkerInbox>& inbox() const { return inbox_; }
  void Arm(WorkerTimer& timer, Instant deadline) { timers_.Arm(timer, deadline); }
  void Disarm(WorkerTimer& timer) { timers_.Cancel(timer); }
  void Register(IoObject& object) { objects_.PushBack(object); }
  // For objects that are destroyed on another thread: those of this one just go.
  void Unregister(IoObject& object) {
    object.objects_.Unlink();
    object.starved_.Unlink();
  }
  // Calls object.Retry() in the next turn: memory was short, and no event will say when it is not.
  void RetryLater(IoObject& object) {
    if (!object.starved_.linked()) starved_.PushBack(object);
  }

 private:
  bool RunLoop(Instant end, bool (*done)(void*), void* argument);
  bool RunTurns(Instant end, bool (*done)(void*), void* argument);
  // One turn; false: there was nothing to do.
  bool Turn();
  void DispatchReady(stack::Stack& stack);
  bool TakePosted();
  void RetryStarved();
  bool RunHandlers();
  bool PollKernel();
  // Nothing happened in this turn.
  void Idle(Instant end);
  void IdleVirtual(Instant end);
  void Sleep(Instant end);
  bool ArmWakes(Instant& deadline);
  bool HasReady() const;
  Instant NextDeadline() const;
  void DestroyPending();

  static thread_local Worker* current_;

  const WorkerOptions options_;
  RealClock real_clock_;
  const Clock* const clock_;
  KernelEvents kernel_;
  // Only its run() is used: Asio recycles memory inside one.
  boost::asio::io_context shell_{1};
  OpMemory memory_;
  const std::shared_ptr<WorkerInbox> inbox_ = std::make_shared<WorkerInbox>();
  std::atomic<bool> stop_{false};
  bool in_turn_ = false;
  bool was_busy_ = false;  // the turn before
  bool in_handler_ = false;
  uint32_t kernel_polls_ = 0;  // turns that still look at the kernel's sockets
  Instant now_{};
  Instant last_progress_{};
  Instant next_kernel_poll_{};
  TimerWheel timers_;
  OpQueue<Op> ready_;
  std::vector<std::unique_ptr<stack::Stack>> owned_stacks_;
  std::vector<stack::Stack*> stacks_;
  std::vector<Pollable*> pollables_;
  IntrusiveList<IoObject, &IoObject::objects_> objects_;
  IntrusiveList<IoObject, &IoObject::starved_> starved_;
  const std::shared_ptr<WorkerCounters> counters_ = std::make_shared<WorkerCounters>();
};

// The worker behind an executor, or behind one that wraps it.
template <class Executor>
Worker& WorkerOf(const Executor& executor) {
  if constexpr (std::is_base_of_v<WorkerExecutor, Executor>) {
    return executor.worker();
  } else if constexpr (requires { executor.template target<WorkerExecutor>(); }) {
    const WorkerExecutor* const target = executor.template target<WorkerExecutor>();
    CL_CHECK(target != nullptr);
    return target->worker();
  } else {
    return static_cast<Worker&>(boost::asio::query(executor, boost::asio::execution::context));
  }
}

// --- implementation ---

namespace internal {

// A function object from this thread, in the worker's memory.
template <class F>
class LocalTask final : public Op {
 public:
  template <class G>
  static LocalTask* New(Worker& worker, G&& f) {
    static_assert(alignof(LocalTask) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    void* const memory = worker.memory().Allocate(sizeof(LocalTask));
    return new (memory) LocalTask(worker, std::forward<G>(f));
  }

 private:
  template <class G>
  LocalTask(Worker& worker, G&& f) : Op(&Do), worker_(worker), f_(std::forward<G>(f)) {}
  ~LocalTask() = default;

  static void Do(Op* op, bool run) {
    auto* const self = static_cast<LocalTask*>(op);
    Worker& worker = self->worker_;
    F f(std::move(self->f_));
    self->~LocalTask();
    worker.memory().Deallocate(self, sizeof(LocalTask));
    if (run) std::move(f)();
  }

  Worker& worker_;
  F f_;
};

// One from another thread.
template <class F>
class PostedTask final : public PostedOp {
 public:
  template <class G>
    requires(!std::same_as<std::remove_cvref_t<G>, PostedTask>)
  explicit PostedTask(G&& f) : PostedOp(&Do), f_(std::forward<G>(f)) {}

 private:
  static void Do(Op* op, bool run) {
    std::unique_ptr<PostedTask> self(static_cast<PostedTask*>(op));
    F f(std::move(self->f_));
    self.reset();
    if (run) std::move(f)();
  }
  friend std::default_delete<PostedTask>;
  ~PostedTask() = default;

  F f_;
};

}  // namespace internal

inline bool WorkerExecutor::running_in_this_thread() const noexcept {
  return worker().IsRunningHere();
}

template <class F>
void WorkerExecutor::execute(F&& f) const {
  using Function = std::decay_t<F>;
  Worker& w = worker();
  if (!w.IsRunningHere()) {
    w.Post(*new internal::PostedTask<Function>(std::forward<F>(f)));
  } else if ((bits_ & kMayBlock) != 0 && w.MayRunInline()) {
    Function copy(std::forward<F>(f));
    std::move(copy)();
  } else {
    w.Ready(*internal::LocalTask<Function>::New(w, std::forward<F>(f)));
  }
}

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_WORKER_H_
