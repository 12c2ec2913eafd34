#include "core/timer_wheel.h"

#include <vector>

#include "core/random.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr Instant kStart{std::chrono::seconds(1)};

TEST(TimerWheel, FiresAtTheDeadlineAndNotBefore) {
  TimerWheel wheel(kStart);
  TimerNode node;
  EXPECT_FALSE(node.armed());
  EXPECT_EQ(wheel.NextDeadline(), kNever);
  for (const Duration delay : {Duration(1), Duration(1023), Duration(1024), Duration(70000),
                               Duration(milliseconds(200)), Duration(hours(24 * 365 * 100))}) {
    TimerWheel fresh(kStart);
    const Instant deadline = kStart + delay;
    fresh.Arm(node, deadline);
    EXPECT_TRUE(node.armed());
    EXPECT_EQ(fresh.NextDeadline(), deadline);
    EXPECT_EQ(fresh.Advance(deadline - nanoseconds(1), [](TimerNode&) { FAIL(); }), 0u);
    EXPECT_EQ(fresh.NextDeadline(), deadline);
    EXPECT_EQ(fresh.Advance(deadline, [&](TimerNode& n) { EXPECT_EQ(&n, &node); }), 1u);
    EXPECT_FALSE(node.armed());
    EXPECT_EQ(node.deadline(), deadline);
    EXPECT_TRUE(fresh.empty());
  }
}

TEST(TimerWheel, CancelAndRearm) {
  TimerWheel wheel(kStart);
  TimerNode a, b;
  wheel.Arm(a, kStart + milliseconds(1));
  wheel.Arm(b, kStart + milliseconds(2));
  wheel.Cancel(a);
  wheel.Cancel(a);
  EXPECT_FALSE(a.armed());
  wheel.Arm(b, kStart + milliseconds(3));
  EXPECT_EQ(wheel.NextDeadline(), kStart + milliseconds(3));
  EXPECT_EQ(wheel.Advance(kStart + milliseconds(2), [](TimerNode&) {}), 0u);
  EXPECT_EQ(wheel.Advance(kStart + milliseconds(3), [](TimerNode&) {}), 1u);
  wheel.Arm(a, kStart + milliseconds(9));
  wheel.Arm(a, kNever);
  EXPECT_FALSE(a.armed());
  EXPECT_TRUE(wheel.empty());
}

TEST(TimerWheel, CallbackMayArmAndCancelAnything) {
  TimerWheel wheel(kStart);
  TimerNode a, b, c;
  wheel.Arm(a, kStart + nanoseconds(10));
  wheel.Arm(b, kStart + nanoseconds(10));
  wheel.Arm(c, kStart + milliseconds(10));
  const Instant now = kStart + nanoseconds(20);
  // Whichever of a and b comes first cancels the other and re-arms itself in the past.
  size_t calls = 0;
  const auto fire = [&](TimerNode& node) {
    ++calls;
    TimerNode& other = &node == &a ? b : a;
    wheel.Cancel(other);
    wheel.Cancel(c);
    wheel.Arm(node, kStart);
  };
  EXPECT_EQ(wheel.Advance(now, fire), 1u);
  EXPECT_EQ(wheel.NextDeadline(), kStart);
  EXPECT_FALSE(c.armed());
  EXPECT_EQ(wheel.Advance(now, [](TimerNode&) {}), 1u);
  EXPECT_EQ(calls, 1u);
  EXPECT_TRUE(wheel.empty());
}

}  // namespace
}  // namespace corelane
