#include "arp/arp_packet.h"

#include <vector>

#include "gtest/gtest.h"

namespace corelane::arp {
namespace {

constexpr MacAddress kPeer(2, 0, 0, 0, 0, 2);

ArpPacket Request() {
  return {arp_operation::kRequest, kPeer, Ipv4Address(10, 0, 0, 2), MacAddress(),
          Ipv4Address(10, 0, 0, 1)};
}

std::vector<uint8_t> Emit(const ArpPacket& packet) {
  std::vector<uint8_t> bytes(ArpPacket::length());
  packet.Emit(bytes.data());
  return bytes;
}

TEST(ArpPacketTest, WireFormat) {
  const std::vector<uint8_t> expected = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 2,
                                         10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};
  EXPECT_EQ(Emit(Request()), expected);
  const auto view = ArpView::Parse(expected);
  ASSERT_TRUE(view);
  EXPECT_EQ(ArpPacket::FromView(*view), Request());
}

TEST(ArpPacketTest, EveryTruncationIsRefused) {
  const auto bytes = Emit(Request());
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<long>(n));
    EXPECT_FALSE(ArpView::Parse(part)) << n;
  }
}

TEST(ArpPacketTest, EthernetPaddingIsIgnored) {
  auto bytes = Emit(Request());
  bytes.resize(46, 0xee);
  EXPECT_TRUE(ArpView::Parse(bytes));
}

TEST(ArpPacketTest, OtherFormatsAreRefused) {
  for (const size_t at : {0u, 1u, 2u, 3u, 4u, 5u}) {
    auto bytes = Emit(Request());
    bytes[at] ^= 1;
    EXPECT_FALSE(ArpView::Parse(bytes)) << "byte " << at;
  }
  auto bytes = Emit(Request());
  bytes[7] = 3;  // reverse ARP
  EXPECT_FALSE(ArpView::Parse(bytes));
}

TEST(ArpPacketTest, ImpossibleSendersAreRefused) {
  ArpPacket packet = Request();
  packet.sender_mac = MacAddress::kBroadcast;
  EXPECT_FALSE(ArpView::Parse(Emit(packet)));
  packet = Request();
  packet.sender_mac = MacAddress();
  EXPECT_FALSE(ArpView::Parse(Emit(packet)));
  packet = Request();
  packet.sender_ip = Ipv4Address(224, 0, 0, 1);
  EXPECT_FALSE(ArpView::Parse(Emit(packet)));
  packet.sender_ip = Ipv4Address::Broadcast();
  EXPECT_FALSE(ArpView::Parse(Emit(packet)));
  packet.sender_ip = Ipv4Address();  // a probe
  EXPECT_TRUE(ArpView::Parse(Emit(packet)));
}

}  // namespace
}  // namespace corelane::arp
