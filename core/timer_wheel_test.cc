#include "core/timer_wheel.h"

#include <algorithm>
#include <map>
#include <memory>
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

TEST(TimerWheel, CallbackMayDestroyWhatItDisarms) {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<TimerNode>> nodes;
  for (int i = 0; i < 100; ++i) {
    nodes.push_back(std::make_unique<TimerNode>());
    wheel.Arm(*nodes.back(), kStart + nanoseconds(i));
  }
  size_t fired = 0;
  wheel.Advance(kStart + milliseconds(1), [&](TimerNode&) {
    ++fired;
    for (int i = 0; i < 2 && !nodes.empty(); ++i) {
      wheel.Cancel(*nodes.back());
      nodes.pop_back();
    }
  });
  EXPECT_EQ(fired, 34u);  // Each firing takes two of the last away.
  EXPECT_TRUE(wheel.empty());
}

TEST(TimerWheel, ExtremesOfTime) {
  constexpr Instant kFirst = Instant::min();
  constexpr Instant kLast = kNever - nanoseconds(1);
  TimerWheel wheel(kFirst);
  TimerNode first, zero, last;
  wheel.Arm(last, kLast);
  EXPECT_EQ(wheel.NextDeadline(), kLast);
  wheel.Arm(zero, Instant{});
  wheel.Arm(first, kFirst);
  EXPECT_EQ(wheel.NextDeadline(), kFirst);
  EXPECT_EQ(wheel.Advance(kFirst, [&](TimerNode& n) { EXPECT_EQ(&n, &first); }), 1u);
  EXPECT_EQ(wheel.Advance(Instant{} - nanoseconds(1), [](TimerNode&) {}), 0u);
  EXPECT_EQ(wheel.Advance(Instant{}, [&](TimerNode& n) { EXPECT_EQ(&n, &zero); }), 1u);
  EXPECT_EQ(wheel.Advance(kLast - nanoseconds(1), [](TimerNode&) {}), 0u);
  EXPECT_EQ(wheel.NextDeadline(), kLast);
  EXPECT_EQ(wheel.Advance(kLast, [](TimerNode&) {}), 1u);
}

TEST(TimerWheel, DestructionDisarms) {
  TimerNode near, far;
  {
    TimerWheel wheel(kStart);
    wheel.Arm(near, kStart);
    wheel.Arm(far, kStart + hours(1));
  }
  EXPECT_FALSE(near.armed());
  EXPECT_FALSE(far.armed());
}

TEST(TimerWheel, TimeThatGoesBackChangesNothing) {
  TimerWheel wheel(kStart);
  TimerNode node;
  EXPECT_EQ(wheel.Advance(kStart + milliseconds(5), [](TimerNode&) {}), 0u);
  wheel.Arm(node, kStart + milliseconds(6));
  EXPECT_EQ(wheel.Advance(kStart, [](TimerNode&) {}), 0u);
  EXPECT_EQ(wheel.Advance(kStart + milliseconds(6), [](TimerNode&) {}), 1u);
}

// Every step to NextDeadline() makes progress: it fires something or comes nearer, in few steps.
TEST(TimerWheel, FollowingNextDeadlineTerminates) {
  TimerWheel wheel(kStart);
  std::vector<TimerNode> nodes(200);
  // Far away and close together, so that the bound cannot be exact at once.
  for (size_t i = 0; i < nodes.size(); ++i)
    wheel.Arm(nodes[i], kStart + hours(1) + nanoseconds(100 * i));
  size_t fired = 0;
  size_t steps = 0;
  while (!wheel.empty()) {
    ASSERT_LT(++steps, nodes.size() + 20);
    const Instant now = wheel.NextDeadline();
    fired += wheel.Advance(now, [&](TimerNode& node) { EXPECT_EQ(node.deadline(), now); });
  }
  EXPECT_EQ(fired, nodes.size());
}

// The wheel against an ordered map under random operations.
class WheelModel {
 public:
  explicit WheelModel(uint64_t seed)
      : random_(seed),
        now_(Instant{Duration(static_cast<int64_t>(random_.Next64() >> 3))}),
        wheel_(now_),
        nodes_(150) {}
  ~WheelModel() {
    for (TimerNode& node : nodes_) wheel_.Cancel(node);
    EXPECT_TRUE(wheel_.empty());
    EXPECT_EQ(wheel_.NextDeadline(), kNever);
  }

