#include "driver/dpdk/mbuf.h"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <vector>

#include "core/bytes.h"
#include "core/checksum.h"
#include "driver/dpdk/test_eal.h"
#include "gtest/gtest.h"

namespace corelane::driver::dpdk {
namespace {

[[maybe_unused]] const auto* const kEal = StartTestEal();

constexpr RxOffloads kAll{.l3_checksum = true, .l4_checksum = true, .hash = true};
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

std::vector<uint8_t> Pattern(size_t n) {
  std::vector<uint8_t> out(n);
  std::iota(out.begin(), out.end(), uint8_t{1});
  return out;
}

std::vector<uint8_t> BytesOf(const PacketBuf& packet) {
  std::vector<uint8_t> out(packet.packet_size());
  packet.CopyOut(0, out);
  return out;
}

class MbufTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto mempool = Mempool::Create({.mbufs = 63, .cache = 0});
    ASSERT_TRUE(mempool.ok()) << mempool.status();
    mempool_ = *std::move(mempool);
    pool_ = std::make_unique<PacketPool>(*mempool_, 32, mempool_->data_room(), Mempool::kHeadroom);
  }
  void TearDown() override {
    EXPECT_EQ(pool_->in_use(), 0u);
    pool_.reset();
    EXPECT_EQ(mempool_->available(), 63u);
  }

  rte_mbuf* Make(size_t size) {
    rte_mbuf* const mbuf = rte_pktmbuf_alloc(mempool_->get());
    const auto bytes = Pattern(size);
    std::copy(bytes.begin(), bytes.end(),
              reinterpret_cast<uint8_t*>(rte_pktmbuf_append(mbuf, static_cast<uint16_t>(size))));
    return mbuf;
  }
  // As a queue does it.
  PacketBuf Receive(rte_mbuf* mbuf, const RxOffloads& offloads = kAll) {
    size_t segments = 0;
    PacketBuf packet = ToPacket(mbuf, *pool_, offloads, segments);
    pool_->Admit(segments);
    EXPECT_EQ(segments, packet.segments());
    return packet;
  }
  PacketBuf WithFlags(uint64_t flags, const RxOffloads& offloads = kAll) {
    rte_mbuf* const mbuf = Make(60);
    mbuf->ol_flags |= flags;
    mbuf->hash.rss = 0x12345678;
    mbuf->vlan_tci = 0x6005;
    return Receive(mbuf, offloads);
  }
  // A frame to be sent: Ethernet, IP of 20 or 40 bytes, and what follows.
  PacketBuf Outgoing(uint16_t ether_type, uint8_t protocol, size_t l4_header, size_t payload) {
    PacketBuf packet = pool_->Allocate();
    const size_t ip = ether_type == 0x0800 ? 20 : 40;
    const auto bytes = Pattern(14 + ip + l4_header + payload);
    std::copy(bytes.begin(), bytes.end(), packet.Append(bytes.size()));
    StoreBe16(packet.data() + 12, ether_type);
    packet->l3_offset = 14;
    packet->l4_offset = static_cast<uint16_t>(14 + ip);
    packet->payload_offset = static_cast<uint16_t>(14 + ip + l4_header);
    packet->l4_protocol = protocol;
    return packet;
  }
  // As a device that takes the packet, and frees it at once.
  void Transmit(PacketBuf packet) {
    const size_t segments = packet.segments();
    Mbuf mbuf(ToMbuf(packet));
    packet.Release();
    pool_->Dismiss(segments);
  }

  std::unique_ptr<Mempool> mempool_;
  std::unique_ptr<PacketPool> pool_;
};

TEST_F(MbufTest, AReceivedMbufIsAPacket) {
  rte_mbuf* const mbuf = Make(100);
  const PacketBuf packet = Receive(mbuf);
  EXPECT_EQ(packet.head(), HeadOf(mbuf));
  EXPECT_EQ(packet.data(), rte_pktmbuf_mtod(mbuf, uint8_t*));
  EXPECT_EQ(BytesOf(packet), Pattern(100));
  EXPECT_EQ(packet.headroom(), Mempool::kHeadroom);
  EXPECT_EQ(packet.tailroom(), 2176 - Mempool::kHeadroom - 100);
  EXPECT_EQ(packet->flags, 0);
  EXPECT_EQ(packet->segment_size, 0);
  EXPECT_EQ(packet->segment_count, 1);
  EXPECT_EQ(pool_->in_use(), 1u);
}

