// Mbufs and PacketBufs: what one says, told to the other.
//
// Between a device and the stack a packet changes hands: received mbufs become PacketBufs of the
// queue's PacketPool, and packets to send become mbufs that DPDK frees. The bytes stay where they
// are; what is copied is what either side knows of them. While a packet is the stack's, its mbuf's
// own links are those of an mbuf in its pool (next null, one segment), so that heads can be given
// back without looking at them.

#ifndef CORELANE_DRIVER_DPDK_MBUF_H_
#define CORELANE_DRIVER_DPDK_MBUF_H_

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/block.h"
#include "core/packet.h"
#include "driver/dpdk/mempool.h"

namespace corelane::driver::dpdk {

// What a queue's port was configured to tell.
struct RxOffloads {
  bool l3_checksum = false;
  bool l4_checksum = false;  // of TCP, UDP or both: the rest has no flags
  bool hash = false;

  // The flags of an mbuf that say something.
  uint64_t Flags() const {
    constexpr uint64_t kL3 = RTE_MBUF_F_RX_IP_CKSUM_MASK;
    constexpr uint64_t kL4 = RTE_MBUF_F_RX_L4_CKSUM_MASK;
    return RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_LRO | (l3_checksum ? kL3 : 0) |
           (l4_checksum ? kL4 : 0) | (hash ? RTE_MBUF_F_RX_RSS_HASH : 0);
  }
};

namespace internal {

// ToPacket() of what is not one segment with its own bytes.
PacketBuf ToUnusualPacket(rte_mbuf* mbuf, PacketPool& pool, const RxOffloads& offloads,
                          size_t& segments);
// What the device found out.
void TellOffloads(const rte_mbuf& mbuf, const RxOffloads& offloads, PacketHead& head);

// Whether the segment's bytes are its own, and nobody else's.
inline bool OwnsItsBytes(const rte_mbuf& mbuf) {
  return RTE_MBUF_DIRECT(&mbuf) && rte_mbuf_refcnt_read(&mbuf) == 1;
}

// One segment, which owns its bytes. (The room is what it was when the pool was made.)
inline PacketHead* TellSegment(rte_mbuf* mbuf, PacketPool& pool) {
  PacketHead* const head = HeadOf(mbuf);
  head->data = rte_pktmbuf_mtod(mbuf, uint8_t*);
  head->length = mbuf->data_len;
  head->next_segment = nullptr;
  head->next_packet = nullptr;
  head->pool = &pool;
  head->block = nullptr;
  head->segment_size = 0;
  head->segment_count = 1;
  head->flags = 0;
  head->ecn = 0;
  return head;
}

}  // namespace internal

// A received mbuf, which the caller gives up, as a packet. Every segment becomes `pool`'s: the
// caller admits as many; `segments` is increased by their number. Bytes that are not the mbuf's
// alone (a clone, a buffer of the device's) are copied into packets of the pool's, which are not
// counted: their heads have no room, and the pool must not hand one out again. Null: the pool has
// too few for that.
inline PacketBuf ToPacket(rte_mbuf* mbuf, PacketPool& pool, const RxOffloads& offloads,
                          size_t& segments) {
  if (mbuf->nb_segs != 1 || !internal::OwnsItsBytes(*mbuf)) [[unlikely]] {
    return internal::ToUnusualPacket(mbuf, pool, offloads, segments);
  }
  PacketHead* const head = internal::TellSegment(mbuf, pool);
  head->packet_length = mbuf->pkt_len;
  head->l3_checksum = head->l4_checksum = ChecksumState::kNone;
  if ((mbuf->ol_flags & offloads.Flags()) != 0) internal::TellOffloads(*mbuf, offloads, *head);
  ++segments;
  return PacketBuf::Adopt(head);
}

// Writes what `packet` says into its mbufs and links them; returns the first. The packet still owns
// them: either the device takes them (Release() the packet, and Dismiss() its segments), or
// Unlink() before anything else is done with it. No payload is in blocks.
rte_mbuf* ToMbuf(PacketBuf& packet);
// Returns the number of segments.
size_t Unlink(PacketBuf& packet);

namespace internal {

// What the device is to do with the frame, in DPDK's terms; what those need besides is written into
// `mbuf`.
uint64_t TransmitFlags(const PacketHead& head, rte_mbuf& mbuf);

}  // namespace internal

// ToMbuf() of a packet of one segment, whose mbuf is one that no other follows. Where the device
// has nothing to do but send it, one line of the mbuf is written, and nothing of it read.
inline rte_mbuf* SegmentToMbuf(PacketHead& head) {
  rte_mbuf* const mbuf = MbufOf(&head);
  mbuf->data_off = static_cast<uint16_t>(head.data - head.room);
  mbuf->data_len = static_cast<uint16_t>(head.length);
  mbuf->pkt_len = head.packet_length;
  const bool work = head.segment_size != 0 || (head.flags & PacketHead::kHasVlan) != 0 ||
                    head.l3_checksum == ChecksumState::kPartial ||
                    head.l4_checksum == ChecksumState::kPartial;
  mbuf->ol_flags = work ? internal::TransmitFlags(head, *mbuf) : 0;
  return mbuf;
}

// Copies payload that lies in blocks into the packet's own rooms: behind the first segment where it
// fits, else each segment's into its own. False: a segment is longer than its room.
bool CopyReferences(PacketBuf& packet);

// A move-only mbuf chain, as DPDK's own functions take it.
class Mbuf {
 public:
  Mbuf() = default;
  explicit Mbuf(rte_mbuf* mbuf) : mbuf_(mbuf) {}
  Mbuf(Mbuf&& other) noexcept : mbuf_(std::exchange(other.mbuf_, nullptr)) {}
  Mbuf& operator=(Mbuf&& other) noexcept {
    std::swap(mbuf_, other.mbuf_);
    return *this;
  }
  ~Mbuf() {
    if (mbuf_ != nullptr) rte_pktmbuf_free(mbuf_);
  }

  explicit operator bool() const { return mbuf_ != nullptr; }
  rte_mbuf* get() const { return mbuf_; }
  rte_mbuf* operator->() const { return mbuf_; }
  // Gives ownership up.
  rte_mbuf* Release() { return std::exchange(mbuf_, nullptr); }

 private:
  rte_mbuf* mbuf_ = nullptr;
};

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_MBUF_H_
