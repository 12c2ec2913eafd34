#include "ip/rate_limiter.h"

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateLimiterTest, BurstThenRate) {
  TokenBucket bucket(10, 5);
  Instant now{seconds(1)};
  int allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += bucket.Allow(now) ? 1 : 0;
  EXPECT_EQ(allowed, 5);
  for (int i = 0; i < 1000; ++i) {
    now += milliseconds(1);
    allowed += bucket.Allow(now) ? 1 : 0;
  }
  EXPECT_EQ(allowed, 15);
}

TEST(RateLimiterTest, IdleTimeNeverSavesMoreThanTheBurst) {
  TokenBucket bucket(1000, 3);
  const Instant now{std::chrono::hours(10000)};
  int allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += bucket.Allow(now) ? 1 : 0;
  EXPECT_EQ(allowed, 3);
}

TEST(RateLimiterTest, ZeroRateAllowsNothing) {
  TokenBucket bucket(0, 5);
  EXPECT_FALSE(bucket.Allow(Instant{seconds(1)}));
  EXPECT_FALSE(bucket.Allow(Instant{seconds(100000)}));
}

}  // namespace
}  // namespace corelane::ip
