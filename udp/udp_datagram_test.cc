#include "udp/udp_datagram.h"

#include <cstring>
#include <string_view>
#include <vector>

#include "core/checksum.h"
#include "gtest/gtest.h"
#include "ip/ingress.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"
#include "udp/udp_header.h"

namespace corelane::udp {
namespace {

using ip::DropReason;

class UdpDatagramTest : public testing::TestWithParam<bool> {
 protected:
  bool v6() const { return GetParam(); }
  Endpoint peer(uint16_t port = 1000) const {
    return {v6() ? IpAddress(Ipv6Address(0x20010db800000000, 2)) : Ipv4Address(10, 0, 0, 2), port};
  }
  Endpoint us(uint16_t port = 2000) const {
    return {v6() ? IpAddress(Ipv6Address(0x20010db800000000, 1)) : Ipv4Address(10, 0, 0, 1), port};
  }
  PacketBuf Payload(std::string_view text) {
    PacketBuf packet = pool_.Allocate();
    if (!text.empty()) std::memcpy(packet.Append(text.size()), text.data(), text.size());
    return packet;
  }
  // Puts the IP header in front.
  void Wrap(PacketBuf& packet) {
    const size_t length = packet.packet_size();
    if (v6()) {
      ip::Ipv6Header header{.src = peer().address.v6(), .dst = us().address.v6()};
      header.next_header = ip::protocol::kUdp;
      header.payload_length = static_cast<uint16_t>(length);
      header.Emit(packet.Prepend(40));
    } else {
      ip::Ipv4Header header{.src = peer().address.v4(), .dst = us().address.v4()};
      header.protocol = ip::protocol::kUdp;
      header.total_length = static_cast<uint16_t>(length + 20);
      header.Emit(packet.Prepend(20));
    }
  }
  DropReason Receive(const PacketBuf& packet) {
    const DropReason drop = v6() ? ip::ParseIpv6(packet.bytes(), packet.packet_size(), ip_)
                                 : ip::ParseIpv4(packet.bytes(), packet.packet_size(), false, ip_);
    EXPECT_EQ(drop, DropReason::kNone);
    return ParseUdp(packet, ip_, udp_);
  }
  size_t header_length() const { return v6() ? 40 : 20; }

