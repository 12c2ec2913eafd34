#include "core/packet.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>

namespace corelane {
namespace {

constexpr size_t kSlabBytes = size_t{1} << 20;

[[gnu::always_inline]] inline void FreeSegment(PacketHead* head) {
  if (head->block != nullptr) ReleaseBlock(head->block);
  head->pool->Free(head);
}

// Takes up to n bytes off the front of one segment; returns how many.
size_t CutFront(PacketHead* segment, size_t n) {
  const size_t cut = std::min<size_t>(n, segment->length);
  segment->data += cut;
  segment->length -= static_cast<uint32_t>(cut);
  if (cut > 0) segment->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
  return cut;
}

}  // namespace

void PacketBuf::FreeChain(PacketHead* head) {
  do {
    PacketHead* const next = head->next_segment;
    FreeSegment(head);
    head = next;
  } while (head != nullptr);
}

size_t PacketBuf::segments() const {
  size_t n = 0;
  for (const PacketHead* s = head_; s != nullptr; s = s->next_segment) ++n;
  return n;
}

void PacketBuf::TrimSegments(size_t n) {
  CL_DCHECK(n <= packet_size());
  head_->packet_length -= static_cast<uint32_t>(n);
  n -= CutFront(head_, n);
  while (n > 0) {
    PacketHead* next = head_->next_segment;
    n -= CutFront(next, n);
    if (next->length > 0) break;
    head_->next_segment = next->next_segment;
    FreeSegment(next);
  }
}

void PacketBuf::TrimBack(size_t n) {
  CL_DCHECK(n <= packet_size());
  const uint32_t total = head_->packet_length - static_cast<uint32_t>(n);
  uint32_t left = total;
  PacketHead* segment = head_;
  while (left > segment->length) {
    left -= segment->length;
    segment = segment->next_segment;
  }
  if (segment->length != left) segment->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
  segment->length = left;
  PacketBuf rest(segment->next_segment);
  segment->next_segment = nullptr;
  head_->packet_length = total;
}

void PacketBuf::AppendChain(PacketBuf tail) {
  if (!tail) return;
  PacketHead* last = head_;
  while (last->next_segment != nullptr) last = last->next_segment;
  head_->packet_length += tail.head_->packet_length;
  last->next_segment = tail.Release();
}

PacketBuf PacketBuf::DropFirstSegment() {
  PacketHead* first = std::exchange(head_, nullptr);
  PacketHead* rest = first->next_segment;
  if (rest != nullptr) {
    rest->packet_length = first->packet_length - first->length;
    rest->next_packet = nullptr;
  }
  FreeSegment(first);
  return PacketBuf(rest);
}

size_t PacketBuf::CopyOutSegments(size_t offset, std::span<uint8_t> out) const {
  size_t copied = 0;
  for (const PacketHead* s = head_; s != nullptr && copied < out.size(); s = s->next_segment) {
    if (offset >= s->length) {
      offset -= s->length;
      continue;
    }
    const size_t n = std::min<size_t>(out.size() - copied, s->length - offset);
    std::memcpy(out.data() + copied, s->data + offset, n);
    copied += n;
    offset = 0;
  }
  return copied;
}

bool PacketBuf::PullUp(size_t n) {
  if (head_->length >= n) return true;
  if (packet_size() < n) return false;
  if (head_->block != nullptr) {
    // The bytes are shared: move what the first segment has into its own, still unused room.
    if (n > head_->room_size) return false;
    std::memcpy(head_->room, head_->data, head_->length);
    ReleaseBlock(std::exchange(head_->block, nullptr));
    head_->data = head_->room;
  } else if (n - head_->length > tailroom()) {
    if (n > head_->room_size) return false;
    std::memmove(head_->room, head_->data, head_->length);
    head_->data = head_->room;
  }
  head_->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
  while (head_->length < n) {
    PacketHead* next = head_->next_segment;
    const size_t take = std::min<size_t>(n - head_->length, next->length);
    std::memcpy(head_->data + head_->length, next->data, take);
    head_->length += static_cast<uint32_t>(take);
    next->data += take;
    next->length -= static_cast<uint32_t>(take);
    next->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
    if (next->length == 0) {
      head_->next_segment = next->next_segment;
      FreeSegment(next);
    }
  }
  return true;
}

bool PacketBuf::MakeWritable(PacketPool& pool) {
  bool shared = false;
  for (const PacketHead* s = head_; s != nullptr; s = s->next_segment)
    shared |= s->block != nullptr;
  if (!shared) return true;
  PacketBuf copy = Clone(pool);
  if (!copy) return false;
  *this = std::move(copy);
  return true;
}

PacketBuf PacketBuf::Clone(PacketPool& pool) const {
  PacketBuf copy = pool.Allocate();
  if (!copy) return copy;
  PacketHead* to = copy.head_;
  const PacketHead* from = head_;
  to->flow_hash = from->flow_hash;
  to->segment_size = from->segment_size;
  to->segment_count = from->segment_count;
  to->flags =
      from->flags & static_cast<uint8_t>(~(PacketHead::kHasDataSum | PacketHead::kHasPayloadSum));
  to->ecn = from->ecn;
  to->interface = from->interface;
  to->vlan_tci = from->vlan_tci;
  to->l3_offset = from->l3_offset;
  to->l4_offset = from->l4_offset;
  to->payload_offset = from->payload_offset;
  to->l3_checksum = from->l3_checksum;
  to->l4_checksum = from->l4_checksum;
  to->l4_protocol = from->l4_protocol;
  size_t done = 0;
  PacketBuf part = std::move(copy);
  while (done < packet_size()) {
    if (copy) {
      part = pool.Allocate();
      if (!part) return PacketBuf();
    }
    const size_t n = std::min(packet_size() - done, part.tailroom());
    CopyOut(done, {part.Append(n), n});
    done += n;
    if (copy) {
      copy.AppendChain(std::move(part));
    } else {
      copy = std::move(part);
    }
  }
  return copy ? std::move(copy) : std::move(part);
}

PacketPool::PacketPool(size_t max_packets, size_t data_room, size_t headroom)
    : max_packets_(max_packets), data_room_(data_room), headroom_(headroom) {
  CL_CHECK(headroom <= data_room);
  // An odd number of cache lines: heads of consecutive packets then fall into different sets of the
  // cache.
  stride_ = (sizeof(PacketHead) + data_room + 63) / 64 * 64;
  if (stride_ / 64 % 2 == 0) stride_ += 64;
}

PacketPool::PacketPool(PacketSource& source, size_t max_packets, size_t data_room, size_t headroom)
    : source_(&source), max_packets_(max_packets), data_room_(data_room), headroom_(headroom) {
  CL_CHECK(headroom <= data_room);
}

PacketPool::~PacketPool() {
  GiveSpare(held_);
  CL_CHECK(in_use_ == 0);  // A packet outlived its pool.
  for (void* slab : slabs_) std::free(slab);
}

void PacketPool::Retire() {
  retired_ = true;
  if (in_use_ == 0) {
    delete this;
    return;
  }
  GiveSpare(held_);
  SetLowWater();
}

// Gives up to n spare packets back to the source.
void PacketPool::GiveSpare(size_t n) {
  std::array<PacketHead*, kSourceBurst> heads;
  while (n > 0 && source_ != nullptr && free_ != nullptr) {
    size_t count = 0;
    for (; count < std::min(n, heads.size()) && free_ != nullptr; ++count) {
      heads[count] = free_;
      free_ = free_->next_packet;
    }
    source_->Give({heads.data(), count});
    held_ -= count;
    n -= count;
  }
  SetLowWater();
}

void PacketPool::Surplus() {
  if (!retired_) {
    GiveSpare(kSourceBurst);
  } else if (in_use_ == 0) {
    delete this;
  } else {
    GiveSpare(held_);
  }
}

size_t PacketPool::AllocateBurst(std::span<PacketBuf> out) {
  size_t n = 0;
  for (; n < out.size(); ++n) {
    PacketHead* const head = AllocateHead();
    if (head == nullptr) break;
    ResetHead(head);
    out[n] = PacketBuf::Adopt(head);
  }
  return n;
}

PacketHead* PacketPool::AllocateFromSource() {
  std::array<PacketHead*, kSourceBurst> heads;
  const size_t room = held_ < max_packets_ ? max_packets_ - held_ : 0;
  const size_t n = source_->Take(std::span(heads).first(std::min(room, heads.size())));
  if (n == 0) {
    ++exhausted_;
    return nullptr;
  }
  held_ += n;
  SetLowWater();
  for (size_t i = 0; i < n; ++i) heads[i]->pool = this;
  for (size_t i = 1; i < n; ++i) {
    heads[i]->next_packet = free_;
    free_ = heads[i];
  }
  return heads[0];
}

PacketHead* PacketPool::AllocateSlow() {
  if (source_ != nullptr) return AllocateFromSource();
  if (created_ == max_packets_) {
    ++exhausted_;
    return nullptr;
  }
  if (slab_next_ == slab_end_) {
    const size_t packets =
        std::min(std::max<size_t>(kSlabBytes / stride_, 1), max_packets_ - created_);
    void* slab = std::aligned_alloc(64, packets * stride_);
    if (slab == nullptr) {
      ++exhausted_;
      return nullptr;
    }
    slabs_.push_back(slab);
    slab_next_ = static_cast<uint8_t*>(slab);
    slab_end_ = slab_next_ + packets * stride_;
  }
  auto* head = new (slab_next_) PacketHead{};
  head->pool = this;
  head->room = slab_next_ + sizeof(PacketHead);
  head->room_size = static_cast<uint32_t>(data_room_);
  slab_next_ += stride_;
  ++created_;
  return head;
}

void PacketQueue::CopyFront(std::span<uint8_t> out) const {
  PacketBuf packet = PacketBuf::Adopt(first_);
  packet.CopyOut(0, out);
  packet.Release();
}

void PacketQueue::CoalesceBack(PacketHead* previous) {
  CL_DCHECK(previous->next_packet == last_);
  PacketBuf into = PacketBuf::Adopt(previous);
  PacketBuf from = PacketBuf::Adopt(last_);
  const size_t n = from.packet_size();
  if (previous->next_segment == nullptr && into.tailroom() >= n) {
    from.CopyOut(0, {into.Append(n), n});
    previous->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
    previous->next_packet = nullptr;
    last_ = previous;
    --count_;
  } else {
    from.Release();
  }
  into.Release();
}

PacketQueue& PacketQueue::operator=(PacketQueue&& other) noexcept {
  if (this != &other) {
    Clear();
    first_ = std::exchange(other.first_, nullptr);
    last_ = std::exchange(other.last_, nullptr);
    count_ = std::exchange(other.count_, 0);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

}  // namespace corelane
