// Out-of-order segments of a receiver (RFC 9293 §3.10.7.4, RFC 2018 §4).
//
//   rcv_nxt        ranges_[0]        ranges_[1]
//     |   hole   [ p ][ p ][ p )   hole   [ p )      each range: a chain of packets without a gap
//
// Bounded in ranges, packets and bytes; what does not fit is dropped and will be retransmitted.
// Overlaps are resolved in favour of the bytes that came first, so no sequence of segments can
// change bytes that were already acknowledged by SACK.

#ifndef CORELANE_TCP_REASSEMBLY_QUEUE_H_
#define CORELANE_TCP_REASSEMBLY_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/packet.h"
#include "tcp/seq_num.h"

namespace corelane::tcp {

class ReassemblyQueue {
 public:
  static constexpr size_t kMaxRanges = 128;
  // Segments up to this size share packets, and are dropped when packets hold less on average.
  static constexpr uint32_t kTiny = 256;

  // Takes the bytes [seq, seq + payload size), all beyond rcv_nxt. Returns how many were new and
  // kept; 0: they were there already, or there is no room.
  uint32_t Insert(SeqNum seq, PacketBuf payload);
  // Moves what now continues at `rcv_nxt` to `out` and returns how many bytes that is. Overlap with
  // bytes below rcv_nxt is cut off.
  uint32_t TakeInOrder(SeqNum rcv_nxt, PacketQueue& out);

  // take(seq, packets) for each range in order, which may take its packets. Empty afterwards.
  template <class Take>
  void TakeRanges(Take&& take) {
    for (Range& range : std::span(ranges_).first(count_)) {
      take(range.span.begin, range.packets);
      range.packets.Clear();
    }
    count_ = packets_ = bytes_ = 0;
  }

  bool empty() const { return count_ == 0; }
  uint32_t bytes() const { return bytes_; }
  size_t ranges() const { return count_; }

  // Writes up to `out.size()` ranges for a SACK option, the most recently changed first (RFC 2018
  // §4); returns how many.
  size_t SackBlocks(std::span<SeqRange> out) const;

 private:
  struct Range {
    SeqRange span;
    PacketQueue packets;
    uint32_t changed = 0;  // when it last grew, for SackBlocks()
  };

  Range* Find(SeqNum seq);
  void InsertRange(size_t index, SeqNum seq, PacketBuf payload);
  void RemoveRange(size_t index);
  void MergeWithNext(size_t index);

  size_t count_ = 0;
  uint32_t bytes_ = 0;
  size_t packets_ = 0;
  uint32_t clock_ = 0;
  std::array<Range, kMaxRanges> ranges_;  // sorted, disjoint, not touching
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_REASSEMBLY_QUEUE_H_
