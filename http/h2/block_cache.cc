#include "http/h2/block_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace corelane::h2 {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kRecycle = false;  // Let the sanitizer see each block's life.
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kRecycle = false;
#else
constexpr bool kRecycle = true;
#endif
#else
constexpr bool kRecycle = true;
#endif

BlockCache& Cache(void* cache) { return *static_cast<BlockCache*>(cache); }

}  // namespace

BlockCache::BlockCache()
    : mem_{this, [](size_t size, void* cache) { return Cache(cache).Allocate(size); },
           [](void* block, void* cache) { Cache(cache).Free(block); },
           [](size_t count, size_t size, void* cache) {
             return Cache(cache).AllocateZeroed(count, size);
           },
           [](void* block, size_t size, void* cache) {
             return Cache(cache).Reallocate(block, size);
           }} {}

BlockCache::~BlockCache() {
  for (List& list : lists_) {
    while (list.first != nullptr) {
      Header* const header = list.first;
      list.first = header->next;
      std::free(header);
    }
  }
}

void* BlockCache::Allocate(size_t size) {
  const size_t at = ClassOf(size);
  size_t room = size;
  if (at < kClasses) {
    List& list = lists_[at];
    if (list.first != nullptr) {
      Header* const header = list.first;
      list.first = header->next;
      --list.count;
      return header + 1;
    }
    room = kRecycle ? (at + 1) * kStep : size;
  }
  auto* const header = static_cast<Header*>(std::malloc(sizeof(Header) + room));
  if (header == nullptr) return nullptr;
  header->size = room;
  return header + 1;
}

void* BlockCache::AllocateZeroed(size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / 2 / size) return nullptr;
  void* const block = Allocate(count * size);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* BlockCache::Reallocate(void* block, size_t size) {
  if (block == nullptr) return Allocate(size);
  const size_t room = (static_cast<Header*>(block) - 1)->size;
  if (kRecycle && size <= room) return block;
  void* const larger = Allocate(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, std::min(size, room));
  Free(block);
  return larger;
}

void BlockCache::Free(void* block) {
  if (block == nullptr) return;
  Header* const header = static_cast<Header*>(block) - 1;
  const size_t at = ClassOf(header->size);
  if (!kRecycle || at >= kClasses || lists_[at].count >= kKept) return std::free(header);
  header->next = lists_[at].first;
  lists_[at].first = header;
  ++lists_[at].count;
}

}  // namespace corelane::h2
