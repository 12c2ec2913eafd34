// IP and ICMP as the network sees them: frames in, frames out, through the whole stack.

#include "ip/protocol.h"
#include "testing/conformance_fixture.h"

namespace corelane::testing {
namespace {

using ip::DropReason;
using std::chrono::seconds;

class IpTest : public ConformanceTest {
 protected:
  static uint8_t echo_request() { return v6() ? 128 : 8; }
  static uint8_t echo_reply() { return v6() ? 129 : 0; }
  static uint8_t unreachable() { return v6() ? 1 : 3; }
  static uint8_t port_unreachable() { return v6() ? 4 : 3; }
  static uint8_t time_exceeded() { return v6() ? 3 : 11; }
  static size_t ip_header() { return v6() ? 40 : 20; }
  const stack::NetworkCounters& counters() { return wire_.stack().network().counters(); }

  // A frame with some bytes changed at an offset of its IP header; IPv4's checksum is made right.
  static Bytes Changed(Bytes frame, size_t offset, const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(), frame.begin() + 14 + static_cast<ptrdiff_t>(offset));
    if (!v6()) {
      uint8_t* const header = &frame[14];
      StoreBe16(header + 10, 0);
      SumBytes({header, 20}).StoreComplement(header + 10);
    }
    return frame;
  }
  Bytes Ping(size_t n = 56, const IpFields& ip = {}) const {
    IcmpFields fields;
    fields.ip = ip;
    return EchoRequestFrame(wire_.route(), 7, 1, Pattern(n), fields);
  }
  Bytes UdpToNobody() const { return UdpFrame(wire_.route(), 4000, 9, Pattern(100)); }
  bool AnswersPing() {
    wire_.Discard();
    wire_.Inject(Ping());
    return ::testing::Value(wire_.Next(), IsIcmp(echo_reply(), 0, Payload(Pattern(56))));
  }
  // The fragments' payloads, put together.
  static Bytes Join(const std::vector<Bytes>& fragments) {
    Bytes whole;
    for (const Bytes& frame : fragments) {
      const ParsedFrame f = ParseFrame(frame);
      EXPECT_TRUE(f.problem.empty() && f.fragment) << Describe(f);
      EXPECT_LE(f.ip_length, 1500u);
      EXPECT_EQ(f.fragment_offset, whole.size());
      EXPECT_EQ(f.more_fragments, &frame != &fragments.back());
      whole.insert(whole.end(), f.payload.begin(), f.payload.end());
    }
    return whole;
  }
  // One first fragment of a datagram that never becomes whole.
  Bytes FirstFragment(uint32_t identification) const {
    return FragmentFrame(Ping(2000), 1280, identification)[0];
  }
};

CORELANE_BOTH_FAMILIES(IpTest);

// --- echo (RFC 1122 §3.2.2.6, RFC 4443 §4.2) ---

TEST_P(IpTest, AnswersPing) {
  for (const size_t n : {0, 1, 56, 1400}) {
    wire_.Inject(Ping(n));
    EXPECT_THAT(wire_.Next(), IsIcmp(echo_reply(), 0, From(wire_.address()), To(wire_.peer()),
                                     IcmpRest(7u << 16 | 1), Payload(Pattern(n)), Ttl(64),
                                     ToMac(Wire::peer_mac())));
  }
  EXPECT_EQ(counters().echoes_in.value(), 4u);
}

TEST_P(IpTest, AnswersAPingOfZeros) {
  wire_.Inject(EchoRequestFrame(wire_.route(), 0, 0, Bytes(8)));
  EXPECT_THAT(wire_.Next(), IsIcmp(echo_reply(), 0, IcmpRest(0u), Payload(Bytes(8))));
}

TEST_P(IpTest, AnswersAPingThatIsLongerThanAPacket) {
  constexpr size_t kLength = 9000;
  std::vector<Bytes> request = FragmentFrame(Ping(kLength), 1500, 99);
  std::swap(request[1], request[4]);
  request.push_back(request[2]);
  std::swap(request[3], request.back());  // in disorder, and one of them twice
  wire_.InjectAll(request);
  const Bytes expected = EchoRequestFrame(wire_.route().Reversed(), 7, 1, Pattern(kLength));
  const Bytes reply = Join(Sent());
  ASSERT_EQ(reply.size(), IpOf(expected).size() - ip_header());
  EXPECT_EQ(reply[0], echo_reply());
  EXPECT_TRUE(std::equal(reply.begin() + 4, reply.end(), IpOf(expected).begin() + ip_header() + 4));
  // Its checksum, over the whole.
  const Bytes whole =
      IpFrame(wire_.route().Reversed(), v6() ? ip::protocol::kIcmpv6 : ip::protocol::kIcmp, reply);
  EXPECT_THAT(whole, IsIcmp(echo_reply(), 0));
  EXPECT_EQ(counters().reassembled.value(), 1u);
}

TEST_P(IpTest, GroupsAreAnsweredInIpv6Only) {
  Route route = wire_.route();
  route.dst_mac = MacAddress(0x33, 0x33, 0, 0, 0, 1);
  route.dst = v6() ? IpAddress(Ipv6Address::AllNodes()) : IpAddress(Ipv4Address(224, 0, 0, 1));
  wire_.Inject(EchoRequestFrame(route, 7, 1, Pattern(8)));
  if (v6()) {
    EXPECT_THAT(wire_.Next(), IsIcmp(129, 0, From(wire_.address()), To(wire_.peer())));
    return;
  }
  route.dst_mac = MacAddress::kBroadcast;
  for (const Ipv4Address dst : {Ipv4Address(10, 0, 0, 255), Ipv4Address::Broadcast()}) {
    route.dst = dst;
    wire_.Inject(EchoRequestFrame(route, 7, 1, Pattern(8)));
  }
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(drops(DropReason::kIcmpIgnored), 3u);
}

TEST_P(IpTest, BadEchoesAreCountedDrops) {
  IcmpFields fields;
  fields.checksum = 0x1234;
  wire_.Inject(EchoRequestFrame(wire_.route(), 7, 1, Pattern(8), fields));
  EXPECT_EQ(drops(DropReason::kIcmpBadChecksum), 1u);
  wire_.Inject(IcmpFrame(wire_.route(), echo_request(), 1, 0, Pattern(8)));  // no such code
  EXPECT_EQ(drops(DropReason::kIcmpMalformed), 1u);
  wire_.Inject(IcmpFrame(wire_.route(), echo_reply(), 0, 0, Pattern(8)));  // nobody asked
  EXPECT_EQ(drops(DropReason::kIcmpIgnored), 1u);
  EXPECT_TRUE(wire_.Silent());
}

// --- errors that we send (RFC 1122 §3.2.2, RFC 4443 §2.4) ---

TEST_P(IpTest, AClosedUdpPortIsReported) {
  const Bytes datagram = UdpToNobody();
  wire_.Inject(datagram);
  const Bytes error = wire_.Next();
  ASSERT_THAT(error, IsIcmp(unreachable(), port_unreachable(), From(wire_.address()),
                            To(wire_.peer()), IcmpRest(0u)));
  const Bytes quoted = ParseFrame(error).payload;
  EXPECT_EQ(quoted, Bytes(IpOf(datagram).begin(), IpOf(datagram).end()));
  // A long one is quoted as far as the error may go.
  wire_.Inject(UdpFrame(wire_.route(), 4000, 9, Pattern(1400)));
  EXPECT_THAT(wire_.Next(), IsIcmp(unreachable(), port_unreachable(),
                                   IpLength(::testing::Eq(v6() ? 1280u : 576u))));
}

TEST_P(IpTest, AnUnknownProtocolIsReported) {
  wire_.Inject(IpFrame(wire_.route(), 253, Pattern(100)));
  if (v6()) {  // RFC 8200 §4: parameter problem, at the next header field
    EXPECT_THAT(wire_.Next(), IsIcmp(4, 1, IcmpRest(6u)));
  } else {
    EXPECT_THAT(wire_.Next(), IsIcmp(3, 2));
  }
  EXPECT_EQ(drops(DropReason::kIpUnknownProtocol), 1u);
}

TEST_P(IpTest, ErrorsAreLimited) {  // RFC 4443 §2.4 (f)
  for (int i = 0; i < 500; ++i) wire_.Inject(UdpToNobody());
  EXPECT_EQ(Sent().size(), 50u);
  EXPECT_EQ(drops(DropReason::kIcmpRateLimited), 450u);
  wire_.Advance(seconds(1));
  wire_.Inject(UdpToNobody());
  EXPECT_FALSE(wire_.Silent());
}

TEST_P(IpTest, NoErrorAnswersAnError) {
  const Bytes unsent = UdpFrame(wire_.route().Reversed(), 5000, 9, Pattern(100));
  wire_.Inject(UnreachableFrame(wire_.route(), port_unreachable(), unsent));
  EXPECT_EQ(drops(DropReason::kIcmpNotForUs), 1u);
  wire_.Inject(IcmpFrame(wire_.route(), 100, 0, 0, Pattern(100)));  // of no known type
  wire_.Inject(IcmpFrame(wire_.route(), unreachable(), 0, 0, Pattern(10)));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(drops(DropReason::kIcmpIgnored) + drops(DropReason::kIcmpMalformed), 2u);
}

TEST_P(IpTest, NoErrorAnswersAGroupOrABroadcast) {
  Route route = wire_.route();
  route.dst = v6() ? IpAddress(Ipv6Address::AllNodes()) : IpAddress(Ipv4Address(10, 0, 0, 255));
  wire_.Inject(UdpFrame(route, 4000, 9, Pattern(100)));
  wire_.Inject(IpFrame(route, 253, Pattern(100)));
  route = wire_.route();
  route.dst_mac = MacAddress::kBroadcast;  // unicast in a broadcast frame
  wire_.Inject(UdpFrame(route, 4000, 9, Pattern(100)));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(wire_.stack().network().drops().total(), 3u);
}

TEST_P(IpTest, OnlyTheFirstFragmentIsReported) {
  // Of a protocol that nobody speaks, in fragments: one error for the datagram, none for a piece.
  const std::vector<Bytes> fragments =
      FragmentFrame(IpFrame(wire_.route(), 253, Pattern(3000)), 1280, 5);
  wire_.InjectAll(fragments);
  EXPECT_EQ(Sent().size(), 1u);
}

// --- errors that we receive ---

TEST_P(IpTest, AUdpSocketLearnsThatItsPeerIsNotThere) {  // RFC 1122 §4.1.3.3
  udp::UdpSocket* const socket = wire_.stack().udp().Open({});
  ASSERT_EQ(wire_.stack().udp().Connect(*socket, {wire_.peer(), 9}), udp::BindResult::kOk);
  wire_.stack().udp().Send(*socket, Pattern(10), std::nullopt, wire_.now());
  wire_.Settle();
  const Bytes sent = wire_.Next();
  Bytes other = sent;
  other[14 + ip_header() + 1] ^= 1;  // from another port
  wire_.Inject(UnreachableFrame(wire_.route(), port_unreachable(), other));
  EXPECT_FALSE(socket->has_error());
  EXPECT_EQ(drops(DropReason::kIcmpNotForUs), 1u);
  wire_.Inject(UnreachableFrame(wire_.route(), port_unreachable(), sent));
  EXPECT_EQ(socket->TakeError(), udp::UdpError::kPortUnreachable);
  EXPECT_EQ(wire_.stack().udp().NextReady(), socket);
}

TEST_P(IpTest, DatagramsAreCutToWhatThePathCarries) {
  udp::UdpSocket* const socket = wire_.stack().udp().Open({});
  ASSERT_EQ(wire_.stack().udp().Connect(*socket, {wire_.peer(), 9}), udp::BindResult::kOk);
  wire_.stack().udp().Send(*socket, Pattern(1400), std::nullopt, wire_.now());
  wire_.Settle();
  const Bytes sent = wire_.Next();
  ASSERT_THAT(sent, IsUdp(Payload(Pattern(1400))));
  wire_.Inject(PacketTooBigFrame(wire_.route(), 1280, sent));
  wire_.stack().udp().Send(*socket, Pattern(1400), std::nullopt, wire_.now());
  wire_.Settle();
  const std::vector<Bytes> fragments = Sent();
  ASSERT_EQ(fragments.size(), 2u);
  for (const Bytes& f : fragments) EXPECT_LE(ParseFrame(f).ip_length, 1280u);
  const Bytes udp = Join(fragments);
  EXPECT_EQ(Bytes(udp.begin() + 8, udp.end()), Pattern(1400));
}

// --- reassembly (RFC 791, RFC 8200 §4.5) ---

TEST_P(IpTest, AFragmentFloodIsBounded) {
  const size_t before = wire_.device().pool()->in_use();
  for (uint32_t i = 0; i < 5000; ++i) {
    Route route = wire_.route();
    route.src = v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 1000 + i))
                     : IpAddress(Ipv4Address(0x0b00'0000 + i));
    wire_.Inject(FragmentFrame(UdpFrame(route, 1, 2, Pattern(2000)), 1280, i)[0]);
  }
  EXPECT_LE(wire_.device().pool()->in_use(), before + 1024);
  EXPECT_TRUE(wire_.Silent());
  EXPECT_TRUE(AnswersPing());
  // A datagram whose fragments come together still passes.
  wire_.Discard();
  wire_.InjectAll(FragmentFrame(Ping(3000), 1280, 123'456));
  EXPECT_EQ(Join(Sent()).size(), 3008u);
  wire_.Advance(seconds(61));
  EXPECT_LE(wire_.device().pool()->in_use(), before);
}

TEST_P(IpTest, OverlappingFragmentsTakeTheWholeDatagramDown) {  // RFC 5722 §4
  const std::vector<Bytes> good = FragmentFrame(Ping(3000), 1280, 5);
  const std::vector<Bytes> other = FragmentFrame(Ping(3000), 1000, 5);
  wire_.Inject(good[0]);
  wire_.Inject(other[1]);
  EXPECT_EQ(drops(DropReason::kFragmentOverlap), 1u);
  for (const Bytes& fragment : good) wire_.Inject(fragment);
  EXPECT_TRUE(wire_.Silent());
  wire_.Advance(seconds(61));
  EXPECT_TRUE(wire_.Silent());  // nor is its end reported
  EXPECT_TRUE(AnswersPing());
}

TEST_P(IpTest, MissingFragmentsAreReportedAfterAWhile) {  // RFC 1122 §3.3.2
  wire_.Inject(FirstFragment(5));
  const std::vector<Bytes> fragments = FragmentFrame(Ping(2000), 1280, 6);
  wire_.Inject(fragments[1]);  // without its first fragment, nothing is said of it
  wire_.Advance(seconds(v6() ? 59 : 29));
  EXPECT_TRUE(wire_.Silent());
  wire_.Advance(seconds(2));
  EXPECT_THAT(wire_.Next(), IsIcmp(time_exceeded(), 1, To(wire_.peer())));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(drops(DropReason::kFragmentTimeout), 1u);
}

TEST_P(IpTest, ImpossibleFragmentsAreCountedDrops) {
  IpFields fields;
  fields.dont_fragment = false;
  fields.more_fragments = true;
  const uint8_t protocol = v6() ? ip::protocol::kIcmpv6 : ip::protocol::kIcmp;
  wire_.Inject(IpFrame(wire_.route(), protocol, Pattern(1001), fields));  // no multiple of 8
  EXPECT_EQ(drops(DropReason::kFragmentMalformed), 1u);
  fields.more_fragments = false;
  fields.fragment_offset = 65528;  // ends beyond 65535
  wire_.Inject(IpFrame(wire_.route(), protocol, Pattern(1000), fields));
  EXPECT_EQ(drops(DropReason::kFragmentTooLarge), 1u);
  fields.fragment_offset = 0;  // RFC 1858 §2.1, RFC 7112 §5
  fields.more_fragments = true;
  wire_.Inject(IpFrame(wire_.route(), ip::protocol::kTcp, Pattern(16), fields));
  EXPECT_EQ(drops(DropReason::kFragmentTooSmall), 1u);
  // RFC 8200 §4.5: the first two and (RFC 7112) the third are reported in IPv6.
  EXPECT_EQ(Sent().size(), v6() ? 3u : 0u);
}

// --- headers ---

TEST_P(IpTest, OnlyUntaggedFramesAreOurs) {
  wire_.Inject(EthernetFrame(Wire::peer_mac(), wire_.mac(), 0x88cc, Pattern(60)));
  EXPECT_EQ(drops(DropReason::kUnknownEtherType), 1u);
  for (const uint8_t vlan : {0, 5}) {
    Bytes tagged = Ping(8);
    const Bytes tag = {0x81, 0, 0xe0, vlan};  // of the highest priority
    tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
    wire_.Inject(tagged);
    // IEEE 802.1Q §6.9: VLAN 0 is a priority and no network.
    EXPECT_EQ(wire_.Next().empty(), vlan != 0);
  }
  EXPECT_EQ(drops(DropReason::kUnknownVlan), 1u);
}

TEST_P(IpTest, BadHeadersAreCountedDrops) {
  const Bytes ping = Ping();
  wire_.Inject(Changed(ping, 0, {static_cast<uint8_t>(v6() ? 0x50 : 0x55)}));
  EXPECT_EQ(drops(DropReason::kIpBadVersion), 1u);
  // Longer than the frame.
  wire_.Inject(Changed(ping, v6() ? 4 : 2, {0x40, 0}));
  EXPECT_EQ(drops(DropReason::kIpTruncated), 1u);
  if (!v6()) {
    wire_.Inject(Changed(ping, 0, {0x44}));
    EXPECT_EQ(drops(DropReason::kIpBadHeaderLength), 1u);
    wire_.Inject(Changed(ping, 2, {0, 19}));  // shorter than the header
    EXPECT_EQ(drops(DropReason::kIpBadHeaderLength), 2u);
    Bytes bad = ping;
    bad[14 + 10] ^= 1;
    wire_.Inject(bad);
    EXPECT_EQ(drops(DropReason::kIpBadChecksum), 1u);
  }
  // Every prefix of a frame.
  const uint64_t before = wire_.stack().network().drops().total();
  for (size_t n = 0; n < ping.size(); ++n) {
    wire_.Inject(Bytes(ping.begin(), ping.begin() + static_cast<ptrdiff_t>(n)));
  }
  EXPECT_EQ(wire_.stack().network().drops().total(), before + ping.size());
  EXPECT_TRUE(wire_.Silent());
  EXPECT_TRUE(AnswersPing());
}

TEST_P(IpTest, PaddingIsNoPartOfThePacket) {  // RFC 894
  Bytes padded = Ping(4);
  padded.resize(padded.size() + 14, 0xee);
  wire_.Inject(padded);
  EXPECT_THAT(wire_.Next(), IsIcmp(echo_reply(), 0, Payload(Pattern(4))));
}

// RFC 1122 §3.2.1.7: a host does not drop a packet for its TTL; only a router does.
TEST_P(IpTest, NoTtlIsTooSmallForItsDestination) {
  for (const uint8_t ttl : {0, 1}) {
    IpFields fields;
    fields.ttl = ttl;
    wire_.Inject(Ping(8, fields));
    EXPECT_THAT(wire_.Next(), IsIcmp(echo_reply(), 0, Ttl(64)));
  }
}

TEST_P(IpTest, SourceRoutesAreDropped) {
  IpFields fields;
  if (v6()) {
    // RFC 5095 §3: type 0 with segments left; reported (RFC 8200 §4.4), never followed.
    fields.first_extension = ip::protocol::kRouting;
    fields.extensions = {ip::protocol::kIcmpv6, 2, 0, 1, 0, 0, 0, 0};
    const Ipv6Address hop(0xfd00'0000'0000'0000, 3);
    fields.extensions.insert(fields.extensions.end(), hop.bytes().begin(), hop.bytes().end());
    wire_.Inject(Ping(8, fields));
    EXPECT_EQ(drops(DropReason::kIpv6RoutingHeader), 1u);
    EXPECT_THAT(wire_.Next(), IsIcmp(4, 0, IcmpRest(42u)));
    return;
  }
  for (const uint8_t option : {131, 137}) {  // loose, strict
    fields.options = {option, 7, 4, 10, 0, 0, 3, 0};
    wire_.Inject(Ping(8, fields));
  }
  EXPECT_EQ(drops(DropReason::kIpSourceRoute), 2u);
  EXPECT_TRUE(wire_.Silent());
  // Other options are skipped, and not returned.
  fields.options = {1, 1, 1, 0};
  wire_.Inject(Ping(8, fields));
  EXPECT_THAT(wire_.Next(), IsIcmp(0, 0, IpLength(::testing::Eq(20u + 8 + 8))));
}

TEST_P(IpTest, OtherHostsPacketsAreDropped) {  // RFC 1122 §3.2.1.3, §3.3.1: we do not forward
  Route route = wire_.route();
  route.dst = v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 77))
                   : IpAddress(Ipv4Address(10, 0, 0, 77));
  wire_.Inject(EchoRequestFrame(route, 7, 1, Pattern(8)));
  EXPECT_EQ(drops(DropReason::kIpNotForUs), 1u);
  route = wire_.route();
  route.dst_mac = MacAddress(2, 0, 0, 0, 0, 77);
  wire_.Inject(EchoRequestFrame(route, 7, 1, Pattern(8)));
  EXPECT_EQ(drops(DropReason::kFrameNotForUs), 1u);
  EXPECT_TRUE(wire_.Silent());
}

TEST_P(IpTest, ImpossibleSourcesAreDropped) {
  std::vector<IpAddress> sources;
  if (v6()) {
    sources = {Ipv6Address::Loopback(), Ipv6Address::AllNodes(), Ipv6Address(), wire_.address()};
  } else {
    sources = {Ipv4Address(127, 0, 0, 1),  Ipv4Address(224, 0, 0, 1), Ipv4Address(0),
               Ipv4Address(10, 0, 0, 255), Ipv4Address::Broadcast(),  wire_.address()};
  }
  for (const IpAddress& source : sources) {
    Route route = wire_.route();
    route.src = source;
    const uint64_t before = drops(DropReason::kIpMartianSource);
    wire_.Inject(EchoRequestFrame(route, 7, 1, Pattern(8)));
    EXPECT_EQ(drops(DropReason::kIpMartianSource), before + 1) << source.ToString();
    wire_.Inject(testing::Tcp(route, 4000, 80).Flags(tcp::kSyn).Seq(1));
    EXPECT_EQ(drops(DropReason::kIpMartianSource), before + 2) << source.ToString();
  }
  EXPECT_TRUE(wire_.Silent());
}

}  // namespace
}  // namespace corelane::testing
