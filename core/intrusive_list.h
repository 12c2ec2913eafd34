// IntrusiveList: a doubly linked list whose links are members of its elements.
//
//   struct Connection { ListNode ready; ... };
//   IntrusiveList<Connection, &Connection::ready> ready_list;
//   ready_list.PushBack(connection);
//
// No allocation; unlinking is O(1) and does not need the list. The list does not own its elements.
// Not thread-safe.

#ifndef CORELANE_CORE_INTRUSIVE_LIST_H_
#define CORELANE_CORE_INTRUSIVE_LIST_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "core/check.h"

namespace corelane {

// One membership of an object: in at most one list at a time. Destruction unlinks. A node stays
// where it is: neither copied nor moved.
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { Unlink(); }

  bool linked() const { return next_ != nullptr; }
  // A no-op when not linked.
  void Unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class T, ListNode T::* kMember>
  friend class IntrusiveList;

  ListNode* previous_ = nullptr;
  ListNode* next_ = nullptr;
};

template <class T, ListNode T::* kMember>
class IntrusiveList {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&;

    Iterator() = default;
    T& operator*() const { return *Owner(node_); }
    T* operator->() const { return Owner(node_); }
    Iterator& operator++() {
      node_ = node_->next_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      node_ = node_->next_;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class IntrusiveList;
    explicit Iterator(ListNode* node) : node_(node) {}

    ListNode* node_ = nullptr;
  };

  IntrusiveList() { root_.previous_ = root_.next_ = &root_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    Clear();
    root_.previous_ = root_.next_ = nullptr;
  }

  bool empty() const { return root_.next_ == &root_; }
  // Only where !empty().
  T& front() const {
    CL_DCHECK(!empty());
    return *Owner(root_.next_);
  }
  T& back() const {
    CL_DCHECK(!empty());
    return *Owner(root_.previous_);
  }

  // The element must not be linked through this member.
  void PushBack(T& element) { InsertBefore(&root_, &(element.*kMember)); }
  void PushFront(T& element) { InsertBefore(root_.next_, &(element.*kMember)); }
  // `position` must be in this list.
  void InsertBefore(T& position, T& element) {
    InsertBefore(&(position.*kMember), &(element.*kMember));
  }
  // Null when empty.
  T* PopFront() {
    if (empty()) return nullptr;
    ListNode* node = root_.next_;
    node->Unlink();
    return Owner(node);
  }
  // A no-op when not linked.
  static void Remove(T& element) { (element.*kMember).Unlink(); }
  // Unlinks every element.
  void Clear() {
    while (PopFront() != nullptr) {
    }
  }
  // Moves all of `other` behind the last element, in O(1).
  void SpliceBack(IntrusiveList& other) {
    if (other.empty()) return;
    ListNode* first = other.root_.next_;
    ListNode* last = other.root_.previous_;
    other.root_.previous_ = other.root_.next_ = &other.root_;
    first->previous_ = root_.previous_;
    root_.previous_->next_ = first;
    last->next_ = &root_;
    root_.previous_ = last;
  }

  // Iterators stay valid while their own element stays linked.
  Iterator begin() { return Iterator(root_.next_); }
  Iterator end() { return Iterator(&root_); }

 private:
  static void InsertBefore(ListNode* position, ListNode* node) {
    CL_DCHECK(!node->linked());
    node->next_ = position;
    node->previous_ = position->previous_;
    position->previous_->next_ = node;
    position->previous_ = node;
  }
  static T* Owner(ListNode* node) {
    // The Itanium C++ ABI represents a pointer to a data member as the member's offset.
    const auto offset = std::bit_cast<std::ptrdiff_t>(kMember);
    return reinterpret_cast<T*>(reinterpret_cast<uint8_t*>(node) - offset);
  }

  ListNode root_;
};

}  // namespace corelane

#endif  // CORELANE_CORE_INTRUSIVE_LIST_H_
