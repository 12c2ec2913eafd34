// PacketCache: empty packets taken from a device in bursts, handed out one at a time.
//
// A device allocates per burst behind a virtual call (DeviceQueue::AllocateBurst); layers that
// build frames want one packet at a time, without one. The cache stands between them.

#ifndef CORELANE_CORE_PACKET_CACHE_H_
#define CORELANE_CORE_PACKET_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/packet.h"

namespace corelane {

class PacketCache {
 public:
  // Fills a prefix of `out` and returns its length.
  using RefillFunction = size_t (*)(void* source, std::span<PacketBuf> out);

  // Up to this many bytes are copied into a packet: that costs less than a second packet head and
  // the reference.
  static constexpr uint32_t kCopyLimit = 256;

  PacketCache() = default;
  // copy_limit: kCopyLimit, or more where the device would copy what it is referred to.
  PacketCache(RefillFunction refill, void* source, uint32_t copy_limit = kCopyLimit)
      : refill_(refill), source_(source), copy_limit_(copy_limit) {}

  uint32_t copy_limit() const { return copy_limit_; }

  // An empty packet, or null when the source is exhausted.
  PacketBuf Take() {
    if (count_ == 0 && !Refill()) [[unlikely]] {
      return PacketBuf();
    }
    return std::move(packets_[--count_]);
  }
  // A packet that refers to [data, data + length) of `block`; null (the reference is released) when
  // exhausted.
  PacketBuf TakeReference(BlockRef block, uint8_t* data, uint32_t length) {
    PacketBuf packet = Take();
    if (packet) {
      packet->block = block.Release();
      packet->data = data;
      packet->length = packet->packet_length = length;
    }
    return packet;
  }
  // Gives what it holds back to the pool, before the pool goes.
  void Clear() {
    while (count_ > 0) packets_[--count_].Reset();
  }

 private:
  bool Refill() {
    if (refill_ == nullptr) return false;
    count_ = refill_(source_, packets_);
    return count_ > 0;
  }

  RefillFunction refill_ = nullptr;
  void* source_ = nullptr;
  uint32_t copy_limit_ = kCopyLimit;
  size_t count_ = 0;
  // Few: pools hand out last what came back last, and each packet that waits here is one more whose
  // lines the first cache must hold.
  std::array<PacketBuf, 8> packets_;
};

}  // namespace corelane

#endif  // CORELANE_CORE_PACKET_CACHE_H_
