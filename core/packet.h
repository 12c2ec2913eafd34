// PacketBuf: the packet that every layer of the stack passes on.
//
//        one segment of a packet                    payload by reference
//   +------+----------+-----------+----------+     +------+
//   | head | headroom |   data    | tailroom |     | head |--data--> bytes in a Block,
//   +------+----------+-----------+----------+     +------+          counted, immutable
//      |             data()   data()+size()           ^
//      +--------------- next_segment -----------------+
//
// A PacketBuf owns a chain of segments. A segment's bytes lie either in its own room, which its
// owner may write, or in a Block that others refer to as well, which nobody writes before
// MakeWritable(). The head is plain data (no destructor), so that it can lie in the private area of
// a DPDK mbuf.
//
// Ownership: move-only; the destructor gives every segment back to its pool and every block
// reference up. Threading: packets, pools and blocks belong to one core.

#ifndef CORELANE_CORE_PACKET_H_
#define CORELANE_CORE_PACKET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/block.h"
#include "core/check.h"
#include "core/thread_owner.h"

namespace corelane {

class PacketPool;

// What is known of a checksum. Receiving: kNone = not looked at yet, kGood/kBad = the device
// checked it. Sending: kNone = nothing to do, kPartial = the field holds the pseudo-header's sum
// and the device or the stack completes it, kGood = already complete.
enum class ChecksumState : uint8_t { kNone, kPartial, kGood, kBad };

// The description of one segment and, in the first segment, of the whole packet.
struct PacketHead {
  // --- first cache line: what every layer touches ---
  uint8_t* data;             // first valid byte of this segment
  uint32_t length;           // valid bytes of this segment
  uint32_t packet_length;    // first segment only: bytes of all segments
  PacketHead* next_segment;  // the rest of the packet
  PacketHead* next_packet;   // intrusive link of PacketQueue
  PacketPool* pool;          // home
  Block* block;              // what data points into, or null: into this segment's own room
  uint32_t flow_hash;        // RSS hash of the device or of the stack; valid with kHasFlowHash
  uint16_t segment_size;     // GSO: TCP payload bytes per frame; 0: one frame
  uint16_t segment_count;    // GRO: frames that this packet stands for
  uint16_t data_sum;  // folded one's-complement sum of this segment's bytes; valid with kHasDataSum
  uint8_t flags;      // kHas...
  uint8_t ecn;        // the ECN codepoint received (RFC 3168 §5)

  // --- second cache line ---
  uint8_t* room;  // own memory: [room, room + room_size)
  uint32_t room_size;
  uint16_t interface;  // index of the interface that received the packet
  uint16_t vlan_tci;   // valid with kHasVlan: a tag that the device stripped or is to insert
  uint16_t l3_offset;  // from data, where the layer's header begins
  uint16_t l4_offset;
  uint16_t payload_offset;
  ChecksumState l3_checksum;
  ChecksumState l4_checksum;
  uint8_t l4_protocol;  // IANA protocol number, where a layer has set it

