#include "stack/vlan_tag.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "core/block.h"

namespace corelane::stack {
namespace {

using ip::DropReason;
using Bytes = std::vector<uint8_t>;

constexpr Vlan kSeven{.id = 7, .priority = 3};

// Addresses, `tags` of four bytes, the type of IPv4, and some payload.
Bytes Frame(const Bytes& tags) {
  Bytes frame = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  frame.insert(frame.end(), tags.begin(), tags.end());
  frame.insert(frame.end(), {0x08, 0x00, 'd', 'a', 't', 'a'});
  return frame;
}

Bytes BytesOf(const PacketBuf& packet) {
  Bytes bytes(packet.packet_size());
  packet.CopyOut(0, bytes);
  return bytes;
}

class VlanTagTest : public ::testing::Test {
 protected:
  PacketBuf Packet(const Bytes& bytes) {
    PacketBuf packet = pool_.Allocate();
    std::ranges::copy(bytes, packet.Append(bytes.size()));
    packet->l3_offset = 14;
    packet->l4_offset = 34;
    packet->payload_offset = 54;
    return packet;
  }
  PacketBuf Stripped(const Bytes& bytes, uint16_t tci) {
    PacketBuf packet = Packet(bytes);
    packet->vlan_tci = tci;
    packet->flags |= PacketHead::kHasVlan;
    return packet;
  }
  // What an interface on kSeven says of it; kNone: it is a frame without a tag then.
  DropReason Take(PacketBuf packet) {
    const DropReason drop = TakeTag(packet, kSeven, pool_);
    if (drop == DropReason::kNone) {
      EXPECT_EQ(BytesOf(packet), Frame({}));
      EXPECT_EQ(packet->flags & PacketHead::kHasVlan, 0);
    }
    return drop;
  }

  PacketPool pool_{8};
};

TEST_F(VlanTagTest, PutsItInOrLeavesItToTheDevice) {
  PacketBuf packet = Packet(Frame({}));
  ASSERT_TRUE(PutTag(packet, kSeven, true));
  EXPECT_EQ(BytesOf(packet), Frame({}));
  EXPECT_EQ(packet->vlan_tci, 0x6007);
  EXPECT_NE(packet->flags & PacketHead::kHasVlan, 0);
  EXPECT_EQ(packet->l3_offset, 14);

  packet = Packet(Frame({}));
  ASSERT_TRUE(PutTag(packet, kSeven, false));
  EXPECT_EQ(BytesOf(packet), Frame({0x81, 0x00, 0x60, 0x07}));
  EXPECT_EQ(packet->flags & PacketHead::kHasVlan, 0);
  EXPECT_EQ(packet->l3_offset, 18);
  EXPECT_EQ(packet->l4_offset, 38);
  EXPECT_EQ(packet->payload_offset, 58);
}

TEST_F(VlanTagTest, PutNeedsHeadroom) {
  PacketPool bare(1, 256, 0);
  PacketBuf packet = bare.Allocate();
  std::memset(packet.Append(60), 0, 60);
  EXPECT_FALSE(PutTag(packet, kSeven, false));
  EXPECT_EQ(packet.packet_size(), 60u);
}

TEST_F(VlanTagTest, TakesItsOwnOfAnyPriority) {
  for (const uint8_t upper : {0x00, 0x10, 0x60, 0xf0}) {  // priority and drop eligibility
    const auto tci = static_cast<uint16_t>(upper << 8 | 7);
    EXPECT_EQ(Take(Packet(Frame({0x81, 0x00, upper, 7}))), DropReason::kNone);
    EXPECT_EQ(Take(Stripped(Frame({}), tci)), DropReason::kNone);
  }
}

TEST_F(VlanTagTest, RefusesEverythingElse) {
  EXPECT_EQ(Take(Packet(Frame({}))), DropReason::kUnknownVlan);
  EXPECT_EQ(Take(Packet(Frame({0x81, 0x00, 0, 8}))), DropReason::kUnknownVlan);
  EXPECT_EQ(Take(Packet(Frame({0x81, 0x00, 0x70, 0}))), DropReason::kUnknownVlan) << "priority";
  EXPECT_EQ(Take(Packet(Frame({0x88, 0xa8, 0, 7}))), DropReason::kUnknownVlan);
  EXPECT_EQ(Take(Packet(Frame({0x81, 0, 0, 7, 0x81, 0, 0, 7}))), DropReason::kUnknownVlan);
  EXPECT_EQ(Take(Packet(Frame({0x81, 0, 0, 7, 0x88, 0xa8, 0, 7}))), DropReason::kUnknownVlan);
  EXPECT_EQ(Take(Stripped(Frame({}), 8)), DropReason::kUnknownVlan);
  EXPECT_EQ(Take(Stripped(Frame({}), 0xe000)), DropReason::kUnknownVlan);
  EXPECT_EQ(Take(Stripped(Frame({0x81, 0, 0, 7}), 7)), DropReason::kUnknownVlan);
}

TEST_F(VlanTagTest, TruncatedAtEveryLength) {
  const Bytes whole = Frame({0x81, 0x00, 0, 7});
  for (size_t n = 0; n < 18; ++n) {
    EXPECT_EQ(Take(Packet(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n)))),
              DropReason::kFrameMalformed)
        << n;
  }
}

// The peer's bytes are not ours to move.
TEST_F(VlanTagTest, SharedBytesAreCopied) {
  BlockPool blocks(1);
  const BlockRef block = BlockRef::Adopt(blocks.Allocate());
  const Bytes tagged = Frame({0x81, 0x00, 0, 7});
  uint8_t* const at = block.get()->bytes();
  std::copy(tagged.begin(), tagged.end(), at);
  EXPECT_EQ(Take(pool_.AllocateReference(block, at, static_cast<uint32_t>(tagged.size()))),
            DropReason::kNone);
  EXPECT_TRUE(std::equal(tagged.begin(), tagged.end(), at));
}

TEST_F(VlanTagTest, NoVlanIsUntaggedOrAPriority) {
  EXPECT_TRUE(IsOfNoVlan(Packet(Frame({}))));
  EXPECT_TRUE(IsOfNoVlan(Packet(Frame({0x81, 0x00, 0xe0, 0}))));
  EXPECT_TRUE(IsOfNoVlan(Stripped(Frame({}), 0xe000)));
  EXPECT_FALSE(IsOfNoVlan(Packet(Frame({0x81, 0x00, 0, 7}))));
  EXPECT_FALSE(IsOfNoVlan(Packet(Frame({0x88, 0xa8, 0, 0}))));
  EXPECT_FALSE(IsOfNoVlan(Packet(Frame({0x81, 0, 0, 0, 0x81, 0, 0, 0}))));
  EXPECT_FALSE(IsOfNoVlan(Stripped(Frame({}), 7)));
  EXPECT_FALSE(IsOfNoVlan(Stripped(Frame({0x81, 0, 0, 0}), 0)));
}

}  // namespace
}  // namespace corelane::stack
