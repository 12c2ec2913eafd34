#include "ip/icmp_error.h"

#include <optional>

#include "gtest/gtest.h"
#include "ip/icmpv4.h"
#include "ip/icmpv6.h"
#include "ip/test_packets.h"

namespace corelane::ip {
namespace {

class IcmpErrorTest : public testing::Test {
 protected:
  PacketBuf V4(uint8_t protocol, std::vector<uint8_t> payload, Ipv4Address src = kHostB4,
               uint32_t offset = 0) {
    Ipv4Header header{.src = src, .dst = kHostA4, .protocol = protocol};
    header.fragment_offset = offset;
    return MakePacket(pool_, Ipv4Bytes(header, payload));
  }
  PacketBuf V6(uint8_t protocol, std::vector<uint8_t> payload, Ipv6Address src = kHostB6,
               Ipv6Address dst = kHostA6) {
    return MakePacket(pool_, Ipv6Bytes({.src = src, .dst = dst, .next_header = protocol}, payload));
  }
  bool MaySend(const PacketBuf& packet, IcmpErrorRequest error = {},
               DestinationKind kind = DestinationKind::kUnicast, bool link_group = false) {
    IpIngress ip;
    Parse(packet, ip);
    return MaySendIcmpError(error, ip, packet, kind, link_group);
  }

