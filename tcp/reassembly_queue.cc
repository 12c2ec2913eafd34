#include "tcp/reassembly_queue.h"

#include <algorithm>
#include <utility>

namespace corelane::tcp {

ReassemblyQueue::Range* ReassemblyQueue::Find(SeqNum seq) {
  return std::partition_point(ranges_.data(), ranges_.data() + count_,
                              [seq](const Range& r) { return r.span.end < seq; });
}

uint32_t ReassemblyQueue::Insert(SeqNum seq, PacketBuf payload) {
  SeqNum end = seq + static_cast<uint32_t>(payload.packet_size());
  Range* range = Find(seq);
  const Range* const last = ranges_.data() + count_;
  const bool extends = range != last && range->span.begin <= seq;
  if (extends) {
    const uint32_t known = Distance(seq, range->span.end);
    if (known >= Distance(seq, end)) {
      range->changed = ++clock_;  // RFC 2018 §4: the range of the latest segment leads
      return 0;
    }
    payload.TrimFront(known);
    seq = range->span.end;
  }
  // Only the part up to the next range is kept: a segment that bridges several holes is rare, and
  // comes again.
  const Range* next = extends ? range + 1 : range;
  if (next != last && end > next->span.begin) {
    payload.TrimBack(Distance(next->span.begin, end));
    end = next->span.begin;
  }
  const uint32_t kept = Distance(seq, end);
  if (kept == 0) return 0;
  if (!extends && kept <= kTiny && packets_ >= kMaxRanges && packets_ * kTiny > bytes_) return 0;
  const size_t index = static_cast<size_t>(range - ranges_.data());
  if (extends) {
    packets_ -= range->packets.size();
    PacketHead* const back = range->packets.back();
    range->packets.PushBack(std::move(payload));
    if (kept <= kTiny) range->packets.CoalesceBack(back);
    packets_ += range->packets.size();
    range->span.end = end;
    range->changed = ++clock_;
    if (next != last && next->span.begin == end) MergeWithNext(index);
  } else if (range != last && range->span.begin == end) {
    range->packets.PushFront(std::move(payload));
    ++packets_;
    range->span.begin = seq;
    range->changed = ++clock_;
  } else {
    if (count_ == kMaxRanges) return 0;
    InsertRange(index, seq, std::move(payload));
  }
  bytes_ += kept;
  return kept;
}

void ReassemblyQueue::InsertRange(size_t index, SeqNum seq, PacketBuf payload) {
  std::move_backward(ranges_.begin() + index, ranges_.begin() + count_,
                     ranges_.begin() + count_ + 1);
  Range& range = ranges_[index];
  range.span = {seq, seq + static_cast<uint32_t>(payload.packet_size())};
  range.packets.PushBack(std::move(payload));
  range.changed = ++clock_;
  ++count_;
  ++packets_;
}

void ReassemblyQueue::RemoveRange(size_t index) {
  std::move(ranges_.begin() + index + 1, ranges_.begin() + count_, ranges_.begin() + index);
  --count_;
}

void ReassemblyQueue::MergeWithNext(size_t index) {
  Range& range = ranges_[index];
  Range& next = ranges_[index + 1];
  range.packets.Splice(next.packets);
  range.span.end = next.span.end;
  RemoveRange(index + 1);
}

uint32_t ReassemblyQueue::TakeInOrder(SeqNum rcv_nxt, PacketQueue& out) {
  uint32_t taken = 0;
  while (count_ > 0 && ranges_[0].span.begin <= rcv_nxt) {
    Range& range = ranges_[0];
    bytes_ -= range.span.length();
    packets_ -= range.packets.size();
    uint32_t overlap = Distance(range.span.begin, Min(rcv_nxt, range.span.end));
    while (overlap > 0) {
      const uint32_t size = range.packets.front()->packet_length;
      if (overlap < size) {
        range.packets.TrimFrontPacket(overlap);
        break;
      }
      range.packets.PopFront();
      overlap -= size;
    }
    if (range.span.end > rcv_nxt) {
      taken += Distance(rcv_nxt, range.span.end);
      rcv_nxt = range.span.end;
    }
    out.Splice(range.packets);
    RemoveRange(0);
  }
  return taken;
}

size_t ReassemblyQueue::SackBlocks(std::span<SeqRange> out) const {
  // Selection by descending age stamp; `out` holds at most four blocks.
  size_t n = 0;
  uint32_t below = clock_ + 1;
  while (n < out.size()) {
    const Range* newest = nullptr;
    for (size_t i = 0; i < count_; ++i) {
      const Range& r = ranges_[i];
      if (r.changed < below && (newest == nullptr || r.changed > newest->changed)) newest = &r;
    }
    if (newest == nullptr) break;
    out[n++] = newest->span;
    below = newest->changed;
  }
  return n;
}

}  // namespace corelane::tcp
