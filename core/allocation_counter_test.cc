#include "core/allocation_counter.h"

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "core/block.h"
#include "core/object_pool.h"
#include "core/packet.h"
#include "core/timer_wheel.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

// Keeps the compiler from removing the allocation behind `memory`.
void Keep(const void* memory) { asm volatile("" : : "g"(memory) : "memory"); }

// How often body() allocates; what it returns is kept from the optimizer, then freed.
template <class Body>
uint64_t Count(Body&& body) {
  const uint64_t before = AllocationsOnThisThread();
  auto* memory = body();
  const uint64_t count = AllocationsOnThisThread() - before;
  Keep(memory);
  std::free(memory);
  return count;
}

struct alignas(128) Overaligned {
  uint8_t bytes[128];
};

class AllocationCounter : public testing::Test {
 protected:
  void SetUp() override {
    if (!AllocationCounterActive()) GTEST_SKIP() << "a sanitizer's allocator is in use";
  }
};

TEST_F(AllocationCounter, SeesOneAllocationOfEachKind) {
  EXPECT_EQ(Count([] { return static_cast<void*>(nullptr); }), 0u);
  EXPECT_EQ(Count([] { return std::malloc(10); }), 1u);
  EXPECT_EQ(Count([] { return std::calloc(2, 10); }), 1u);
  EXPECT_EQ(Count([] { return std::realloc(nullptr, 10); }), 1u);
  EXPECT_EQ(Count([] { return std::aligned_alloc(64, 128); }), 1u);
  EXPECT_EQ(Count([] {
              void* memory = nullptr;
              EXPECT_EQ(posix_memalign(&memory, 256, 10), 0);
              EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
              return memory;
            }),
            1u);
  EXPECT_EQ(Count([] { return ::operator new(10); }), 1u);
  EXPECT_EQ(Count([] { return ::operator new[](10); }), 1u);
  EXPECT_EQ(Count([] { return ::operator new(10, std::nothrow); }), 1u);
  EXPECT_EQ(Count([] { return ::operator new(128, std::align_val_t(128)); }), 1u);
  EXPECT_EQ(Count([] { return reinterpret_cast<uint8_t*>(new Overaligned); }), 1u);
  void* memory = std::malloc(10);
  EXPECT_EQ(Count([&] { return std::realloc(memory, 100000); }), 1u);
}

TEST_F(AllocationCounter, SeesTheStandardLibrary) {
  uint64_t before = AllocationsOnThisThread();
  const std::string text(100, 'x');
  Keep(text.data());
  EXPECT_EQ(AllocationsOnThisThread() - before, 1u);
  before = AllocationsOnThisThread();
  const std::vector<int> numbers(10);
  Keep(numbers.data());
  EXPECT_EQ(AllocationsOnThisThread() - before, 1u);
  before = AllocationsOnThisThread();
  const auto shared = std::make_shared<int>(1);
  Keep(shared.get());
  EXPECT_EQ(AllocationsOnThisThread() - before, 1u);
}

TEST_F(AllocationCounter, CountsPerThread) {
  const uint64_t here = AllocationsOnThisThread();
  uint64_t there = 0;
  uint64_t starting = 0;
  std::thread thread([&] {
    const uint64_t before = AllocationsOnThisThread();
    for (int i = 0; i < 1000; ++i) Count([] { return std::malloc(10); });
    there = AllocationsOnThisThread() - before;
  });
  starting = AllocationsOnThisThread() - here;
  thread.join();
  EXPECT_EQ(there, 1000u);
  EXPECT_LT(starting, 100u);
}

TEST_F(AllocationCounter, RejectsBadAlignments) {
  void* memory = &memory;
  size_t bad = 3;
  asm volatile("" : "+r"(bad));
  EXPECT_EQ(posix_memalign(&memory, bad, 10), EINVAL);
  EXPECT_EQ(memory, &memory);
}

// The pools after their warm-up.
TEST_F(AllocationCounter, CoreDoesNotAllocateOnTheDataPath) {
  PacketPool packets(64);
  BlockPool blocks(64);
  ObjectPool<Overaligned> objects(64);
  TimerWheel wheel(Instant{});
  TimerNode timer;
  uint64_t before = 0;
  for (int round = 0; round < 3; ++round) {
    if (round == 1) before = AllocationsOnThisThread();
    BlockRef block = BlockRef::Adopt(blocks.Allocate());
    uint8_t* bytes = block.get()->bytes();
    PacketBuf packet = packets.Allocate();
    packet.Append(1000);
    packet.AppendChain(packets.AllocateReference(std::move(block), bytes, 1000));
    const PacketBuf clone = packet.Clone(packets);
    EXPECT_TRUE(packet.MakeWritable(packets));
    objects.Delete(objects.New());
    wheel.Arm(timer, Instant{std::chrono::seconds(round + 1)});
    EXPECT_EQ(wheel.Advance(Instant{std::chrono::seconds(round + 1)}, [](TimerNode&) {}), 1u);
  }
  EXPECT_EQ(AllocationsOnThisThread(), before);
}

}  // namespace
}  // namespace corelane
