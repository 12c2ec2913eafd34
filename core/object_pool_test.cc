#include "core/object_pool.h"

#include <string>

#include "core/counter.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

struct Thing {
  Thing(Counter& destroyed_count, std::string text)
      : destroyed(destroyed_count), name(std::move(text)) {}
  ~Thing() { destroyed.Increment(); }
  Counter& destroyed;
  std::string name;
};

TEST(ObjectPool, BoundedAndReused) {
  Counter destroyed;
  ObjectPool<Thing> pool(2);
  Thing* a = pool.New(destroyed, "a string that is too long for the small buffer");
  Thing* b = pool.New(destroyed, "b");
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(pool.New(destroyed, "c"), nullptr);
  EXPECT_EQ(pool.exhausted(), 1u);
  EXPECT_EQ(pool.in_use(), 2u);
  pool.Delete(a);
  EXPECT_EQ(destroyed.value(), 1u);
  EXPECT_EQ(pool.New(destroyed, "d"), a);
  pool.Delete(a);
  pool.Delete(b);
  pool.Delete(nullptr);
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_EQ(destroyed.value(), 3u);
}

struct alignas(64) Line {
  uint8_t bytes[64];
};

TEST(ObjectPool, KeepsAlignmentAcrossSlabs) {
  ObjectPool<Line> pool(5000);
  std::vector<Line*> lines;
  while (Line* line = pool.New()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(line) % 64, 0u);
    lines.push_back(line);
  }
  EXPECT_EQ(lines.size(), 5000u);
  for (Line* line : lines) pool.Delete(line);
}

TEST(ObjectPoolDeathTest, ObjectsMustComeBack) {
  EXPECT_DEATH(
      {
        ObjectPool<Line> pool(1);
        pool.New();
      },
      "in_use_ == 0");
}

}  // namespace
}  // namespace corelane
