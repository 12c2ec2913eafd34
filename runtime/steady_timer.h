// SteadyTimer: asio::steady_timer's interface on a worker's timer wheel.
//
//   SteadyTimer timer(worker.get_executor(), std::chrono::seconds(1));
//   co_await timer.async_wait(token);
//
// Unlike Asio's own it starts no thread, makes no system call and takes O(1) to set and cancel.
// Durations count from the beginning of the worker's turn. In virtual time a time_point is one of
// the worker's clock, by its time since the epoch.
//
// Move-only; belongs to the worker's thread.

#ifndef CORELANE_RUNTIME_STEADY_TIMER_H_
#define CORELANE_RUNTIME_STEADY_TIMER_H_

#include <boost/asio/async_result.hpp>
#include <chrono>
#include <cstddef>
#include <utility>

#include "core/time.h"
#include "runtime/completion.h"
#include "runtime/steady_timer_impl.h"
#include "runtime/worker.h"

namespace corelane::runtime {

template <class Executor = WorkerExecutor>
class BasicSteadyTimer {
 public:
  using executor_type = Executor;
  using clock_type = std::chrono::steady_clock;
  using duration = clock_type::duration;
  using time_point = clock_type::time_point;
  template <class Other>
  struct rebind_executor {
    using other = BasicSteadyTimer<Other>;
  };

  // Expired already.
  explicit BasicSteadyTimer(const Executor& executor)
      : executor_(executor), impl_(internal::SteadyTimerImpl::New(WorkerOf(executor))) {}
  BasicSteadyTimer(const Executor& executor, duration after) : BasicSteadyTimer(executor) {
    expires_after(after);
  }
  BasicSteadyTimer(const Executor& executor, time_point at) : BasicSteadyTimer(executor) {
    expires_at(at);
  }
  // Pending waits end with operation_aborted.
  ~BasicSteadyTimer() {
    if (impl_ != nullptr) internal::SteadyTimerImpl::Delete(impl_);
  }
  BasicSteadyTimer(BasicSteadyTimer&& other) noexcept
      : executor_(other.executor_), impl_(std::exchange(other.impl_, nullptr)) {}
  BasicSteadyTimer& operator=(BasicSteadyTimer&& other) noexcept {
    if (this == &other) return *this;
    if (impl_ != nullptr) internal::SteadyTimerImpl::Delete(impl_);
    executor_ = other.executor_;
    impl_ = std::exchange(other.impl_, nullptr);
    return *this;
  }

  executor_type get_executor() const noexcept { return executor_; }
  time_point expiry() const { return time_point(impl_->expiry().time_since_epoch()); }
  // Pending waits end with operation_aborted; returns how many.
  size_t expires_at(time_point at) { return impl_->ExpireAt(Instant(at.time_since_epoch())); }
  size_t expires_after(duration after) {
    const Instant now = impl_->worker().now();
    return impl_->ExpireAt(after < kNever - now ? now + after : kNever);
  }
  size_t cancel() { return impl_->Cancel(); }
  size_t cancel_one() { return impl_->CancelOne() ? 1 : 0; }

  // void(error_code)
  template <class Token = boost::asio::default_completion_token_t<Executor>>
  auto async_wait(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(error_code)>(InitiateWait{this}, token);
  }

 private:
  struct InitiateWait {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return timer->executor_; }
    template <class Handler>
    void operator()(Handler&& handler) const {
      internal::SteadyTimerImpl& impl = *timer->impl_;
      auto* const op = internal::HandlerOp<internal::TimerWaitOp, std::decay_t<Handler>>::New(
          impl.worker(), std::forward<Handler>(handler));
      if (impl.StartWait(*op)) op->ConnectCancellation();
    }
    BasicSteadyTimer* timer;
  };

  Executor executor_;
  internal::SteadyTimerImpl* impl_;
};

using SteadyTimer = BasicSteadyTimer<>;

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_STEADY_TIMER_H_
