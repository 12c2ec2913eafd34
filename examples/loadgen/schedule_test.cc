#include "examples/loadgen/schedule.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

namespace corelane::load {
namespace {

constexpr Instant kStart{std::chrono::seconds(100)};
constexpr uint64_t kSeed = 1;

TEST(ScheduleTest, NothingIsDueBeforeTheStart) {
  EXPECT_EQ(Schedule(10, Arrivals::kConstant, kSeed).next(), kNever);
}

TEST(ScheduleTest, ConstantArrivalsAreEvenlySpaced) {
  Schedule schedule(1000, Arrivals::kConstant, kSeed);
  schedule.Start(kStart);
  for (int64_t i = 0; i < 10000; ++i) {
    ASSERT_EQ(schedule.next(), kStart + std::chrono::milliseconds(i));
    schedule.Pop();
  }
}

// A third of a second is no whole number of nanoseconds: after a day the clock still agrees.
TEST(ScheduleTest, RoundingDoesNotAddUp) {
  Schedule schedule(3, Arrivals::kConstant, kSeed);
  schedule.Start(kStart);
  for (int i = 0; i < 3 * 86400; ++i) schedule.Pop();
  EXPECT_LE(std::abs((schedule.next() - kStart - std::chrono::hours(24)).count()), 1);
}

TEST(ScheduleTest, PhasesInterleave) {
  Schedule first(100, Arrivals::kConstant, kSeed);
  Schedule second(100, Arrivals::kConstant, kSeed);
  first.Start(kStart);
  second.Start(kStart, 0.5);
  EXPECT_EQ(second.next() - first.next(), std::chrono::milliseconds(5));
}

TEST(ScheduleTest, PoissonArrivalsHaveTheRateAndTheSpread) {
  Schedule schedule(10000, Arrivals::kPoisson, kSeed);
  schedule.Start(kStart);
  constexpr int kArrivals = 200000;
  double sum = 0;
  double squares = 0;
  int long_gaps = 0;  // Longer than the mean: 1/e of them.
  Instant last = kStart;
  for (int i = 0; i < kArrivals; ++i) {
    ASSERT_GE(schedule.next(), last);
    const double gap = std::chrono::duration<double, std::micro>(schedule.next() - last).count();
    sum += gap;
    squares += gap * gap;
    if (gap > 100) ++long_gaps;
    last = schedule.next();
    schedule.Pop();
  }
  const double mean = sum / kArrivals;
  EXPECT_NEAR(mean, 100, 1);
  EXPECT_NEAR(std::sqrt(squares / kArrivals - mean * mean), 100, 2);  // As the mean.
  EXPECT_NEAR(long_gaps / double{kArrivals}, std::exp(-1), 0.01);
}

TEST(ScheduleTest, PoissonArrivalsFollowTheSeed) {
  Schedule a(10, Arrivals::kPoisson, 1);
  Schedule b(10, Arrivals::kPoisson, 1);
  Schedule c(10, Arrivals::kPoisson, 2);
  for (Schedule* const schedule : {&a, &b, &c}) {
    schedule->Start(kStart);
    for (int i = 0; i < 10; ++i) schedule->Pop();
  }
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
}

}  // namespace
}  // namespace corelane::load
