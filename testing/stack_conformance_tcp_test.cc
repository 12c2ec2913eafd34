// TCP's rules as a peer sees them: frames in, frames out, through the whole stack.

#include "testing/conformance_fixture.h"

namespace corelane::testing {
namespace {

using ip::DropReason;
using std::chrono::seconds;
using tcp::kAck;
using tcp::kFin;
using tcp::kRst;
using tcp::kSyn;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

class TcpTest : public ConformanceTest {
 protected:
  static constexpr uint16_t kPeerPort = 4000;
  static constexpr uint16_t kPort = 80;

  // From the peer to the listener, with the numbers of `c`.
  Tcp Segment(const Wire::Connection& c, uint16_t peer_port = kPeerPort) const {
    return wire_.Tcp(peer_port, kPort).Seq(c.seq).Ack(c.ack);
  }
  Wire::Connection Open(uint16_t peer_port = kPeerPort) {
    return wire_.Accept(*listener_, peer_port);
  }
  // Past the handshake of a connection with timestamps, whose last value was `value`.
  Wire::Connection OpenWithTimestamps(uint32_t value) {
    return wire_.Accept(*listener_, kPeerPort, 1000,
                        wire_.Tcp(kPeerPort, kPort).Mss(1460).Timestamps(value - 1, 0));
  }
  // The stack closes first and forgets the socket, the peer follows: TIME-WAIT.
  void CloseFromHere(Wire::Connection& c, std::optional<uint32_t> timestamp = std::nullopt) {
    c.socket->Release();
    wire_.Settle();
    const ParsedFrame fin = ParseFrame(wire_.Next());
    ASSERT_TRUE(fin.tcp.fin());
    c.ack += 1;
    Tcp answer = Segment(c).Flags(kFin).Ack(c.ack);
    if (timestamp) answer.Timestamps(*timestamp, fin.tcp.timestamps.value);
    wire_.Inject(answer);
    c.seq += 1;
    EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
    ASSERT_EQ(wire_.stack().tcp().time_wait(), 1u);
    ASSERT_EQ(wire_.stack().tcp().sockets(), 0u);
  }
  size_t readable(const Wire::Connection& c) const { return c.socket->readable_bytes(); }
  tcp::State state(const Wire::Connection& c) const { return c.socket->connection().state(); }
  tcp::Counters& counters() { return wire_.stack().tcp().counters(); }

  stack::TcpListener* listener_ = wire_.Listen(kPort, 16);
};

CORELANE_BOTH_FAMILIES(TcpTest);

// --- resets (RFC 9293 §3.5.2, §3.10.7.1) ---

TEST_P(TcpTest, AClosedPortAnswersASynWithReset) {
  wire_.Inject(wire_.Tcp(kPeerPort, 81).Flags(kSyn).Seq(100));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst | kAck), Seq(0), Ack(101), From(wire_.address()),
                                  To(Endpoint{wire_.peer(), kPeerPort})));
  // SEG.LEN counts text, SYN and FIN.
  wire_.Inject(wire_.Tcp(kPeerPort, 81).Flags(kSyn | kFin).Seq(100).Payload("hello"));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst | kAck), Seq(0), Ack(107)));
  EXPECT_EQ(drops(DropReason::kTcpNoListener), 2u);
}

TEST_P(TcpTest, AClosedPortAnswersAnAckWithItsNumber) {
  wire_.Inject(wire_.Tcp(kPeerPort, 81).Seq(100).Ack(777).Payload("hello"));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst), Seq(777)));
  // So does a listener that never sent anything (§3.10.7.2).
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(100).Ack(778));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst), Seq(778)));
}

TEST_P(TcpTest, AResetIsNeverAnswered) {
  for (const uint16_t port : {81, 80}) {
    wire_.Inject(wire_.Tcp(kPeerPort, port).Flags(kRst).Seq(100));
    wire_.Inject(wire_.Tcp(kPeerPort, port).Flags(kRst).Seq(100).Ack(777));
    wire_.Inject(wire_.Tcp(kPeerPort, port).Flags(kRst | kSyn).Seq(100));
  }
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(drops(DropReason::kTcpClosed), 6u);
}

