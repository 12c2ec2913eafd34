// Published: immutable values that a program's threads read without a lock, and that are replaced
// as a whole.
//
//   writer, under its own lock:   config.Publish(std::make_unique<const Config>(...));
//   reader, between two uses:     if (readers.Changed(i)) { c = &config.Load(); readers.Seen(i); }
//
// A value that was replaced is freed once every reader has said that it has seen the change, so a
// reader that sleeps keeps all later ones alive: who publishes often looks at retired(), and wakes
// the readers that lag. What a reader does costs one load while nothing changes.

#ifndef CORELANE_CORE_PUBLISHED_H_
#define CORELANE_CORE_PUBLISHED_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace corelane {

// Who reads, and up to which change. Several Published share one.
class Readers {
 public:
  explicit Readers(size_t count) : seen_(count) {}
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  size_t count() const { return seen_.size(); }

  // --- reader i, on its thread ---
  // Whether something was published since Seen(i).
  bool Changed(size_t i) const {
    return version_.load(std::memory_order_acquire) != seen_[i].local;
  }
  // The reader is about to load again; what it loaded before is no longer used after Seen().
  uint64_t Version() const { return version_.load(std::memory_order_acquire); }
  // It has loaded everything anew since Version() returned `version`.
  void Seen(size_t i, uint64_t version) {
    seen_[i].local = version;
    seen_[i].shared.store(version, std::memory_order_release);
  }
  // It uses nothing any more, or does not yet.
  void Rest(size_t i) { Seen(i, kResting); }

  // --- writers, one at a time ---
  uint64_t Advance() {
    const uint64_t next = version_.load(std::memory_order_relaxed) + 1;
    version_.store(next, std::memory_order_release);
    return next;
  }
  // Whether reader i has not seen more than the last `changes`. None that rests lags.
  bool Lags(size_t i, uint64_t changes) const {
    const uint64_t seen = seen_[i].shared.load(std::memory_order_acquire);
    const uint64_t version = version_.load(std::memory_order_relaxed);
    return seen < version && version - seen > changes;
  }
  // Every reader has seen it, and all before.
  uint64_t SeenByAll() const {
    uint64_t least = kResting;
    for (const Reader& r : seen_) least = std::min(least, r.shared.load(std::memory_order_acquire));
    return least;
  }

 private:
  static constexpr uint64_t kResting = UINT64_MAX;
  struct alignas(64) Reader {
    std::atomic<uint64_t> shared{kResting};
    uint64_t local = kResting;
  };

  std::atomic<uint64_t> version_{1};
  std::vector<Reader> seen_;
};

// A reader that rests must not load: it says Seen() with a version from before it loaded first,
// under the writers' lock, so that nothing is freed in between.
template <class T>
class Published {
 public:
  Published(Readers& readers, std::unique_ptr<const T> first)
      : readers_(readers), current_(first.release()) {}
  // The readers are done.
  ~Published() { delete current_.load(std::memory_order_relaxed); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Good until the reader's next Seen().
  const T& Load() const { return *current_.load(std::memory_order_acquire); }

  // Writers, one at a time.
  void Publish(std::unique_ptr<const T> next) {
    std::unique_ptr<const T> old(current_.load(std::memory_order_relaxed));
    current_.store(next.release(), std::memory_order_release);
    retired_.emplace_back(readers_.Advance(), std::move(old));
    const uint64_t seen = readers_.SeenByAll();
    while (!retired_.empty() && retired_.front().first <= seen) retired_.pop_front();
  }
  // Replaced values that some reader may still use.
  size_t retired() const { return retired_.size(); }

 private:
  Readers& readers_;
  std::atomic<const T*> current_;
  std::deque<std::pair<uint64_t, std::unique_ptr<const T>>> retired_;  // oldest first
};

}  // namespace corelane

#endif  // CORELANE_CORE_PUBLISHED_H_
