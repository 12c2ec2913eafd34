// ARP and neighbor discovery as the link sees them: frames in, frames out, through the whole stack.

#include "arp/neighbor_cache.h"
#include "ip/ndp.h"
#include "ip/protocol.h"
#include "testing/conformance_fixture.h"

namespace corelane::testing {
namespace {

using arp::NeighborState;
using ip::DropReason;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint16_t kRequest = 1;
constexpr uint16_t kReply = 2;
constexpr uint8_t kSolicitation = 135;
constexpr uint8_t kAdvertisement = 136;
// Flags of an advertisement.
constexpr uint32_t kSolicited = 0x40000000;
constexpr uint32_t kOverride = 0x20000000;

const MacAddress kOther(2, 0, 0, 0, 0, 99);

WireOptions Unresolved() {
  WireOptions options;
  options.static_neighbor = false;
  return options;
}

// Each test once with ARP and once with neighbor discovery.
class NeighborTest : public ConformanceTest {
 protected:
  explicit NeighborTest(const WireOptions& options = Unresolved()) : ConformanceTest(options) {}

  arp::NeighborCache& cache() { return wire_.stack().network().neighbors(); }
  const arp::Neighbor* entry() { return cache().Get(0, wire_.peer()); }
  const stack::NetworkCounters& counters() { return wire_.stack().network().counters(); }
  // "Who has `route.dst`?" and the answer to such a question, from route.src.
  static Bytes Ask(const Route& route) {
    return v6() ? NeighborSolicitationFrame(route) : ArpRequestFrame(route);
  }
  static Bytes Answer(const Route& route) {
    return v6() ? NeighborAdvertisementFrame(route) : ArpReplyFrame(route);
  }
  // From the peer, by another station's hand.
  Route Forged() const {
    Route route = wire_.route();
    route.src_mac = kOther;
    return route;
  }
  Route FromStranger(uint32_t i) const {
    Route route = wire_.route();
    route.src_mac = MacAddress(2, 1, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8),
                               static_cast<uint8_t>(i), 1);
    route.src = v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 0x10000 + i))
                     : IpAddress(Ipv4Address(0x0a00'1000 + i));
    return route;
  }
  static bool IsQuestion(const Bytes& frame) {
    return v6() ? ::testing::Value(frame, IsIcmp(kSolicitation, 0))
                : ::testing::Value(frame, IsArp(kRequest));
  }
  static bool IsAnswer(const Bytes& frame) {
    return v6() ? ::testing::Value(frame, IsIcmp(kAdvertisement, 0))
                : ::testing::Value(frame, IsArp(kReply));
  }
  stack::TcpSocket* Connect() {
    stack::TcpSetupError error;
    stack::TcpSocket* const socket = wire_.stack().tcp().Connect({wire_.peer(), 9}, {}, error);
    wire_.Settle();
    return socket;
  }
};

CORELANE_BOTH_FAMILIES(NeighborTest);

TEST_P(NeighborTest, AQuestionForUsIsAnsweredAndRemembered) {  // RFC 826; RFC 4861 §7.2.3, §7.2.4
  wire_.Inject(Ask(wire_.route()));
  const Bytes answer = wire_.Next();
  if (v6()) {
    ASSERT_THAT(answer, IsIcmp(kAdvertisement, 0, From(wire_.address()), To(wire_.peer()), Ttl(255),
                               ToMac(Wire::peer_mac()), IcmpRest(kSolicited | kOverride)));
    const Bytes body = ParseFrame(answer).payload;  // target, and the option with our address
    EXPECT_TRUE(std::equal(body.begin(), body.begin() + 16, wire_.address().v6().bytes().begin()));
    EXPECT_EQ(MacAddress::FromBytes(&body[18]), wire_.mac());
  } else {
    EXPECT_THAT(answer, IsArp(kReply, ArpSender(wire_.address(), wire_.mac()),
                              ArpTarget(wire_.peer()), ToMac(Wire::peer_mac())));
  }
  ASSERT_NE(entry(), nullptr);
  // The advertisement used it already, as any packet would (RFC 4861 §7.3.3).
  EXPECT_EQ(entry()->state, v6() ? NeighborState::kDelay : NeighborState::kStale);
  EXPECT_EQ(entry()->mac, Wire::peer_mac());
  EXPECT_EQ(v6() ? counters().ndp_in.value() : counters().arp_in.value(), 1u);
}

TEST_P(NeighborTest, AQuestionForOthersIsNot) {
  Route route = wire_.route();
  route.dst = v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 77))
                   : IpAddress(Ipv4Address(10, 0, 0, 77));
  wire_.Inject(Ask(route));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(cache().size(), 0u);
  // To a solicited-node group that we are not in, or by ARP for another's address.
  EXPECT_EQ(drops(v6() ? DropReason::kIpNotForUs : DropReason::kArpNotForUs), 1u);
}

