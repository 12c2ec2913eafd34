#include "driver/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace corelane::driver {
namespace {

// Puts bytes behind a growing chain; remembers the last segment, so that no chain is walked twice.
class ChainWriter {
 public:
  explicit ChainWriter(PacketPool& pool) : pool_(pool), packet_(pool.Allocate()) {
    last_ = packet_.head();
  }

  bool ok() const { return last_ != nullptr; }

  bool Write(const uint8_t* from, size_t n) {
    while (n > 0) {
      uint8_t* end = last_->data + last_->length;
      const size_t room = static_cast<size_t>(last_->room + last_->room_size - end);
      if (room == 0) {
        if (!Extend()) return false;
        continue;
      }
      const size_t take = std::min(n, room);
      std::memcpy(end, from, take);
      last_->length += static_cast<uint32_t>(take);
      packet_->packet_length += static_cast<uint32_t>(take);
      from += take;
      n -= take;
    }
    return true;
  }

  PacketBuf Take() { return std::move(packet_); }

 private:
  bool Extend() {
    PacketHead* next = pool_.Allocate().Release();
    if (next == nullptr) return false;
    next->data = next->room;  // what follows the first segment needs no headroom
    last_->next_segment = next;
    last_ = next;
    return true;
  }

  PacketPool& pool_;
  PacketBuf packet_;
  PacketHead* last_;
};

}  // namespace

PacketBuf CopyPacket(const PacketHead& packet, PacketPool& pool) {
  ChainWriter writer(pool);
  if (!writer.ok()) return PacketBuf();
  for (const PacketHead* s = &packet; s != nullptr; s = s->next_segment) {
    if (!writer.Write(s->data, s->length)) return PacketBuf();
  }
  PacketBuf copy = writer.Take();
  copy->flow_hash = packet.flow_hash;
  copy->segment_size = packet.segment_size;
  copy->segment_count = packet.segment_count;
  copy->flags =
      packet.flags & static_cast<uint8_t>(~(PacketHead::kHasDataSum | PacketHead::kHasPayloadSum));
  copy->ecn = packet.ecn;
  copy->interface = packet.interface;
  copy->vlan_tci = packet.vlan_tci;
  copy->l3_offset = packet.l3_offset;
  copy->l4_offset = packet.l4_offset;
  copy->payload_offset = packet.payload_offset;
  copy->l3_checksum = packet.l3_checksum;
  copy->l4_checksum = packet.l4_checksum;
  copy->l4_protocol = packet.l4_protocol;
  return copy;
}

PacketBuf PacketFromBytes(std::span<const uint8_t> bytes, PacketPool& pool) {
  ChainWriter writer(pool);
  if (!writer.ok() || !writer.Write(bytes.data(), bytes.size())) return PacketBuf();
  return writer.Take();
}

}  // namespace corelane::driver
