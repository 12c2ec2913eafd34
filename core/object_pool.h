// ObjectPool: bounded memory for objects of one type, without a malloc per object.

#ifndef CORELANE_CORE_OBJECT_POOL_H_
#define CORELANE_CORE_OBJECT_POOL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/thread_owner.h"

namespace corelane {

// At most `max` objects at a time. Memory is taken from the system in slabs as it is first needed
// and given back at destruction; a freed object's memory is the next one's (last in, first out).
// Belongs to one thread.
template <class T>
class ObjectPool {
 public:
  explicit ObjectPool(size_t max) : max_(max) {}
  // Every object must have come back.
  ~ObjectPool() { CL_CHECK(in_use_ == 0); }
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;

  // T(args...), or null when `max` objects are in use.
  template <class... Args>
  T* New(Args&&... args) {
    owner_.Check();
    Cell* cell = free_;
    if (cell != nullptr) [[likely]] {
      free_ = cell->next;
    } else {
      cell = NewCell();
      if (cell == nullptr) return nullptr;
    }
    ++in_use_;
    return new (cell->object) T(std::forward<Args>(args)...);
  }

  // Destroys an object of this pool. Null is allowed.
  void Delete(T* object) {
    if (object == nullptr) return;
    owner_.Check();
    object->~T();
    Cell* cell = new (static_cast<void*>(object)) Cell;
    cell->next = free_;
    free_ = cell;
    --in_use_;
  }

  size_t in_use() const { return in_use_; }
  size_t max() const { return max_; }
  // New() calls refused because `max` objects were in use.
  uint64_t exhausted() const { return exhausted_; }
  // Lets another thread take the pool over.
  void ReleaseOwner() { owner_.Release(); }

 private:
  union Cell {
    Cell() {}
    Cell* next;
    alignas(T) uint8_t object[sizeof(T)];
  };
  static constexpr size_t kCellsPerSlab = std::max<size_t>((size_t{64} << 10) / sizeof(Cell), 8);

  Cell* NewCell() {
    if (created_ == max_) {
      ++exhausted_;
      return nullptr;
    }
    if (slab_left_ == 0) {
      slab_left_ = std::min(kCellsPerSlab, max_ - created_);
      slabs_.push_back(std::make_unique<Cell[]>(slab_left_));
    }
    ++created_;
    return &slabs_.back()[--slab_left_];
  }

  Cell* free_ = nullptr;
  size_t in_use_ = 0;
  size_t max_;
  size_t created_ = 0;
  size_t slab_left_ = 0;
  uint64_t exhausted_ = 0;
  std::vector<std::unique_ptr<Cell[]>> slabs_;
  [[no_unique_address]] ThreadOwner owner_;
};

}  // namespace corelane

#endif  // CORELANE_CORE_OBJECT_POOL_H_