  void Step() {
    const uint64_t what = random_.Below(10);
    if (what < 5) {
      Arm(AnyNode());
    } else if (what < 7) {
      Cancel(AnyNode());
    } else {
      Advance();
    }
    Check();
  }

 private:
  TimerNode& AnyNode() { return nodes_[random_.Below(nodes_.size())]; }
  // From one nanosecond to a century, each order of magnitude as likely as any other.
  Duration AnySpan() {
    const uint64_t bits = random_.Below(62);
    return Duration(static_cast<int64_t>(random_.Below(uint64_t{1} << bits)));
  }
  Instant Later(Instant from, Duration by) { return kNever - from <= by ? kNever : from + by; }
  void Arm(TimerNode& node) {
    Forget(node);
    Instant deadline = random_.Chance(0.1) ? now_ - AnySpan() / 4 : Later(now_, AnySpan());
    if (random_.Chance(0.2)) deadline = Later(now_, Duration(random_.Below(3000)));
    wheel_.Arm(node, deadline);
    if (deadline != kNever) model_.emplace(deadline, &node);
  }
  void Cancel(TimerNode& node) {
    Forget(node);
    wheel_.Cancel(node);
    EXPECT_FALSE(node.armed());
  }
  void Forget(TimerNode& node) {
    const auto [begin, end] = model_.equal_range(node.deadline());
    const auto at = std::find_if(begin, end, [&](const auto& e) { return e.second == &node; });
    EXPECT_EQ(at != end, node.armed());
    if (at != end) model_.erase(at);
  }
  void Advance() {
    if (random_.Chance(0.4)) {
      now_ = std::max(now_, std::min(wheel_.NextDeadline(), Later(now_, AnySpan())));
    } else if (random_.Chance(0.5)) {
      now_ = Later(now_, Duration(random_.Below(5000)));
    } else {
      now_ = Later(now_, AnySpan());
    }
    if (now_ > Instant{Duration(int64_t{7} << 60)}) now_ = Instant{Duration(int64_t{7} << 60)};
    std::vector<TimerNode*> armed_inside;
    wheel_.Advance(now_, [&](TimerNode& node) {
      ASSERT_FALSE(node.armed());
      ASSERT_LE(node.deadline(), now_);  // never early
      const auto [begin, end] = model_.equal_range(node.deadline());
      const auto at = std::find_if(begin, end, [&](const auto& e) { return e.second == &node; });
      ASSERT_NE(at, end);
      ASSERT_EQ(std::find(armed_inside.begin(), armed_inside.end(), &node), armed_inside.end());
      model_.erase(at);
      if (random_.Chance(0.3)) {
        TimerNode& other = random_.Chance(0.5) ? node : AnyNode();
        Arm(other);
        armed_inside.push_back(&other);
      }
      if (random_.Chance(0.2)) Cancel(AnyNode());
    });
    if (armed_inside.empty()) {
      ASSERT_GT(wheel_.NextDeadline(), now_);
    }
    // Nothing that was due stays, except what a callback armed.
    for (const auto& [deadline, node] : model_) {
      if (deadline > now_) break;
      ASSERT_NE(std::find(armed_inside.begin(), armed_inside.end(), node), armed_inside.end());
    }
  }
  void Check() {
    ASSERT_EQ(wheel_.empty(), model_.empty());
    const Instant earliest = model_.empty() ? kNever : model_.begin()->first;
    ASSERT_LE(wheel_.NextDeadline(), earliest);
    if (model_.size() <= 16) {
      ASSERT_EQ(wheel_.NextDeadline(), earliest);
    }
  }

  Random random_;
  Instant now_;
  std::multimap<Instant, TimerNode*> model_;
  TimerWheel wheel_;
  std::vector<TimerNode> nodes_;
};

TEST(TimerWheel, AgreesWithAMapUnderRandomOperations) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    WheelModel model(seed);
    for (int step = 0; step < 2000; ++step) {
      model.Step();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace corelane
