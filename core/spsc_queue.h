// SpscQueue: a bounded, wait-free queue from one producer thread to one consumer thread.

#ifndef CORELANE_CORE_SPSC_QUEUE_H_
#define CORELANE_CORE_SPSC_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "core/check.h"

namespace corelane {

// Each side keeps its index and its last view of the other's on cache lines of its own, so that the
// lines travel between the cores only when the queue looks full or empty.
template <class T>
class SpscQueue {
 public:
  // capacity >= 1: how many elements fit.
  explicit SpscQueue(size_t capacity)
      : capacity_(capacity),
        mask_(std::bit_ceil(capacity) - 1),
        cells_(std::make_unique<Cell[]>(mask_ + 1)) {
    CL_CHECK(capacity >= 1);
  }
  // Destroys what was not popped. Both sides must have stopped.
  ~SpscQueue() {
    const uint64_t end = producer_.staged;
    for (uint64_t i = consumer_.head.load(std::memory_order_relaxed); i != end; ++i) At(i)->~T();
  }
  SpscQueue(const SpscQueue&) = delete;
  SpscQueue& operator=(const SpscQueue&) = delete;

  // Producer only. False: full, and `value` is unchanged.
  bool TryPush(T&& value) { return Emplace(std::move(value)); }
  bool TryPush(const T& value) { return Emplace(value); }
  // Producer only. Moves a prefix of `values` in; returns its length.
  size_t PushBurst(std::span<T> values) {
    const uint64_t tail = producer_.staged;
    const size_t n = std::min(values.size(), Room(tail, values.size()));
    for (size_t i = 0; i < n; ++i) new (cells_[(tail + i) & mask_].bytes) T(std::move(values[i]));
    producer_.staged = tail + n;
    Publish();
    return n;
  }
  // Producer only. As TryPush(), but the consumer sees it after the next Publish() only: the line
  // that tells it travels once for many.
  bool Stage(const T& value) {
    const uint64_t tail = producer_.staged;
    if (Room(tail, 1) == 0) return false;
    new (cells_[tail & mask_].bytes) T(value);
    producer_.staged = tail + 1;
    return true;
  }
  void Publish() { producer_.tail.store(producer_.staged, std::memory_order_release); }

  // Consumer only. False: empty, and `value` is unchanged.
  bool TryPop(T& value) { return PopBurst({&value, 1}) == 1; }
  // Consumer only. Moves up to out.size() elements to the front of `out`; returns how many.
  size_t PopBurst(std::span<T> out) {
    const uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    if (consumer_.seen_tail - head < out.size())
      consumer_.seen_tail = producer_.tail.load(std::memory_order_acquire);
    const size_t n = std::min<uint64_t>(out.size(), consumer_.seen_tail - head);
    for (size_t i = 0; i < n; ++i) {
      T* element = At(head + i);
      out[i] = std::move(*element);
      element->~T();
    }
    if (n > 0) consumer_.head.store(head + n, std::memory_order_release);
    return n;
  }

  // Exact for a side while the other one rests; any thread may ask.
  size_t size_approx() const {
    const uint64_t head = consumer_.head.load(std::memory_order_acquire);
    const uint64_t tail = producer_.tail.load(std::memory_order_acquire);
    return std::min<uint64_t>(tail - head, capacity_);
  }
  bool empty_approx() const { return size_approx() == 0; }
  size_t capacity() const { return capacity_; }

 private:
  struct Cell {
    alignas(T) uint8_t bytes[sizeof(T)];
  };
  struct alignas(64) Producer {
    std::atomic<uint64_t> tail{0};
    uint64_t seen_head = 0;
    uint64_t staged = 0;  // where the next one goes: the tail, but for what was not published yet
  };
  struct alignas(64) Consumer {
    std::atomic<uint64_t> head{0};
    uint64_t seen_tail = 0;
  };

  T* At(uint64_t index) { return std::launder(reinterpret_cast<T*>(cells_[index & mask_].bytes)); }
  // Free cells; looks at the consumer again only where fewer than `wanted` were known to be free.
  size_t Room(uint64_t tail, size_t wanted) {
    if (capacity_ - (tail - producer_.seen_head) < wanted)
      producer_.seen_head = consumer_.head.load(std::memory_order_acquire);
    return capacity_ - (tail - producer_.seen_head);
  }
  template <class U>
  bool Emplace(U&& value) {
    const uint64_t tail = producer_.staged;
    if (Room(tail, 1) == 0) return false;
    new (cells_[tail & mask_].bytes) T(std::forward<U>(value));
    producer_.staged = tail + 1;
    Publish();
    return true;
  }

  const size_t capacity_;
  const size_t mask_;
  const std::unique_ptr<Cell[]> cells_;
  Producer producer_;
  Consumer consumer_;
};

}  // namespace corelane

#endif  // CORELANE_CORE_SPSC_QUEUE_H_
