#include "driver/frame.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

std::vector<uint8_t> Bytes(size_t n) {
  std::vector<uint8_t> bytes(n);
  std::iota(bytes.begin(), bytes.end(), uint8_t{1});
  return bytes;
}

std::vector<uint8_t> BytesOf(const PacketBuf& packet) {
  std::vector<uint8_t> bytes(packet.packet_size());
  packet.CopyOut(0, bytes);
  return bytes;
}

class CanSendTest : public testing::Test {
 protected:
  CanSendTest() : pool_(4, 70000, 0), packet_(pool_.Allocate()) {
    DeviceInfo info;
    info.mtu = 1500;
    info.capabilities.tso = true;
    info.capabilities.max_tso_size = 60000;
    limits_ = TxLimits(info);
  }
  bool WithLength(size_t n) {
    packet_.TrimBack(packet_.packet_size());
    std::fill_n(packet_.Append(n), n, uint8_t{0});
    return CanSend(*packet_.head(), limits_);
  }

  PacketPool pool_;
  PacketBuf packet_;
  TxLimits limits_;
};

TEST_F(CanSendTest, LengthsFromAHeaderToTheMtu) {
  EXPECT_FALSE(WithLength(0));
  EXPECT_FALSE(WithLength(13));
  EXPECT_TRUE(WithLength(14));
  EXPECT_TRUE(WithLength(1514));
  EXPECT_FALSE(WithLength(1515));
}

TEST_F(CanSendTest, OneTagMore) {
  WithLength(1518);
  packet_.data()[12] = 0x81;
  EXPECT_TRUE(CanSend(*packet_.head(), limits_));
  *packet_.Append(1) = 0;
  EXPECT_FALSE(CanSend(*packet_.head(), limits_));
}

TEST_F(CanSendTest, SegmentedPackets) {
  packet_->segment_size = 1448;
  packet_->payload_offset = 66;
  EXPECT_TRUE(WithLength(66 + 60000));
  EXPECT_FALSE(WithLength(66 + 60001));  // more than max_tso_size
  EXPECT_FALSE(WithLength(66));          // no payload
  packet_->segment_size = 1600;
  EXPECT_FALSE(WithLength(30000));  // frames longer than the MTU
  packet_->segment_size = 1448;
  limits_.max_tso_size = 0;
  EXPECT_FALSE(WithLength(30000));  // no offload
}

TEST(TxLimits, APacketThatIsCutMayHaveMoreSegments) {
  DeviceInfo info;
  info.capabilities.max_tx_segments = 8;
  PacketPool pool(1);
  const PacketBuf packet = pool.Allocate();
  const auto most = [&](uint16_t segment_size) {
    packet->segment_size = segment_size;
    return TxLimits(info).MaxSegments(*packet.head());
  };
  EXPECT_EQ(most(1448), 8u);
  info.capabilities.max_tso_segments = 64;
  EXPECT_EQ(most(1448), 64u);
  EXPECT_EQ(most(0), 8u);
}

TEST(SentToReceived, CountsTheFramesOfASegmentedPacket) {
  PacketPool pool(1, 70000, 0);
  PacketBuf packet = pool.Allocate();
  packet.Append(66 + 2 * 1448 + 1);
  packet->segment_size = 1448;
  packet->payload_offset = 66;
  SentToReceived(*packet.head(), true);
  EXPECT_EQ(packet->segment_count, 3);
  EXPECT_EQ(packet->segment_size, 1448);
  packet.TrimBack(2 * 1448);
  SentToReceived(*packet.head(), true);
  EXPECT_EQ(packet->segment_count, 1);
  EXPECT_EQ(packet->segment_size, 0);
}

TEST(CopyPacket, CopiesBytesAcrossSegmentsOfAnySize) {
  PacketPool from(8, 512, 16);
  PacketBuf packet = PacketFromBytes(Bytes(1700), from);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet.segments(), 4u);
  packet->l4_offset = 34;
  packet->l4_checksum = ChecksumState::kPartial;
  packet->flags = PacketHead::kHasDataSum | PacketHead::kHasPayloadSum | PacketHead::kHasVlan;
  for (const size_t room : {64, 100, 256, 4096}) {
    PacketPool to(64, room, 32);
    const PacketBuf copy = CopyPacket(*packet.head(), to);
    ASSERT_TRUE(copy);
    EXPECT_EQ(BytesOf(copy), Bytes(1700));
    EXPECT_EQ(copy->l4_offset, 34);
    EXPECT_EQ(copy->l4_checksum, ChecksumState::kPartial);
    EXPECT_EQ(copy->flags, PacketHead::kHasVlan);
  }
}

TEST(CopyPacket, AnExhaustedPoolGivesNullAndKeepsNothing) {
  PacketPool from(8);
  const PacketBuf packet = PacketFromBytes(Bytes(1500), from);
  for (size_t packets = 0; packets < 5; ++packets) {
    PacketPool to(packets, 256, 0);
    EXPECT_FALSE(CopyPacket(*packet.head(), to));
    EXPECT_EQ(to.in_use(), 0u);
  }
}

}  // namespace
}  // namespace corelane::driver
