// Memory for nghttp2, which makes a few small objects for each message: blocks that were freed are
// kept for the next ones, so a warm session does not go to the heap. Not thread-safe.

#ifndef CORELANE_HTTP_H2_BLOCK_CACHE_H_
#define CORELANE_HTTP_H2_BLOCK_CACHE_H_

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace corelane::h2 {

class BlockCache {
 public:
  BlockCache();
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // For nghttp2_session_server_new3 and its like; the cache must outlive the session.
  nghttp2_mem* mem() { return &mem_; }

  // Null when there is no memory.
  void* Allocate(size_t size);
  void* AllocateZeroed(size_t count, size_t size);
  void* Reallocate(void* block, size_t size);
  void Free(void* block);

 private:
  static constexpr size_t kStep = 64;
  static constexpr size_t kClasses = 16;  // Up to 1 KiB.
  static constexpr uint32_t kKept = 128;  // Of each.

  // In front of each block.
  struct alignas(std::max_align_t) Header {
    size_t size;   // Of the block behind it.
    Header* next;  // While it is kept.
  };
  struct List {
    Header* first = nullptr;
    uint32_t count = 0;
  };

  static size_t ClassOf(size_t size) { return size == 0 ? 0 : (size - 1) / kStep; }

  nghttp2_mem mem_;
  std::array<List, kClasses> lists_;
};

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_BLOCK_CACHE_H_