TEST_P(TcpTest, AListenerIgnoresWhatHasNeitherSynNorAck) {
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kFin).Seq(100));
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(0).Seq(100).Payload("hello"));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(drops(DropReason::kTcpClosed), 2u);
}

TEST_P(TcpTest, ResetsAreLimited) {
  for (int i = 0; i < 500; ++i) wire_.Inject(wire_.Tcp(kPeerPort, 81).Flags(kSyn).Seq(100));
  EXPECT_EQ(Sent().size(), 100u);  // the burst
  wire_.Advance(seconds(1));
  wire_.Inject(wire_.Tcp(kPeerPort, 81).Flags(kSyn).Seq(100));
  EXPECT_FALSE(wire_.Silent());
}

// RFC 9293 §3.5.1: the peer rebooted and its new SYN meets the old connection.
TEST_P(TcpTest, AHalfOpenConnectionIsFoundOut) {
  const Wire::Connection c = Open();
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(c.seq + 1'000'000).Mss(1460));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kRst).Seq(c.seq));
  EXPECT_TRUE(c.socket->closed());
  EXPECT_EQ(c.socket->error(), tcp::Error::kReset);
  EXPECT_TRUE(wire_.Silent());
}

// --- listeners ---

TEST_P(TcpTest, AFullBacklogDropsSyns) {
  stack::TcpListener* const small = wire_.Listen(81, 2);
  for (uint16_t port = 1; port <= 2; ++port) {
    wire_.Inject(wire_.Tcp(port, 81).Flags(kSyn).Seq(100));
    const uint32_t iss = ParseFrame(wire_.Next()).tcp.seq.value();
    wire_.Inject(wire_.Tcp(port, 81).Seq(101).Ack(iss + 1));
  }
  wire_.Inject(wire_.Tcp(3, 81).Flags(kSyn).Seq(100));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(drops(DropReason::kTcpListenOverflow), 1u);
  // Room again, and the peer repeats its SYN.
  EXPECT_NE(small->Accept(), nullptr);
  wire_.Inject(wire_.Tcp(3, 81).Flags(kSyn).Seq(100));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kSyn | kAck), Ack(101)));
}

