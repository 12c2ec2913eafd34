#include "stack/copy_flat.h"

#include <cstring>

namespace corelane::stack {

PacketBuf CopyFlat(const PacketHead& packet, PacketCache& cache) {
  PacketBuf flat = cache.Take();
  if (!flat || flat.tailroom() < packet.packet_length) return PacketBuf();
  for (const PacketHead* s = &packet; s != nullptr; s = s->next_segment) {
    if (s->length > 0) std::memcpy(flat.Append(s->length), s->data, s->length);
  }
  constexpr uint8_t kKept = PacketHead::kHasFlowHash | PacketHead::kHasVlan;
  flat->flags = packet.flags & kKept;
  flat->flow_hash = packet.flow_hash;
  flat->segment_size = packet.segment_size;
  flat->segment_count = packet.segment_count;
  flat->ecn = packet.ecn;
  flat->vlan_tci = packet.vlan_tci;
  flat->l3_offset = packet.l3_offset;
  flat->l4_offset = packet.l4_offset;
  flat->payload_offset = packet.payload_offset;
  flat->l3_checksum = packet.l3_checksum;
  flat->l4_checksum = packet.l4_checksum;
  flat->l4_protocol = packet.l4_protocol;
  return flat;
}

}  // namespace corelane::stack
