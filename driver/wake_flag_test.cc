#include "driver/wake_flag.h"

#include <poll.h>

#include <atomic>
#include <thread>

#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

bool IsReadable(int fd, int timeout_ms) {
  pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&p, 1, timeout_ms) == 1;
}

TEST(WakeFlag, WakesOnlyASleeper) {
  WakeFlag flag;
  ASSERT_GE(flag.fd(), 0);
  flag.WakeIfSleeping();
  EXPECT_FALSE(IsReadable(flag.fd(), 0));
  EXPECT_EQ(flag.wakes(), 0u);
  EXPECT_TRUE(flag.Arm([] { return false; }));
  flag.WakeIfSleeping();
  flag.WakeIfSleeping();
  EXPECT_EQ(flag.wakes(), 1u);
  EXPECT_TRUE(IsReadable(flag.fd(), 0));
  flag.Disarm();
  EXPECT_FALSE(IsReadable(flag.fd(), 0));
  flag.WakeIfSleeping();
  EXPECT_FALSE(IsReadable(flag.fd(), 0));
}

TEST(WakeFlag, DoesNotSleepOnWork) {
  WakeFlag flag;
  EXPECT_FALSE(flag.Arm([] { return true; }));
  flag.WakeIfSleeping();
  EXPECT_FALSE(IsReadable(flag.fd(), 0));
}

// A waker that found the flag writes, although the sleeper found work meanwhile; the next one who
// is awake again reads it.
TEST(WakeFlag, AWakeUpThatNobodySleptForIsReadLater) {
  WakeFlag flag;
  const auto work = [&] {
    flag.WakeIfSleeping();
    return true;
  };
  EXPECT_FALSE(flag.Arm(work));
  EXPECT_FALSE(flag.Arm(work));
  EXPECT_EQ(flag.wakes(), 2u);
  EXPECT_TRUE(IsReadable(flag.fd(), 0));
  EXPECT_TRUE(flag.Arm([] { return false; }));
  flag.Disarm();
  EXPECT_FALSE(IsReadable(flag.fd(), 0));
}

// The store of the work and the look at the flag race with the store of the flag and the look for
// work, over and over: a wake-up that gets lost shows as a time-out of the test.
TEST(WakeFlag, LosesNoWakeUp) {
  constexpr int kRounds = 20000;
  WakeFlag flag;
  std::atomic<int> work{0};
  std::atomic<int> done{0};
  std::thread waker([&] {
    for (int i = 1; i <= kRounds; ++i) {
      work.store(i, std::memory_order_release);
      flag.WakeIfSleeping();
      while (done.load(std::memory_order_acquire) < i) std::this_thread::yield();
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    const auto ready = [&] { return work.load(std::memory_order_acquire) >= i; };
    while (!ready()) {
      if (!flag.Arm(ready)) break;
      ASSERT_TRUE(IsReadable(flag.fd(), -1));
      flag.Disarm();
    }
    done.store(i, std::memory_order_release);
  }
  waker.join();
}

}  // namespace
}  // namespace corelane::driver
