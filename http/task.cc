#include "http/task.h"

#include <array>
#include <new>

namespace corelane::http::internal {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kRecycle = false;  // Let the sanitizer see each frame's life.
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kRecycle = false;
#else
constexpr bool kRecycle = true;
#endif
#else
constexpr bool kRecycle = true;
#endif

constexpr size_t kStep = 64;
constexpr size_t kClasses = 32;  // Frames up to 2 KiB.
constexpr size_t kKept = 256;    // Of each class.

struct FreeFrameNode {
  FreeFrameNode* next;
};

struct FramePool {
  struct List {
    FreeFrameNode* first = nullptr;
    size_t count = 0;
  };

  ~FramePool() {
    for (List& list : lists) {
      while (list.first != nullptr) {
        FreeFrameNode* const node = list.first;
        list.first = node->next;
        ::operator delete(node);
      }
      list.count = kKept;  // Frames freed later in the thread's end go to the heap.
    }
  }

  std::array<List, kClasses> lists;
};

thread_local FramePool t_pool;

}  // namespace

void* AllocateFrame(size_t size) {
  const size_t index = (size - 1) / kStep;
  if (!kRecycle || index >= kClasses) return ::operator new(size);
  FramePool::List& list = t_pool.lists[index];
  if (list.first == nullptr) return ::operator new((index + 1) * kStep);
  FreeFrameNode* const node = list.first;
  list.first = node->next;
  --list.count;
  return node;
}

void FreeFrame(void* frame, size_t size) {
  const size_t index = (size - 1) / kStep;
  if (!kRecycle || index >= kClasses) {
    ::operator delete(frame);
    return;
  }
  FramePool::List& list = t_pool.lists[index];
  if (list.count >= kKept) {
    ::operator delete(frame);
    return;
  }
  list.first = new (frame) FreeFrameNode{list.first};
  ++list.count;
}

}  // namespace corelane::http::internal
