// FlowTable: intrusive hash table from a flow's four-tuple to its owner's object.
//
// Chained, grown by doubling when it holds as many flows as buckets; nothing else allocates. Its
// order is never looked at, but by ForEach(), which follows the buckets and so is the same for the
// same key and history.

#ifndef CORELANE_TCP_FLOW_TABLE_H_
#define CORELANE_TCP_FLOW_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/flow_hash.h"
#include "core/ip_address.h"

namespace corelane::tcp {

struct FourTuple {
  IpAddress local;
  IpAddress remote;
  uint16_t local_port = 0;
  uint16_t remote_port = 0;

  // One branch: written out, for compilers make a call of memcmp() of the comparisons in turn.
  friend constexpr bool operator==(const FourTuple& a, const FourTuple& b) {
    const uint64_t addresses = (a.local.high() ^ b.local.high()) | (a.local.low() ^ b.local.low()) |
                               (a.remote.high() ^ b.remote.high()) |
                               (a.remote.low() ^ b.remote.low());
    const int ports = (a.local_port ^ b.local_port) | (a.remote_port ^ b.remote_port);
    return (addresses | static_cast<uint64_t>(ports)) == 0;
  }
};

// The base of what a FlowTable<T> holds.
template <class T>
struct FlowTableNode {
  T* flow_next = nullptr;
  uint32_t flow_hash = 0;
};

// T derives from FlowTableNode<T> and has `const FourTuple& tuple() const`.
template <class T>
class FlowTable {
 public:
  explicit FlowTable(const FlowHashKey& key, size_t initial_buckets = 64)
      : key_(key), mask_(initial_buckets - 1), buckets_(new T*[initial_buckets]()) {}

  uint32_t Hash(const FourTuple& t) const {
    return FlowHash(key_, t.local, t.local_port, t.remote, t.remote_port);
  }
  // hash: of Hash(). Null: not there.
  T* Find(const FourTuple& tuple, uint32_t hash) const {
    for (T* node = buckets_[hash & mask_]; node != nullptr; node = node->flow_next) {
      if (node->flow_hash == hash && node->tuple() == tuple) return node;
    }
    return nullptr;
  }
  T* Find(const FourTuple& tuple) const { return Find(tuple, Hash(tuple)); }
  void Insert(T* node, uint32_t hash) {
    if (size_ > mask_) Grow();
    node->flow_hash = hash;
    node->flow_next = std::exchange(buckets_[hash & mask_], node);
    ++size_;
  }
  void Insert(T* node) { Insert(node, Hash(node->tuple())); }
  void Remove(T* node) {
    T** link = &buckets_[node->flow_hash & mask_];
    while (*link != node) link = &(*link)->flow_next;
    *link = node->flow_next;
    --size_;
  }
  size_t size() const { return size_; }

  template <class F>
  void ForEach(F&& visit) const {
    // Most buckets are empty, and simulations come here after every turn. visit may remove the
    // node that it is given, and insert none.
    ForEachIn(0, buckets(), visit);
  }
  // The flows of n buckets from `first` on: a walk in pieces. It must begin anew when buckets() has
  // changed meanwhile, or it meets some flows twice.
  size_t buckets() const { return mask_ + 1; }
  template <class F>
  void ForEachIn(size_t first, size_t n, F&& visit) const {
    T* const* const end = buckets_.get() + first + n;
    for (T* const* bucket = buckets_.get() + first; bucket != end; ++bucket) {
      for (T* node = *bucket; node != nullptr;) {
        T* const next = node->flow_next;
        visit(*node);
        node = next;
      }
    }
  }

 private:
  void Grow() {
    const size_t buckets = (mask_ + 1) * 2;
    std::unique_ptr<T*[]> old = std::exchange(buckets_, std::unique_ptr<T*[]>(new T*[buckets]()));
    const size_t old_buckets = std::exchange(mask_, buckets - 1) + 1;
    for (size_t i = 0; i < old_buckets; ++i) {
      for (T* node = old[i]; node != nullptr;) {
        T* const next = node->flow_next;
        node->flow_next = std::exchange(buckets_[node->flow_hash & mask_], node);
        node = next;
      }
    }
  }

  FlowHashKey key_;
  size_t mask_;
  size_t size_ = 0;
  std::unique_ptr<T*[]> buckets_;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_FLOW_TABLE_H_
