#include "tcp/seq_num.h"

#include <gtest/gtest.h>

namespace corelane::tcp {
namespace {

TEST(SeqNumTest, OrdersWithinHalfTheSpaceWhereverItBegins) {
  for (const uint32_t base : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    const SeqNum a(base);
    for (const uint32_t n : {1u, 1000u, 0x7fffffffu}) {
      EXPECT_LT(a, a + n) << base << " " << n;
      EXPECT_LE(a, a + n);
      EXPECT_GT(a + n, a);
      EXPECT_GE(a + n, a);
      EXPECT_EQ(Max(a, a + n), a + n);
      EXPECT_EQ(Min(a, a + n), a);
      EXPECT_EQ(Distance(a, a + n), n);
      EXPECT_EQ((a + n) - n, a);
    }
    EXPECT_LE(a, a);
    EXPECT_GE(a, a);
    EXPECT_FALSE(a < a);
  }
}

TEST(SeqNumTest, DifferenceIsSigned) {
  EXPECT_EQ(SeqNum(5) - SeqNum(0xfffffffb), 10);
  EXPECT_EQ(SeqNum(0xfffffffb) - SeqNum(5), -10);
}

TEST(SeqNumTest, RangeLengthCrossesTheWrap) {
  EXPECT_EQ((SeqRange{SeqNum(0xfffffff0), SeqNum(0x10)}.length()), 0x20u);
}

}  // namespace
}  // namespace corelane::tcp
