// Counter: an event count that one core writes and any thread may read.

#ifndef CORELANE_CORE_COUNTER_H_
#define CORELANE_CORE_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace corelane {

// A load and a store instead of an atomic read-modify-write: correct because there is one writer.
class Counter {
 public:
  void Increment(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace corelane

#endif  // CORELANE_CORE_COUNTER_H_