// RFC 4862 §5.4.3, RFC 5227 §2.1.1: somebody tries whether our address is free.
TEST_P(NeighborTest, AProbeIsAnsweredAndNotRemembered) {
  if (v6()) {
    ip::NeighborSolicitation message;
    message.target = wire_.address().v6();
    const Ipv6Address group = message.target.SolicitedNode();
    Bytes body(message.length());
    message.Emit(body.data(), Ipv6Address(), group);
    IpFields fields;
    fields.ttl = 255;
    wire_.Inject(IpFrame({kOther, MacAddress(0x33, 0x33, 0xff, 0, 0, 1), Ipv6Address(), group},
                         ip::protocol::kIcmpv6, body, fields));
    EXPECT_THAT(wire_.Next(),
                IsIcmp(kAdvertisement, 0, To(IpAddress(Ipv6Address::AllNodes())), Ttl(255),
                       ToMac(MacAddress(0x33, 0x33, 0, 0, 0, 1)), IcmpRest(kOverride)));
  } else {
    Route probe = Forged();
    probe.src = Ipv4Address(0);
    wire_.Inject(ArpRequestFrame(probe));
    EXPECT_THAT(wire_.Next(), IsArp(kReply, ArpSender(wire_.address(), wire_.mac())));
  }
  EXPECT_EQ(cache().size(), 0u);
}

TEST_P(NeighborTest, PacketsWaitForTheAnswer) {  // RFC 1122 §2.3.2.2, RFC 4861 §7.2.2
  Connect();
  const Bytes question = wire_.Next();
  if (v6()) {
    const Ipv6Address group = wire_.peer().v6().SolicitedNode();
    EXPECT_THAT(question, IsIcmp(kSolicitation, 0, From(wire_.address()), To(IpAddress(group)),
                                 Ttl(255), ToMac(MacAddress(0x33, 0x33, 0xff, 0, 0, 2))));
  } else {
    EXPECT_THAT(question, IsArp(kRequest, ArpSender(wire_.address(), wire_.mac()),
                                ArpTarget(wire_.peer()), ToMac(MacAddress::kBroadcast)));
  }
  EXPECT_TRUE(wire_.Silent());
  wire_.Inject(Answer(wire_.route()));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(tcp::kSyn), ToMac(Wire::peer_mac())));
  EXPECT_EQ(entry()->state, NeighborState::kReachable);
}

TEST_P(NeighborTest, SilenceEndsTheAttempt) {  // RFC 4861 §7.2.2: three questions, a second apart
  stack::TcpSocket* const socket = Connect();
  wire_.Advance(milliseconds(2900));
  std::vector<Bytes> sent = Sent();
  EXPECT_EQ(sent.size(), 3u);
  for (const Bytes& frame : sent) EXPECT_TRUE(IsQuestion(frame)) << Describe(frame);
  EXPECT_FALSE(socket->closed());
  wire_.Advance(milliseconds(200));
  EXPECT_EQ(socket->error(), tcp::Error::kUnreachable);
  EXPECT_GE(drops(DropReason::kNeighborUnreachable), 1u);
  // RFC 1122 §2.3.2.1: the next attempt within a second asks nobody.
  Connect();
  EXPECT_TRUE(wire_.Silent());
}

TEST_P(NeighborTest, WhatNobodyAskedForCreatesNothing) {  // RFC 4861 §7.2.5
  wire_.Inject(Answer(wire_.route()));
  EXPECT_EQ(cache().size(), 0u);
  EXPECT_TRUE(wire_.Silent());
}

// A gratuitous ARP or an advertisement that nobody asked for changes an entry, but proves nothing.
TEST_P(NeighborTest, AMovedNeighborIsFollowedAndDoubted) {
  Connect();
  wire_.Inject(Answer(wire_.route()));
  ASSERT_EQ(entry()->state, NeighborState::kReachable);
  if (v6()) {
    ip::NeighborAdvertisement message;
    message.target = wire_.peer().v6();
    message.override_flag = true;
    message.target_mac = kOther;
    Bytes body(message.length());
    message.Emit(body.data(), wire_.peer().v6(), Ipv6Address::AllNodes());
    IpFields fields;
    fields.ttl = 255;
    wire_.Inject(IpFrame({kOther, MacAddress(0x33, 0x33, 0, 0, 0, 1), wire_.peer(),
                          IpAddress(Ipv6Address::AllNodes())},
                         ip::protocol::kIcmpv6, body, fields));
  } else {
    Route gratuitous = Forged();
    gratuitous.dst = gratuitous.src;
    wire_.Inject(ArpRequestFrame(gratuitous));
  }
  EXPECT_EQ(entry()->mac, kOther);
  EXPECT_EQ(entry()->state, NeighborState::kStale);
}

