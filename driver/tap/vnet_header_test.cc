#include "driver/tap/vnet_header.h"

#include <algorithm>
#include <vector>

#include "core/bytes.h"
#include "core/checksum.h"
#include "driver/frame.h"
#include "gtest/gtest.h"

namespace corelane::driver::internal {
namespace {

// An Ethernet, IPv4 or IPv6, TCP packet with `payload` bytes, as a stack with offload builds it.
class VnetHeaderTest : public testing::Test {
 protected:
  PacketBuf TcpPacket(size_t payload, bool v6 = false) {
    const size_t ip = v6 ? 40 : 20;
    std::vector<uint8_t> bytes(14 + ip + 20 + payload);
    bytes[14] = v6 ? 0x60 : 0x45;
    bytes[14 + ip + 12] = 0x50;
    PacketBuf packet = PacketFromBytes(bytes, pool_);
    packet->l3_offset = 14;
    packet->l4_offset = static_cast<uint16_t>(14 + ip);
    packet->payload_offset = static_cast<uint16_t>(14 + ip + 20);
    packet->l4_protocol = 6;
    return packet;
  }

  PacketPool pool_{64, 1024, 0};
};

TEST_F(VnetHeaderTest, NothingLeftToTheKernelIsAHeaderOfZeros) {
  PacketBuf packet = TcpPacket(100);
  const VnetHeader header = ToVnetHeader(packet);
  EXPECT_EQ(header.flags, 0);
  EXPECT_EQ(header.gso_type, VnetHeader::kGsoNone);
  EXPECT_EQ(header.csum_start, 0);
}

TEST_F(VnetHeaderTest, PartialChecksumsByProtocol) {
  for (const auto& [protocol, offset] :
       std::initializer_list<std::pair<uint8_t, uint16_t>>{{6, 16}, {17, 6}, {58, 2}}) {
    PacketBuf packet = TcpPacket(100);
    packet->l4_checksum = ChecksumState::kPartial;
    packet->l4_protocol = protocol;
    const VnetHeader header = ToVnetHeader(packet);
    EXPECT_EQ(header.flags, VnetHeader::kNeedsChecksum);
    EXPECT_EQ(header.csum_start, 34);
    EXPECT_EQ(header.csum_offset, offset);
  }
}

TEST_F(VnetHeaderTest, SegmentedPackets) {
  for (const bool v6 : {false, true}) {
    PacketBuf packet = TcpPacket(5000, v6);
    packet->l4_checksum = ChecksumState::kPartial;
    packet->segment_size = 1448;
    VnetHeader header = ToVnetHeader(packet);
    EXPECT_EQ(header.gso_type, v6 ? VnetHeader::kGsoTcpV6 : VnetHeader::kGsoTcpV4);
    EXPECT_EQ(header.gso_size, 1448);
    EXPECT_EQ(header.hdr_len, packet->payload_offset);
    packet.data()[packet->l4_offset + 13] = 0x80;  // CWR
    header = ToVnetHeader(packet);
    EXPECT_NE(header.gso_type & VnetHeader::kGsoEcn, 0);
    packet->segment_size = 5000;  // one frame is enough
    EXPECT_EQ(ToVnetHeader(packet).gso_type, VnetHeader::kGsoNone);
  }
}

TEST_F(VnetHeaderTest, TheIpv4HeaderIsCompletedHere) {
  PacketBuf packet = TcpPacket(10);
  packet.data()[14 + 10] = 0x77;  // whatever was there
  packet->l3_checksum = ChecksumState::kPartial;
  ToVnetHeader(packet);
  EXPECT_TRUE(SumBytes({packet.data() + 14, 20}).IsValid());
}

TEST_F(VnetHeaderTest, ReceivedChecksumStates) {
  PacketBuf packet = TcpPacket(10);
  ASSERT_TRUE(ApplyVnetHeader({}, packet));
  EXPECT_EQ(packet->l4_checksum, ChecksumState::kNone);
  ASSERT_TRUE(ApplyVnetHeader({.flags = VnetHeader::kDataValid}, packet));
  EXPECT_EQ(packet->l4_checksum, ChecksumState::kGood);
}

TEST_F(VnetHeaderTest, ReceivedSegmentedPackets) {
  for (const bool v6 : {false, true}) {
    PacketBuf packet = TcpPacket(2 * 1448 + 1, v6);
    const VnetHeader header{.flags = VnetHeader::kNeedsChecksum,
                            .gso_type = v6 ? VnetHeader::kGsoTcpV6 : VnetHeader::kGsoTcpV4,
                            .gso_size = 1448,
                            .csum_start = packet->l4_offset};
    ASSERT_TRUE(ApplyVnetHeader(header, packet));
    EXPECT_EQ(packet->segment_size, 1448);
    EXPECT_EQ(packet->segment_count, 3);
    EXPECT_EQ(packet->l4_checksum, ChecksumState::kGood);
  }
}

TEST_F(VnetHeaderTest, ContradictionsAreRefused) {
  const VnetHeader good{.flags = VnetHeader::kNeedsChecksum,
                        .gso_type = VnetHeader::kGsoTcpV4,
                        .gso_size = 1448,
                        .csum_start = 34};
  const auto applies = [this](const VnetHeader& header) {
    PacketBuf packet = TcpPacket(3000);
    return ApplyVnetHeader(header, packet);
  };
  EXPECT_TRUE(applies(good));
  VnetHeader bad = good;
  bad.gso_type = 3;  // UDP fragmentation
  EXPECT_FALSE(applies(bad));
  bad = good;
  bad.gso_size = 0;
  EXPECT_FALSE(applies(bad));
  bad = good;
  bad.flags = 0;
  EXPECT_FALSE(applies(bad));
  for (const uint16_t start : {uint16_t{3054}, uint16_t{3040}, uint16_t{65535}, uint16_t{14}}) {
    bad = good;
    bad.csum_start = start;  // no TCP header there
    EXPECT_FALSE(applies(bad)) << start;
  }
}

}  // namespace
}  // namespace corelane::driver::internal
