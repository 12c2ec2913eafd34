// WakeFlag: how one thread that sleeps on a file descriptor is woken by one that rarely has to.
//
//   sleeper                               waker
//   -------                               -----
//   flag = true                           publish work (a release store)
//   membarrier(PRIVATE_EXPEDITED)         (compiler barrier)
//   look for work again                   flag? then write the eventfd
//
// Without a full barrier between its store and its look the sleeper could miss work whose publisher
// missed the flag. The sleeper pays for the barrier of both sides, so a waker's burst costs one
// plain load. Where the kernel has no membarrier, both sides use a sequentially consistent fence.

#ifndef CORELANE_DRIVER_WAKE_FLAG_H_
#define CORELANE_DRIVER_WAKE_FLAG_H_

#include <atomic>
#include <cstdint>

namespace corelane::driver {

namespace internal {

// Whether membarrier(PRIVATE_EXPEDITED) is there; registers the process once.
extern const bool kHasMembarrier;
// The sleeper's barrier, which stands for the waker's as well where there is membarrier.
void HeavyBarrier();
inline void LightBarrier() {
  if (kHasMembarrier) [[likely]] {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

}  // namespace internal

// One sleeper, any number of wakers.
class WakeFlag {
 public:
  WakeFlag();
  ~WakeFlag();
  WakeFlag(const WakeFlag&) = delete;
  WakeFlag& operator=(const WakeFlag&) = delete;

  // An eventfd, readable after a wake-up; -1 if the system has none left.
  int fd() const { return fd_; }

  // Sleeper: announces sleep unless has_work() is true after the announcement could be seen.
  template <typename HasWork>
  bool Arm(HasWork&& has_work) {
    flag_.store(true, std::memory_order_relaxed);
    internal::HeavyBarrier();
    if (has_work()) {
      TakeBack();
      return false;
    }
    return true;
  }
  // Sleeper: is awake again. A wake-up that is still under way leaves the descriptor readable,
  // which costs one sleep that ends at once.
  void Disarm();

  // Sleeper, when it ends instead: a waker published its work before this call, or sees after its
  // WakeIfSleeping() what the sleeper stored before this call.
  static void Fence() { internal::HeavyBarrier(); }

  // Waker: after its work was published.
  void WakeIfSleeping() {
    internal::LightBarrier();
    if (flag_.load(std::memory_order_relaxed)) [[unlikely]] {
      Wake();
    }
  }
  // Any thread: how many of them found the sleeper asleep.
  uint64_t wakes() const { return wakes_.load(std::memory_order_relaxed); }

 private:
  void Wake();
  // The flag, unless a waker took it: that one writes.
  void TakeBack() {
    if (!flag_.exchange(false, std::memory_order_relaxed)) ++unread_;
  }

  alignas(64) std::atomic<bool> flag_{false};
  std::atomic<uint64_t> wakes_{0};
  uint64_t unread_ = 0;  // the sleeper's: wakers who wrote, or are about to
  int fd_;
};

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_WAKE_FLAG_H_
