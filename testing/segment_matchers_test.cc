#include "testing/segment_matchers.h"

#include <gtest/gtest.h>

#include "core/bytes.h"
#include "testing/segment_builder.h"

namespace corelane::testing {
namespace {

using ::testing::Ge;
using ::testing::Not;

const Route kV4{MacAddress(2, 0, 0, 0, 0, 1), MacAddress(2, 0, 0, 0, 0, 2),
                Ipv4Address(10, 0, 0, 1), Ipv4Address(10, 0, 0, 2)};
const Route kV6{MacAddress(2, 0, 0, 0, 0, 1), MacAddress(2, 0, 0, 0, 0, 2),
                Ipv6Address(0xfd00'0000'0000'0000, 1), Ipv6Address(0xfd00'0000'0000'0000, 2)};

class SegmentTest : public ::testing::TestWithParam<Route> {};

TEST_P(SegmentTest, TcpFieldsAreFoundAgain) {
  const Bytes frame = Tcp(GetParam(), 4000, 80)
                          .Flags(tcp::kSyn)
                          .Seq(100)
                          .Ack(200)
                          .Window(500)
                          .Mss(1400)
                          .WindowScale(7)
                          .SackPermitted()
                          .Timestamps(11, 22)
                          .Payload("hello");
  EXPECT_THAT(frame, IsTcp(From(Endpoint{GetParam().src, 4000}), To(Endpoint{GetParam().dst, 80}),
                           Flags(tcp::kSyn | tcp::kAck), Seq(100), Ack(200), Window(500), Mss(1400),
                           WindowScale(7), SackPermitted(), HasTimestamps(), TimestampEcho(22),
                           Payload("hello"), PayloadSize(Ge(5u)), Ttl(64), DontFragment(),
                           ToMac(GetParam().dst_mac)));
  EXPECT_THAT(frame, Not(IsTcp(Seq(101))));
  EXPECT_THAT(frame, Not(IsTcp(Payload("hallo"))));
  EXPECT_THAT(frame, Not(IsTcp(Flags(tcp::kSyn))));
  EXPECT_THAT(frame, Not(IsUdp()));
}

TEST_P(SegmentTest, SackBlocksKeepTheirOrder) {
  EXPECT_THAT(Tcp(GetParam(), 1, 2).Ack(1).Sack(10, 20).Sack(30, 40).Frame(),
              IsTcp(SackBlocks({{10, 20}, {30, 40}})));
}

TEST_P(SegmentTest, EveryFlippedBitIsFoundOut) {
  const Bytes good = Tcp(GetParam(), 4000, 80).Seq(1).Ack(2).Payload("some payload");
  const ParsedFrame parsed = ParseFrame(good);
  ASSERT_EQ(parsed.problem, "");
  // Behind the Ethernet header, every bit that a checksum covers.
  for (size_t bit = 14 * 8; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const ParsedFrame changed = ParseFrame(bad);
    // An IPv6 header's class, flow label and hop limit have no checksum.
    const size_t ip_byte = bit / 8 - 14;
    if (GetParam().src.is_v6() && (ip_byte < 4 || ip_byte == 7)) continue;
    EXPECT_FALSE(changed.is_tcp() && changed.problem.empty()) << "bit " << bit;
  }
}

TEST_P(SegmentTest, TruncatedAtEveryLengthNothingMatches) {
  const Bytes good = Tcp(GetParam(), 4000, 80).Seq(1).Ack(2).Mss(1000).Payload("payload");
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_THAT(Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(n)), Not(IsTcp()));
  }
}

TEST_P(SegmentTest, WrongOnPurpose) {
  EXPECT_THAT(Tcp(GetParam(), 1, 2).Checksum(0x1234).Frame(), Not(IsTcp()));
  EXPECT_THAT(Tcp(GetParam(), 1, 2).DataOffset(15).Frame(), Not(IsTcp()));
  EXPECT_THAT(Tcp(GetParam(), 1, 2).RawOptions({2, 0}).Frame(), Not(IsTcp()));
  UdpFields fields;
  fields.length = 4;
  EXPECT_THAT(UdpFrame(GetParam(), 1, 2, Pattern(10), fields), Not(IsUdp()));
}