  PacketPool pool_{64};
};

// Ports 0x0102 and 0x0304, sequence 0x05060708.
const std::vector<uint8_t> kTransport = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

TEST_F(IcmpErrorTest, MustNotSendV4) {
  EXPECT_TRUE(MaySend(V4(17, kTransport)));
  EXPECT_FALSE(MaySend(V4(17, kTransport), {}, DestinationKind::kBroadcast));
  EXPECT_FALSE(MaySend(V4(17, kTransport), {}, DestinationKind::kUnicast, true));
  EXPECT_FALSE(MaySend(V4(17, kTransport, kHostB4, 8)));  // not the first fragment
  EXPECT_FALSE(MaySend(V4(17, kTransport, Ipv4Address())));
  EXPECT_FALSE(MaySend(V4(17, kTransport, Ipv4Address(240, 0, 0, 1))));
  for (int type = 0; type < 256; ++type) {
    std::vector<uint8_t> icmp(8);
    icmp[0] = static_cast<uint8_t>(type);
    const bool query = type == 0 || type == 8 || (type >= 13 && type <= 18);
    EXPECT_EQ(MaySend(V4(protocol::kIcmp, icmp)), query) << type;
  }
  EXPECT_FALSE(MaySend(V4(protocol::kIcmp, {})));
}

TEST_F(IcmpErrorTest, MustNotSendV6) {
  EXPECT_TRUE(MaySend(V6(17, kTransport)));
  EXPECT_FALSE(MaySend(V6(17, kTransport, Ipv6Address())));
  for (int type = 0; type < 256; ++type) {
    std::vector<uint8_t> icmp(8);
    icmp[0] = static_cast<uint8_t>(type);
    EXPECT_EQ(MaySend(V6(protocol::kIcmpv6, icmp)), type >= 128 && type != 137) << type;
  }
  // Behind an extension header it is an ICMPv6 error all the same.
  EXPECT_FALSE(MaySend(
      V6(protocol::kDestinationOptions, {58, 0, 1, 4, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0})));
  EXPECT_TRUE(MaySend(
      V6(protocol::kDestinationOptions, {58, 0, 1, 4, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0})));
}

TEST_F(IcmpErrorTest, MulticastIsAnsweredOnlyWhereRfc4443Allows) {
  const auto multicast = [&] {
    return V6(17, kTransport, kHostB6, Ipv6Address(0xff0e'0000'0000'0000, 1));
  };
  EXPECT_FALSE(MaySend(multicast()));
  EXPECT_TRUE(MaySend(multicast(), {.kind = IcmpErrorKind::kPacketTooBig}));
  IcmpErrorRequest option{.kind = IcmpErrorKind::kParameterProblem};
  EXPECT_FALSE(MaySend(multicast(), option));
  option.problem_code = icmpv6_parameter_problem::kUnknownOption;
  EXPECT_TRUE(MaySend(multicast(), option));
}

struct KindCase {
  IcmpErrorKind kind;
  int v4_type, v4_code, v6_type, v6_code;
};

TEST_F(IcmpErrorTest, BuildsAndParsesEveryKind) {
  using Kind = IcmpErrorKind;
  for (const KindCase& c :
       {KindCase{Kind::kNetworkUnreachable, 3, 0, 1, 0},
        KindCase{Kind::kHostUnreachable, 3, 1, 1, 3},
        KindCase{Kind::kProtocolUnreachable, 3, 2, 4, 1},
        KindCase{Kind::kPortUnreachable, 3, 3, 1, 4}, KindCase{Kind::kProhibited, 3, 13, 1, 1},
        KindCase{Kind::kPacketTooBig, 3, 4, 2, 0}, KindCase{Kind::kTtlExceeded, 11, 0, 3, 0},
        KindCase{Kind::kReassemblyTimeout, 11, 1, 3, 1},
        KindCase{Kind::kParameterProblem, 12, 0, 4, 0}}) {
    IcmpErrorRequest error{.kind = c.kind, .mtu = 1400};
    error.pointer = 6;
    for (const bool v6 : {false, true}) {
      const PacketBuf offending = v6 ? V6(6, kTransport) : V4(6, kTransport);
      IpIngress ip;
      ASSERT_EQ(Parse(offending, ip), DropReason::kNone);
      const PacketBuf reply = BuildIcmpError(pool_, error, ip, offending, ip.dst);
      IpIngress reply_ip;
      ASSERT_EQ(Parse(reply, reply_ip), DropReason::kNone);
      EXPECT_EQ(reply_ip.dst, ip.src);
      EXPECT_EQ(reply_ip.src, ip.dst);
      Sum16 sum = SumPacket(reply, reply_ip.header_length, reply_ip.payload_length);
      if (v6)
        sum +=
            PseudoHeaderSum(reply_ip.src, reply_ip.dst, reply_ip.protocol, reply_ip.payload_length);
      EXPECT_TRUE(sum.IsValid());
      const auto message = reply.bytes().subspan(reply_ip.header_length);
      EXPECT_EQ(message[0], v6 ? c.v6_type : c.v4_type);
      EXPECT_EQ(message[1], v6 ? c.v6_code : c.v4_code);

      IcmpErrorReport report;
      ASSERT_EQ(v6 ? ParseIcmpv6Error(message, report) : ParseIcmpv4Error(message, report),
                DropReason::kNone);
      EXPECT_EQ(report.kind, c.kind);
      EXPECT_EQ(report.src, ip.src);
      EXPECT_EQ(report.dst, ip.dst);
      EXPECT_EQ(report.protocol, 6);
      EXPECT_EQ(report.quoted_length, offending.packet_size());
      EXPECT_TRUE(report.has_ports);
      EXPECT_EQ(report.src_port, 0x0102);
      EXPECT_EQ(report.dst_port, 0x0304);
      EXPECT_TRUE(report.has_sequence);
      EXPECT_EQ(report.tcp_sequence, 0x05060708u);
      EXPECT_EQ(report.mtu, c.kind == Kind::kPacketTooBig ? 1400u : 0u);
      EXPECT_EQ(report.hard,
                c.kind == Kind::kPortUnreachable || c.kind == Kind::kProtocolUnreachable);
    }
  }
}

TEST_F(IcmpErrorTest, QuotesAsMuchAsAllowed) {
  for (const bool v6 : {false, true}) {
    const PacketBuf offending = v6 ? V6(17, Pattern(1400)) : V4(17, Pattern(1400));
    IpIngress ip;
    Parse(offending, ip);
    const PacketBuf reply = BuildIcmpError(pool_, {}, ip, offending, ip.dst);
    EXPECT_EQ(reply.packet_size(), v6 ? 1280u : 576u);
    // The first thing quoted is the offending header.
    const size_t headers = v6 ? 48 : 28;
    EXPECT_TRUE(std::equal(reply.data() + headers, reply.data() + reply.size(), offending.data()));
  }
}

TEST_F(IcmpErrorTest, DoesNotQuotePadding) {
  PacketBuf offending = V4(17, kTransport);
  offending.Append(14);
  IpIngress ip;
  Parse(offending, ip);
  EXPECT_EQ(BuildIcmpError(pool_, {}, ip, offending, ip.dst).packet_size(), 20u + 8 + 32);
}

TEST_F(IcmpErrorTest, EveryTruncationOfAnErrorIsHandled) {
  for (const bool v6 : {false, true}) {
    const PacketBuf offending = v6 ? V6(6, kTransport) : V4(6, kTransport);
    IpIngress ip;
    Parse(offending, ip);
    const PacketBuf reply = BuildIcmpError(pool_, {}, ip, offending, ip.dst);
    const std::vector<uint8_t> whole(reply.data() + (v6 ? 40 : 20), reply.data() + reply.size());
    const size_t inner = v6 ? 48 : 28;  // ICMP and quoted IP header
    for (size_t n = 0; n < whole.size(); ++n) {
      const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<long>(n));
      IcmpErrorReport report;
      const DropReason drop = v6 ? ParseIcmpv6Error(part, report) : ParseIcmpv4Error(part, report);
      EXPECT_EQ(drop, n < inner ? DropReason::kIcmpMalformed : DropReason::kNone) << n;
      if (drop != DropReason::kNone) continue;
      EXPECT_EQ(report.has_ports, n >= inner + 4) << n;
      EXPECT_EQ(report.has_sequence, n >= inner + 8) << n;
    }
  }
}

TEST_F(IcmpErrorTest, WhatIsNoErrorIsIgnored) {
  std::vector<uint8_t> message(64);
  IcmpErrorReport report;
  for (const uint8_t type : {0, 4, 5, 8, 13}) {
    message[0] = type;
    EXPECT_EQ(ParseIcmpv4Error(message, report), DropReason::kIcmpIgnored) << int{type};
  }
  for (const uint8_t type : {0, 100, 128, 135, 137}) {
    message[0] = type;
    EXPECT_EQ(ParseIcmpv6Error(message, report), DropReason::kIcmpIgnored) << int{type};
  }
}

TEST_F(IcmpErrorTest, QuotedLaterFragmentsHaveNoPorts) {
  std::vector<uint8_t> message(8);
  message[0] = icmpv4_type::kTimeExceeded;
  Ipv4Header header{.src = kHostA4, .dst = kHostB4, .protocol = 17};
  header.fragment_offset = 8;
  const auto quoted = Ipv4Bytes(header, kTransport);
  message.insert(message.end(), quoted.begin(), quoted.end());
  IcmpErrorReport report;
  ASSERT_EQ(ParseIcmpv4Error(message, report), DropReason::kNone);
  EXPECT_FALSE(report.has_ports);
}

TEST_F(IcmpErrorTest, AnExhaustedPoolGivesNothing) {
  PacketPool empty(1);
  const PacketBuf taken = empty.Allocate();
  const PacketBuf offending = V4(17, kTransport);
  IpIngress ip;
  Parse(offending, ip);
  EXPECT_FALSE(BuildIcmpError(empty, {}, ip, offending, ip.dst));
}

}  // namespace
}  // namespace corelane::ip
