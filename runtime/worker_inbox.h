// WorkerInbox: the way into a worker from other threads.
//
// A part of its own, because it outlives the worker for as long as one of them holds on to it: what
// is posted after the worker's end is destroyed where it is posted.

#ifndef CORELANE_RUNTIME_WORKER_INBOX_H_
#define CORELANE_RUNTIME_WORKER_INBOX_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "core/mpsc_queue.h"
#include "driver/wake_flag.h"
#include "runtime/op.h"

namespace corelane::runtime {

class WorkerInbox {
 public:
  WorkerInbox() = default;
  WorkerInbox(const WorkerInbox&) = delete;
  WorkerInbox& operator=(const WorkerInbox&) = delete;

  // Any thread: the worker runs `op` in its next turn; after the worker's end it is destroyed,
  // uncalled, before the call returns or by another thread that posts. A system call only where
  // the worker sleeps.
  void Post(PostedOp& op) {
    posted_.Push(op);
    wake_.WakeIfSleeping();
    if (closed_.load(std::memory_order_acquire)) [[unlikely]] {
      Drain();
    }
  }
  // Runs f() as the worker's thread would, where that is this thread, or none is inside Run().
  // False: it was not run. Any thread, also after the worker's end.
  template <class F>
  bool Borrow(F&& f) {
    const std::unique_lock lock(turns_, std::try_to_lock);
    if (!lock || closed_.load(std::memory_order_relaxed)) return false;
    std::forward<F>(f)();
    return true;
  }
  // Any thread: how often a sleeping worker had to be woken.
  uint64_t wakes() const { return wake_.wakes(); }

 private:
  friend class Worker;

  // The worker ends: from now on nobody but Drain() takes anything out.
  void Close();
  void Drain();

  MpscQueue<PostedOp, &PostedOp::link> posted_;
  driver::WakeFlag wake_;
  std::atomic<bool> closed_{false};
  std::recursive_mutex turns_;  // held by whoever is the worker
  std::mutex drain_;            // whoever posts is the consumer once it is closed
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_WORKER_INBOX_H_
