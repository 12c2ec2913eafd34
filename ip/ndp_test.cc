#include "ip/ndp.h"

#include <vector>

#include "gtest/gtest.h"
#include "ip/test_packets.h"

namespace corelane::ip {
namespace {

const Ipv6Address kUs(0xfe80'0000'0000'0000, 1);
const Ipv6Address kPeer(0xfe80'0000'0000'0000, 2);
const Ipv6Address kGlobal(0x2001'0db8'0000'0000, 2);
constexpr MacAddress kMac(2, 0, 0, 0, 0, 2);

template <class Message>
std::vector<uint8_t> Emit(const Message& message, const Ipv6Address& src, const Ipv6Address& dst) {
  std::vector<uint8_t> bytes(message.length());
  message.Emit(bytes.data(), src, dst);
  const auto length = static_cast<uint32_t>(bytes.size());
  EXPECT_TRUE((PseudoHeaderSum(src, dst, protocol::kIcmpv6, length) + SumBytes(bytes)).IsValid());
  return bytes;
}

const NdpContext kUnicast{kPeer, kUs, 255};

TEST(NdpTest, NeighborSolicitationRoundTrip) {
  NeighborSolicitation value{kUs, kMac, std::array<uint8_t, 6>{1, 2, 3, 4, 5, 6}};
  const auto bytes = Emit(value, kPeer, kUs.SolicitedNode());
  const auto view = NdpView::Parse(bytes, {kPeer, kUs.SolicitedNode(), 255});
  ASSERT_TRUE(view);
  EXPECT_EQ(NeighborSolicitation::FromView(*view), value);
}

TEST(NdpTest, NeighborAdvertisementRoundTrip) {
  for (int flags = 0; flags < 8; ++flags) {
    const NeighborAdvertisement value{kPeer, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0,
                                      kMac};
    const auto bytes = Emit(value, kPeer, kUs);
    const auto view = NdpView::Parse(bytes, kUnicast);
    ASSERT_TRUE(view);
    EXPECT_EQ(NeighborAdvertisement::FromView(*view), value);
  }
}

TEST(NdpTest, RouterSolicitationRoundTrip) {
  const RouterSolicitation value{kMac};
  const auto bytes = Emit(value, kPeer, Ipv6Address::AllRouters());
  const auto view = NdpView::Parse(bytes, {kPeer, Ipv6Address::AllRouters(), 255});
  ASSERT_TRUE(view);
  EXPECT_EQ(RouterSolicitation::FromView(*view), value);
}

RouterAdvertisement Advertisement() {
  RouterAdvertisement value;
  value.hop_limit = 64;
  value.managed = true;
  value.router_lifetime_s = 1800;
  value.reachable_time_ms = 20000;
  value.retrans_timer_ms = 500;
  value.source_mac = kMac;
  value.mtu = 1400;
  value.prefixes[0] = {{Ipv6Address(0x2001'0db8'0000'0000, 0), 64}, true, true, 86400, 14400};
  value.prefixes[1] = {{Ipv6Address(0x2001'0db8'0001'0000, 0), 48}, false, true, 0xffffffff, 1};
  value.prefix_count = 2;
  return value;
}

TEST(NdpTest, RouterAdvertisementRoundTrip) {
  const auto bytes = Emit(Advertisement(), kPeer, Ipv6Address::AllNodes());
  const auto view = NdpView::Parse(bytes, {kPeer, Ipv6Address::AllNodes(), 255});
  ASSERT_TRUE(view);
  EXPECT_EQ(RouterAdvertisement::FromView(*view), Advertisement());
}

TEST(NdpTest, EveryTruncationIsRefusedOrLosesOptionsOnly) {
  const auto bytes = Emit(Advertisement(), kPeer, Ipv6Address::AllNodes());
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<long>(n));
    const auto view = NdpView::Parse(part, {kPeer, Ipv6Address::AllNodes(), 255});
    // Whole options may be missing, half ones may not: option boundaries are these.
    const bool boundary = n == 16 || n == 24 || n == 32 || n == 64;
    EXPECT_EQ(view.has_value(), boundary) << n;
    if (view) RouterAdvertisement::FromView(*view);
  }
}

TEST(NdpTest, HopLimitProvesThatTheSenderIsOnTheLink) {
  const auto bytes = Emit(NeighborAdvertisement{kPeer, false, true, true, kMac}, kPeer, kUs);
  EXPECT_TRUE(NdpView::Parse(bytes, kUnicast));
  for (int hop_limit = 0; hop_limit < 255; ++hop_limit)
    EXPECT_FALSE(NdpView::Parse(bytes, {kPeer, kUs, static_cast<uint8_t>(hop_limit)}));
}

TEST(NdpTest, InvalidMessagesAreRefused) {
  const auto solicitation = Emit(NeighborSolicitation{kUs, kMac, {}}, kPeer, kUs);
  auto bytes = solicitation;
  bytes[1] = 1;  // code
  EXPECT_FALSE(NdpView::Parse(bytes, kUnicast));
  bytes = solicitation;
  bytes[25] = 0;  // an option of length zero
  EXPECT_FALSE(NdpView::Parse(bytes, kUnicast));
  bytes = solicitation;
  bytes[25] = 2;  // an option that passes the end
  EXPECT_FALSE(NdpView::Parse(bytes, kUnicast));
  bytes = solicitation;
  bytes[8] = 0xff;  // a multicast target
  EXPECT_FALSE(NdpView::Parse(bytes, kUnicast));
  bytes = solicitation;
  bytes[0] = icmpv6_type::kRedirect;
  EXPECT_FALSE(NdpView::Parse(bytes, kUnicast));
}

TEST(NdpTest, SolicitationFromTheUnspecifiedAddress) {
  // RFC 4861 §7.1.1.
  const Ipv6Address group = kUs.SolicitedNode();
  const auto with_mac = Emit(NeighborSolicitation{kUs, kMac, {}}, Ipv6Address(), group);
  EXPECT_FALSE(NdpView::Parse(with_mac, {Ipv6Address(), group, 255}));
  const auto probe = Emit(NeighborSolicitation{kUs, {}, {}}, Ipv6Address(), group);
  EXPECT_TRUE(NdpView::Parse(probe, {Ipv6Address(), group, 255}));
  EXPECT_FALSE(NdpView::Parse(probe, {Ipv6Address(), kUs, 255}));
  const auto rs = Emit(RouterSolicitation{kMac}, Ipv6Address(), Ipv6Address::AllRouters());
  EXPECT_FALSE(NdpView::Parse(rs, {Ipv6Address(), Ipv6Address::AllRouters(), 255}));
}

TEST(NdpTest, ASolicitedAdvertisementIsNotMulticast) {
  // RFC 4861 §7.1.2.
  const auto bytes =
      Emit(NeighborAdvertisement{kPeer, false, true, true, kMac}, kPeer, Ipv6Address::AllNodes());
  EXPECT_FALSE(NdpView::Parse(bytes, {kPeer, Ipv6Address::AllNodes(), 255}));
}

TEST(NdpTest, RoutersSpeakFromLinkLocalAddresses) {
  // RFC 4861 §6.1.2.
  const auto bytes = Emit(Advertisement(), kGlobal, kUs);
  EXPECT_FALSE(NdpView::Parse(bytes, {kGlobal, kUs, 255}));
}

TEST(NdpTest, MorePrefixesThanRememberedAreIgnored) {
  auto bytes = Emit(Advertisement(), kPeer, kUs);
  const std::vector<uint8_t> prefix(bytes.end() - 32, bytes.end());
  for (int i = 0; i < 20; ++i) bytes.insert(bytes.end(), prefix.begin(), prefix.end());
  const auto view = NdpView::Parse(bytes, kUnicast);
  ASSERT_TRUE(view);
  EXPECT_EQ(RouterAdvertisement::FromView(*view).prefix_count, RouterAdvertisement::kMaxPrefixes);
}

TEST(NdpTest, BuildsAWholePacket) {
  PacketPool pool(1);
  const PacketBuf packet =
      BuildNdpPacket(pool, NeighborSolicitation{kUs, kMac, {}}, kPeer, kUs.SolicitedNode());
  IpIngress ip;
  ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
  EXPECT_EQ(ip.ttl, 255);
  EXPECT_EQ(ip.protocol, protocol::kIcmpv6);
  EXPECT_TRUE(NdpView::Parse(packet.bytes().subspan(40), {kPeer, kUs.SolicitedNode(), ip.ttl}));
  EXPECT_FALSE(BuildNdpPacket(pool, RouterSolicitation{}, kPeer, kUs));
}

}  // namespace
}  // namespace corelane::ip
