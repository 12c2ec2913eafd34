#include "ip/icmp_echo.h"

#include "gtest/gtest.h"
#include "ip/icmpv4.h"
#include "ip/icmpv6.h"
#include "ip/test_packets.h"

namespace corelane::ip {
namespace {

class IcmpEchoTest : public testing::TestWithParam<bool> {
 protected:
  bool v6() const { return GetParam(); }
  IpAddress us() const { return v6() ? IpAddress(kHostA6) : IpAddress(kHostA4); }

  std::vector<uint8_t> Message(size_t data, uint8_t type) {
    std::vector<uint8_t> message(8);
    const auto pattern = Pattern(data);
    message.insert(message.end(), pattern.begin(), pattern.end());
    const Sum16 sum = SumBytes(pattern);
    if (!v6()) {
      IcmpHeader::Echo(type, 0xabcd, 3).Emit(message.data(), sum);
    } else {
      IcmpHeader::Echo(type, 0xabcd, 3)
          .Emit(message.data(), sum + PseudoHeaderSum(kHostB6, destination6_, protocol::kIcmpv6,
                                                      static_cast<uint32_t>(message.size())));
    }
    return message;
  }
  PacketBuf Request(size_t data) {
    const auto message =
        Message(data, v6() ? icmpv6_type::kEchoRequest : icmpv4_type::kEchoRequest);
    return MakePacket(
        pool_, v6() ? Ipv6Bytes({.src = kHostB6, .dst = destination6_, .next_header = 58}, message)
                    : Ipv4Bytes({.src = kHostB4, .dst = kHostA4, .protocol = 1}, message));
  }
  void ExpectReply(const PacketBuf& packet, size_t data) {
    IpIngress ip;
    ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
    EXPECT_EQ(ip.src, us());
    EXPECT_EQ(ip.dst, v6() ? IpAddress(kHostB6) : IpAddress(kHostB4));
    EXPECT_EQ(ip.header_length, v6() ? 40 : 20);
    EXPECT_EQ(ip.ttl, kDefaultTtl);
    ASSERT_EQ(ip.payload_length, data + 8);
    EXPECT_EQ(packet.packet_size(), ip.packet_length());
    EXPECT_TRUE(HasValidIcmpChecksum(packet, ip));
    const auto bytes = Bytes(packet);
    EXPECT_EQ(bytes[ip.header_length], v6() ? icmpv6_type::kEchoReply : icmpv4_type::kEchoReply);
    EXPECT_EQ(LoadBe16(&bytes[ip.header_length + 4u]), 0xabcd);
    EXPECT_EQ(LoadBe16(&bytes[ip.header_length + 6u]), 3);
    EXPECT_EQ(std::vector<uint8_t>(bytes.begin() + ip.header_length + 8, bytes.end()),
              Pattern(data));
  }

