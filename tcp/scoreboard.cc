#include "tcp/scoreboard.h"

#include <algorithm>

namespace corelane::tcp {

uint32_t Scoreboard::Add(SeqRange block) {
  if (block.end <= block.begin) return 0;
  auto* const end = ranges_.data() + count_;
  // The ranges that touch the block: [first, last).
  auto* first = std::partition_point(ranges_.data(), end,
                                     [&](const SeqRange& r) { return r.end < block.begin; });
  auto* last = first;
  uint32_t covered = 0;
  SeqRange merged = block;
  while (last != end && last->begin <= block.end) {
    covered += Distance(Max(last->begin, block.begin), Min(last->end, block.end));
    merged = {Min(merged.begin, last->begin), Max(merged.end, last->end)};
    ++last;
  }
  if (first == last) {
    if (count_ == kMaxRanges) return 0;
    std::move_backward(first, end, end + 1);
    ++count_;
  } else {
    std::move(last, end, first + 1);
    count_ -= static_cast<size_t>(last - first) - 1;
  }
  *first = merged;
  return block.length() - covered;
}

void Scoreboard::Acknowledge(SeqNum snd_una) {
  size_t drop = 0;
  while (drop < count_ && ranges_[drop].end <= snd_una) ++drop;
  if (drop > 0) {
    std::move(ranges_.begin() + drop, ranges_.begin() + count_, ranges_.begin());
    count_ -= drop;
  }
  if (count_ > 0 && ranges_[0].begin < snd_una) ranges_[0].begin = snd_una;
}

uint32_t Scoreboard::sacked_bytes() const {
  uint32_t bytes = 0;
  for (const SeqRange& r : ranges()) bytes += r.length();
  return bytes;
}

std::optional<SeqNum> Scoreboard::LostEdge(uint32_t mss) const {
  uint32_t bytes = 0;
  for (size_t i = count_; i-- > 0;) {
    bytes += ranges_[i].length();
    const size_t above = count_ - i;
    if (above >= kDupThresh || bytes > (kDupThresh - 1) * mss) return ranges_[i].begin;
  }
  return std::nullopt;
}

std::optional<SeqRange> Scoreboard::NextHole(SeqNum from, SeqNum limit) const {
  for (const SeqRange& r : ranges()) {
    if (from >= limit) return std::nullopt;
    if (from < r.begin) return SeqRange{from, Min(r.begin, limit)};
    from = Max(from, r.end);
  }
  if (from >= limit) return std::nullopt;
  return SeqRange{from, limit};
}

uint32_t Scoreboard::UnsackedBytes(SeqNum from, SeqNum to) const {
  if (to <= from) return 0;
  uint32_t bytes = Distance(from, to);
  for (const SeqRange& r : ranges()) {
    const SeqNum begin = Max(r.begin, from);
    const SeqNum end = Min(r.end, to);
    if (begin < end) bytes -= Distance(begin, end);
  }
  return bytes;
}

}  // namespace corelane::tcp
