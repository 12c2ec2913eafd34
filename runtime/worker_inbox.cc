#include "runtime/worker_inbox.h"

namespace corelane::runtime {

void WorkerInbox::Close() {
  closed_.store(true, std::memory_order_release);
  // Whoever posts sees that, or has pushed before the look that follows.
  driver::WakeFlag::Fence();
  Drain();
}

void WorkerInbox::Drain() {
  for (;;) {
    PostedOp* op;
    {
      const std::lock_guard lock(drain_);
      op = posted_.Pop();
    }
    // Null also behind an element that is still being pushed: its thread comes here afterwards.
    if (op == nullptr) return;
    op->Destroy();
  }
}

}  // namespace corelane::runtime
