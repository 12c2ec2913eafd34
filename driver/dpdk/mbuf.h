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
};

// A received mbuf, which the caller gives up, as a packet. Every segment becomes `pool`'s: the
// caller admits as many; `segments` is increased by their number. Bytes that are not the mbuf's
// alone (a clone, a buffer of the device's) are copied into packets of the pool's, which are not
// counted: their heads have no room, and the pool must not hand one out again. Null: the pool has
// too few for that.
PacketBuf ToPacket(rte_mbuf* mbuf, PacketPool& pool, const RxOffloads& offloads, size_t& segments);

// Writes what `packet` says into its mbufs and links them; returns the first. The packet still owns
// them: either the device takes them (Release() the packet, and Dismiss() its segments), or
// Unlink() before anything else is done with it. No payload is in blocks.
rte_mbuf* ToMbuf(PacketBuf& packet);
void Unlink(PacketBuf& packet);

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
