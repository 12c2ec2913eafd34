#include "runtime/steady_timer_impl.h"

#include <boost/asio/error.hpp>
#include <new>

namespace corelane::runtime::internal {

namespace error = boost::asio::error;

SteadyTimerImpl* SteadyTimerImpl::New(Worker& worker) {
  auto* const impl =
      new (worker.memory().Allocate(sizeof(SteadyTimerImpl))) SteadyTimerImpl(worker);
  worker.Register(*impl);
  return impl;
}

void SteadyTimerImpl::Delete(SteadyTimerImpl* impl) {
  Worker* const worker = impl->worker_;
  if (worker != nullptr) impl->Cancel();
  impl->~SteadyTimerImpl();
  if (worker != nullptr) {
    worker->memory().Deallocate(impl, sizeof(SteadyTimerImpl));
  } else {
    ::operator delete(impl);
  }
}

void SteadyTimerImpl::Detach() {
  worker_->Disarm(*this);
  while (TimerWaitOp* const op = waits_.PopFront()) worker_->Abandon(*op);
  worker_ = nullptr;
}

size_t SteadyTimerImpl::ExpireAt(Instant expiry) {
  const size_t cancelled = Cancel();
  expiry_ = expiry;
  return cancelled;
}

bool SteadyTimerImpl::CancelOne() {
  TimerWaitOp* const op = waits_.PopFront();
  if (op == nullptr) return false;
  worker_->Complete(*op, error::operation_aborted);
  if (waits_.empty()) worker_->Disarm(*this);
  return true;
}

size_t SteadyTimerImpl::Cancel() {
  size_t cancelled = 0;
  while (CancelOne()) ++cancelled;
  return cancelled;
}

bool SteadyTimerImpl::StartWait(TimerWaitOp& op) {
  if (expiry_ <= worker_->now()) {
    worker_->Ready(op);
    return false;
  }
  if (waits_.empty()) worker_->Arm(*this, expiry_);
  op.owner = this;
  waits_.PushBack(op);
  return true;
}

void SteadyTimerImpl::OnExpired(WorkerTimer& timer) {
  auto& self = static_cast<SteadyTimerImpl&>(timer);
  while (TimerWaitOp* const op = self.waits_.PopFront()) self.worker_->Complete(*op, {});
}

void SteadyTimerImpl::CancelOp(WaitingOp& op) {
  if (!waits_.Remove(static_cast<TimerWaitOp&>(op))) return;
  worker_->Complete(op, error::operation_aborted);
  if (waits_.empty()) worker_->Disarm(*this);
}

}  // namespace corelane::runtime::internal
