#include "ip/ingress.h"

#include <vector>

#include "gtest/gtest.h"
#include "ip/icmpv6.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"

namespace corelane::ip {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes V4(Ipv4Header header, size_t payload) {
  header.total_length = static_cast<uint16_t>(20 + payload);
  Bytes bytes(20 + payload);
  header.Emit(bytes.data());
  return bytes;
}

const Ipv4Header kV4{.src = Ipv4Address(10, 0, 0, 2),
                     .dst = Ipv4Address(10, 0, 0, 1),
                     .protocol = protocol::kTcp,
                     .ttl = 55,
                     .dscp = 10,
                     .ecn = 3};
const Ipv6Header kV6{.src = Ipv6Address(0x20010db800000000, 2),
                     .dst = Ipv6Address(0x20010db800000000, 1),
                     .next_header = protocol::kUdp,
                     .hop_limit = 44,
                     .dscp = 11,
                     .ecn = 1};

Bytes V6(Ipv6Header header, const Bytes& payload) {
  header.payload_length = static_cast<uint16_t>(payload.size());
  Bytes bytes(40);
  header.Emit(bytes.data());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

DropReason Parse4(const Bytes& bytes, IpIngress& ip) {
  return ParseIpv4(bytes, bytes.size(), false, ip);
}
DropReason Parse6(const Bytes& bytes, IpIngress& ip) { return ParseIpv6(bytes, bytes.size(), ip); }

TEST(IngressTest, Ipv4) {
  IpIngress ip;
  Bytes bytes = V4(kV4, 100);
  bytes.resize(140);  // padding
  ASSERT_EQ(Parse4(bytes, ip), DropReason::kNone);
  EXPECT_TRUE(ip.is_v4());
  EXPECT_EQ(ip.src, IpAddress(kV4.src));
  EXPECT_EQ(ip.dst, IpAddress(kV4.dst));
  EXPECT_EQ(ip.protocol, protocol::kTcp);
  EXPECT_EQ(ip.ttl, 55);
  EXPECT_EQ(ip.dscp, 10);
  EXPECT_EQ(ip.ecn, 3);
  EXPECT_EQ(ip.header_length, 20);
  EXPECT_EQ(ip.payload_length, 100u);
  EXPECT_EQ(ip.packet_length(), 120u);
  EXPECT_FALSE(ip.fragment);
}

TEST(IngressTest, Ipv4Fragment) {
  Ipv4Header header = kV4;
  header.fragment_offset = 1480;
  header.more_fragments = true;
  header.identification = 77;
  IpIngress ip;
  ASSERT_EQ(Parse4(V4(header, 8), ip), DropReason::kNone);
  EXPECT_TRUE(ip.fragment);
  EXPECT_TRUE(ip.more_fragments);
  EXPECT_EQ(ip.fragment_offset, 1480u);
  EXPECT_EQ(ip.identification, 77u);
}

TEST(IngressTest, Ipv4EveryTruncation) {
  const Bytes bytes = V4(kV4, 30);
  for (size_t n = 0; n < bytes.size(); ++n) {
    const Bytes part(bytes.begin(), bytes.begin() + static_cast<long>(n));
    IpIngress ip;
    EXPECT_EQ(Parse4(part, ip), DropReason::kIpTruncated) << n;
  }
}

TEST(IngressTest, Ipv4OnlyTheHeadersNeedBeContiguous) {
  const Bytes bytes = V4(kV4, 1000);
  IpIngress ip;
  EXPECT_EQ(ParseIpv4(std::span(bytes).first(20), bytes.size(), false, ip), DropReason::kNone);
  EXPECT_EQ(ip.payload_length, 1000u);
}

TEST(IngressTest, Ipv4EveryFlippedHeaderBitIsSeen) {
  const Bytes good = V4(kV4, 0);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bytes = good;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    IpIngress ip;
    EXPECT_NE(Parse4(bytes, ip), DropReason::kNone) << bit;
  }
}

TEST(IngressTest, Ipv4ChecksumIsTrustedWhereTheDeviceChecked) {
  Bytes bytes = V4(kV4, 10);
  bytes[10] ^= 0xff;
  IpIngress ip;
  EXPECT_EQ(ParseIpv4(bytes, bytes.size(), false, ip), DropReason::kIpBadChecksum);
  EXPECT_EQ(ParseIpv4(bytes, bytes.size(), true, ip), DropReason::kNone);
}

TEST(IngressTest, Ipv4BadLengths) {
  IpIngress ip;
  Bytes bytes = V4(kV4, 10);
  bytes[0] = 0x44;
  EXPECT_EQ(Parse4(bytes, ip), DropReason::kIpBadHeaderLength);
  bytes = V4(kV4, 10);
  bytes[2] = 0;
  bytes[3] = 19;
  EXPECT_EQ(Parse4(bytes, ip), DropReason::kIpBadHeaderLength);
  bytes = V4(kV4, 10);
  bytes[0] = 0x65;
  EXPECT_EQ(Parse4(bytes, ip), DropReason::kIpBadVersion);
}

TEST(IngressTest, Ipv4Options) {
  const auto with_options = [](const Bytes& options) {
    Bytes bytes = V4(kV4, options.size());
    std::copy(options.begin(), options.end(), bytes.begin() + 20);
    bytes[0] = static_cast<uint8_t>(0x45 + options.size() / 4);
    StoreBe16(&bytes[10], 0);
    SumBytes(bytes).StoreComplement(&bytes[10]);
    return bytes;
  };
  IpIngress ip;
  EXPECT_EQ(Parse4(with_options({148, 4, 0, 0}), ip), DropReason::kNone);
  EXPECT_TRUE(ip.router_alert);
  EXPECT_EQ(ip.header_length, 24);
  EXPECT_EQ(ip.payload_length, 0u);
  EXPECT_EQ(Parse4(with_options({131, 7, 4, 1, 2, 3, 4, 0}), ip), DropReason::kIpSourceRoute);
  EXPECT_EQ(Parse4(with_options({7, 9, 4, 0}), ip), DropReason::kIpBadOption);
}

TEST(IngressTest, Ipv4Martians) {
  IpIngress ip;
  for (const Ipv4Address src :
       {Ipv4Address(224, 0, 0, 1), Ipv4Address::Broadcast(), Ipv4Address(127, 0, 0, 1)}) {
    Ipv4Header header = kV4;
    header.src = src;
    EXPECT_EQ(Parse4(V4(header, 0), ip), DropReason::kIpMartianSource) << src.ToString();
  }
  for (const Ipv4Address dst : {Ipv4Address(), Ipv4Address(127, 1, 2, 3)}) {
    Ipv4Header header = kV4;
    header.dst = dst;
    EXPECT_EQ(Parse4(V4(header, 0), ip), DropReason::kIpMartianDestination) << dst.ToString();
  }
}

TEST(IngressTest, Ipv6) {
  IpIngress ip;
  Bytes bytes = V6(kV6, Bytes(50));
  bytes.resize(100);
  ASSERT_EQ(Parse6(bytes, ip), DropReason::kNone);
  EXPECT_FALSE(ip.is_v4());
  EXPECT_EQ(ip.src, IpAddress(kV6.src));
  EXPECT_EQ(ip.dst, IpAddress(kV6.dst));
  EXPECT_EQ(ip.protocol, protocol::kUdp);
  EXPECT_EQ(ip.ttl, 44);
  EXPECT_EQ(ip.dscp, 11);
  EXPECT_EQ(ip.ecn, 1);
  EXPECT_EQ(ip.header_length, 40);
  EXPECT_EQ(ip.payload_length, 50u);
  EXPECT_EQ(ip.protocol_offset, 6);
}

TEST(IngressTest, Ipv6EveryTruncation) {
  Ipv6Header header = kV6;
  header.next_header = protocol::kHopByHop;
  const Bytes bytes = V6(header, {17, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8});
  IpIngress ip;
  ASSERT_EQ(Parse6(bytes, ip), DropReason::kNone);
  EXPECT_EQ(ip.header_length, 48);
  EXPECT_EQ(ip.payload_length, 8u);
  EXPECT_EQ(ip.protocol_offset, 40);
  for (size_t n = 0; n < bytes.size(); ++n) {
    const Bytes part(bytes.begin(), bytes.begin() + static_cast<long>(n));
    EXPECT_EQ(Parse6(part, ip), DropReason::kIpTruncated) << n;
  }
}

TEST(IngressTest, Ipv6ExtensionsMustLieInThePacketNotInItsPadding) {
  Ipv6Header header = kV6;
  header.next_header = protocol::kDestinationOptions;
  Bytes bytes = V6(header, {});
  bytes.resize(60);
  IpIngress ip;
  EXPECT_EQ(Parse6(bytes, ip), DropReason::kIpTruncated);
}

TEST(IngressTest, Ipv6Fragment) {
  Ipv6Header header = kV6;
  header.next_header = protocol::kFragment;
  IpIngress ip;
  ASSERT_EQ(Parse6(V6(header, {17, 0, 0x05, 0xa9, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9}), ip),
            DropReason::kNone);
  EXPECT_TRUE(ip.fragment);
  EXPECT_TRUE(ip.more_fragments);
  EXPECT_EQ(ip.fragment_offset, 1448u);
  EXPECT_EQ(ip.identification, 0x01020304u);
  EXPECT_EQ(ip.payload_length, 8u);
  EXPECT_EQ(ip.fragment_header_offset, 40);
}

TEST(IngressTest, Ipv6ProblemsAreReported) {
  Ipv6Header header = kV6;
  header.next_header = protocol::kDestinationOptions;
  IpIngress ip;
  EXPECT_EQ(Parse6(V6(header, {17, 0, 1, 0, 0xc7, 2, 0, 0}), ip),
            DropReason::kIpv6UnknownOptionReport);
  EXPECT_EQ(ip.problem_code, icmpv6_parameter_problem::kUnknownOption);
  EXPECT_EQ(ip.problem_pointer, 44);
  EXPECT_EQ(ip.src, IpAddress(kV6.src));
}

TEST(IngressTest, Ipv6Martians) {
  const Ipv6Address mapped(0, 0xffff'0a00'0001);
  IpIngress ip;
  for (const Ipv6Address& src : {Ipv6Address::AllNodes(), Ipv6Address::Loopback(), mapped}) {
    Ipv6Header header = kV6;
    header.src = src;
    EXPECT_EQ(Parse6(V6(header, {}), ip), DropReason::kIpMartianSource) << src.ToString();
  }
  for (const Ipv6Address& dst :
       {Ipv6Address(), Ipv6Address::Loopback(), mapped, Ipv6Address(0xff01'0000'0000'0000, 1)}) {
    Ipv6Header header = kV6;
    header.dst = dst;
    EXPECT_EQ(Parse6(V6(header, {}), ip), DropReason::kIpMartianDestination) << dst.ToString();
  }
  Ipv6Header header = kV6;
  header.src = Ipv6Address();  // duplicate address detection
  EXPECT_EQ(Parse6(V6(header, {}), ip), DropReason::kNone);
}

}  // namespace
}  // namespace corelane::ip
