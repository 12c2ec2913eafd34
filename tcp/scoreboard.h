// The SACK scoreboard of a sender (RFC 2018, RFC 6675): which bytes beyond snd_una the peer holds.
//
//   snd_una        lost_edge()                               snd_max
//     |--hole--[ sacked )--hole--[ sacked )--hole--[ sacked )---|
//        lost              lost            not (yet) lost
//
// Bounded: at most kMaxRanges ranges; what a hostile or unlucky peer reports beyond that is
// forgotten, which is safe (RFC 2018 §8: the information is advisory).

#ifndef CORELANE_TCP_SCOREBOARD_H_
#define CORELANE_TCP_SCOREBOARD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tcp/seq_num.h"

namespace corelane::tcp {

class Scoreboard {
 public:
  static constexpr size_t kMaxRanges = 128;
  static constexpr int kDupThresh = 3;  // RFC 6675 §2

  // Adds one SACK block that lies in (snd_una, snd_max]; returns how many bytes it newly covers.
  uint32_t Add(SeqRange block);
  // Forgets what lies below snd_una.
  void Acknowledge(SeqNum snd_una);
  void Clear() { count_ = 0; }

  bool empty() const { return count_ == 0; }
  std::span<const SeqRange> ranges() const { return {ranges_.data(), count_}; }
  SeqNum highest() const { return ranges_[count_ - 1].end; }
  uint32_t sacked_bytes() const;

  // Every byte below this that is not SACKed counts as lost (RFC 6675 §4, IsLost): kDupThresh
  // discontiguous ranges or more than (kDupThresh - 1) * mss bytes above it are SACKed. Empty:
  // nothing is lost.
  std::optional<SeqNum> LostEdge(uint32_t mss) const;

  // The first byte range at or after `from`, below `limit`, that is not SACKed; empty when there is
  // none.
  std::optional<SeqRange> NextHole(SeqNum from, SeqNum limit) const;

  // Bytes in [from, to) that are not SACKed.
  uint32_t UnsackedBytes(SeqNum from, SeqNum to) const;

 private:
  size_t count_ = 0;
  std::array<SeqRange, kMaxRanges> ranges_;  // sorted, disjoint, not touching
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_SCOREBOARD_H_
