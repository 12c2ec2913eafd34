#include "core/random.h"

#include <array>

#include "gtest/gtest.h"

namespace corelane {
namespace {

TEST(Random, SameSeedSameSequence) {
  Random a(7);
  Random b(7);
  Random c(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.Next64();
    EXPECT_EQ(value, b.Next64());
    differs |= value != c.Next64();
  }
  EXPECT_TRUE(differs);
  Random copy = a;
  EXPECT_EQ(copy.Next64(), a.Next64());
}

TEST(Random, BelowIsUniform) {
  Random random(1);
  std::array<int, 7> counts = {};
  for (int i = 0; i < 70000; ++i) ++counts[random.Below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(random.Below(1), 0u);
  EXPECT_EQ(random.Below(0), 0u);
  // Nearly every second draw must be rejected here, and none may lie outside.
  constexpr uint64_t kLarge = (uint64_t{1} << 63) + 1;
  for (int i = 0; i < 1000; ++i) EXPECT_LT(random.Below(kLarge), kLarge);
}

TEST(Random, Probabilities) {
  Random random(2);
  int hits = 0;
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    hits += random.Chance(0.25);
    const double x = random.UniformDouble();
    EXPECT_GE(x, 0);
    EXPECT_LT(x, 1);
    sum += x;
    EXPECT_FALSE(random.Chance(0));
    EXPECT_TRUE(random.Chance(1));
  }
  EXPECT_NEAR(hits, 25000, 600);
  EXPECT_NEAR(sum, 50000, 500);
}

}  // namespace
}  // namespace corelane
