// SteadyTimerImpl: what a SteadyTimer points to; everything of it that is no template.

#ifndef CORELANE_RUNTIME_STEADY_TIMER_IMPL_H_
#define CORELANE_RUNTIME_STEADY_TIMER_IMPL_H_

#include <cstddef>
#include <tuple>

#include "core/time.h"
#include "runtime/error.h"
#include "runtime/op.h"
#include "runtime/worker.h"

namespace corelane::runtime::internal {

class TimerWaitOp : public WaitingOp {
 public:
  std::tuple<error_code> TakeResult() { return {ec}; }

 protected:
  using WaitingOp::WaitingOp;
  ~TimerWaitOp() = default;
};

class SteadyTimerImpl final : public IoObject, public OpOwner, private WorkerTimer {
 public:
  static SteadyTimerImpl* New(Worker& worker);
  static void Delete(SteadyTimerImpl* impl);

  Worker& worker() const { return *worker_; }
  Instant expiry() const { return expiry_; }
  // Pending waits end with operation_aborted; returns how many.
  size_t ExpireAt(Instant expiry);
  size_t Cancel();
  bool CancelOne();
  // True: it waits.
  bool StartWait(TimerWaitOp& op);
  void CancelOp(WaitingOp& op) override;

 private:
  explicit SteadyTimerImpl(Worker& worker) : WorkerTimer(&OnExpired), worker_(&worker) {}
  ~SteadyTimerImpl() = default;

  static void OnExpired(WorkerTimer& timer);
  void Detach() override;

  Worker* worker_;  // null: it is gone
  Instant expiry_{};
  OpQueue<TimerWaitOp> waits_;
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_STEADY_TIMER_IMPL_H_
