#include "ip/ipv6.h"

#include <vector>

#include "gtest/gtest.h"

namespace corelane::ip {
namespace {

using Bytes = std::vector<uint8_t>;

const Ipv6Header kHeader{.src = Ipv6Address(0x20010db800000000, 1),
                         .dst = Ipv6Address(0x20010db800000000, 2),
                         .next_header = protocol::kTcp,
                         .hop_limit = 63,
                         .dscp = 46,
                         .ecn = 2,
                         .flow_label = 0xabcde,
                         .payload_length = 1234};

// A packet whose fixed header names `next`, followed by `chain`.
Bytes Packet(uint8_t next, const Bytes& chain) {
  Ipv6Header header = kHeader;
  header.next_header = next;
  header.payload_length = static_cast<uint16_t>(chain.size());
  Bytes bytes(Ipv6Header::length());
  header.Emit(bytes.data());
  bytes.insert(bytes.end(), chain.begin(), chain.end());
  return bytes;
}

DropReason Walk(const Bytes& bytes, Ipv6Chain& chain, bool multicast = false) {
  return WalkExtensionHeaders(bytes, bytes[6], Ipv6View::kLength, 6, multicast, chain);
}

TEST(Ipv6Test, RoundTrip) {
  Bytes bytes(Ipv6Header::length());
  kHeader.Emit(bytes.data());
  EXPECT_EQ(LoadBe32(bytes.data()), 0x6000'0000u | (46u << 2 | 2) << 20 | 0xabcde);
  const auto view = Ipv6View::Parse(bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(Ipv6Header::FromView(*view), kHeader);
}

TEST(Ipv6Test, EveryTruncationIsRefused) {
  Bytes bytes(Ipv6Header::length());
  kHeader.Emit(bytes.data());
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_FALSE(Ipv6View::Parse(std::span(bytes).first(n))) << n;
  bytes[0] = 0x45;
  EXPECT_FALSE(Ipv6View::Parse(bytes));
}

TEST(Ipv6Test, FragmentHeaderRoundTrip) {
  const Ipv6FragmentHeader header{protocol::kUdp, 1448, true, 0xdeadbeef};
  Bytes bytes(8);
  header.Emit(bytes.data());
  EXPECT_EQ(Ipv6FragmentHeader::Parse(bytes), header);
  for (size_t n = 0; n < 8; ++n) EXPECT_FALSE(Ipv6FragmentHeader::Parse(std::span(bytes).first(n)));
}

// hop-by-hop (router alert), destination options, routing without segments left, then TCP.
const Bytes kChain = {60, 0, 5, 2,  0, 0, 1, 0,                          //
                      43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                      6,  0, 0, 0,  0, 0, 0, 0,                          //
                      1,  2, 3, 4};

TEST(Ipv6Test, WalksAWholeChain) {
  Ipv6Chain chain;
  ASSERT_EQ(Walk(Packet(protocol::kHopByHop, kChain), chain), DropReason::kNone);
  EXPECT_EQ(chain.protocol, protocol::kTcp);
  EXPECT_EQ(chain.header_length, 40 + 32);
  EXPECT_EQ(chain.protocol_offset, 40 + 24);
  EXPECT_TRUE(chain.router_alert);
  EXPECT_FALSE(chain.fragment);
}

TEST(Ipv6Test, EveryTruncationOfTheChainIsRefused) {
  const Bytes bytes = Packet(protocol::kHopByHop, kChain);
  for (size_t n = 40; n < 72; ++n) {
    const Bytes part(bytes.begin(), bytes.begin() + static_cast<long>(n));
    Ipv6Chain chain;
    EXPECT_EQ(Walk(part, chain), DropReason::kIpTruncated) << n;
  }
}

TEST(Ipv6Test, HopByHopOnlyInFront) {
  Ipv6Chain chain;
  const Bytes bytes =
      Packet(protocol::kDestinationOptions, {0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0});
  EXPECT_EQ(Walk(bytes, chain), DropReason::kIpv6BadExtension);
  EXPECT_EQ(chain.problem_code, 1);
  EXPECT_EQ(chain.problem_pointer, 40);
}

TEST(Ipv6Test, RoutingHeaderWithSegmentsLeftIsRefused) {
  for (const uint8_t type : {0, 2, 4}) {
    Bytes chain_bytes(24);
    chain_bytes[0] = 6;
    chain_bytes[1] = 2;
    chain_bytes[2] = type;
    chain_bytes[3] = 1;
    Ipv6Chain chain;
    EXPECT_EQ(Walk(Packet(protocol::kRouting, chain_bytes), chain), DropReason::kIpv6RoutingHeader);
    EXPECT_EQ(chain.problem_code, 0);
    EXPECT_EQ(chain.problem_pointer, 42);
    chain_bytes[3] = 0;  // RFC 8200 §4.4: ignored then.
    EXPECT_EQ(Walk(Packet(protocol::kRouting, chain_bytes), chain), DropReason::kNone);
  }
}

TEST(Ipv6Test, UnknownOptionsFollowTheirActionBits) {
  struct Case {
    uint8_t option;
    bool multicast;
    DropReason reason;
  };
  for (const Case& c : {Case{0x1e, false, DropReason::kNone},  //
                        Case{0x5e, false, DropReason::kIpv6UnknownOption},
                        Case{0x9e, false, DropReason::kIpv6UnknownOptionReport},
                        Case{0x9e, true, DropReason::kIpv6UnknownOptionReport},
                        Case{0xde, false, DropReason::kIpv6UnknownOptionReport},
                        Case{0xde, true, DropReason::kIpv6UnknownOption}}) {
    Ipv6Chain chain;
    const Bytes bytes = Packet(protocol::kDestinationOptions, {6, 0, 1, 0, c.option, 2, 0, 0});
    EXPECT_EQ(Walk(bytes, chain, c.multicast), c.reason) << int{c.option};
    if (c.reason != DropReason::kIpv6UnknownOptionReport) continue;
    EXPECT_EQ(chain.problem_code, 2);
    EXPECT_EQ(chain.problem_pointer, 44);
  }
}

TEST(Ipv6Test, OptionsThatPassTheirHeaderAreRefused) {
  for (const Bytes& header : {Bytes{6, 0, 1, 5, 0, 0, 0, 0}, Bytes{6, 0, 0, 0, 0, 0, 0, 1},
                              Bytes{6, 0, 0x1e, 255, 0, 0, 0, 0}}) {
    Ipv6Chain chain;
    EXPECT_EQ(Walk(Packet(protocol::kDestinationOptions, header), chain),
              DropReason::kIpv6BadExtension);
  }
}

TEST(Ipv6Test, FragmentEndsTheWalk) {
  Bytes bytes = Packet(protocol::kFragment, {17, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8});
  Ipv6Chain chain;
  ASSERT_EQ(Walk(bytes, chain), DropReason::kNone);
  EXPECT_TRUE(chain.fragment);
  EXPECT_EQ(chain.fragment_header, (Ipv6FragmentHeader{17, 0, true, 9}));
  EXPECT_EQ(chain.header_length, 48);
  EXPECT_EQ(chain.fragment_header_offset, 40);
  EXPECT_EQ(chain.fragment_protocol_offset, 6);
}

TEST(Ipv6Test, AtomicFragmentIsPassedOver) {
  // RFC 6946 §4.
  const Bytes bytes = Packet(protocol::kFragment, {17, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4});
  Ipv6Chain chain;
  ASSERT_EQ(Walk(bytes, chain), DropReason::kNone);
  EXPECT_FALSE(chain.fragment);
  EXPECT_EQ(chain.protocol, protocol::kUdp);
  EXPECT_EQ(chain.header_length, 48);
}

TEST(Ipv6Test, HeadersAndOptionsAreBounded) {
  Bytes headers;
  for (int i = 0; i < 100; ++i) headers.insert(headers.end(), {60, 0, 1, 4, 0, 0, 0, 0});
  Ipv6Chain chain;
  EXPECT_EQ(Walk(Packet(protocol::kDestinationOptions, headers), chain),
            DropReason::kIpv6TooManyExtensions);

  Bytes options(2048);
  options[0] = 6;
  options[1] = 255;
  for (size_t i = 2; i + 1 < options.size(); i += 2) options[i] = 1;  // empty PadN
  EXPECT_EQ(Walk(Packet(protocol::kDestinationOptions, options), chain),
            DropReason::kIpv6TooManyExtensions);
}

}  // namespace
}  // namespace corelane::ip
