#include "arp/ethernet.h"

#include <vector>

#include "gtest/gtest.h"

namespace corelane::arp {
namespace {

constexpr MacAddress kUs(2, 0, 0, 0, 0, 1);
constexpr MacAddress kPeer(2, 0, 0, 0, 0, 2);

std::vector<uint8_t> Emit(const EthernetHeader& header) {
  std::vector<uint8_t> bytes(header.length());
  header.Emit(bytes.data());
  return bytes;
}

TEST(EthernetTest, UntaggedRoundTrip) {
  const EthernetHeader header{kUs, kPeer, ether_type::kIpv4};
  const auto bytes = Emit(header);
  ASSERT_EQ(bytes.size(), 14u);
  EXPECT_EQ(bytes[0], 2);
  EXPECT_EQ(bytes[5], 1);
  EXPECT_EQ(bytes[12], 0x08);
  EXPECT_EQ(bytes[13], 0x00);
  const auto view = EthernetView::Parse(bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->length(), 14u);
  EXPECT_EQ(view->tci(0), 0);
  EXPECT_EQ(EthernetHeader::FromView(*view), header);
}

TEST(EthernetTest, SingleTag) {
  EthernetHeader header{kUs, kPeer, ether_type::kIpv6, 1};
  header.tci[0] = 0x6123;
  const auto bytes = Emit(header);
  ASSERT_EQ(bytes.size(), 18u);
  EXPECT_EQ(LoadBe16(&bytes[12]), ether_type::kVlan);
  const auto view = EthernetView::Parse(bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(EthernetView::VlanId(view->tci(0)), 0x123);
  EXPECT_EQ(EthernetHeader::FromView(*view), header);
}

TEST(EthernetTest, DoubleTagHasAServiceTagOutside) {
  EthernetHeader header{kUs, kPeer, ether_type::kArp, 2};
  header.tci[0] = 7;
  header.tci[1] = 8;
  const auto bytes = Emit(header);
  ASSERT_EQ(bytes.size(), 22u);
  EXPECT_EQ(LoadBe16(&bytes[12]), ether_type::kServiceVlan);
  EXPECT_EQ(LoadBe16(&bytes[16]), ether_type::kVlan);
  const auto view = EthernetView::Parse(bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->ether_type(), ether_type::kArp);
  EXPECT_EQ(EthernetHeader::FromView(*view), header);
}

TEST(EthernetTest, AThirdTagIsAnUnknownType) {
  EthernetHeader header{kUs, kPeer, ether_type::kVlan, 2};
  const auto view = EthernetView::Parse(Emit(header));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->ether_type(), ether_type::kVlan);
  EXPECT_EQ(view->tags(), 2u);
}

TEST(EthernetTest, EveryTruncationIsRefused) {
  for (uint8_t tags = 0; tags <= 2; ++tags) {
    const auto bytes = Emit({kUs, kPeer, ether_type::kIpv4, tags});
    for (size_t n = 0; n < bytes.size(); ++n) {
      const std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<long>(n));
      EXPECT_FALSE(EthernetView::Parse(part)) << n << " of " << bytes.size();
    }
    EXPECT_TRUE(EthernetView::Parse(bytes));
  }
}

TEST(EthernetTest, MulticastAddresses) {
  // RFC 1112 §6.4: the low 23 bits. RFC 2464 §7: the low 32.
  EXPECT_EQ(Ipv4MulticastMac(0xe08001ff), MacAddress(0x01, 0x00, 0x5e, 0x00, 0x01, 0xff));
  EXPECT_EQ(Ipv6MulticastMac(0x00000001ff123456), MacAddress(0x33, 0x33, 0xff, 0x12, 0x34, 0x56));
}

}  // namespace
}  // namespace corelane::arp
