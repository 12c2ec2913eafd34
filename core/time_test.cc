#include "core/time.h"

#include "gtest/gtest.h"

namespace corelane {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(Time, ManualClockMovesOnlyForwardsAndOnlyWhenTold) {
  ManualClock clock;
  const Instant start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(milliseconds(5));
  EXPECT_EQ(clock.Now() - start, milliseconds(5));
  clock.AdvanceTo(start);
  EXPECT_EQ(clock.Now() - start, milliseconds(5));
  clock.AdvanceTo(start + milliseconds(7));
  EXPECT_EQ(ToMicroseconds(clock.Now() - start), 7000);
}

TEST(Time, Conversions) {
  EXPECT_EQ(ToMilliseconds(nanoseconds(1999999)), 1);
  EXPECT_EQ(ToMicroseconds(nanoseconds(-1500)), -1);
  EXPECT_GT(kNever, Instant{std::chrono::hours(24 * 365 * 290)});
}

TEST(Time, RealClockIsMonotonic) {
  const RealClock clock;
  const Instant a = clock.Now();
  const Instant b = clock.Now();
  EXPECT_LE(a, b);
  EXPECT_GT(a.time_since_epoch().count(), 0);
}

}  // namespace
}  // namespace corelane