// RFC 4987 §3.
TEST_P(TcpTest, ASynFloodIsBoundedAndStopsNobody) {
  const Wire::Connection old = Open();
  const size_t packets = wire_.device().pool()->in_use();
  for (uint32_t i = 0; i < 10'000; ++i) {
    wire_.Inject(wire_.Tcp(static_cast<uint16_t>(10'000 + i), kPort).Flags(kSyn).Seq(i).Mss(1460));
  }
  EXPECT_LE(wire_.stack().tcp().sockets(), 17u);
  EXPECT_LE(wire_.device().pool()->in_use(), packets + 32);
  wire_.Discard();
  wire_.Inject(Segment(old).Payload("hello"));
  EXPECT_EQ(readable(old), 5u);
  EXPECT_THAT(wire_.Next(), IsTcp(Ack(old.seq + 5)));
  // One who answers is let in, in the middle of it.
  const Wire::Connection fresh = Open(4001);
  wire_.Inject(Segment(fresh, 4001).Payload("hello"));
  EXPECT_EQ(readable(fresh), 5u);
  // Nobody answers the rest: it goes by itself.
  wire_.Advance(std::chrono::minutes(20));
  EXPECT_EQ(wire_.stack().tcp().sockets(), 2u);
}

// RFC 4987 §3.6.
TEST_P(TcpTest, BeyondTheBacklogASynIsAnsweredByACookie) {
  stack::TcpListener* const small = wire_.Listen(81, 1);
  wire_.Inject(wire_.Tcp(1, 81).Flags(kSyn).Seq(100));
  const uint32_t iss = ParseFrame(wire_.Next()).tcp.seq.value();
  const size_t sockets = wire_.stack().tcp().sockets();
  wire_.Inject(
      wire_.Tcp(2, 81).Flags(kSyn).Seq(200).Mss(1400).WindowScale(3).SackPermitted().Timestamps(7,
                                                                                                0));
  const auto answer = ParseFrame(wire_.Next()).tcp;
  EXPECT_EQ(answer.flags, kSyn | kAck);
  EXPECT_EQ(answer.ack.value(), 201u);
  EXPECT_TRUE(answer.sack_permitted);
  EXPECT_GE(answer.window_scale, 0);
  EXPECT_EQ(answer.timestamps.echo, 7u);
  EXPECT_EQ(wire_.stack().tcp().sockets(), sockets) << "nothing is remembered";
  EXPECT_EQ(counters().syn_cookies_out.value(), 1u);
  // It comes back, with data.
  wire_.Advance(seconds(1));
  wire_.Discard();
  wire_.Inject(wire_.Tcp(2, 81)
                   .Seq(201)
                   .Ack(answer.seq.value() + 1)
                   .Window(1000)
                   .Timestamps(1007, answer.timestamps.value)
                   .Payload("hello"));
  stack::TcpSocket* const socket = small->Accept();
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(socket->readable_bytes(), 5u);
  const tcp::Connection& c = socket->connection();
  EXPECT_TRUE(c.uses_sack());
  EXPECT_TRUE(c.uses_timestamps());
  EXPECT_EQ(c.snd_wscale(), 3);
  EXPECT_EQ(c.snd_wnd(), 8000u);
  EXPECT_EQ(c.mss(), 1360 - 12) << "the next smaller one that a cookie knows";
  EXPECT_EQ(counters().syn_cookies_in.value(), 1u);
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(answer.seq.value() + 1), Ack(206)));
  EXPECT_EQ(socket->Write(Pattern(10'000)), 10'000u);
  wire_.Settle();
  EXPECT_THAT(wire_.Next(), IsTcp(Seq(answer.seq.value() + 1)));
  c.CheckInvariants();
  // The one that was first is still there.
  wire_.Discard();
  wire_.Inject(wire_.Tcp(1, 81).Seq(101).Ack(iss + 1));
  EXPECT_NE(small->Accept(), nullptr);
}

TEST_P(TcpTest, ACookieThatIsNotOursIsReset) {
  wire_.Listen(81, 1);
  wire_.Inject(wire_.Tcp(1, 81).Flags(kSyn).Seq(100));
  wire_.Inject(wire_.Tcp(2, 81).Flags(kSyn).Seq(200));
  wire_.Next();
  const uint32_t cookie = ParseFrame(wire_.Next()).tcp.seq.value();
  for (const uint32_t ack : {cookie, cookie + 2, cookie + (1u << 27)}) {
    wire_.Inject(wire_.Tcp(2, 81).Seq(201).Ack(ack));
    EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst), Seq(ack)));
  }
  wire_.Inject(wire_.Tcp(3, 81).Seq(201).Ack(cookie + 1));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst), Seq(cookie + 1))) << "another port";
  wire_.Inject(wire_.Tcp(2, 81).Seq(202).Ack(cookie + 1));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst), Seq(cookie + 1))) << "not what follows the SYN";
  wire_.Advance(std::chrono::minutes(3));
  wire_.Discard();
  wire_.Inject(wire_.Tcp(2, 81).Seq(201).Ack(cookie + 1));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst), Seq(cookie + 1))) << "too late";
}