// RFC 5227 §2.4, RFC 4862 §5.4.4: counted; the address stays ours, and nobody's entry changes.
TEST_P(NeighborTest, AConflictIsCounted) {
  Route claim = wire_.route();
  claim.src_mac = kOther;
  claim.src = wire_.address();
  claim.dst = wire_.peer();
  if (v6()) {
    claim.dst_mac = wire_.mac();
    claim.dst = wire_.address();
    wire_.Inject(NeighborAdvertisementFrame(claim));
    EXPECT_EQ(drops(DropReason::kIpMartianSource), 1u);  // from us to us: no neighbor does that
    ip::NeighborAdvertisement message;
    message.target = wire_.address().v6();
    message.override_flag = true;
    message.target_mac = kOther;
    Bytes body(message.length());
    message.Emit(body.data(), wire_.address().v6(), Ipv6Address::AllNodes());
    IpFields fields;
    fields.ttl = 255;
    wire_.Inject(IpFrame({kOther, MacAddress(0x33, 0x33, 0, 0, 0, 1), wire_.address(),
                          IpAddress(Ipv6Address::AllNodes())},
                         ip::protocol::kIcmpv6, body, fields));
  } else {
    wire_.Inject(ArpRequestFrame(claim));
  }
  EXPECT_EQ(counters().address_conflicts.value(), 1u);
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(cache().size(), 0u);
  wire_.Inject(Ask(wire_.route()));
  EXPECT_TRUE(IsAnswer(wire_.Next()));
}

TEST_P(NeighborTest, AFloodOfQuestionsIsBounded) {
  Connect();
  wire_.Inject(Answer(wire_.route()));
  const size_t packets = wire_.device().pool()->in_use();
  for (uint32_t i = 0; i < 5000; ++i) wire_.Inject(Ask(FromStranger(i)));
  EXPECT_LE(cache().size(), 1024u);
  EXPECT_LE(wire_.device().pool()->in_use(), packets);
  // Who is known to be reachable stays known.
  ASSERT_NE(entry(), nullptr);
  EXPECT_EQ(entry()->mac, Wire::peer_mac());
}

// Packets to many silent neighbors, as a scan through us would cause: entries and packets are
// bounded (RFC 6583).
TEST_P(NeighborTest, AFloodOfUnresolvedNeighborsIsBounded) {
  udp::UdpSocket* const socket = wire_.stack().udp().Open({});
  for (uint32_t i = 0; i < 1000; ++i) {
    const IpAddress to = v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 0x10000 + i))
                              : IpAddress(Ipv4Address(10, 0, 0, static_cast<uint8_t>(3 + i % 250)));
    wire_.stack().udp().Send(*socket, Pattern(10), Endpoint{to, 9}, wire_.now());
    wire_.Settle();
  }
  EXPECT_LE(cache().incomplete(), 128u);
  EXPECT_LE(cache().pending_packets(), 512u);
  wire_.Advance(seconds(10));
  EXPECT_EQ(cache().pending_packets(), 0u);
  EXPECT_EQ(wire_.stack().network().control_pool().in_use(), 0u);
}

TEST_P(NeighborTest, MalformedMessagesAreCountedDrops) {
  if (v6()) {
    wire_.Inject(NeighborSolicitationFrame(wire_.route(), 254));  // RFC 4861 §7.1.1: routed here
    wire_.Inject(NeighborAdvertisementFrame(wire_.route(), 254));
    ip::NeighborSolicitation message;
    message.target = wire_.address().v6();
    message.source_mac = kOther;
    Bytes body(message.length());
    const Ipv6Address group = message.target.SolicitedNode();
    message.Emit(body.data(), Ipv6Address(), group);  // a probe that names its sender
    IpFields fields;
    fields.ttl = 255;
    wire_.Inject(IpFrame({kOther, MacAddress(0x33, 0x33, 0xff, 0, 0, 1), Ipv6Address(), group},
                         ip::protocol::kIcmpv6, body, fields));
    EXPECT_EQ(drops(DropReason::kNdpInvalid), 3u);
  } else {
    Bytes request = ArpRequestFrame(wire_.route());
    for (const size_t at : {1, 3, 4, 5, 7}) {  // types, lengths, operation
      Bytes bad = request;
      bad[14 + at] = 9;
      wire_.Inject(bad);
    }
    request.resize(14 + 27);
    wire_.Inject(request);
    EXPECT_EQ(drops(DropReason::kArpMalformed), 6u);
  }
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(cache().size(), 0u);
}

class StaticNeighborTest : public NeighborTest {
 protected:
  StaticNeighborTest() : NeighborTest(WireOptions()) {}
};

CORELANE_BOTH_FAMILIES(StaticNeighborTest);

TEST_P(StaticNeighborTest, NoMessageChangesAStaticEntry) {
  wire_.Inject(Answer(Forged()));
  wire_.Inject(Ask(Forged()));
  EXPECT_TRUE(IsAnswer(wire_.Next()));
  EXPECT_EQ(entry()->state, NeighborState::kStatic);
  EXPECT_EQ(entry()->mac, Wire::peer_mac());
  Connect();
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(tcp::kSyn), ToMac(Wire::peer_mac())));
  for (uint32_t i = 0; i < 2000; ++i) wire_.Inject(Ask(FromStranger(i)));
  ASSERT_NE(entry(), nullptr);
  EXPECT_EQ(entry()->mac, Wire::peer_mac());
}

}  // namespace
}  // namespace corelane::testing