TEST_F(MbufTest, ChecksumsAreWhatTheDeviceFound) {
  const auto states = [this](uint64_t flags, const RxOffloads& offloads) {
    const PacketBuf packet = WithFlags(flags, offloads);
    return std::pair(packet->l3_checksum, packet->l4_checksum);
  };
  using enum ChecksumState;
  EXPECT_EQ(states(0, kAll), std::pair(kNone, kNone));
  EXPECT_EQ(states(RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, kAll),
            std::pair(kGood, kGood));
  EXPECT_EQ(states(RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, kAll),
            std::pair(kGood, kBad));
  EXPECT_EQ(states(RTE_MBUF_F_RX_IP_CKSUM_BAD, kAll), std::pair(kBad, kNone));
  // The bytes are right although their checksum is not.
  EXPECT_EQ(states(RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE, kAll),
            std::pair(kGood, kGood));
  constexpr uint64_t kBothGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  EXPECT_EQ(states(kBothGood, {}), std::pair(kNone, kNone));
  EXPECT_EQ(states(kBothGood, {.l3_checksum = true}), std::pair(kGood, kNone));
  EXPECT_EQ(states(kBothGood, {.l4_checksum = true}), std::pair(kNone, kGood));
}

TEST_F(MbufTest, HashAndTag) {
  EXPECT_EQ(WithFlags(RTE_MBUF_F_RX_VLAN)->flags, 0);
  PacketBuf packet = WithFlags(RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_VLAN_STRIPPED);
  EXPECT_EQ(packet->flags, PacketHead::kHasFlowHash | PacketHead::kHasVlan);
  EXPECT_EQ(packet->flow_hash, 0x12345678u);
  EXPECT_EQ(packet->vlan_tci, 0x6005);
  packet = WithFlags(RTE_MBUF_F_RX_RSS_HASH, {});
  EXPECT_EQ(packet->flags, 0);
}

TEST_F(MbufTest, AMergedPacketStandsForItsFrames) {
  constexpr uint16_t kHeaders = 14 + 20 + 32;
  const auto frames = [this](size_t payload) {
    rte_mbuf* const mbuf = Make(kHeaders + payload);
    auto* const bytes = rte_pktmbuf_mtod(mbuf, uint8_t*);
    StoreBe16(bytes + 12, 0x0800);
    bytes[14] = 0x45;
    StoreBe16(bytes + 20, 0);
    bytes[23] = kTcp;
    bytes[46] = 0x80;
    mbuf->ol_flags |= RTE_MBUF_F_RX_LRO;
    mbuf->tso_segsz = 300;
    const PacketBuf packet = Receive(mbuf);
    EXPECT_EQ(packet->segment_size, 300);
    return packet->segment_count;
  };
  EXPECT_EQ(frames(900), 3);
  EXPECT_EQ(frames(901), 4);
  EXPECT_EQ(frames(1), 1);
}

TEST_F(MbufTest, AChainIsOfPacketsSegments) {
  rte_mbuf* const first = Make(100);
  rte_mbuf* const second = Make(50);
  ASSERT_EQ(rte_pktmbuf_chain(first, second), 0);
  const PacketBuf packet = Receive(first);
  EXPECT_EQ(packet.segments(), 2u);
  EXPECT_EQ(packet.packet_size(), 150u);
  EXPECT_EQ(pool_->in_use(), 2u);
  // As mbufs lie in their pool.
  EXPECT_EQ(first->next, nullptr);
  EXPECT_EQ(first->nb_segs, 1);
  EXPECT_EQ(second->next, nullptr);
}

