#include "driver/wake_flag.h"

#include <linux/membarrier.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace corelane::driver {
namespace internal {

const bool kHasMembarrier =
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;

void HeavyBarrier() {
  if (kHasMembarrier) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

}  // namespace internal

WakeFlag::WakeFlag() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

WakeFlag::~WakeFlag() {
  if (fd_ >= 0) close(fd_);
}

void WakeFlag::Disarm() {
  TakeBack();
  if (unread_ == 0) return;
  uint64_t count;
  // Fails where the waker has not come to it yet.
  if (read(fd_, &count, sizeof(count)) == sizeof(count)) unread_ -= count;
}

void WakeFlag::Wake() {
  if (!flag_.exchange(false, std::memory_order_relaxed)) return;
  wakes_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(fd_, &one, sizeof(one));
}

}  // namespace corelane::driver