  static constexpr uint8_t kHasFlowHash = 1;
  static constexpr uint8_t kHasVlan = 2;
  static constexpr uint8_t kHasDataSum = 4;
  // data_sum is of the first segment's bytes from payload_offset on; the offset is even. Between
  // who put them there and who completes the checksum only.
  static constexpr uint8_t kHasPayloadSum = 8;
};
static_assert(std::is_trivially_destructible_v<PacketHead>);
static_assert(sizeof(PacketHead) <= 128);

// Passed in a register where the compiler can (clang: trivial_abi), although it has a destructor: a
// packet goes through many layers by value.
#if defined(__clang__)
#define CL_TRIVIAL_ABI [[clang::trivial_abi]]
#else
#define CL_TRIVIAL_ABI
#endif

class CL_TRIVIAL_ABI PacketBuf {
 public:
  PacketBuf() = default;
  // Takes over a chain that the caller owns.
  static PacketBuf Adopt(PacketHead* head) { return PacketBuf(head); }
  PacketBuf(PacketBuf&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
  PacketBuf& operator=(PacketBuf&& other) noexcept {
    PacketHead* const old = std::exchange(head_, std::exchange(other.head_, nullptr));
    if (old != nullptr && old != head_) FreeChain(old);
    return *this;
  }
  ~PacketBuf() {
    if (head_ != nullptr) FreeChain(head_);
  }

  explicit operator bool() const { return head_ != nullptr; }
  PacketHead* head() const { return head_; }
  PacketHead* operator->() const { return head_; }
  // Gives ownership up.
  PacketHead* Release() { return std::exchange(head_, nullptr); }
  // Frees the chain.
  void Reset() {
    if (head_ != nullptr) FreeChain(std::exchange(head_, nullptr));
  }

  // --- the first segment ---
  uint8_t* data() const { return head_->data; }
  size_t size() const { return head_->length; }
  std::span<const uint8_t> bytes() const { return {head_->data, head_->length}; }
  // Writable only where the bytes lie in the segment's own room.
  std::span<uint8_t> writable_bytes() const {
    CL_DCHECK(head_->block == nullptr);
    return {head_->data, head_->length};
  }
  size_t headroom() const {
    return head_->block != nullptr ? 0 : static_cast<size_t>(head_->data - head_->room);
  }
  size_t tailroom() const {
    return head_->block != nullptr ? 0
                                   : static_cast<size_t>(head_->room + head_->room_size -
                                                         (head_->data + head_->length));
  }

  // --- the whole packet ---
  size_t packet_size() const { return head_->packet_length; }
  size_t segments() const;

  // Makes room for n bytes in front (n <= headroom()) and returns where they begin; they are
  // uninitialised.
  uint8_t* Prepend(size_t n) {
    CL_DCHECK(n <= headroom());
    head_->data -= n;
    head_->length += static_cast<uint32_t>(n);
    head_->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
    head_->packet_length += static_cast<uint32_t>(n);
    return head_->data;
  }
  // Adds n bytes (n <= tailroom()) behind the first segment's data, the only segment; they are
  // uninitialised.
  uint8_t* Append(size_t n) {
    CL_DCHECK(n <= tailroom() && head_->next_segment == nullptr);
    uint8_t* end = head_->data + head_->length;
    head_->length += static_cast<uint32_t>(n);
    head_->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
    head_->packet_length += static_cast<uint32_t>(n);
    return end;
  }
  // Removes n bytes of the packet in front or behind (n <= packet_size()), freeing segments that
  // become empty, except the first one's head. Data sums of cut segments are forgotten.
  void TrimFront(size_t n) {
    if (n != 0 && n < head_->length) [[likely]] {
      head_->data += n;
      head_->length -= static_cast<uint32_t>(n);
      head_->packet_length -= static_cast<uint32_t>(n);
      head_->flags &= static_cast<uint8_t>(~PacketHead::kHasDataSum);
    } else {
      TrimSegments(n);
    }
  }
  void TrimBack(size_t n);
  // Puts the segments of `tail` behind this packet's.
  void AppendChain(PacketBuf tail);
  // Removes the first segment's head from the chain and returns the rest (null if there is none):
  // how a layer drops its header segment and keeps the payload.
  PacketBuf DropFirstSegment();

  // Copies min(out.size(), packet_size() - offset) bytes from `offset` on; returns how many.
  size_t CopyOut(size_t offset, std::span<uint8_t> out) const {
    // Nothing takes the general way, for it may have nowhere to go: 0 - 1 is no length.
    const bool fits = head_->length - 1 < out.size();
    if (offset == 0 && head_->next_segment == nullptr && fits) {
      std::memcpy(out.data(), head_->data, head_->length);
      return head_->length;
    }
    return CopyOutSegments(offset, out);
  }
  // Makes the first n bytes contiguous in the first segment. False: the packet is shorter than n,
  // or its room too small.
  bool PullUp(size_t n);
  // Makes every segment's bytes its own by copying shared ones to `pool`. False: the pool is
  // exhausted; the packet is unchanged then.
  bool MakeWritable(PacketPool& pool);
  // A deep copy in one segment where it fits, else in several. Null: the pool is exhausted. Copies
  // the head's metadata.
  PacketBuf Clone(PacketPool& pool) const;

 private:
  explicit PacketBuf(PacketHead* head) : head_(head) {}
  static void FreeChain(PacketHead* head);
  void TrimSegments(size_t n);
  size_t CopyOutSegments(size_t offset, std::span<uint8_t> out) const;

  PacketHead* head_ = nullptr;
};
static_assert(sizeof(PacketBuf) == sizeof(void*));

// Where the packets of a pool without memory of its own live: a device's memory, for instance.
class PacketSource {
 public:
  // Fills out[0..returned) with heads that belong to the pool from then on; room and room_size are
  // set. Less than out.size(): it has no more.
  virtual size_t Take(std::span<PacketHead*> out) = 0;
  // Gives heads back.
  virtual void Give(std::span<PacketHead* const> heads) = 0;