  PacketPool pool_{64};
  ip::IpIngress ip_;
  UdpIngress udp_;
};
INSTANTIATE_TEST_SUITE_P(V4AndV6, UdpDatagramTest, testing::Bool());

TEST_P(UdpDatagramTest, RoundTripOfEveryLength) {
  const std::string text(300, 'x');
  for (size_t n = 0; n < text.size(); ++n) {
    PacketBuf packet = Payload(std::string_view(text).substr(0, n));
    ASSERT_TRUE(BuildDatagram(packet, peer(), us(), UdpChecksum::kFull));
    EXPECT_NE(LoadBe16(packet.data() + 6), 0);
    Wrap(packet);
    ASSERT_EQ(Receive(packet), DropReason::kNone) << n;
    EXPECT_EQ(udp_.src, peer());
    EXPECT_EQ(udp_.dst, us());
    EXPECT_EQ(udp_.data_length, n);
    EXPECT_EQ(udp_.data_offset, header_length() + 8);
  }
}

TEST_P(UdpDatagramTest, PayloadInManySegments) {
  PacketBuf packet = Payload("abc");
  packet.AppendChain(Payload("d"));
  packet.AppendChain(Payload("efghi"));
  ASSERT_TRUE(BuildDatagram(packet, peer(), us(), UdpChecksum::kFull));
  Wrap(packet);
  EXPECT_EQ(Receive(packet), DropReason::kNone);
  EXPECT_EQ(udp_.data_length, 9u);
}

TEST_P(UdpDatagramTest, AnyFlippedBitIsSeen) {
  PacketBuf packet = Payload("hello");
  BuildDatagram(packet, peer(), us(), UdpChecksum::kFull);
  Wrap(packet);
  for (size_t bit = 0; bit < 13 * 8; ++bit) {
    uint8_t& byte = packet.data()[header_length() + bit / 8];
    byte ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_NE(Receive(packet), DropReason::kNone) << bit;
    byte ^= static_cast<uint8_t>(1 << bit % 8);
  }
  EXPECT_EQ(Receive(packet), DropReason::kNone);
}

TEST_P(UdpDatagramTest, PartialChecksumIsThePseudoHeaders) {
  PacketBuf packet = Payload("hello");
  ASSERT_TRUE(BuildDatagram(packet, peer(), us(), UdpChecksum::kPartial));
  EXPECT_EQ(packet->l4_checksum, ChecksumState::kPartial);
  // What a device does: sum everything from the header on, field included, and store it.
  SumPacket(packet, 0, packet.packet_size()).StoreComplement(packet.data() + 6);
  Wrap(packet);
  EXPECT_EQ(Receive(packet), DropReason::kNone);
}

TEST_P(UdpDatagramTest, ZeroMeansNoneInIpv4AndIsRefusedInIpv6) {
  PacketBuf packet = Payload("hello");
  ASSERT_TRUE(BuildDatagram(packet, peer(), us(), UdpChecksum::kNone));
  // RFC 8200 §8.1: never sent over IPv6.
  EXPECT_EQ(LoadBe16(packet.data() + 6) == 0, !v6());
  StoreBe16(packet.data() + 6, 0);
  Wrap(packet);
  EXPECT_EQ(Receive(packet), v6() ? DropReason::kUdpNoChecksum : DropReason::kNone);
}

TEST_P(UdpDatagramTest, AChecksumOfZeroIsSentAsAllOnes) {
  // Find a payload whose checksum comes out as zero.
  bool found = false;
  for (uint32_t i = 0; i < 65536 && !found; ++i) {
    const char text[2] = {static_cast<char>(i >> 8), static_cast<char>(i)};
    PacketBuf packet = Payload(std::string_view(text, 2));
    BuildDatagram(packet, peer(), us(), UdpChecksum::kFull);
    ASSERT_NE(LoadBe16(packet.data() + 6), 0);
    if (LoadBe16(packet.data() + 6) != 0xffff) continue;
    found = true;
    Wrap(packet);
    EXPECT_EQ(Receive(packet), DropReason::kNone);
  }
  EXPECT_TRUE(found);
}

TEST_P(UdpDatagramTest, DeviceVerdictsAreTrusted) {
  PacketBuf packet = Payload("hello");
  BuildDatagram(packet, peer(), us(), UdpChecksum::kFull);
  packet.data()[6] ^= 1;
  Wrap(packet);
  EXPECT_EQ(Receive(packet), DropReason::kUdpBadChecksum);
  packet->l4_checksum = ChecksumState::kGood;
  EXPECT_EQ(Receive(packet), DropReason::kNone);
  packet.data()[header_length() + 6] ^= 1;
  packet->l4_checksum = ChecksumState::kBad;
  EXPECT_EQ(Receive(packet), DropReason::kUdpBadChecksum);
}

TEST_P(UdpDatagramTest, EveryTruncationIsRefused) {
  PacketBuf packet = Payload("hello");
  BuildDatagram(packet, peer(), us(), UdpChecksum::kFull);
  const std::vector<uint8_t> datagram(packet.data(), packet.data() + packet.size());
  for (size_t n = 0; n < datagram.size(); ++n) {
    PacketBuf part = pool_.Allocate();
    if (n > 0) std::memcpy(part.Append(n), datagram.data(), n);
    Wrap(part);
    EXPECT_EQ(Receive(part), DropReason::kUdpMalformed) << n;
  }
}

TEST_P(UdpDatagramTest, BytesBehindTheDatagramAreNotData) {
  PacketBuf packet = Payload("hello");
  BuildDatagram(packet, peer(), us(), UdpChecksum::kFull);
  std::memset(packet.Append(7), 0xee, 7);
  Wrap(packet);
  ASSERT_EQ(Receive(packet), DropReason::kNone);
  EXPECT_EQ(udp_.data_length, 5u);
}

TEST_P(UdpDatagramTest, TooLongIsRefused) {
  const size_t limit = v6() ? 65527 : 65507;
  PacketPool big(2, 70000);
  PacketBuf packet = big.Allocate();
  std::memset(packet.Append(limit + 1), 1, limit + 1);
  EXPECT_FALSE(BuildDatagram(packet, peer(), us(), UdpChecksum::kFull));
  EXPECT_EQ(packet.packet_size(), limit + 1);
  packet.TrimBack(1);
  EXPECT_TRUE(BuildDatagram(packet, peer(), us(), UdpChecksum::kFull));
}

TEST_P(UdpDatagramTest, DestinationPortZeroIsMalformed) {
  PacketBuf packet = Payload("hello");
  BuildDatagram(packet, peer(), us(0), UdpChecksum::kFull);
  Wrap(packet);
  EXPECT_EQ(Receive(packet), DropReason::kUdpMalformed);
}

}  // namespace
}  // namespace corelane::udp
