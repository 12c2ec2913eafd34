// The bytes that an application wrote and the peer has not acknowledged yet.
//
//   first()                                    last
//   [ chunk ]--[ chunk ]--[ chunk ]--[ chunk ]
//   ^base                 ^ sent up to here
//
// A chunk is at most one MSS of immutable bytes in a block, with their checksum, so that a segment
// sent from a whole chunk is neither copied nor summed again. One that was filled a few bytes at a
// time has none: what goes out at once is copied behind the header and summed with that. Chunks
// come from a pool of the core; an empty queue holds none.

#ifndef CORELANE_TCP_SEND_QUEUE_H_
#define CORELANE_TCP_SEND_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/block.h"
#include "core/object_pool.h"
#include "core/packet.h"
#include "core/packet_cache.h"
#include "tcp/seq_num.h"

namespace corelane::tcp {

struct Resources;

struct SendChunk {
  SendChunk* next = nullptr;
  Block* block = nullptr;   // one reference
  uint8_t* data = nullptr;  // in block
  SeqNum seq;               // of data[0]
  uint32_t length = 0;
  uint16_t sum = 0;  // of all bytes, folded, in memory order
  bool summed = false;
};

class SendQueue {
 public:
  SendQueue() = default;
  ~SendQueue();
  SendQueue(SendQueue&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)),
        last_(std::exchange(other.last_, nullptr)),
        cursor_(std::exchange(other.cursor_, nullptr)),
        base_(other.base_),
        end_(other.end_) {}
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;

  // The sequence number that the first byte ever appended gets. The queue is empty.
  void Start(SeqNum base) { base_ = end_ = base; }

  // Copies and sums a prefix of `data`, in chunks of at most `chunk_size` bytes; returns its
  // length. Less than data.size(): memory is exhausted. Bytes below `sent` have been handed to a
  // device: a chunk that holds some is not extended.
  size_t Append(std::span<const uint8_t> data, uint32_t chunk_size, SeqNum sent, Resources& r);

  // Forgets the bytes below `una`.
  void Acknowledge(SeqNum una, Resources& r);
  void Clear(Resources& r);
  // Copies all bytes(); out has as many.
  void CopyOut(std::span<uint8_t> out);

  // Appends the bytes of `range` (not empty, all in the queue) to `packet`, which has one segment,
  // the header. Up to `frame` bytes, what one frame holds: the cache's copy_limit() or fewer are
  // copied behind the header, more are referred to. More than one frame's: in segments of their
  // own, either references, or, where a frame is not more than the copy_limit(), a copy for each
  // frame with room for the header in front. False: no packet was to be had; the packet then holds
  // a prefix.
  bool Attach(SeqRange range, PacketCache& cache, PacketBuf& packet, uint32_t frame = UINT32_MAX);

  SeqNum base() const { return base_; }
  SeqNum end() const { return end_; }
  uint32_t bytes() const { return Distance(base_, end_); }
  bool empty() const { return base_ == end_; }

 private:
  SendChunk* ChunkOf(SeqNum seq) const;
  void CopyTo(SendChunk* chunk, SeqRange range, uint8_t* to);
  // `range` begins in `chunk`. True: packet->data_sum is that of the bytes.
  bool CopyBehind(SendChunk* chunk, SeqRange range, PacketBuf& packet);
  bool AttachCopies(SeqRange range, PacketCache& cache, PacketBuf& packet, uint32_t frame);
  bool AttachReferences(SeqRange range, PacketCache& cache, PacketBuf& packet);
  uint32_t AppendToLast(std::span<const uint8_t> data, uint32_t chunk_size, SeqNum sent);
  bool AppendChunk(std::span<const uint8_t> data, size_t chunk_size, Resources& r);
  void DropFirst(Resources& r);

  SendChunk* first_ = nullptr;
  SendChunk* last_ = nullptr;
  SendChunk* cursor_ = nullptr;  // where the last Attach() ended: most begin there
  SeqNum base_;
  SeqNum end_;
};

}  // namespace corelane::tcp

#endif  // CORELANE_TCP_SEND_QUEUE_H_
