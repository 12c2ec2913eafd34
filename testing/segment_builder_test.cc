#include "testing/segment_builder.h"

#include <gtest/gtest.h>

namespace corelane::testing {
namespace {

const Route kRoute{MacAddress(2, 0, 0, 0, 0, 1), MacAddress(2, 0, 0, 0, 0, 2),
                   Ipv4Address(10, 0, 0, 1), Ipv4Address(10, 0, 0, 2)};

TEST(SegmentBuilder, BytesOfASyn) {
  // Checked by hand against RFC 791 §3.1 and RFC 9293 §3.1.
  const Bytes expected = {
      0x02, 0,    0,    0,    0,    2,    0x02, 0,   0,  0, 0,    1,    0x08, 0x00,  // Ethernet
      0x45, 0,    0,    44,   0,    0,    0x40, 0,   64, 6, 0x26, 0xca,              // IPv4
      10,   0,    0,    1,    10,   0,    0,    2,                                   //
      0x0f, 0xa0, 0,    80,   0,    0,    0,    100, 0,  0, 0,    0,     // ports, seq, ack
      0x60, 0x02, 0xff, 0xff, 0x73, 0xd0, 0,    0,   2,  4, 0x05, 0xb4,  // flags, window, sum, MSS
  };
  EXPECT_EQ(Tcp(kRoute, 4000, 80).Flags(tcp::kSyn).Seq(100).Mss(1460).Frame(), expected);
}

TEST(SegmentBuilder, OverridesStandAsTheyAre) {
  IpFields ip;
  ip.length = 9;
  ip.header_checksum = 0xabcd;
  ip.options = {1, 1, 1, 0};
  const Bytes frame = Tcp(kRoute, 1, 2).Checksum(7).DataOffset(9).Ip(ip);
  EXPECT_EQ(frame[14], 0x46);
  EXPECT_EQ(frame[17], 9);
  EXPECT_EQ(frame[24], 0xab);
  EXPECT_EQ(frame[14 + 24 + 12], 0x90);
  EXPECT_EQ(frame[14 + 24 + 17], 7);
}

TEST(SegmentBuilder, PatternsDependOnStreamAndPosition) {
  const Bytes whole = Pattern(15, 1);
  EXPECT_EQ(Pattern(10, 1, 5), Bytes(whole.begin() + 5, whole.end()));
  EXPECT_NE(Pattern(10, 1), Pattern(10, 2));
  EXPECT_NE(Pattern(10, 1), Pattern(10, 1, 1));
}

}  // namespace
}  // namespace corelane::testing