// RFC 4987 §3.6. He who returned one believes that he is connected: nothing that he sends is
// answered by a reset.
TEST_P(TcpTest, ACookieWaitsForRoomInTheQueue) {
  stack::TcpListener* const small = wire_.Listen(81, 1);
  wire_.Inject(wire_.Tcp(1, 81).Flags(kSyn).Seq(100));
  wire_.Inject(wire_.Tcp(2, 81).Flags(kSyn).Seq(200));
  const uint32_t iss = ParseFrame(wire_.Next()).tcp.seq.value();
  const uint32_t cookie = ParseFrame(wire_.Next()).tcp.seq.value();
  wire_.Inject(wire_.Tcp(1, 81).Seq(101).Ack(iss + 1));
  for (const uint32_t seq : {201, 201 + 5}) {
    wire_.Inject(wire_.Tcp(2, 81).Seq(seq).Ack(cookie + 1).Payload("hello"));
    EXPECT_TRUE(wire_.Silent());
  }
  EXPECT_NE(small->Accept(), nullptr);
  wire_.Inject(wire_.Tcp(2, 81).Seq(201).Ack(cookie + 1).Payload("hello"));
  EXPECT_NE(small->Accept(), nullptr);
}

// --- attacks from outside the path (RFC 5961) ---

TEST_P(TcpTest, ASynInTheWindowIsChallenged) {  // §4.2
  const Wire::Connection c = Open();
  for (const uint32_t seq : {c.seq, c.seq + 100}) {
    wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(seq));
    EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  }
  EXPECT_EQ(state(c), tcp::State::kEstablished);
  EXPECT_EQ(counters().challenge_acks.value(), 2u);
}

TEST_P(TcpTest, OnlyTheExactResetEndsAConnection) {  // §3.2
  const Wire::Connection c = Open();
  const uint32_t window = c.socket->connection().rcv_wnd();
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kRst).Seq(c.seq - 1));
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kRst).Seq(c.seq + window));
  EXPECT_TRUE(wire_.Silent());
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kRst).Seq(c.seq + 1));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  EXPECT_FALSE(c.socket->closed());
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kRst).Seq(c.seq));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(c.socket->error(), tcp::Error::kReset);
}

TEST_P(TcpTest, ChallengesAreLimited) {  // §7
  const Wire::Connection c = Open();
  for (int i = 0; i < 100; ++i) {
    wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(c.seq));
    wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kRst).Seq(c.seq + 1));
  }
  EXPECT_THAT(Sent().size(), AllOf(Ge(5u), Le(12u)));
  wire_.Advance(seconds(1));
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(c.seq));
  EXPECT_FALSE(wire_.Silent());
}

TEST_P(TcpTest, DataWithAnImpossibleAckIsNotTaken) {  // §5.2
  const Wire::Connection c = Open();
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Seq(c.seq).Ack(c.ack + 1).Payload("forged"));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Seq(c.seq).Ack(c.ack - 100'000).Payload("forged"));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(0).Seq(c.seq).Payload("forged"));
  EXPECT_TRUE(wire_.Silent());  // RFC 9293 §3.10.7.4, fifth: without ACK it is dropped
  EXPECT_EQ(readable(c), 0u);
}

TEST_P(TcpTest, DataPastTheWindowIsNotTaken) {  // RFC 9293 §3.10.7.4, first
  const Wire::Connection c = Open();
  const uint32_t window = c.socket->connection().rcv_wnd();
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Seq(c.seq + window).Ack(c.ack).Payload("beyond"));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  EXPECT_EQ(c.socket->connection().out_of_order_bytes(), 0u);
  // Of what straddles the edge, the part inside is.
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Seq(c.seq + window - 2).Ack(c.ack).Payload("beyond"));
  EXPECT_EQ(c.socket->connection().out_of_order_bytes(), 2u);
}

TEST_P(TcpTest, OldTimestampsAreRejected) {  // RFC 7323 §5.3
  const Wire::Connection c = OpenWithTimestamps(5000);
  wire_.Inject(Segment(c).Timestamps(4000, 0).Payload("old"));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Ack(c.seq), HasTimestamps()));
  EXPECT_EQ(readable(c), 0u);
  EXPECT_EQ(counters().paws_rejected.value(), 1u);
  wire_.Inject(Segment(c).Payload("without"));  // §3.2
  EXPECT_EQ(readable(c), 0u);
  wire_.Discard();
  wire_.Inject(Segment(c).Timestamps(5001, 0).Payload("new"));
  EXPECT_EQ(readable(c), 3u);
}

