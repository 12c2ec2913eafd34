// Which of its streams a client may still send on, by what it has sent itself: those that it has
// opened, and has neither ended nor reset. What the server does with them does not matter here, so
// a client that has not yet seen its stream reset is in order.
//
// A stream that the server resets may stay in the set for ever, since a client need not answer
// that. So the set is bounded: when it is full, the oldest id is forgotten, and from then on all
// ids up to that one count as such on which anything may come.

#ifndef CORELANE_HTTP_H2_PEER_STREAMS_H_
#define CORELANE_HTTP_H2_PEER_STREAMS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace corelane::h2 {

class PeerStreams {
 public:
  enum class State : uint8_t {
    kIdle,     // Above all that have been opened.
    kOpen,     // Or so long ago that it may be.
    kClosed,   // The client has said that it sends no more.
    kSkipped,  // Never opened, and closed when a greater id was (RFC 9113 §5.1.1).
  };

  explicit PeerStreams(size_t most) : most_(most) {}

  // `id` is odd.
  State Look(uint32_t id) const {
    if (id > last_) return State::kIdle;
    for (const Gap& gap : gaps_) {
      if (id >= gap.first && id <= gap.last) return State::kSkipped;
    }
    if (id <= forgotten_ || std::binary_search(open_.begin(), open_.end(), id)) return State::kOpen;
    return State::kClosed;
  }
  // A stream that was idle.
  void Open(uint32_t id, bool ends) {
    const uint32_t expected = last_ == 0 ? 1 : last_ + 2;
    if (id > expected) {
      gaps_[next_gap_] = {expected, id - 2};
      next_gap_ = (next_gap_ + 1) % kMaxGaps;
    }
    last_ = id;
    if (ends) return;
    if (open_.size() == most_) {
      forgotten_ = open_.front();
      open_.erase(open_.begin());
    }
    open_.push_back(id);  // They come in ascending order.
  }
  // The client ends or resets it.
  void End(uint32_t id) {
    const auto at = std::lower_bound(open_.begin(), open_.end(), id);
    if (at != open_.end() && *at == id) open_.erase(at);
  }

 private:
  static constexpr size_t kMaxGaps = 16;

  struct Gap {
    uint32_t first = 0;
    uint32_t last = 0;
  };

  const size_t most_;
  std::vector<uint32_t> open_;
  uint32_t forgotten_ = 0;  // All up to this one.
  uint32_t last_ = 0;
  std::array<Gap, kMaxGaps> gaps_{};  // A ring: a client makes none unless it means harm.
  size_t next_gap_ = 0;
};

}  // namespace corelane::h2

#endif  // CORELANE_HTTP_H2_PEER_STREAMS_H_
