#include "stack/segmentation.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/bytes.h"
#include "tcp/segment.h"

namespace corelane::stack {
namespace {

constexpr size_t kSeqOffset = 4;
constexpr size_t kFlagsOffset = 13;

}  // namespace

Segmenter::Segmenter(PacketBuf segment, PacketCache& cache)
    : cache_(cache),
      segment_size_(segment->segment_size),
      seq_(LoadBe32(segment.data() + kSeqOffset)),
      flags_(segment.data()[kFlagsOffset]) {
  PacketHead* const rest = std::exchange(segment->next_segment, nullptr);
  rest->packet_length = segment->packet_length - segment->length;
  segment->packet_length = segment->length;
  segment->segment_size = 0;
  segment->segment_count = 1;
  payload_ = PacketBuf::Adopt(rest);
  header_ = std::move(segment);
}

PacketBuf Segmenter::Cut(uint32_t n) {
  const uint32_t total = payload_->packet_length;
  PacketHead* const first = payload_.head();
  PacketHead* last = first;
  uint32_t before = 0;
  while (before + last->length < n) {
    before += last->length;
    last = last->next_segment;
  }
  const uint32_t of_last = n - before;
  PacketHead* rest = last->next_segment;
  if (of_last < last->length) {
    // The frame ends inside a buffer: both sides refer to its block.
    RetainBlock(last->block);
    PacketBuf tail = cache_.TakeReference(BlockRef::Adopt(last->block), last->data + of_last,
                                          last->length - of_last);
    if (!tail) return PacketBuf();
    tail->next_segment = rest;
    rest = tail.Release();
    last->length = of_last;
    last->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
  }
  PacketBuf piece = std::move(payload_);
  last->next_segment = nullptr;
  piece->packet_length = n;
  if (rest != nullptr) {
    rest->packet_length = total - n;
    payload_ = PacketBuf::Adopt(rest);
  }
  return piece;
}

PacketBuf Segmenter::TakeFrame() {
  PacketBuf frame = std::move(payload_);
  PacketHead* const rest = std::exchange(frame->next_segment, nullptr);
  if (rest != nullptr) {
    rest->packet_length = frame->packet_length - frame->length;
    payload_ = PacketBuf::Adopt(rest);
  }
  frame->packet_length = frame->length;
  const bool summed = (frame->flags & PacketHead::kHasDataSum) != 0;
  std::memcpy(frame.Prepend(header_.size()), header_.data(), header_.size());
  if (summed) frame->flags |= PacketHead::kHasPayloadSum;
  frame->l4_checksum = header_->l4_checksum;
  frame->payload_offset = header_->payload_offset;
  return frame;
}

PacketBuf Segmenter::BuildFrame(uint32_t n) {
  PacketBuf frame;
  if (n == payload_->packet_length) {
    frame = std::move(header_);
  } else {
    frame = cache_.Take();
    if (!frame) return frame;
    std::memcpy(frame.Append(header_.size()), header_.data(), header_.size());
    frame->l4_checksum = header_->l4_checksum;
    frame->payload_offset = header_->payload_offset;
  }
  PacketBuf piece = Cut(n);
  if (!piece) return piece;
  frame.AppendChain(std::move(piece));
  return frame;
}

PacketBuf Segmenter::Next() {
  if (!payload_) return PacketBuf();
  const uint32_t n = std::min(segment_size_, payload_->packet_length);
  const bool is_last = n == payload_->packet_length;
  const bool ready =
      payload_->length == n && payload_->block == nullptr && payload_.headroom() >= header_.size();
  PacketBuf frame = ready ? TakeFrame() : BuildFrame(n);
  if (!frame) return frame;
  uint8_t flags = flags_;
  if (!is_last) flags &= static_cast<uint8_t>(~(tcp::kFin | tcp::kPsh));
  if (!first_) flags &= static_cast<uint8_t>(~tcp::kCwr);
  frame.data()[kFlagsOffset] = flags;
  StoreBe32(frame.data() + kSeqOffset, seq_);
  seq_ += n;
  first_ = false;
  return frame;
}

}  // namespace corelane::stack