// --- malformed ---

TEST_P(TcpTest, MalformedSegmentsAreCountedDrops) {
  const Wire::Connection c = Open();
  const uint64_t segments = counters().segments_in.value();
  wire_.Inject(Segment(c).Payload("hello").Checksum(0x1234));  // MUST-3
  EXPECT_EQ(drops(DropReason::kTcpBadChecksum), 1u);
  wire_.Inject(Segment(c).Payload("hello").DataOffset(4));   // shorter than a header
  wire_.Inject(Segment(c).Payload("hello").DataOffset(15));  // longer than the segment
  EXPECT_EQ(drops(DropReason::kTcpMalformed), 2u);
  for (const Bytes& options : {Bytes{2, 1}, Bytes{2, 0}, Bytes{3, 4, 1, 1}, Bytes{5, 12, 0, 0},
                               Bytes{1, 1, 1, 254}}) {  // MUST-7
    const uint64_t before = drops(DropReason::kTcpBadOption);
    wire_.Inject(Segment(c).Payload("hello").RawOptions(options));
    EXPECT_EQ(drops(DropReason::kTcpBadOption), before + 1) << ::testing::PrintToString(options);
  }
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(readable(c), 0u);
  EXPECT_EQ(counters().segments_in.value(), segments);
  wire_.Inject(Segment(c).Payload("hello").RawOptions({254, 4, 0, 0}));  // MUST-6: unknown
  EXPECT_EQ(readable(c), 5u);
}

TEST_P(TcpTest, OnlyUnicastSpeaksTcp) {  // RFC 9293 §3.9.2.3, MUST-57
  Route route = wire_.route();
  route.dst_mac = MacAddress::kBroadcast;
  wire_.Inject(Tcp(route, kPeerPort, kPort).Flags(kSyn).Seq(100));
  route.dst = v6() ? IpAddress(Ipv6Address::AllNodes()) : IpAddress(Ipv4Address(10, 0, 0, 255));
  wire_.Inject(Tcp(route, kPeerPort, kPort).Flags(kSyn).Seq(100));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(drops(DropReason::kIpNotForUs), 2u);
}

// --- closing (RFC 9293 §3.6) ---

TEST_P(TcpTest, TimeWaitLastsItsFullTime) {  // §3.10.8
  Wire::Connection c = Open();
  CloseFromHere(c);
  wire_.Advance(seconds(59));
  EXPECT_EQ(wire_.stack().tcp().time_wait(), 1u);
  // The peer's FIN again: our ACK was lost; the time begins anew.
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kFin).Seq(c.seq - 1).Ack(c.ack));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  wire_.Advance(seconds(59));
  EXPECT_EQ(wire_.stack().tcp().time_wait(), 1u);
  wire_.Advance(seconds(2));
  EXPECT_EQ(wire_.stack().tcp().time_wait(), 0u);
  EXPECT_TRUE(wire_.Silent());
}

TEST_P(TcpTest, ANewSynReopensTimeWait) {  // MAY-2
  Wire::Connection c = Open();
  CloseFromHere(c);
  // An old duplicate does not.
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(c.seq - 2));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(c.seq + 1));
  const Bytes answer = wire_.Next();
  EXPECT_THAT(answer, IsTcp(Flags(kSyn | kAck), Ack(c.seq + 2)));
  // Beyond what the old connection used.
  EXPECT_GT(static_cast<int32_t>(ParseFrame(answer).tcp.seq.value() - c.ack), 0);
  EXPECT_EQ(wire_.stack().tcp().time_wait(), 0u);
}

