#include "runtime/worker.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace corelane::runtime {
namespace {

// Kernel sockets are looked at this often while the worker is busy with its own ...
constexpr Duration kKernelPollInterval = std::chrono::microseconds(100);
// ... and in each of so many turns after one of them had something.
constexpr uint32_t kKernelPolls = 32;
// Posts that one turn takes over at most.
constexpr size_t kMaxPosted = 1024;

}  // namespace

thread_local Worker* Worker::current_ = nullptr;

Worker::Worker(const WorkerOptions& options)
    : options_(options),
      clock_(options.manual_clock != nullptr ? static_cast<const Clock*>(options.manual_clock)
                                             : &real_clock_),
      kernel_(*this),
      timers_(clock_->Now()) {}

Worker::~Worker() {
  const std::lock_guard turns(inbox_->turns_);
  // Whatever the destructors below post is queued here, and destroyed in turn.
  Worker* const outer = std::exchange(current_, this);
  kernel_.Close();
  execution_context::shutdown();
  DestroyPending();
  owned_stacks_.clear();
  execution_context::destroy();
  DestroyPending();
  inbox_->Close();
  current_ = outer;
}

void Worker::DestroyPending() {
  for (;;) {
    while (IoObject* const object = objects_.PopFront()) {
      object->starved_.Unlink();
      object->Detach();
    }
    TakePosted();
    if (ready_.empty()) {
      if (inbox_->posted_.empty()) return;
      continue;
    }
    while (Op* const op = ready_.PopFront()) op->Destroy();
  }
}

stack::Stack& Worker::NewStack(const stack::StackOptions& options, stack::Lane* lane) {
  owned_stacks_.push_back(std::make_unique<stack::Stack>(options, now(), lane));
  stacks_.push_back(owned_stacks_.back().get());
  return *stacks_.back();
}

void Worker::AttachStack(stack::Stack& stack) { stacks_.push_back(&stack); }

void Worker::Stop() {
  // Its own share: with the store, the worker may be gone.
  const std::shared_ptr<WorkerInbox> inbox = inbox_;
  stop_.store(true, std::memory_order_release);
  inbox->wake_.WakeIfSleeping();
}

void Worker::CloseListeners() {
  IntrusiveList<IoObject, &IoObject::objects_> all;
  all.SpliceBack(objects_);
  while (IoObject* const object = all.PopFront()) {
    objects_.PushBack(*object);
    object->Drain();
  }
}

void Worker::Run() { RunLoop(kNever, nullptr, nullptr); }

void Worker::RunFor(Duration duration) { RunLoop(clock_->Now() + duration, nullptr, nullptr); }

bool Worker::RunLoop(Instant end, bool (*done)(void*), void* argument) {
  bool result = false;
  const std::lock_guard turns(inbox_->turns_);
  Worker* const outer = std::exchange(current_, this);
  const auto leave = [&] {
    current_ = outer;
    in_turn_ = in_handler_ = false;
  };
  shell_.restart();
  boost::asio::post(shell_, [&] { result = RunTurns(end, done, argument); });
  try {
    shell_.run();
  } catch (...) {
    leave();
    throw;
  }
  leave();
  return result;
}

bool Worker::RunTurns(Instant end, bool (*done)(void*), void* argument) {
  last_progress_ = clock_->Now();
  was_busy_ = false;
  for (;;) {
    // Stop() is used up by the Run() that it ends.
    if (stop_.load(std::memory_order_relaxed)) [[unlikely]] {
      stop_.store(false, std::memory_order_relaxed);
      return false;
    }
    if (done != nullptr && done(argument)) return true;
    const bool progress = Turn();
    was_busy_ = progress;
    if (now_ >= end) return done != nullptr && done(argument);
    if (progress) {
      last_progress_ = now_;
      continue;
    }
    // A timer may have brought it about: nobody would wake a sleeper for that.
    if (done != nullptr && done(argument)) return true;
    Idle(end);
  }
}

bool Worker::Turn() {
  const Instant now = clock_->Now();
  // One look at the clock a turn will do: a busy turn lasted until the next one began.
  if (was_busy_) counters_->busy_turns.Record(now - now_);
  now_ = now;
  in_turn_ = true;
  counters_->turns.Increment(1);
  bool progress = false;
  for (size_t i = 0; i < stacks_.size(); ++i) {
    stack::Stack& stack = *stacks_[i];
    progress |= stack.Receive(now_) > 0;
    DispatchReady(stack);
    // What the program answers on one stack reaches the next in the same turn, where a wire joins
    // them; the last one's waits for what else the turn brings.
    if (i + 1 < stacks_.size()) {
      progress |= RunHandlers();
      progress |= stack.Transmit(now_) > 0;
    }
  }
  for (size_t i = 0; i < pollables_.size(); ++i) progress |= pollables_[i]->Poll(now_);
  if (!starved_.empty()) [[unlikely]] {
    RetryStarved();
  }
  progress |= TakePosted();
  progress |= timers_.Advance(now_, [](TimerNode& node) {
    auto& timer = static_cast<WorkerTimer&>(node);
    timer.fire_(timer);
  }) > 0;
  // A look costs a system call.
  if (kernel_polls_ > 0 || now_ >= next_kernel_poll_) progress |= PollKernel();
  progress |= RunHandlers();
  for (stack::Stack* const stack : stacks_) progress |= stack->Transmit(now_) > 0;
  in_turn_ = false;
  return progress;
}