 protected:
  ~PacketSource() = default;
};

// Packets with their own rooms, all of one size: slabs that the pool takes from the system, or a
// source's. Allocation and release are a few instructions; the number of packets is bounded for
// ever by `max_packets`, or by the source.
class PacketPool {
 public:
  static constexpr size_t kDefaultHeadroom = 128;
  static constexpr size_t kDefaultDataRoom =
      2176;  // headroom included: one frame of MTU 1500 and then some
  static constexpr size_t kHeaderRoom = 256;  // headroom included: all headers of a frame

  explicit PacketPool(size_t max_packets, size_t data_room = kDefaultDataRoom,
                      size_t headroom = kDefaultHeadroom);
  // Over `source`, which outlives the pool. The pool keeps up to MaxSpare() free packets and gives
  // what is more back, a burst at a time. It allocates until it has max_packets, those that a
  // device has received included.
  PacketPool(PacketSource& source, size_t max_packets, size_t data_room, size_t headroom);
  // Every packet must have come back; see PacketPoolPtr where a device may still hold some.
  ~PacketPool();
  // The owner is gone: the pool deletes itself with its last packet. It was made with new.
  void Retire();
  PacketPool(const PacketPool&) = delete;
  PacketPool& operator=(const PacketPool&) = delete;

  // An empty packet with headroom() bytes in front, or null when the pool is exhausted.
  PacketBuf Allocate() {
    PacketHead* head = AllocateHead();
    if (head == nullptr) return PacketBuf();
    ResetHead(head);
    return PacketBuf::Adopt(head);
  }
  // A packet whose bytes are [data, data + length) of `block`, whose reference it takes over. Null
  // (and the reference is released): the pool is exhausted.
  PacketBuf AllocateReference(BlockRef block, uint8_t* data, uint32_t length) {
    PacketHead* head = AllocateHead();
    if (head == nullptr) return PacketBuf();
    ResetHead(head);
    head->block = block.Release();
    head->data = data;
    head->length = head->packet_length = length;
    return PacketBuf::Adopt(head);
  }
  // Fills out[0..returned) with empty packets.
  size_t AllocateBurst(std::span<PacketBuf> out);

  // Gives one head back. Block references must have been dropped; PacketBuf does both.
  void Free(PacketHead* head) {
    owner_.Check();
    head->next_packet = free_;
    free_ = head;
    if (--in_use_ < low_water_) [[unlikely]]
      Surplus();
  }

  // --- for devices over the same source ---
  // n heads of the source are packets of this pool from now on, in use; their `pool` is the
  // caller's to set. May be called for packets that came from the source otherwise than by Take().
  void Admit(size_t n) {
    owner_.Check();
    held_ += n;
    in_use_ += n;
    SetLowWater();
  }
  // n packets in use belong to the device from now on.
  void Dismiss(size_t n) {
    owner_.Check();
    held_ -= n;
    in_use_ -= n;
    SetLowWater();
  }

  // Free packets of a source that may stay with the pool.
  size_t MaxSpare() const { return max_spare_; }

  size_t in_use() const { return in_use_; }
  size_t available() const { return in_use_ < max_packets_ ? max_packets_ - in_use_ : 0; }
  size_t max_packets() const { return max_packets_; }
  size_t data_room() const { return data_room_; }
  size_t headroom() const { return headroom_; }
  // The most that were in use at once; over a source, those to spare included.
  size_t peak() const { return source_ != nullptr ? peak_held_ : created_; }
  // Allocations refused because max_packets were in use.
  uint64_t exhausted() const { return exhausted_; }
  // Lets another thread take the pool over.
  void ReleaseOwner() { owner_.Release(); }

