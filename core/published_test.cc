#include "core/published.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace corelane {
namespace {

// Counts those alive, and is recognisably dead afterwards.
struct Value {
  Value(int v, int* alive) : first(v), second(v), alive(alive) { ++*alive; }
  ~Value() {
    first = -1;
    --*alive;
  }
  int first;
  int second;
  int* alive;
};

TEST(Published, ReplacedValuesLiveUntilEveryReaderHasSeenTheChange) {
  int alive = 0;
  Readers readers(2);
  {
    Published<Value> value(readers, std::make_unique<const Value>(1, &alive));
    for (size_t i = 0; i < 2; ++i) readers.Seen(i, readers.Version());
    EXPECT_FALSE(readers.Changed(0));
    const Value& seen = value.Load();
    value.Publish(std::make_unique<const Value>(2, &alive));
    EXPECT_TRUE(readers.Changed(0));
    EXPECT_TRUE(readers.Changed(1));
    EXPECT_EQ(seen.first, 1);
    EXPECT_EQ(value.Load().first, 2);
    EXPECT_EQ(alive, 2);
    readers.Seen(0, readers.Version());
    value.Publish(std::make_unique<const Value>(3, &alive));
    EXPECT_EQ(alive, 3) << "reader 1 still has the first";
    readers.Seen(0, readers.Version());
    readers.Seen(1, readers.Version());
    value.Publish(std::make_unique<const Value>(4, &alive));
    EXPECT_EQ(alive, 2);
    EXPECT_EQ(value.retired(), 1u);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Published, RestingReadersKeepNothingAlive) {
  int alive = 0;
  Readers readers(2);
  Published<Value> value(readers, std::make_unique<const Value>(1, &alive));
  readers.Seen(0, readers.Version());
  value.Publish(std::make_unique<const Value>(2, &alive));
  EXPECT_EQ(alive, 2);
  readers.Rest(0);
  value.Publish(std::make_unique<const Value>(3, &alive));
  EXPECT_EQ(alive, 1);
}

TEST(Published, ReadersLagUntilTheyHaveSeenTheLastChanges) {
  int alive = 0;
  Readers readers(2);
  Published<Value> value(readers, std::make_unique<const Value>(1, &alive));
  EXPECT_FALSE(readers.Lags(0, 0)) << "it rests";
  readers.Seen(0, readers.Version());
  EXPECT_FALSE(readers.Lags(0, 0));
  for (int i = 0; i < 100; ++i) value.Publish(std::make_unique<const Value>(2 + i, &alive));
  EXPECT_TRUE(readers.Lags(0, 99));
  EXPECT_FALSE(readers.Lags(0, 100));
  EXPECT_FALSE(readers.Lags(1, 0));
  EXPECT_EQ(value.retired(), 100u);
  readers.Seen(0, readers.Version());
  EXPECT_FALSE(readers.Lags(0, 0));
  value.Publish(std::make_unique<const Value>(0, &alive));
  EXPECT_EQ(value.retired(), 1u);
}

// Under TSan: no race between a reader's use and the writer's delete.
TEST(Published, ThreadsReadWhileOneWrites) {
  constexpr int kChanges = 2000;
  constexpr size_t kReaders = 2;
  int alive = 0;
  Readers readers(kReaders);
  std::mutex writers;
  Published<Value> value(readers, std::make_unique<const Value>(0, &alive));
  std::vector<std::thread> threads;
  std::atomic<int> torn{0};
  for (size_t i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      const Value* mine;
      {
        std::lock_guard lock(writers);
        readers.Seen(i, readers.Version());
        mine = &value.Load();
      }
      int last = 0;
      while (last < kChanges) {
        if (readers.Changed(i)) {
          const uint64_t version = readers.Version();
          mine = &value.Load();
          readers.Seen(i, version);
        }
        if (mine->first != mine->second || mine->first < last) ++torn;
        last = mine->first;
      }
      readers.Rest(i);
    });
  }
  for (int v = 1; v <= kChanges; ++v) {
    std::lock_guard lock(writers);
    value.Publish(std::make_unique<const Value>(v, &alive));
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace corelane
