// Blocks: fixed-size, reference-counted payload memory of one core.
//
// A block holds bytes that were written once and are immutable from then on: payload that a send
// queue and any number of frames in flight refer to at the same time. Reference counts are plain
// integers: a block, its references and its pool belong to one core. Bytes that cross cores are
// copied, or the reference travels home first.

#ifndef CORELANE_CORE_BLOCK_H_
#define CORELANE_CORE_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/thread_owner.h"

namespace corelane {

class BlockPool;

// The header in front of a block's bytes. Use it through BlockRef.
struct Block {
  union {
    BlockPool* pool;   // while in use
    Block* next_free;  // while free
  };
  uint32_t references;
  uint32_t capacity;  // bytes after the header
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this) + kHeaderSize; }

  static constexpr size_t kHeaderSize = 32;
};

// Memory for blocks, taken from the system in slabs and never given back before destruction.
// A device that can reach only registered memory supplies the slabs itself.
class BlockPool {
 public:
  // Default bytes of one block, header included: two default-MSS segments do not fit, one always
  // does.
  static constexpr size_t kDefaultBlockSize = 2048;

  // block_size: bytes of a block with its header, a multiple of 64. max_blocks: never more than
  // these exist.
  explicit BlockPool(size_t max_blocks, size_t block_size = kDefaultBlockSize);
  // Every block must have come back; see BlockPoolPtr where a device may still hold some.
  ~BlockPool();
  // The owner is gone: the pool deletes itself with its last block. It was made with new.
  void Retire();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A block with one reference, or null when max_blocks are in use.
  Block* Allocate() {
    owner_.Check();
    Block* block = free_;
    if (block != nullptr) [[likely]] {
      free_ = block->next_free;
    } else {
      block = AllocateSlow();
      if (block == nullptr) return nullptr;
    }
    ++in_use_;
    block->pool = this;
    block->references = 1;
    return block;
  }

  // The owner's thread is done with the pool: the next one to use it owns it.
  void ReleaseOwner() { owner_.Release(); }

  size_t capacity() const { return block_size_ - Block::kHeaderSize; }
  size_t in_use() const { return in_use_; }
  size_t max_blocks() const { return max_blocks_; }
  // The most that were in use at once.
  size_t peak() const { return created_; }
  // Allocations refused because max_blocks were in use.
  uint64_t exhausted() const { return exhausted_; }

 private:
  friend class BlockRef;
  friend void ReleaseBlock(Block* block);

  Block* AllocateSlow();

  void Free(Block* block) {
    owner_.Check();
    block->next_free = free_;
    free_ = block;
    if (--in_use_ == 0 && retired_) [[unlikely]]
      delete this;
  }

  Block* free_ = nullptr;
  size_t in_use_ = 0;
  bool retired_ = false;
  size_t block_size_;
  size_t max_blocks_;
  size_t created_ = 0;  // as many were in use at once: what is free goes first
  uint8_t* slab_next_ = nullptr;
  uint8_t* slab_end_ = nullptr;
  uint64_t exhausted_ = 0;
  std::vector<void*> slabs_;
  [[no_unique_address]] ThreadOwner owner_;
};

// Owns a pool whose blocks may outlive the owner: frames in flight refer to them until their device
// is done.
struct RetireBlockPool {
  void operator()(BlockPool* pool) const { pool->Retire(); }
};
using BlockPoolPtr = std::unique_ptr<BlockPool, RetireBlockPool>;

inline void RetainBlock(Block* block) { ++block->references; }

inline void ReleaseBlock(Block* block) {
  CL_DCHECK(block->references > 0);
  if (--block->references == 0) block->pool->Free(block);
}

// One counted reference to a block; copying adds a reference.
class BlockRef {
 public:
  BlockRef() = default;
  // Takes over a reference that the caller owns.
  static BlockRef Adopt(Block* block) { return BlockRef(block); }
  BlockRef(const BlockRef& other) : block_(other.block_) {
    if (block_ != nullptr) RetainBlock(block_);
  }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ != nullptr) ReleaseBlock(block_);
  }

  explicit operator bool() const { return block_ != nullptr; }
  Block* get() const { return block_; }
  // Gives the reference up without releasing it.
  Block* Release() { return std::exchange(block_, nullptr); }

 private:
  explicit BlockRef(Block* block) : block_(block) {}

  Block* block_ = nullptr;
};

}  // namespace corelane

#endif  // CORELANE_CORE_BLOCK_H_
