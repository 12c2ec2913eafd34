#include "core/block.h"

#include <cstring>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace corelane {
namespace {

TEST(Block, BoundedAlignedAndDisjoint) {
  BlockPool pool(2000, 1024);
  EXPECT_EQ(pool.capacity(), 1024 - Block::kHeaderSize);
  std::vector<BlockRef> blocks;
  std::set<uint8_t*> starts;
  while (Block* block = pool.Allocate()) {
    EXPECT_EQ(block->capacity, pool.capacity());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
    std::memset(block->bytes(), 0xff, block->capacity);
    starts.insert(block->bytes());
    blocks.push_back(BlockRef::Adopt(block));
  }
  EXPECT_EQ(blocks.size(), 2000u);
  EXPECT_EQ(starts.size(), 2000u);
  EXPECT_EQ(pool.in_use(), 2000u);
  EXPECT_EQ(pool.exhausted(), 1u);
  for (const BlockRef& block : blocks) EXPECT_EQ(block.get()->references, 1u);
  blocks.clear();
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(Block, ComesBackWithItsLastReference) {
  BlockPool pool(1);
  BlockRef a = BlockRef::Adopt(pool.Allocate());
  EXPECT_EQ(pool.Allocate(), nullptr);
  BlockRef b = a;
  EXPECT_EQ(a.get()->references, 2u);
  BlockRef c = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): documented as empty
  EXPECT_EQ(c.get()->references, 2u);
  b = c;
  EXPECT_EQ(c.get()->references, 2u);
  const BlockRef& same = c;
  c = same;
  EXPECT_EQ(c.get()->references, 2u);
  b = BlockRef();
  EXPECT_EQ(pool.in_use(), 1u);
  Block* raw = c.Release();
  EXPECT_EQ(pool.in_use(), 1u);
  ReleaseBlock(raw);
  EXPECT_EQ(pool.in_use(), 0u);
  Block* again = pool.Allocate();
  EXPECT_EQ(again, raw);
  ReleaseBlock(again);
}

TEST(BlockDeathTest, BlocksMustComeBack) {
  EXPECT_DEATH(
      {
        BlockPool pool(1);
        pool.Allocate();
      },
      "in_use_ == 0");
  EXPECT_DEATH(BlockPool(1, 100), "block_size % 64 == 0");
}

}  // namespace
}  // namespace corelane