// Bytes that are not an mbuf's alone: what comes of it is a packet like any other, with room
// around it that is nobody else's, and so is what the pool hands out afterwards.
class SharedBytesTest : public MbufTest {
 protected:
  // The packets of the pool, and those it hands out next, lie in their own mbufs.
  void ExpectRooms() {
    std::vector<PacketBuf> all(pool_->available());
    EXPECT_EQ(pool_->AllocateBurst(all), all.size());
    for (const PacketBuf& packet : all) ExpectOwnRoom(packet);
  }
  static void ExpectOwnRoom(const PacketBuf& packet) {
    for (PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
      const rte_mbuf* const mbuf = MbufOf(s);
      const auto* const room = static_cast<const uint8_t*>(mbuf->buf_addr);
      EXPECT_TRUE(RTE_MBUF_DIRECT(mbuf));
      EXPECT_EQ(rte_mbuf_refcnt_read(mbuf), 1);
      EXPECT_EQ(s->room, room);
      EXPECT_EQ(s->room_size, mbuf->buf_len);
      EXPECT_GE(s->data, room);
      EXPECT_LE(s->data + s->length, room + mbuf->buf_len);
    }
    EXPECT_LE(packet.headroom() + packet.size() + packet.tailroom(), 2176u);
  }
  PacketBuf ReceiveCopied(rte_mbuf* mbuf) {
    size_t segments = 0;
    PacketBuf packet = ToPacket(mbuf, *pool_, kAll, segments);
    EXPECT_EQ(segments, 0u);
    return packet;
  }
};

TEST_F(SharedBytesTest, OfAClone) {
  rte_mbuf* const mbuf = Make(100);
  mbuf->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
  mbuf->vlan_tci = 5;
  rte_mbuf* const other = rte_pktmbuf_alloc(mempool_->get());
  rte_pktmbuf_attach(other, mbuf);
  {
    const PacketBuf first = ReceiveCopied(mbuf);
    ASSERT_TRUE(first);
    EXPECT_EQ(BytesOf(first), Pattern(100));
    EXPECT_EQ(first.headroom(), Mempool::kHeadroom);
    EXPECT_EQ(first->vlan_tci, 5);
    EXPECT_EQ(first->flags, PacketHead::kHasVlan);
    ExpectOwnRoom(first);
    const PacketBuf second = ReceiveCopied(other);
    ASSERT_TRUE(second);
    EXPECT_EQ(BytesOf(second), Pattern(100));
    ExpectOwnRoom(second);
    ExpectRooms();
  }
  ExpectRooms();
}

TEST_F(SharedBytesTest, OfABufferOfTheDevices) {
  static std::array<uint8_t, 6000> device;
  std::iota(device.begin(), device.end(), uint8_t{1});
  rte_mbuf_ext_shared_info info{};
  info.free_cb = [](void*, void* freed) { *static_cast<bool*>(freed) = true; };
  bool freed = false;
  info.fcb_opaque = &freed;
  rte_mbuf_ext_refcnt_set(&info, 1);
  rte_mbuf* const mbuf = rte_pktmbuf_alloc(mempool_->get());
  rte_pktmbuf_attach_extbuf(mbuf, device.data(), 0, device.size(), &info);
  mbuf->data_off = 0;
  rte_pktmbuf_append(mbuf, 5000);
  {
    const PacketBuf packet = ReceiveCopied(mbuf);
    ASSERT_TRUE(packet);
    EXPECT_TRUE(freed);
    EXPECT_EQ(packet.segments(), 3u);
    EXPECT_EQ(BytesOf(packet), Pattern(5000));
    ExpectOwnRoom(packet);
  }
  ExpectRooms();
}

TEST_F(SharedBytesTest, OfALaterSegment) {
  rte_mbuf* const first = Make(60);
  rte_mbuf* const second = Make(100);
  rte_mbuf_refcnt_update(second, 1);
  ASSERT_EQ(rte_pktmbuf_chain(first, second), 0);
  {
    const PacketBuf packet = ReceiveCopied(first);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet.packet_size(), 160u);
    EXPECT_EQ(packet.segments(), 2u);
    ExpectOwnRoom(packet);
    rte_pktmbuf_free_seg(second);
  }
  ExpectRooms();
}

TEST_F(SharedBytesTest, AnExhaustedPoolGivesNullAndKeepsNothing) {
  std::vector<PacketBuf> all(32);
  ASSERT_EQ(pool_->AllocateBurst(all), 32u);
  rte_mbuf* const mbuf = Make(100);
  rte_mbuf_refcnt_update(mbuf, 1);
  EXPECT_FALSE(ReceiveCopied(mbuf));
  EXPECT_EQ(rte_mbuf_refcnt_read(mbuf), 1);
  rte_pktmbuf_free(mbuf);
}

