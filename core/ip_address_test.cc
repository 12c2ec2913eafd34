#include "core/ip_address.h"

#include "gtest/gtest.h"

namespace corelane {
namespace {

TEST(Ipv4Address, ParsesAndPrints) {
  EXPECT_EQ(Ipv4Address::Parse("192.0.2.1"), Ipv4Address(192, 0, 2, 1));
  EXPECT_EQ(Ipv4Address::Parse("255.255.255.255"), Ipv4Address::Broadcast());
  EXPECT_EQ(Ipv4Address::Parse("0.0.0.0"), Ipv4Address());
  EXPECT_EQ(Ipv4Address(0x0a000001), Ipv4Address(10, 0, 0, 1));
  EXPECT_EQ(Ipv4Address(0x0a000001).ToString(), "10.0.0.1");
  EXPECT_EQ(Ipv4Address(10, 0, 0, 1).value(), 0x0a000001u);
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.", ".1.2.3", "1..2.3",
        "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "1.2.3.4a", "0x1.2.3.4", "1.2.3.0004"}) {
    EXPECT_FALSE(Ipv4Address::Parse(text)) << text;
  }
}

TEST(Ipv4Address, Classes) {
  EXPECT_TRUE(Ipv4Address(127, 9, 9, 9).IsLoopback());
  EXPECT_TRUE(Ipv4Address(224, 0, 0, 1).IsMulticast());
  EXPECT_TRUE(Ipv4Address(239, 255, 255, 255).IsMulticast());
  EXPECT_FALSE(Ipv4Address(240, 0, 0, 0).IsMulticast());
  EXPECT_TRUE(Ipv4Address::Broadcast().IsBroadcast());
  EXPECT_TRUE(Ipv4Address(169, 254, 0, 1).IsLinkLocal());
  EXPECT_TRUE(Ipv4Address().IsUnspecified());
  EXPECT_LT(Ipv4Address(9, 255, 255, 255), Ipv4Address(10, 0, 0, 0));
}

TEST(Ipv6Address, ParsesWhatItPrints) {
  // RFC 5952 §4 and §5.
  const struct {
    const char* text;
    const char* canonical;
  } cases[] = {
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:0DB8::0001", "2001:db8::1"},
      {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
      {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"ff02::1:ff00:1", "ff02::1:ff00:1"},
  };
  for (const auto& c : cases) {
    const auto address = Ipv6Address::Parse(c.text);
    ASSERT_TRUE(address) << c.text;
    EXPECT_EQ(address->ToString(), c.canonical);
    EXPECT_EQ(Ipv6Address::Parse(c.canonical), address);
  }
}

TEST(Ipv6Address, RejectsWhatRfc4291DoesNotAllow) {
  for (const char* text : {"",
                           ":",
                           ":::",
                           "1",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "1:2:3:4::5:6:7:8",
                           "12345::",
                           "g::",
                           "1:",
                           ":1",
                           "::1:",
                           ":1::",
                           "1.2.3.4",
                           "::1.2.3",
                           "::1.2.3.4:5",
                           "1.2.3.4::",
                           "::256.0.0.1",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::2:3:4:5:6:7:1.2.3.4",
                           "fe80::1%eth0",
                           "::-1",
                           ":: 1",
                           "+1::"}) {
    EXPECT_FALSE(Ipv6Address::Parse(text)) << text;
  }
}

TEST(Ipv6Address, Classes) {
  EXPECT_TRUE(Ipv6Address::Parse("fe80::1")->IsLinkLocal());
  EXPECT_TRUE(Ipv6Address::Parse("febf::1")->IsLinkLocal());
  EXPECT_FALSE(Ipv6Address::Parse("fec0::1")->IsLinkLocal());
  EXPECT_TRUE(Ipv6Address::AllNodes().IsMulticast());
  EXPECT_EQ(Ipv6Address::AllRouters().ToString(), "ff02::2");
  EXPECT_TRUE(Ipv6Address::Loopback().IsLoopback());
  EXPECT_TRUE(Ipv6Address().IsUnspecified());
  // RFC 4291 §2.7.1, its own example.
  EXPECT_EQ(Ipv6Address::Parse("4037::01:800:200e:8c6c")->SolicitedNode().ToString(),
            "ff02::1:ff0e:8c6c");
}

TEST(IpAddress, HoldsEitherFamily) {
  const IpAddress v4 = Ipv4Address(10, 0, 0, 1);
  EXPECT_TRUE(v4.is_v4());
  EXPECT_EQ(v4.v4(), Ipv4Address(10, 0, 0, 1));
  EXPECT_EQ(v4.ToString(), "10.0.0.1");
  EXPECT_EQ(v4.bit_length(), 32);
  EXPECT_EQ(IpAddress::Parse("::ffff:10.0.0.1"), v4);
  const IpAddress v6 = *IpAddress::Parse("2001:db8::1");
  EXPECT_TRUE(v6.is_v6());
  EXPECT_NE(v4, v6);
  EXPECT_LT(v4, v6);
  EXPECT_TRUE(IpAddress(Ipv4Address()).IsUnspecified());
  EXPECT_TRUE(IpAddress().IsUnspecified());
  EXPECT_FALSE(IpAddress(Ipv4Address(1)).IsUnspecified());
  EXPECT_TRUE(IpAddress(Ipv4Address::Broadcast()).IsBroadcast());
  EXPECT_TRUE(IpAddress(Ipv4Address(224, 0, 0, 1)).IsMulticast());
  EXPECT_FALSE(IpAddress::Parse("10.0.0"));
}

TEST(IpPrefix, KeepsHostBits) {
  const auto prefix = IpPrefix::Parse("10.1.2.3/24");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->address, IpAddress(Ipv4Address(10, 1, 2, 3)));
  EXPECT_EQ(prefix->Masked().ToString(), "10.1.2.0/24");
  EXPECT_TRUE(prefix->Contains(Ipv4Address(10, 1, 2, 255)));
  EXPECT_FALSE(prefix->Contains(Ipv4Address(10, 1, 3, 0)));
  EXPECT_FALSE(prefix->Contains(*IpAddress::Parse("2001:db8::1")));
}

TEST(IpPrefix, EveryLength) {
  const IpAddress v4 = Ipv4Address(0xa5a5a5a5);
  for (int length = 0; length <= 32; ++length) {
    const IpPrefix prefix{v4, static_cast<uint8_t>(length)};
    for (int bit = 0; bit < 32; ++bit) {
      const Ipv4Address other(0xa5a5a5a5 ^ 0x80000000 >> bit);
      EXPECT_EQ(prefix.Contains(other), bit >= length) << length << " " << bit;
    }
    EXPECT_TRUE(prefix.Masked().address.is_v4());
    EXPECT_EQ(prefix.Masked().address.v4().value(),
              length == 0 ? 0 : 0xa5a5a5a5 & 0xffffffff << (32 - length));
  }
  const Ipv6Address v6(0x2001'0db8'5555'5555, 0x5555'5555'5555'5555);
  for (int length = 0; length <= 128; ++length) {
    const IpPrefix prefix{v6, static_cast<uint8_t>(length)};
    for (int bit = 0; bit < 128; ++bit) {
      const uint64_t flip = uint64_t{1} << (63 - bit % 64);
      const Ipv6Address other(v6.high() ^ (bit < 64 ? flip : 0), v6.low() ^ (bit < 64 ? 0 : flip));
      EXPECT_EQ(prefix.Contains(other), bit >= length) << length << " " << bit;
    }
  }
  EXPECT_EQ(IpPrefix::Parse("2001:db8::5/32")->Masked().ToString(), "2001:db8::/32");
}

TEST(IpPrefix, RejectsBadText) {
  for (const char* text : {"", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "::1/129", "10.0.0.1/-1",
                           "/24", "10.0.0.1/024", "10.0.0.1/24/1", "10.0.0.1/ 4"}) {
    EXPECT_FALSE(IpPrefix::Parse(text)) << text;
  }
}

TEST(Endpoint, ParsesAndPrints) {
  EXPECT_EQ(Endpoint::Parse("10.0.0.1:80"), (Endpoint{Ipv4Address(10, 0, 0, 1), 80}));
  EXPECT_EQ(Endpoint::Parse("[::1]:65535")->ToString(), "[::1]:65535");
  EXPECT_EQ(Endpoint::Parse("10.0.0.1:0")->ToString(), "10.0.0.1:0");
  for (const char* text :
       {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", ":80", "::1:80", "[::1]",
        "[::1]:", "[10.0.0.1]:80", "[::1:80", "10.0.0.1:080", "10.0.0.1:+1", "[]:80"}) {
    EXPECT_FALSE(Endpoint::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace corelane
