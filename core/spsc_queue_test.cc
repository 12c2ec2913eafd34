#include "core/spsc_queue.h"

#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace corelane {
namespace {

TEST(SpscQueue, BoundedFirstInFirstOut) {
  SpscQueue<std::unique_ptr<int>> queue(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.TryPush(std::make_unique<int>(i)));
  auto refused = std::make_unique<int>(3);
  EXPECT_FALSE(queue.TryPush(std::move(refused)));
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(queue.size_approx(), 3u);
  std::unique_ptr<int> value;
  ASSERT_TRUE(queue.TryPop(value));
  EXPECT_EQ(*value, 0);
  EXPECT_TRUE(queue.TryPush(std::move(refused)));
  std::vector<std::unique_ptr<int>> burst(8);
  ASSERT_EQ(queue.PopBurst(burst), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*burst[i], i + 1);
  EXPECT_FALSE(queue.TryPop(value));
  EXPECT_EQ(*value, 0);
  EXPECT_TRUE(queue.empty_approx());
  EXPECT_EQ(queue.PushBurst(burst), 3u);  // The destructor frees them.
}

TEST(SpscQueue, WhatIsStagedIsSeenOncePublished) {
  SpscQueue<int> queue(3);
  EXPECT_TRUE(queue.Stage(1));
  EXPECT_TRUE(queue.Stage(2));
  EXPECT_TRUE(queue.empty_approx());
  int value = 0;
  EXPECT_FALSE(queue.TryPop(value));
  queue.Publish();
  EXPECT_EQ(queue.size_approx(), 2u);
  EXPECT_TRUE(queue.Stage(3));
  EXPECT_FALSE(queue.Stage(4));  // what is staged takes its place
  ASSERT_TRUE(queue.TryPop(value));
  EXPECT_EQ(value, 1);
  EXPECT_TRUE(queue.TryPush(4));  // publishes what was staged before it
  int values[4];
  ASSERT_EQ(queue.PopBurst(values), 3u);
  EXPECT_EQ(values[0], 2);
  EXPECT_EQ(values[1], 3);
  EXPECT_EQ(values[2], 4);
}

TEST(SpscQueue, TheDestructorFreesWhatIsStaged) {
  const auto value = std::make_shared<int>(1);
  {
    SpscQueue<std::shared_ptr<int>> queue(2);
    EXPECT_TRUE(queue.Stage(value));
    EXPECT_EQ(value.use_count(), 2);
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(SpscQueue, TwoThreads) {
  constexpr uint64_t kCount = 200000;
  SpscQueue<uint64_t> queue(64);
  std::thread producer([&] {
    for (uint64_t i = 0; i < kCount;) {
      if (queue.TryPush(i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  uint64_t expected = 0;
  bool in_order = true;
  uint64_t values[16];
  while (expected < kCount) {
    const size_t n = queue.PopBurst(values);
    for (size_t i = 0; i < n; ++i) in_order &= values[i] == expected++;
    if (n == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(queue.size_approx(), 0u);
}

}  // namespace
}  // namespace corelane