TEST_F(MbufTest, APlainPacketToSend) {
  PacketBuf packet = pool_->Allocate();
  packet.Append(100);
  packet.Prepend(14);
  const rte_mbuf* const mbuf = ToMbuf(packet);
  EXPECT_EQ(mbuf, MbufOf(packet.head()));
  EXPECT_EQ(mbuf->data_off, Mempool::kHeadroom - 14);
  EXPECT_EQ(mbuf->data_len, 114);
  EXPECT_EQ(mbuf->pkt_len, 114u);
  EXPECT_EQ(mbuf->nb_segs, 1);
  EXPECT_EQ(mbuf->ol_flags, 0u);
  EXPECT_EQ(mbuf->tx_offload, 0u);
  const char* reason = nullptr;
  EXPECT_EQ(rte_mbuf_check(mbuf, 1, &reason), 0) << reason;
  Unlink(packet);
}

TEST_F(MbufTest, SegmentsAreLinkedUntilTheyAreNot) {
  PacketBuf packet = pool_->Allocate();
  packet.Append(10);
  for (const size_t n : {20u, 30u}) {
    PacketBuf next = pool_->Allocate();
    next.Append(n);
    packet.AppendChain(std::move(next));
  }
  const rte_mbuf* const mbuf = ToMbuf(packet);
  EXPECT_EQ(mbuf->nb_segs, 3);
  EXPECT_EQ(mbuf->pkt_len, 60u);
  EXPECT_EQ(mbuf->next->next->data_len, 30);
  const char* reason = nullptr;
  EXPECT_EQ(rte_mbuf_check(mbuf, 1, &reason), 0) << reason;
  Unlink(packet);
  EXPECT_EQ(mbuf->next, nullptr);
  EXPECT_EQ(mbuf->nb_segs, 1);
  EXPECT_EQ(packet.segments(), 3u);
  Transmit(std::move(packet));
}

TEST_F(MbufTest, ATagForTheDeviceToInsert) {
  PacketBuf packet = pool_->Allocate();
  packet.Append(60);
  packet->flags |= PacketHead::kHasVlan;
  packet->vlan_tci = 0x2007;
  const rte_mbuf* const mbuf = ToMbuf(packet);
  EXPECT_EQ(mbuf->ol_flags, RTE_MBUF_F_TX_VLAN);
  EXPECT_EQ(mbuf->vlan_tci, 0x2007);
  Unlink(packet);
}

