#include "driver/dpdk/mbuf.h"

#include <rte_ip.h>
#include <rte_net.h>

#include <algorithm>
#include <cstring>

#include "core/bytes.h"
#include "core/checksum.h"
#include "driver/frame.h"

namespace corelane::driver::dpdk {
namespace {

constexpr uint8_t kUdp = 17;
constexpr uint16_t kIpv4 = 0x0800;

ChecksumState StateOf(uint64_t flags, uint64_t good, uint64_t bad) {
  // Both: the bytes are right and their checksum is not there yet, as between virtual machines.
  if ((flags & good) != 0) return ChecksumState::kGood;
  return (flags & bad) != 0 ? ChecksumState::kBad : ChecksumState::kNone;
}

// Whether every segment's bytes are its own.
bool AllOwnTheirBytes(const rte_mbuf* mbuf) {
  for (; mbuf != nullptr; mbuf = mbuf->next) {
    if (!internal::OwnsItsBytes(*mbuf)) return false;
  }
  return true;
}

// Bytes before the payload, as far as the headers are known.
uint32_t HeadersOf(const rte_mbuf* mbuf) {
  rte_net_hdr_lens lengths{};
  rte_net_get_ptype(mbuf, &lengths, RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK);
  return uint32_t{lengths.l2_len} + lengths.l3_len + lengths.l4_len;
}

// A packet of the pool's with the same bytes. Null: the pool has too few.
PacketBuf Copy(const rte_mbuf* mbuf, PacketPool& pool, const RxOffloads& offloads) {
  PacketBuf copy;
  for (const rte_mbuf* s = mbuf; s != nullptr; s = s->next) {
    PacketBuf part = PacketFromBytes({rte_pktmbuf_mtod(s, const uint8_t*), s->data_len}, pool);
    if (!part) return PacketBuf();
    if (copy) {
      copy.AppendChain(std::move(part));
    } else {
      copy = std::move(part);
    }
  }
  internal::TellOffloads(*mbuf, offloads, *copy.head());
  return copy;
}

}  // namespace

void internal::TellOffloads(const rte_mbuf& mbuf, const RxOffloads& offloads, PacketHead& head) {
  const uint64_t flags = mbuf.ol_flags;
  if (offloads.l3_checksum) {
    head.l3_checksum = StateOf(flags, RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD);
  }
  if (offloads.l4_checksum) {
    head.l4_checksum = StateOf(flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD);
  }
  if ((flags & RTE_MBUF_F_RX_RSS_HASH) != 0 && offloads.hash) {
    head.flow_hash = mbuf.hash.rss;
    head.flags |= PacketHead::kHasFlowHash;
  }
  if ((flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
    head.vlan_tci = mbuf.vlan_tci;
    head.flags |= PacketHead::kHasVlan;
  }
  if ((flags & RTE_MBUF_F_RX_LRO) != 0 && mbuf.tso_segsz != 0) {
    head.segment_size = mbuf.tso_segsz;
    const uint32_t payload = mbuf.pkt_len - std::min(HeadersOf(&mbuf), mbuf.pkt_len);
    const uint32_t frames = (payload + mbuf.tso_segsz - 1) / mbuf.tso_segsz;
    head.segment_count = static_cast<uint16_t>(std::max(frames, 1u));
  }
}

PacketBuf internal::ToUnusualPacket(rte_mbuf* mbuf, PacketPool& pool, const RxOffloads& offloads,
                                    size_t& segments) {
  if (!AllOwnTheirBytes(mbuf)) {
    const Mbuf original(mbuf);
    return Copy(mbuf, pool, offloads);
  }
  PacketHead* const first = TellSegment(mbuf, pool);
  first->packet_length = mbuf->pkt_len;
  first->l3_checksum = first->l4_checksum = ChecksumState::kNone;
  TellOffloads(*mbuf, offloads, *first);
  ++segments;
  // Each mbuf is left as one in its pool is.
  PacketHead* last = first;
  rte_mbuf* next = std::exchange(mbuf->next, nullptr);
  mbuf->nb_segs = 1;
  while (next != nullptr) {
    rte_mbuf* const segment = next;
    next = std::exchange(segment->next, nullptr);
    last->next_segment = TellSegment(segment, pool);
    last = last->next_segment;
    ++segments;
  }
  return PacketBuf::Adopt(first);
}

namespace {

// Of a packet that the device cuts, DPDK wants the pseudo-header's sum without the length, which
// differs from frame to frame.
void ChangeLength(const PacketHead& head, auto change) {
  uint8_t* const field = head.data + head.l4_offset + 16;
  uint16_t raw;
  std::memcpy(&raw, field, sizeof raw);
  const uint32_t length = head.packet_length - head.l4_offset;
  const Sum16 words = Sum16::OfWord(static_cast<uint16_t>(length >> 16)) +
                      Sum16::OfWord(static_cast<uint16_t>(length));
  raw = change(Sum16::FromRaw(raw), words).raw();
  std::memcpy(field, &raw, sizeof raw);
}

}  // namespace

uint64_t internal::TransmitFlags(const PacketHead& head, rte_mbuf& mbuf) {
  uint64_t flags = 0;
  mbuf.tx_offload = 0;
  if ((head.flags & PacketHead::kHasVlan) != 0) {
    flags |= RTE_MBUF_F_TX_VLAN;
    mbuf.vlan_tci = head.vlan_tci;
  }
  const bool segments = head.segment_size != 0;
  const bool l3 = head.l3_checksum == ChecksumState::kPartial;
  const bool l4 = head.l4_checksum == ChecksumState::kPartial;
  if (!segments && !l3 && !l4) return flags;
  mbuf.l2_len = head.l3_offset;
  mbuf.l3_len = static_cast<uint16_t>(head.l4_offset - head.l3_offset);
  mbuf.l4_len = static_cast<uint16_t>(head.payload_offset - head.l4_offset);
  const bool v4 = LoadBe16(head.data + head.l3_offset - 2) == kIpv4;
  flags |= v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
  if (v4 && (l3 || segments)) {
    flags |= RTE_MBUF_F_TX_IP_CKSUM;
    StoreBe16(head.data + head.l3_offset + 10, 0);
  }
  if (l4) flags |= head.l4_protocol == kUdp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM;
  if (segments) {
    flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
    mbuf.tso_segsz = head.segment_size;
    ChangeLength(head, [](Sum16 sum, Sum16 length) { return sum - length; });
  }
  return flags;
}

rte_mbuf* ToMbuf(PacketBuf& packet) {
  PacketHead* const head = packet.head();
  rte_mbuf* const first = SegmentToMbuf(*head);
  uint16_t segments = 1;
  rte_mbuf* last = first;
  for (PacketHead* s = head->next_segment; s != nullptr; s = s->next_segment) {
    rte_mbuf* const mbuf = MbufOf(s);
    mbuf->data_off = static_cast<uint16_t>(s->data - s->room);
    mbuf->data_len = static_cast<uint16_t>(s->length);
    mbuf->ol_flags = 0;
    last->next = mbuf;
    last = mbuf;
    ++segments;
  }
  first->nb_segs = segments;
  return first;
}

size_t Unlink(PacketBuf& packet) {
  size_t segments = 0;
  if (packet->segment_size != 0) {
    ChangeLength(*packet.head(), [](Sum16 sum, Sum16 length) { return sum + length; });
  }
  for (PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
    rte_mbuf* const mbuf = MbufOf(s);
    mbuf->next = nullptr;
    mbuf->nb_segs = 1;
    ++segments;
  }
  return segments;
}

bool CopyReferences(PacketBuf& packet) {
  PacketHead* const head = packet.head();
  bool referring = false;
  for (const PacketHead* s = head; s != nullptr; s = s->next_segment) {
    referring |= s->block != nullptr;
  }
  if (!referring) [[likely]] {
    return true;
  }
  if (head->block == nullptr && head->packet_length - head->length <= packet.tailroom()) {
    return packet.PullUp(head->packet_length);
  }
  for (PacketHead* s = head; s != nullptr; s = s->next_segment) {
    if (s->block == nullptr) continue;
    if (s->length > s->room_size) return false;
    std::memcpy(s->room, s->data, s->length);
    s->data = s->room;
    ReleaseBlock(std::exchange(s->block, nullptr));
  }
  return true;
}

}  // namespace corelane::driver::dpdk
