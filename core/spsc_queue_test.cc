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
