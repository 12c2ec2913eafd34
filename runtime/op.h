// Op: one unit of work of a worker, type-erased to a single function pointer.

#ifndef CORELANE_RUNTIME_OP_H_
#define CORELANE_RUNTIME_OP_H_

#include <boost/system/error_code.hpp>

#include "core/check.h"
#include "core/mpsc_queue.h"

namespace corelane::runtime {

// Deletes itself in Run() and Destroy(), before it calls anything of the user's.
class Op {
 public:
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  void Run() { function_(this, true); }
  // Frees it, and the handler in it, uncalled.
  void Destroy() { function_(this, false); }

 protected:
  using Function = void (*)(Op* op, bool run);
  explicit Op(Function function) : function_(function) {}
  ~Op() = default;

 private:
  template <class T>
  friend class OpQueue;

  Function function_;
  Op* next_ = nullptr;
};

// A FIFO of operations, linked through them; an operation is in one queue at a time. Does not own
// them.
template <class T>
class OpQueue {
 public:
  bool empty() const { return head_ == nullptr; }
  T& front() const { return *static_cast<T*>(head_); }
  void PushBack(T& op) {
    op.next_ = nullptr;
    if (head_ == nullptr) {
      head_ = &op;
    } else {
      tail_->next_ = &op;
    }
    tail_ = &op;
  }
  // Null when empty.
  T* PopFront() {
    Op* const op = head_;
    if (op != nullptr) head_ = op->next_;
    return static_cast<T*>(op);
  }
  // False: it was not in this queue. Linear: queues of sockets hold one or two.
  bool Remove(T& op) {
    Op* previous = nullptr;
    for (Op* at = head_; at != nullptr; previous = at, at = at->next_) {
      if (at != &op) continue;
      (previous == nullptr ? head_ : previous->next_) = at->next_;
      if (tail_ == at) tail_ = previous;
      return true;
    }
    return false;
  }

 private:
  Op* head_ = nullptr;
  Op* tail_ = nullptr;  // where head_ is not null
};

// Work that came from another thread; its memory is the heap's.
class PostedOp : public Op {
 public:
  MpscNode link;

 protected:
  using Op::Op;
  ~PostedOp() = default;
};

class WaitingOp;

// What operations wait in.
class OpOwner {
 public:
  // Takes a waiting operation out and completes it with operation_aborted.
  virtual void CancelOp(WaitingOp& op) = 0;

 protected:
  ~OpOwner() = default;
};

// An operation that waits for something; complete once `owner` is null.
class WaitingOp : public Op {
 public:
  OpOwner* owner = nullptr;
  boost::system::error_code ec;

 protected:
  using Op::Op;
  ~WaitingOp() = default;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_OP_H_
