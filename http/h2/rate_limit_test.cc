#include "http/h2/rate_limit.h"

#include <gtest/gtest.h>

namespace corelane::h2 {
namespace {

using std::chrono::milliseconds;

int TakeAll(TokenBucket& bucket, Instant now) {
  int taken = 0;
  while (taken < 1000 && bucket.Take(now)) ++taken;
  return taken;
}

TEST(TokenBucket, GivesTheBurstAndThenTheRate) {
  TokenBucket bucket({5, 10});
  const Instant start{std::chrono::seconds(100)};
  EXPECT_EQ(TakeAll(bucket, start), 5);
  EXPECT_EQ(TakeAll(bucket, start + milliseconds(99)), 0);
  EXPECT_EQ(TakeAll(bucket, start + milliseconds(100)), 1);
  EXPECT_EQ(TakeAll(bucket, start + milliseconds(399)), 2);
  EXPECT_EQ(TakeAll(bucket, start + milliseconds(400)), 1);
}

TEST(TokenBucket, NeverHoldsMoreThanTheBurst) {
  TokenBucket bucket({5, 10});
  const Instant start{std::chrono::seconds(100)};
  EXPECT_EQ(TakeAll(bucket, start), 5);
  EXPECT_EQ(TakeAll(bucket, start + std::chrono::hours(1)), 5);
}

TEST(TokenBucket, WithoutARateTheBurstIsAll) {
  TokenBucket bucket({2, 0});
  EXPECT_EQ(TakeAll(bucket, Instant{}), 2);
  EXPECT_EQ(TakeAll(bucket, Instant{std::chrono::hours(1)}), 0);
}

}  // namespace
}  // namespace corelane::h2
