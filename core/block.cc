#include "core/block.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace corelane {
namespace {

constexpr size_t kSlabBytes = size_t{1} << 20;

}  // namespace

BlockPool::BlockPool(size_t max_blocks, size_t block_size)
    : block_size_(block_size), max_blocks_(max_blocks) {
  CL_CHECK(block_size % 64 == 0 && block_size > Block::kHeaderSize);
}

BlockPool::~BlockPool() {
  CL_CHECK(in_use_ == 0);  // A packet or a connection outlived its stack.
  for (void* slab : slabs_) std::free(slab);
}

void BlockPool::Retire() {
  retired_ = true;
  if (in_use_ == 0) delete this;
}

Block* BlockPool::AllocateSlow() {
  if (created_ == max_blocks_) {
    ++exhausted_;
    return nullptr;
  }
  if (slab_next_ == slab_end_) {
    const size_t blocks =
        std::min(std::max<size_t>(kSlabBytes / block_size_, 1), max_blocks_ - created_);
    void* slab = std::aligned_alloc(64, blocks * block_size_);
    if (slab == nullptr) {
      ++exhausted_;
      return nullptr;
    }
    slabs_.push_back(slab);
    slab_next_ = static_cast<uint8_t*>(slab);
    slab_end_ = slab_next_ + blocks * block_size_;
  }
  auto* block = new (slab_next_) Block;
  slab_next_ += block_size_;
  ++created_;
  block->capacity = static_cast<uint32_t>(capacity());
  return block;
}

}  // namespace corelane