// RFC 9293 §3.6.1, MAY-2. A cookie's sequence numbers may overlap with those of the old connection.
TEST_P(TcpTest, ACookieDoesNotReopenTimeWait) {
  Wire::Connection old = Open();
  CloseFromHere(old);
  for (uint16_t port = 1; port <= 16; ++port) {
    wire_.Inject(wire_.Tcp(port, kPort).Flags(kSyn).Seq(100));
  }
  wire_.Discard();
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(old.seq + 100'000).Mss(1460));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_EQ(counters().syn_cookies_out.value(), 0u);
  EXPECT_EQ(wire_.stack().tcp().time_wait(), 1u);
}

TEST_P(TcpTest, TimestampsDecideWhatReopensTimeWait) {  // RFC 6191 §2
  Wire::Connection c = OpenWithTimestamps(5000);
  CloseFromHere(c, 5010);
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(c.seq + 1000).Timestamps(4990, 0));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  // A later one may even begin below.
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kSyn).Seq(c.seq - 1000).Timestamps(5011, 0));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kSyn | kAck), Ack(c.seq - 999), TimestampEcho(5011u)));
}

TEST_P(TcpTest, AResetDoesNotEndTimeWait) {  // RFC 1337 §3
  Wire::Connection c = Open();
  CloseFromHere(c);
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Flags(kRst).Seq(c.seq));
  EXPECT_EQ(wire_.stack().tcp().time_wait(), 1u);
  EXPECT_EQ(drops(DropReason::kTcpTimeWait), 1u);
  EXPECT_TRUE(wire_.Silent());
}

TEST_P(TcpTest, ThePeerClosesFirst) {  // figure 12, seen from B
  Wire::Connection c = Open();
  wire_.Inject(Segment(c).Flags(kFin).Ack(c.ack));
  c.seq += 1;
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Ack(c.seq)));
  EXPECT_TRUE(c.socket->end_of_stream());
  // Half closed: we still send.
  EXPECT_EQ(c.socket->Write(Pattern(100)), 100u);
  wire_.Settle();
  EXPECT_THAT(wire_.Next(), IsTcp(Seq(c.ack), Payload(Pattern(100))));
  c.ack += 100;
  wire_.Inject(Segment(c));
  c.socket->CloseSend();
  wire_.Settle();
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kFin | kAck), Seq(c.ack), Ack(c.seq)));
  EXPECT_EQ(state(c), tcp::State::kLastAck);
  c.ack += 1;
  wire_.Inject(Segment(c));
  EXPECT_TRUE(c.socket->closed());
  EXPECT_EQ(c.socket->error(), tcp::Error::kNone);
  c.socket->Release();
  wire_.Settle();
  EXPECT_EQ(wire_.stack().tcp().sockets(), 0u);
  EXPECT_EQ(wire_.stack().tcp().time_wait(), 0u);
}

TEST_P(TcpTest, BothCloseAtOnce) {  // figure 13
  Wire::Connection c = Open();
  c.socket->CloseSend();
  wire_.Settle();
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kFin | kAck), Seq(c.ack), Ack(c.seq)));
  wire_.Inject(Segment(c).Flags(kFin).Ack(c.ack));  // sent before ours came
  c.seq += 1;
  c.ack += 1;
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kAck), Seq(c.ack), Ack(c.seq)));
  EXPECT_EQ(state(c), tcp::State::kClosing);
  wire_.Inject(Segment(c));
  EXPECT_EQ(wire_.stack().tcp().time_wait(), 1u);
  EXPECT_TRUE(wire_.Silent());
}

TEST_P(TcpTest, DataAfterCloseIsAnsweredWithReset) {  // §3.6.1, MAY-1
  Wire::Connection c = Open();
  c.socket->Release();
  wire_.Settle();
  wire_.Discard();
  wire_.Inject(wire_.Tcp(kPeerPort, kPort).Seq(c.seq).Ack(c.ack + 1).Payload("late"));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kRst | kAck), Seq(c.ack + 1)));
  EXPECT_EQ(wire_.stack().tcp().sockets(), 0u);
}

// --- opening ---

