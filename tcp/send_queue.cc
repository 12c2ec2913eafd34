#include "tcp/send_queue.h"

#include <algorithm>
#include <cstring>

#include "core/checksum.h"
#include "tcp/resources.h"

namespace corelane::tcp {

SendQueue::~SendQueue() { CL_DCHECK(first_ == nullptr); }

uint32_t SendQueue::AppendToLast(std::span<const uint8_t> data, uint32_t chunk_size, SeqNum sent) {
  SendChunk* const chunk = last_;
  if (chunk->length >= chunk_size || sent > chunk->seq) return 0;
  Block* const block = chunk->block;
  // The chunk is the last user of its block, so what follows its bytes is free.
  uint8_t* const to = chunk->data + chunk->length;
  const size_t room = static_cast<size_t>(block->bytes() + block->capacity - to);
  const size_t n = std::min({data.size(), room, static_cast<size_t>(chunk_size - chunk->length)});
  if (n == 0) return 0;
  if (!chunk->summed && n > PacketCache::kCopyLimit) {
    chunk->sum = SumBytes({chunk->data, chunk->length}).raw();
    chunk->summed = true;
  }
  if (chunk->summed) {
    const Sum16 sum = CopyAndSum(to, data.first(n));
    const Sum16 before = Sum16::FromRaw(chunk->sum);
    chunk->sum = (before + (chunk->length % 2 != 0 ? sum.Swapped() : sum)).raw();
  } else {
    std::memcpy(to, data.data(), n);
  }
  chunk->length += static_cast<uint32_t>(n);
  return static_cast<uint32_t>(n);
}

bool SendQueue::AppendChunk(std::span<const uint8_t> data, size_t chunk_size, Resources& r) {
  SendChunk* const chunk = r.chunks->New();
  if (chunk == nullptr) return false;
  // A chunk goes on in the block of the one before it where there is room for a whole one: a chunk
  // that cannot grow would shift all that follow against the segments.
  Block* block = nullptr;
  uint8_t* to = nullptr;
  if (last_ != nullptr) {
    uint8_t* const free = last_->data + last_->length;
    if (static_cast<size_t>(last_->block->bytes() + last_->block->capacity - free) >= chunk_size) {
      block = last_->block;
      RetainBlock(block);
      to = free;
    }
  }
  if (block == nullptr) {
    block = r.blocks->Allocate();
    if (block == nullptr) {
      r.chunks->Delete(chunk);
      return false;
    }
    to = block->bytes();
  }
  chunk->block = block;
  chunk->data = to;
  chunk->seq = end_;
  chunk->length = static_cast<uint32_t>(data.size());
  chunk->summed = data.size() > PacketCache::kCopyLimit;
  if (chunk->summed) {
    chunk->sum = CopyAndSum(to, data).raw();
  } else {
    std::memcpy(to, data.data(), data.size());
  }
  (last_ != nullptr ? last_->next : first_) = chunk;
  last_ = chunk;
  return true;
}

size_t SendQueue::Append(std::span<const uint8_t> data, uint32_t chunk_size, SeqNum sent,
                         Resources& r) {
  const size_t limit = std::min<size_t>(chunk_size, r.blocks->capacity());
  size_t done = 0;
  if (last_ != nullptr) {
    done = AppendToLast(data, chunk_size, sent);
    end_ += static_cast<uint32_t>(done);
  } else if (data.size() <= limit) [[likely]] {  // one message
    if (!AppendChunk(data, limit, r)) return 0;
    end_ += static_cast<uint32_t>(data.size());
    return data.size();
  }
  while (done < data.size()) {
    const size_t n = std::min(data.size() - done, limit);
    if (!AppendChunk(data.subspan(done, n), limit, r)) break;
    end_ += static_cast<uint32_t>(n);
    done += n;
  }
  return done;
}

void SendQueue::DropFirst(Resources& r) {
  SendChunk* const chunk = first_;
  first_ = chunk->next;
  if (first_ == nullptr) last_ = nullptr;
  if (cursor_ == chunk) cursor_ = nullptr;
  ReleaseBlock(chunk->block);
  r.chunks->Delete(chunk);
}

void SendQueue::Acknowledge(SeqNum una, Resources& r) {
  while (first_ != nullptr && first_->seq + first_->length <= una) DropFirst(r);
  if (una > base_) base_ = Min(una, end_);
}

void SendQueue::Clear(Resources& r) {
  while (first_ != nullptr) DropFirst(r);
  base_ = end_;
}

void SendQueue::CopyOut(std::span<uint8_t> out) {
  if (!empty()) CopyTo(ChunkOf(base_), {base_, end_}, out.data());
}

SendChunk* SendQueue::ChunkOf(SeqNum seq) const {
  SendChunk* chunk = cursor_ != nullptr && cursor_->seq <= seq ? cursor_ : first_;
  while (chunk != nullptr && chunk->seq + chunk->length <= seq) chunk = chunk->next;
  return chunk;
}

// `range` begins in `chunk` and ends beyond it.
void SendQueue::CopyTo(SendChunk* chunk, SeqRange range, uint8_t* to) {
  SeqNum at = range.begin;
  for (;;) {
    CL_DCHECK(chunk != nullptr);
    const uint32_t skip = Distance(chunk->seq, at);
    const uint32_t n = std::min(chunk->length - skip, Distance(at, range.end));
    std::memcpy(to, chunk->data + skip, n);
    cursor_ = chunk;
    at += n;
    if (at == range.end) return;
    to += n;
    chunk = chunk->next;
  }
}

inline bool SendQueue::CopyBehind(SendChunk* chunk, SeqRange range, PacketBuf& packet) {
  const uint32_t length = range.length();
  uint8_t* const to = packet.Append(length);
  const uint32_t skip = Distance(chunk->seq, range.begin);
  if (skip + length > chunk->length) [[unlikely]] {
    CopyTo(chunk, range, to);
    return false;
  }
  std::memcpy(to, chunk->data + skip, length);
  cursor_ = chunk;
  if (length != chunk->length || !chunk->summed) return false;
  packet->data_sum = chunk->sum;
  return true;
}

bool SendQueue::Attach(SeqRange range, PacketCache& cache, PacketBuf& packet, uint32_t frame) {
  const uint32_t length = range.length();
  const uint32_t limit = cache.copy_limit();
  if (length > frame) {
    return frame <= limit ? AttachCopies(range, cache, packet, frame)
                          : AttachReferences(range, cache, packet);
  }
  if (length > limit || packet.tailroom() < length) return AttachReferences(range, cache, packet);
  if (CopyBehind(ChunkOf(range.begin), range, packet)) packet->flags |= PacketHead::kHasPayloadSum;
  return true;
}

bool SendQueue::AttachCopies(SeqRange range, PacketCache& cache, PacketBuf& packet,
                             uint32_t frame) {
  const size_t header = packet.size();
  PacketHead* tail = packet.head();
  for (SeqNum at = range.begin; at < range.end;) {
    const SeqRange bytes{at, Min(at + frame, range.end)};
    PacketBuf part = cache.Take();
    if (!part) return false;
    if (part.tailroom() < header + bytes.length()) {
      return AttachReferences({at, range.end}, cache, packet);
    }
    part->data += header;
    if (CopyBehind(ChunkOf(at), bytes, part)) part->flags |= PacketHead::kHasDataSum;
    packet->packet_length += bytes.length();
    tail->next_segment = part.Release();
    tail = tail->next_segment;
    at = bytes.end;
  }
  return true;
}

bool SendQueue::AttachReferences(SeqRange range, PacketCache& cache, PacketBuf& packet) {
  SendChunk* chunk = ChunkOf(range.begin);
  PacketHead* tail = packet.head();
  while (tail->next_segment != nullptr) tail = tail->next_segment;
  SeqNum at = range.begin;
  while (at < range.end) {
    CL_DCHECK(chunk != nullptr);
    const uint32_t skip = Distance(chunk->seq, at);
    const uint32_t n = std::min(chunk->length - skip, Distance(at, range.end));
    RetainBlock(chunk->block);
    PacketBuf part = cache.TakeReference(BlockRef::Adopt(chunk->block), chunk->data + skip, n);
    if (!part) return false;
    if (n == chunk->length && chunk->summed) {
      part->data_sum = chunk->sum;
      part->flags |= PacketHead::kHasDataSum;
    }
    packet->packet_length += n;
    tail->next_segment = part.Release();
    tail = tail->next_segment;
    at += n;
    cursor_ = chunk;
    chunk = chunk->next;
  }
  return true;
}

}  // namespace corelane::tcp
