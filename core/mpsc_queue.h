// MpscQueue: an intrusive, unbounded queue from any number of threads to one.
//
//   struct Task { MpscNode link; ... };
//   MpscQueue<Task, &Task::link> tasks;
//   tasks.Push(*task);                                   // any thread
//   while (Task* task = tasks.Pop()) task->Run();        // the consumer
//
// After D. Vyukov's node-based queue. A push is one exchange and one store and never waits.

#ifndef CORELANE_CORE_MPSC_QUEUE_H_
#define CORELANE_CORE_MPSC_QUEUE_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace corelane {

// One membership in a queue.
class MpscNode {
 public:
  MpscNode() = default;
  MpscNode(const MpscNode&) = delete;
  MpscNode& operator=(const MpscNode&) = delete;

 private:
  template <class T, MpscNode T::* kMember>
  friend class MpscQueue;

  std::atomic<MpscNode*> next_{nullptr};
};

// Does not own its elements. What a thread did before Push() is visible after the Pop() that
// returns the element; the elements of one thread come out in their order.
template <class T, MpscNode T::* kMember>
class MpscQueue {
 public:
  MpscQueue() : last_(&stub_), first_(&stub_) {}
  MpscQueue(const MpscQueue&) = delete;
  MpscQueue& operator=(const MpscQueue&) = delete;

  // Any thread. The element belongs to the queue until it is popped.
  void Push(T& element) { PushNode(&(element.*kMember)); }

  // The consumer only. Null: empty, or the next element's Push() has not returned yet.
  T* Pop() {
    MpscNode* node = first_;
    MpscNode* next = node->next_.load(std::memory_order_acquire);
    if (node == &stub_) {
      if (next == nullptr) return nullptr;
      first_ = node = next;
      next = node->next_.load(std::memory_order_acquire);
    }
    if (next == nullptr) {
      // The last element known: only with the stub behind it can it be taken out.
      if (node != last_.load(std::memory_order_acquire)) return nullptr;
      PushNode(&stub_);
      next = node->next_.load(std::memory_order_acquire);
      if (next == nullptr) return nullptr;
    }
    first_ = next;
    return Owner(node);
  }

  // The consumer only. False also while an element's Push() has not returned yet.
  bool empty() const { return first_ == &stub_ && last_.load(std::memory_order_acquire) == &stub_; }

 private:
  void PushNode(MpscNode* node) {
    node->next_.store(nullptr, std::memory_order_relaxed);
    MpscNode* previous = last_.exchange(node, std::memory_order_acq_rel);
    previous->next_.store(node, std::memory_order_release);
  }
  static T* Owner(MpscNode* node) {
    // The Itanium C++ ABI represents a pointer to a data member as the member's offset.
    const auto offset = std::bit_cast<std::ptrdiff_t>(kMember);
    return reinterpret_cast<T*>(reinterpret_cast<uint8_t*>(node) - offset);
  }

  alignas(64) std::atomic<MpscNode*> last_;  // producers
  alignas(64) MpscNode* first_;              // consumer
  MpscNode stub_;
};

}  // namespace corelane

#endif  // CORELANE_CORE_MPSC_QUEUE_H_