  PacketPool pool_{64};
  Ipv6Address destination6_ = kHostA6;
};
INSTANTIATE_TEST_SUITE_P(V4AndV6, IcmpEchoTest, testing::Bool());

TEST_P(IcmpEchoTest, RepliesInPlace) {
  for (size_t data = 0; data < 300; ++data) {
    PacketBuf packet = Request(data);
    IpIngress ip;
    ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
    ASSERT_TRUE(HasValidIcmpChecksum(packet, ip));
    const PacketHead* head = packet.head();
    ASSERT_TRUE(MakeEchoReply(packet, ip, us(), pool_));
    EXPECT_EQ(packet.head(), head);
    ExpectReply(packet, data);
  }
}

// The sum of zeros alone is the other zero of ones' complement.
TEST_P(IcmpEchoTest, RepliesToAMessageOfZeros) {
  for (const size_t data : {0, 1, 8, 100}) {
    std::vector<uint8_t> message(8 + data);
    const Sum16 zeros = SumBytes(std::vector<uint8_t>(data));
    if (v6()) {
      const auto length = static_cast<uint32_t>(message.size());
      IcmpHeader::Echo(icmpv6_type::kEchoRequest, 0, 0)
          .Emit(message.data(),
                zeros + PseudoHeaderSum(kHostB6, kHostA6, protocol::kIcmpv6, length));
    } else {
      IcmpHeader::Echo(icmpv4_type::kEchoRequest, 0, 0).Emit(message.data(), zeros);
    }
    PacketBuf packet = MakePacket(
        pool_, v6() ? Ipv6Bytes({.src = kHostB6, .dst = kHostA6, .next_header = 58}, message)
                    : Ipv4Bytes({.src = kHostB4, .dst = kHostA4, .protocol = 1}, message));
    IpIngress ip;
    ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
    ASSERT_TRUE(HasValidIcmpChecksum(packet, ip));
    ASSERT_TRUE(MakeEchoReply(packet, ip, us(), pool_));
    ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
    EXPECT_TRUE(HasValidIcmpChecksum(packet, ip)) << data;
  }
}

TEST_P(IcmpEchoTest, AnyFlippedBitIsSeen) {
  const PacketBuf good = Request(20);
  IpIngress ip;
  Parse(good, ip);
  for (size_t bit = 0; bit < ip.payload_length * 8; ++bit) {
    PacketBuf packet = good.Clone(pool_);
    packet.data()[ip.header_length + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(HasValidIcmpChecksum(packet, ip)) << bit;
  }
}

TEST_P(IcmpEchoTest, OnlyEchoRequestsAreAnswered) {
  PacketBuf packet = Request(8);
  IpIngress ip;
  Parse(packet, ip);
  const uint8_t request = packet.data()[ip.header_length];
  for (int type = 0; type < 256; ++type) {
    packet.data()[ip.header_length] = static_cast<uint8_t>(type);
    if (type == request) continue;
    EXPECT_FALSE(MakeEchoReply(packet, ip, us(), pool_)) << type;
  }
}

TEST_P(IcmpEchoTest, AReplyOfZerosHasAChecksum) {
  for (const size_t data : {0, 8}) {
    std::vector<uint8_t> message(8 + data);
    if (v6()) {
      IcmpHeader::Echo(icmpv6_type::kEchoRequest, 0, 0)
          .Emit(message.data(), PseudoHeaderSum(kHostB6, kHostA6, protocol::kIcmpv6,
                                                static_cast<uint32_t>(message.size())));
    } else {
      IcmpHeader::Echo(icmpv4_type::kEchoRequest, 0, 0).Emit(message.data(), Sum16());
    }
    PacketBuf packet = MakePacket(
        pool_, v6() ? Ipv6Bytes({.src = kHostB6, .dst = kHostA6, .next_header = 58}, message)
                    : Ipv4Bytes({.src = kHostB4, .dst = kHostA4, .protocol = 1}, message));
    IpIngress ip;
    Parse(packet, ip);
    ASSERT_TRUE(HasValidIcmpChecksum(packet, ip));
    ASSERT_TRUE(MakeEchoReply(packet, ip, us(), pool_));
    IpIngress reply;
    ASSERT_EQ(Parse(packet, reply), DropReason::kNone);
    EXPECT_TRUE(HasValidIcmpChecksum(packet, reply)) << data;
  }
}

TEST_P(IcmpEchoTest, DropsPadding) {
  PacketBuf packet = Request(4);
  packet.Append(10);
  IpIngress ip;
  Parse(packet, ip);
  ASSERT_TRUE(HasValidIcmpChecksum(packet, ip));
  ASSERT_TRUE(MakeEchoReply(packet, ip, us(), pool_));
  ExpectReply(packet, 4);
}

TEST_P(IcmpEchoTest, AnswersARequestOfManySegments) {
  const PacketBuf whole = Request(1200);
  const auto bytes = Bytes(whole);
  PacketBuf packet = MakePacket(pool_, std::span(bytes).first(v6() ? 42 : 22));
  packet.AppendChain(MakePacket(pool_, std::span(bytes).subspan(v6() ? 42 : 22, 3)));
  packet.AppendChain(MakePacket(pool_, std::span(bytes).subspan(v6() ? 45 : 25)));
  IpIngress ip;
  ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
  ASSERT_TRUE(HasValidIcmpChecksum(packet, ip));
  ASSERT_TRUE(MakeEchoReply(packet, ip, us(), pool_));
  ExpectReply(packet, 1200);
}

TEST_P(IcmpEchoTest, SharedBytesAreCopiedFirst) {
  BlockPool blocks(2);
  const PacketBuf whole = Request(40);
  BlockRef block = BlockRef::Adopt(blocks.Allocate());
  uint8_t* bytes = block.get()->bytes();
  const auto length = static_cast<uint32_t>(whole.size());
  std::memcpy(bytes, whole.data(), length);
  PacketBuf packet = pool_.AllocateReference(block, bytes, length);
  IpIngress ip;
  ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
  ASSERT_TRUE(MakeEchoReply(packet, ip, us(), pool_));
  ExpectReply(packet, 40);
  EXPECT_TRUE(std::equal(bytes, bytes + length, whole.data()));
}

TEST_P(IcmpEchoTest, OptionsAndExtensionsAreLeftOut) {
  const auto message = Message(16, v6() ? icmpv6_type::kEchoRequest : icmpv4_type::kEchoRequest);
  std::vector<uint8_t> bytes;
  if (v6()) {
    std::vector<uint8_t> payload = {58, 0, 1, 4, 0, 0, 0, 0};
    payload.insert(payload.end(), message.begin(), message.end());
    bytes = Ipv6Bytes({.src = kHostB6, .dst = kHostA6, .next_header = 60}, payload);
  } else {
    std::vector<uint8_t> payload = {1, 1, 1, 0};
    payload.insert(payload.end(), message.begin(), message.end());
    bytes = Ipv4Bytes({.src = kHostB4, .dst = kHostA4, .protocol = 1}, payload);
    bytes[0] = 0x46;
    StoreBe16(&bytes[10], 0);
    SumBytes(std::span(bytes).first(24)).StoreComplement(&bytes[10]);
  }
  PacketBuf packet = MakePacket(pool_, bytes);
  IpIngress ip;
  ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
  ASSERT_TRUE(HasValidIcmpChecksum(packet, ip));
  ASSERT_TRUE(MakeEchoReply(packet, ip, us(), pool_));
  ExpectReply(packet, 16);
}

TEST_P(IcmpEchoTest, AMulticastRequestIsAnsweredFromAUnicastAddress) {
  if (!v6()) return;
  destination6_ = Ipv6Address::AllNodes();
  PacketBuf packet = Request(30);
  IpIngress ip;
  ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
  ASSERT_TRUE(HasValidIcmpChecksum(packet, ip));
  ASSERT_TRUE(MakeEchoReply(packet, ip, us(), pool_));
  ExpectReply(packet, 30);
}

TEST_P(IcmpEchoTest, ShortMessagesAreRefused) {
  for (size_t n = 0; n < 8; ++n) {
    std::vector<uint8_t> message(n, 0);
    if (n > 0) message[0] = v6() ? icmpv6_type::kEchoRequest : icmpv4_type::kEchoRequest;
    PacketBuf packet = MakePacket(
        pool_, v6() ? Ipv6Bytes({.src = kHostB6, .dst = kHostA6, .next_header = 58}, message)
                    : Ipv4Bytes({.src = kHostB4, .dst = kHostA4, .protocol = 1}, message));
    IpIngress ip;
    ASSERT_EQ(Parse(packet, ip), DropReason::kNone);
    EXPECT_FALSE(HasValidIcmpChecksum(packet, ip));
    EXPECT_FALSE(MakeEchoReply(packet, ip, us(), pool_));
  }
}

}  // namespace
}  // namespace corelane::ip