TEST_P(SegmentTest, UdpAndIcmp) {
  const Bytes data = Pattern(100);
  EXPECT_THAT(UdpFrame(GetParam(), 5, 6, data),
              IsUdp(From(Endpoint{GetParam().src, 5}), To(GetParam().dst), Payload(data)));
  const uint8_t echo = GetParam().src.is_v4() ? 8 : 128;
  EXPECT_THAT(EchoRequestFrame(GetParam(), 3, 4, data),
              IsIcmp(echo, 0, IcmpRest(0x00030004), Payload(data)));
  IcmpFields wrong;
  wrong.checksum = 1;
  EXPECT_THAT(EchoRequestFrame(GetParam(), 3, 4, data, wrong), Not(IsIcmp(echo, 0)));
  const Bytes big = PacketTooBigFrame(GetParam(), 1300, Tcp(GetParam().Reversed(), 80, 4000));
  EXPECT_THAT(
      big, IsIcmp(GetParam().src.is_v4() ? 3 : 2, GetParam().src.is_v4() ? 4 : 0, IcmpRest(1300)));
}

TEST_P(SegmentTest, FragmentsHoldThePayload) {
  const Bytes data = Pattern(3000);
  const Bytes whole = UdpFrame(GetParam(), 5, 6, data);
  Bytes together;
  const auto fragments = FragmentFrame(whole, 1300, 7);
  ASSERT_EQ(fragments.size(), 3u);
  for (const Bytes& fragment : fragments) {
    const ParsedFrame f = ParseFrame(fragment);
    EXPECT_EQ(f.problem, "");
    EXPECT_TRUE(f.fragment);
    EXPECT_LE(f.ip_length, 1300u);
    EXPECT_EQ(f.fragment_offset, together.size());
    EXPECT_EQ(f.more_fragments, &fragment != &fragments.back());
    together.insert(together.end(), f.payload.begin(), f.payload.end());
  }
  EXPECT_EQ(Bytes(together.begin() + 8, together.end()), data);
}

INSTANTIATE_TEST_SUITE_P(Families, SegmentTest, ::testing::Values(kV4, kV6),
                         [](const auto& info) { return info.param.src.is_v4() ? "v4" : "v6"; });

TEST(SegmentMatchers, ArpAndNeighborDiscovery) {
  EXPECT_THAT(ArpRequestFrame(kV4), IsArp(1, ArpSender(kV4.src, kV4.src_mac), ArpTarget(kV4.dst),
                                          ToMac(MacAddress::kBroadcast)));
  EXPECT_THAT(ArpReplyFrame(kV4), IsArp(2, ArpTarget(kV4.dst), ToMac(kV4.dst_mac)));
  EXPECT_THAT(NeighborSolicitationFrame(kV6), IsIcmp(135, 0, From(kV6.src), Ttl(255)));
  EXPECT_THAT(NeighborAdvertisementFrame(kV6, 64), IsIcmp(136, 0, To(kV6.dst), Ttl(64)));
}

TEST(SegmentMatchers, AMismatchShowsTheFrame) {
  ::testing::StringMatchResultListener listener;
  const ::testing::Matcher<const Bytes&> matcher = IsTcp(Flags(tcp::kSyn));
  EXPECT_FALSE(matcher.MatchAndExplain(Tcp(kV4, 4000, 80).Seq(7).Ack(9).Frame(), &listener));
  EXPECT_THAT(listener.str(),
              ::testing::HasSubstr("10.0.0.1:4000 > 10.0.0.2:80 ACK seq 7 ack 9 win 65535 len 0"));
  EXPECT_THAT(::testing::DescribeMatcher<const Bytes&>(matcher), ::testing::HasSubstr("SYN"));
  EXPECT_EQ(Describe(Bytes{}), "(no frame) EtherType 0");
}

}  // namespace
}  // namespace corelane::testing