 private:
  PacketHead* AllocateHead() {
    owner_.Check();
    PacketHead* head = free_;
    if (head != nullptr) [[likely]] {
      free_ = head->next_packet;
    } else {
      head = AllocateSlow();
      if (head == nullptr) return nullptr;
    }
    ++in_use_;
    return head;
  }
  PacketHead* AllocateSlow();
  PacketHead* AllocateFromSource();
  void Surplus();
  void GiveSpare(size_t n);
  void SetLowWater() {
    peak_held_ = std::max(peak_held_, held_);
    if (retired_) {
      low_water_ = SIZE_MAX;
    } else {
      low_water_ = held_ > MaxSpare() ? held_ - MaxSpare() : 0;
    }
  }
  void ResetHead(PacketHead* head) const {
    head->data = head->room + headroom_;
    head->length = 0;
    head->packet_length = 0;
    head->next_segment = nullptr;
    head->next_packet = nullptr;
    head->block = nullptr;
    head->flow_hash = 0;
    head->segment_size = 0;
    head->segment_count = 1;
    head->data_sum = 0;
    head->flags = 0;
    head->ecn = 0;
    head->l3_checksum = ChecksumState::kNone;
    head->l4_checksum = ChecksumState::kNone;
  }

  PacketHead* free_ = nullptr;
  size_t in_use_ = 0;
  size_t low_water_ = 0;  // below this many in use, something is to be done: Surplus()
  PacketSource* source_ = nullptr;
  size_t held_ = 0;  // of a source: in use and spare
  size_t peak_held_ = 0;
  bool retired_ = false;
  static constexpr size_t kSourceBurst = 32;  // taken and given at once
  size_t max_packets_;
  size_t max_spare_ = std::min(3 * kSourceBurst, max_packets_ / 4);
  size_t data_room_;
  size_t headroom_;
  size_t stride_;
  size_t created_ = 0;  // as many were in use at once: what is free goes first
  uint8_t* slab_next_ = nullptr;
  uint8_t* slab_end_ = nullptr;
  uint64_t exhausted_ = 0;
  std::vector<void*> slabs_;
  [[no_unique_address]] ThreadOwner owner_;
};

// Owns a pool whose packets may outlive the owner.
struct RetirePacketPool {
  void operator()(PacketPool* pool) const { pool->Retire(); }
};
using PacketPoolPtr = std::unique_ptr<PacketPool, RetirePacketPool>;

// A first-in, first-out queue of packets, linked through the heads; counts packets and bytes.
class PacketQueue {
 public:
  PacketQueue() = default;
  PacketQueue(PacketQueue&& other) noexcept { *this = std::move(other); }
  PacketQueue& operator=(PacketQueue&& other) noexcept;
  ~PacketQueue() { Clear(); }

  bool empty() const { return first_ == nullptr; }
  size_t size() const { return count_; }
  size_t bytes() const { return bytes_; }
  PacketHead* front() const { return first_; }
  PacketHead* back() const { return last_; }

  void PushBack(PacketBuf packet) {
    PacketHead* head = packet.Release();
    head->next_packet = nullptr;
    (last_ != nullptr ? last_->next_packet : first_) = head;
    last_ = head;
    ++count_;
    bytes_ += head->packet_length;
  }
  void PushFront(PacketBuf packet) {
    PacketHead* head = packet.Release();
    head->next_packet = first_;
    first_ = head;
    if (last_ == nullptr) last_ = head;
    ++count_;
    bytes_ += head->packet_length;
  }
  // Moves all packets of `other` behind these.
  void Splice(PacketQueue& other) {
    if (other.empty()) return;
    (last_ != nullptr ? last_->next_packet : first_) = other.first_;
    last_ = other.last_;
    count_ += other.count_;
    bytes_ += other.bytes_;
    other.first_ = other.last_ = nullptr;
    other.count_ = other.bytes_ = 0;
  }
  // Copies the first out.size() bytes of the first packet, which has as many.
  void CopyFront(std::span<uint8_t> out) const;
  // Cuts n bytes (fewer than the first packet has) off the front of the first packet.
  void TrimFrontPacket(size_t n) {
    PacketBuf packet = PopFront();
    packet.TrimFront(n);
    PushFront(std::move(packet));
  }
  // Copies the last packet behind the bytes of the one before it, `previous`, where that one has
  // the room.
  void CoalesceBack(PacketHead* previous);
  // Null when empty.
  PacketBuf PopFront() {
    PacketHead* head = first_;
    if (head == nullptr) return PacketBuf();
    first_ = head->next_packet;
    if (first_ == nullptr) last_ = nullptr;
    head->next_packet = nullptr;
    --count_;
    bytes_ -= head->packet_length;
    return PacketBuf::Adopt(head);
  }
  void Clear() {
    while (!empty()) PopFront();
  }

 private:
  PacketHead* first_ = nullptr;
  PacketHead* last_ = nullptr;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace corelane

#endif  // CORELANE_CORE_PACKET_H_
