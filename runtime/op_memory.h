// OpMemory: free lists for the operations of one worker, so that after warm-up none of them touches
// the heap.

#ifndef CORELANE_RUNTIME_OP_MEMORY_H_
#define CORELANE_RUNTIME_OP_MEMORY_H_

#include <array>
#include <cstddef>
#include <new>

namespace corelane::runtime {

// Size classes of 64 bytes up to 1 KiB; anything larger comes from the heap. Belongs to one thread.
class OpMemory {
 public:
  OpMemory() = default;
  ~OpMemory();
  OpMemory(const OpMemory&) = delete;
  OpMemory& operator=(const OpMemory&) = delete;

  // Aligned like operator new.
  void* Allocate(size_t size) {
    const size_t c = ClassOf(size);
    if (c >= kClasses) return ::operator new(size);
    if (Free* const block = free_[c]) [[likely]] {
      free_[c] = block->next;
      return block;
    }
    return ::operator new((c + 1) * kClassSize);
  }
  // size: as it was allocated.
  void Deallocate(void* p, size_t size) {
    const size_t c = ClassOf(size);
    if (c >= kClasses) {
      ::operator delete(p);
      return;
    }
    free_[c] = new (p) Free{free_[c]};
  }

 private:
  struct Free {
    Free* next;
  };
  static constexpr size_t kClassSize = 64;
  static constexpr size_t kClasses = 16;
  static size_t ClassOf(size_t size) { return (size - 1) / kClassSize; }

  std::array<Free*, kClasses> free_{};
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_OP_MEMORY_H_