bool Worker::TakePosted() {
  size_t n = 0;
  while (n < kMaxPosted) {
    PostedOp* const op = inbox_->posted_.Pop();
    if (op == nullptr) break;
    ready_.PushBack(*op);
    ++n;
  }
  return n > 0;
}

void Worker::RetryStarved() {
  IntrusiveList<IoObject, &IoObject::starved_> turn;
  turn.SpliceBack(starved_);
  while (IoObject* const object = turn.PopFront()) object->Retry();
}

bool Worker::RunHandlers() {
  size_t n = 0;
  in_handler_ = true;
  while (n < options_.max_handlers) {
    Op* const op = ready_.PopFront();
    if (op == nullptr) break;
    ++n;
    op->Run();
  }
  in_handler_ = false;
  counters_->handlers.Increment(n);
  return n > 0;
}

bool Worker::PollKernel() {
  const bool found = kernel_.Poll() > 0;
  if (found) {
    kernel_polls_ = kKernelPolls;
  } else if (kernel_polls_ > 0) {
    --kernel_polls_;
  }
  next_kernel_poll_ = now_ + kKernelPollInterval;
  return found;
}

bool Worker::HasReady() const {
  if (!ready_.empty() || !inbox_->posted_.empty()) return true;
  return std::any_of(stacks_.begin(), stacks_.end(),
                     [](stack::Stack* stack) { return stack->tcp().HasReady(); });
}

Instant Worker::NextDeadline() const {
  Instant next = starved_.empty() ? timers_.NextDeadline() : now_ + std::chrono::milliseconds(1);
  for (const stack::Stack* const stack : stacks_) next = std::min(next, stack->NextDeadline());
  for (const Pollable* const pollable : pollables_) {
    next = std::min(next, pollable->NextDeadline());
  }
  return next;
}

void Worker::Idle(Instant end) {
  if (HasReady()) return;
  if (options_.manual_clock != nullptr) {
    IdleVirtual(end);
  } else if (now_ - last_progress_ < options_.idle_spin) {
    next_kernel_poll_ = now_;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  } else {
    Sleep(end);
  }
}

// Virtual time: nothing can happen before the next deadline, except from outside.
void Worker::IdleVirtual(Instant end) {
  next_kernel_poll_ = now_;
  const Instant next = std::min(NextDeadline(), end);
  if (next == kNever) {
    Sleep(end);
  } else {
    options_.manual_clock->AdvanceTo(std::max(next, now_ + std::chrono::microseconds(1)));
  }
}

// False: don't sleep.
bool Worker::ArmWakes(Instant& deadline) {
  const auto arm = [&](const std::optional<driver::WakeSource>& wake) {
    if (!wake) return false;
    if (wake->fd >= 0) kernel_.Watch(wake->fd);
    if (wake->nap != Duration::max()) deadline = std::min(deadline, now_ + wake->nap);
    return true;
  };
  for (stack::Stack* const stack : stacks_) {
    for (size_t i = 0; i < stack->network().interfaces(); ++i) {
      if (!arm(stack->network().interface(i).queue().ArmWake())) return false;
    }
    if (!arm(stack->ArmWake())) return false;
  }
  for (Pollable* const pollable : pollables_) {
    if (!arm(pollable->ArmWake())) return false;
  }
  return true;
}

void Worker::Sleep(Instant end) {
  Instant deadline = std::min(NextDeadline(), end);
  if (deadline <= now_ || !ArmWakes(deadline)) return;
  kernel_.Watch(inbox_->wake_.fd());
  if (inbox_->wake_.Arm(
          [this] { return !inbox_->posted_.empty() || stop_.load(std::memory_order_acquire); })) {
    counters_->sleeps.Increment(1);
    if (kernel_.Sleep(deadline)) {
      kernel_polls_ = kKernelPolls;
    } else {
      // That was a look at the kernel, too. What else it found runs at once in the next one.
      next_kernel_poll_ = clock_->Now() + kKernelPollInterval;
    }
    inbox_->wake_.Disarm();
  }
}

void Worker::DispatchReady(stack::Stack& stack) {
  while (stack::TcpSocket* const socket = stack.tcp().NextReady()) {
    if (socket->user == nullptr) continue;
    static_cast<IoObject*>(socket->user)->OnReady();
  }
  while (stack::TcpListener* const listener = stack.tcp().NextReadyListener()) {
    if (listener->user == nullptr) continue;
    static_cast<IoObject*>(listener->user)->OnReady();
  }
  while (const auto arrival = stack.tcp().TakeArrival()) {
    auto& ticket = static_cast<ArrivalTicket&>(*arrival->ticket);
    ticket.OnArrival(*this, stack, arrival->socket);
  }
  while (udp::UdpSocket* const socket = stack.udp().NextReady()) {
    if (socket->user == nullptr) continue;
    static_cast<IoObject*>(socket->user)->OnReady();
  }
}

}  // namespace corelane::runtime