TEST_P(TcpTest, BothOpenAtOnce) {  // RFC 9293 §3.5, figure 7
  stack::TcpSetupError error;
  stack::TcpConnectOptions options;
  options.local_port = 5000;
  stack::TcpSocket* const socket =
      wire_.stack().tcp().Connect({wire_.peer(), kPeerPort}, options, error);
  ASSERT_NE(socket, nullptr);
  wire_.Settle();
  const Bytes syn = wire_.Next();
  ASSERT_THAT(syn, IsTcp(Flags(kSyn), To(Endpoint{wire_.peer(), kPeerPort})));
  const uint32_t iss = ParseFrame(syn).tcp.seq.value();
  wire_.Inject(wire_.Tcp(kPeerPort, 5000).Flags(kSyn).Seq(300));
  EXPECT_THAT(wire_.Next(), IsTcp(Flags(kSyn | kAck), Seq(iss), Ack(301)));
  wire_.Inject(wire_.Tcp(kPeerPort, 5000).Flags(kSyn).Seq(300).Ack(iss + 1));
  EXPECT_TRUE(socket->connected());
  wire_.Discard();
  wire_.Inject(wire_.Tcp(kPeerPort, 5000).Seq(301).Ack(iss + 1).Payload("hello"));
  EXPECT_EQ(socket->readable_bytes(), 5u);
}

// --- ICMP errors (RFC 9293 §3.9.2.2, RFC 5927) ---