TEST_F(MbufTest, ChecksumsForTheDeviceToComplete) {
  PacketBuf tcp4 = Outgoing(0x0800, kTcp, 20, 100);
  tcp4->l3_checksum = tcp4->l4_checksum = ChecksumState::kPartial;
  const rte_mbuf* mbuf = ToMbuf(tcp4);
  EXPECT_EQ(mbuf->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
  EXPECT_EQ(mbuf->l2_len, 14);
  EXPECT_EQ(mbuf->l3_len, 20);
  EXPECT_EQ(mbuf->l4_len, 20);
  EXPECT_EQ(LoadBe16(tcp4.data() + 24), 0);  // as DPDK wants it
  Unlink(tcp4);

  PacketBuf udp6 = Outgoing(0x86dd, kUdp, 8, 100);
  udp6->l4_checksum = ChecksumState::kPartial;
  mbuf = ToMbuf(udp6);
  EXPECT_EQ(mbuf->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM);
  EXPECT_EQ(mbuf->l3_len, 40);
  EXPECT_EQ(mbuf->l4_len, 8);
  Unlink(udp6);

  PacketBuf ip_only = Outgoing(0x0800, kTcp, 20, 0);
  ip_only->l3_checksum = ChecksumState::kPartial;
  ip_only->l4_checksum = ChecksumState::kGood;
  EXPECT_EQ(ToMbuf(ip_only)->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
  Unlink(ip_only);
}

// The stack's sum is over a pseudo-header with the packet's length, DPDK's over one without.
TEST_F(MbufTest, ARunOfSegments) {
  PacketBuf packet = Outgoing(0x0800, kTcp, 20, 1000);
  packet->segment_size = 300;
  packet->l3_checksum = packet->l4_checksum = ChecksumState::kPartial;
  const std::array<uint8_t, 12> pseudo = {10, 0, 0, 1, 10, 0, 0, 2, 0, kTcp, 1020 >> 8, 1020 & 255};
  const Sum16 with = SumBytes(pseudo);
  const Sum16 without = SumBytes(std::span<const uint8_t>(pseudo).first(10));
  uint8_t* const field = packet.data() + 34 + 16;
  const auto put = [&](Sum16 sum) {
    const uint16_t raw = sum.raw();
    std::copy_n(reinterpret_cast<const uint8_t*>(&raw), 2, field);
  };
  const auto get = [&] {
    uint16_t raw;
    std::copy_n(field, 2, reinterpret_cast<uint8_t*>(&raw));
    return raw;
  };
  put(with);
  const rte_mbuf* const mbuf = ToMbuf(packet);
  EXPECT_EQ(mbuf->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM |
                                RTE_MBUF_F_TX_TCP_SEG);
  EXPECT_EQ(mbuf->tso_segsz, 300);
  EXPECT_EQ(get(), without.raw());
  // The device took nothing: the packet is what it was.
  Unlink(packet);
  EXPECT_EQ(get(), with.raw());
}

class ReferenceTest : public MbufTest {
 protected:
  // `first` bytes in its own room, then so many in a block.
  PacketBuf Referring(size_t first, size_t referred) {
    BlockRef block = BlockRef::Adopt(blocks_.Allocate());
    const auto bytes = Pattern(first + referred);
    std::copy(bytes.begin() + static_cast<ptrdiff_t>(first), bytes.end(), block.get()->bytes());
    PacketBuf packet = pool_->Allocate();
    std::copy_n(bytes.begin(), first, packet.Append(first));
    uint8_t* const data = block.get()->bytes();
    packet.AppendChain(
        pool_->AllocateReference(std::move(block), data, static_cast<uint32_t>(referred)));
    return packet;
  }

  BlockPool blocks_{4};
};

TEST_F(ReferenceTest, PayloadGoesBehindTheHeadersWhereItFits) {
  PacketBuf packet = Referring(60, 1000);
  EXPECT_TRUE(CopyReferences(packet));
  EXPECT_EQ(packet.size(), 1060u);
  EXPECT_EQ(BytesOf(packet), Pattern(1060));
  EXPECT_EQ(blocks_.in_use(), 0u);
}

TEST_F(ReferenceTest, ElseIntoItsOwnSegments) {
  PacketBuf packet = Referring(1500, 1500);
  EXPECT_TRUE(CopyReferences(packet));
  EXPECT_EQ(packet.segments(), 2u);
  EXPECT_EQ(BytesOf(packet), Pattern(3000));
  EXPECT_EQ(blocks_.in_use(), 0u);
}

TEST_F(ReferenceTest, WhatFitsNowhereIsRefused) {
  BlockPool large(1, 4096);
  BlockRef block = BlockRef::Adopt(large.Allocate());
  uint8_t* const data = block.get()->bytes();
  PacketBuf packet = pool_->AllocateReference(std::move(block), data, 4000);
  EXPECT_FALSE(CopyReferences(packet));
  packet.Reset();
}

TEST_F(ReferenceTest, NothingIsDoneWithoutReferences) {
  PacketBuf packet = pool_->Allocate();
  packet.Append(100);
  PacketBuf next = pool_->Allocate();
  next.Append(100);
  packet.AppendChain(std::move(next));
  EXPECT_TRUE(CopyReferences(packet));
  EXPECT_EQ(packet.segments(), 2u);
}

TEST_F(MbufTest, AnMbufIsFreedOnce) {
  {
    Mbuf a(Make(10));
    ASSERT_TRUE(a);
    Mbuf b = std::move(a);
    EXPECT_FALSE(a);
    EXPECT_EQ(b->pkt_len, 10u);
    a = std::move(b);
    EXPECT_TRUE(a);
    EXPECT_EQ(mempool_->available(), 62u);
    Mbuf(a.Release());
    EXPECT_FALSE(a);
    EXPECT_EQ(mempool_->available(), 63u);
  }
}

}  // namespace
}  // namespace corelane::driver::dpdk