class TcpErrorTest : public TcpTest {
 protected:
  static uint8_t port_unreachable() { return v6() ? 4 : 3; }
  static uint8_t host_unreachable() { return v6() ? 3 : 1; }
  static uint32_t ip_header() { return v6() ? 40 : 20; }
  // A connection with a full window of its data in flight: what is out there.
  std::vector<Bytes> Fill(const Wire::Connection& c) {
    EXPECT_EQ(c.socket->Write(Pattern(20'000)), 20'000u);
    wire_.Settle();
    return Sent();
  }
  // A segment of the stack's that it never sent.
  Bytes Ours(uint32_t seq, uint16_t port = kPort) const {
    return testing::Tcp(wire_.route().Reversed(), port, kPeerPort)
        .Seq(seq)
        .Ack(1001)
        .Payload(Pattern(1000));
  }
  stack::TcpSocket* Connect() {
    stack::TcpSetupError error;
    stack::TcpSocket* const socket =
        wire_.stack().tcp().Connect({wire_.peer(), kPeerPort}, {}, error);
    wire_.Settle();
    return socket;
  }
};

CORELANE_BOTH_FAMILIES(TcpErrorTest);

TEST_P(TcpErrorTest, APortUnreachableRefusesAnAttempt) {
  stack::TcpSocket* const socket = Connect();
  const Bytes syn = wire_.Next();
  Bytes other = syn;
  other[14 + ip_header() + 7] ^= 1;  // its sequence number
  wire_.Inject(UnreachableFrame(wire_.route(), port_unreachable(), other));
  EXPECT_FALSE(socket->closed());
  EXPECT_EQ(drops(DropReason::kIcmpNotForUs), 1u);
  wire_.Inject(UnreachableFrame(wire_.route(), port_unreachable(), syn));
  EXPECT_EQ(socket->error(), tcp::Error::kRefused);
  EXPECT_TRUE(wire_.Silent());
}

TEST_P(TcpErrorTest, AnUnreachableHostEndsAnAttempt) {
  stack::TcpSocket* const socket = Connect();
  wire_.Inject(UnreachableFrame(wire_.route(), host_unreachable(), wire_.Next()));
  EXPECT_EQ(socket->error(), tcp::Error::kUnreachable);
}

TEST_P(TcpErrorTest, NoUnreachableEndsAConnection) {  // MUST-56
  const Wire::Connection c = Open();
  const std::vector<Bytes> sent = Fill(c);
  wire_.Inject(UnreachableFrame(wire_.route(), port_unreachable(), sent[0]));
  wire_.Inject(UnreachableFrame(wire_.route(), host_unreachable(), sent[0]));
  EXPECT_EQ(state(c), tcp::State::kEstablished);
  EXPECT_EQ(drops(DropReason::kIcmpNotForUs), 0u);
}

TEST_P(TcpErrorTest, ErrorsAboutOtherFlowsAreIgnored) {
  const Wire::Connection c = Open();
  const std::vector<Bytes> sent = Fill(c);
  wire_.Inject(PacketTooBigFrame(wire_.route(), 1280, Ours(c.ack, kPort + 1)));
  wire_.Inject(UnreachableFrame(wire_.route(), port_unreachable(), Ours(c.ack, kPort + 1)));
  EXPECT_EQ(drops(DropReason::kIcmpNotForUs), 2u);
  EXPECT_TRUE(wire_.Silent());
  // Nor is one of our flow whose quotation ends before the sequence number.
  Bytes quoted(sent[0].begin(), sent[0].begin() + 14 + ip_header() + 6);
  wire_.Inject(PacketTooBigFrame(wire_.route(), 1280, quoted));
  EXPECT_EQ(drops(DropReason::kIcmpNotForUs), 3u);
  EXPECT_EQ(c.socket->connection().mss(), 1460 - (v6() ? 20 : 0));
}

TEST_P(TcpErrorTest, PacketTooBigShrinksSegmentsAtOnce) {  // RFC 1191 §6.4, RFC 8201 §4
  const Wire::Connection c = Open();
  const std::vector<Bytes> sent = Fill(c);
  ASSERT_GE(sent.size(), 2u);
  ASSERT_THAT(sent[0], IsTcp(IpLength(::testing::Eq(1500u)), Seq(c.ack)));
  wire_.Inject(PacketTooBigFrame(wire_.route(), 1300, sent[0]));
  const Bytes again = wire_.Next();
  EXPECT_THAT(again, IsTcp(IpLength(::testing::Eq(1300u)), Seq(c.ack)));
  for (const Bytes& frame : Sent()) EXPECT_THAT(frame, IsTcp(IpLength(Le(1300u))));
  EXPECT_EQ(c.socket->connection().mss(), 1300 - ip_header() - 20);
  // Ten minutes later the longer ones are tried again (RFC 1191 §6.3).
  wire_.Inject(Segment(c).Ack(c.ack + 20'000));
  wire_.Advance(std::chrono::minutes(11));
  const Wire::Connection fresh = Open(4001);
  EXPECT_EQ(fresh.socket->connection().mss(), 1500 - ip_header() - 20);
}

TEST_P(TcpErrorTest, OnlyWhatIsInFlightCanBeTooBig) {  // RFC 5927 §7.2
  const Wire::Connection c = Open();
  const std::vector<Bytes> sent = Fill(c);
  const uint32_t end = c.socket->connection().snd_nxt().value();
  for (const uint32_t seq : {c.ack - 1, end, end + 100'000}) {
    wire_.Inject(PacketTooBigFrame(wire_.route(), 1280, Ours(seq)));
  }
  EXPECT_EQ(drops(DropReason::kIcmpNotForUs), 3u);
  EXPECT_EQ(c.socket->connection().mss(), 1500 - ip_header() - 20);
  EXPECT_TRUE(wire_.Silent());
}

TEST_P(TcpErrorTest, ThePathMtuHasAFloor) {
  const Wire::Connection c = Open();
  const std::vector<Bytes> sent = Fill(c);
  wire_.Inject(PacketTooBigFrame(wire_.route(), 68, sent[0]));
  if (v6()) {  // RFC 8201 §4: below 1280 it is ignored
    EXPECT_TRUE(wire_.Silent());
    EXPECT_EQ(c.socket->connection().mss(), 1440);
  } else {
    EXPECT_THAT(wire_.Next(), IsTcp(IpLength(::testing::Eq(552u)), Seq(c.ack)));
  }
}

}  // namespace
}  // namespace corelane::testing
