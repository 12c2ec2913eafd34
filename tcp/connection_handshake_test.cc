// Opening connections (RFC 9293 §3.5, §3.10.7.3) and what is negotiated there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tcp/segment_matchers.h"

namespace corelane::tcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(HandshakeTest, ActiveOpen) {
  ScriptedConnection t;
  t.OpenActive();
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kSyn, 0, 0, 0)));
  t.c().OnSegment(t.PeerSyn(kSyn | kAck), PacketBuf(), t.now());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kAck, 1, 1, 0)));
  EXPECT_EQ(t.c().TakeEvents(), kConnected | kWritable);
}

TEST(HandshakeTest, PassiveOpen) {
  ScriptedConnection t;
  t.OpenPassive();
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kSyn | kAck, 0, 1, 0)));
  EXPECT_FALSE(t.c().established_once());
  t.Inject(kAck, 1, 1, 10);  // data with the third segment
  EXPECT_EQ(t.c().state(), State::kEstablished);
  EXPECT_EQ(t.Read(100), 10u);
}

// RFC 9293 §3.10.7.3, first check
TEST(HandshakeTest, UnacceptableAckOfTheSynIsReset) {
  for (const uint32_t ack : {0u, 2u, 0x80000000u}) {
    ScriptedConnection t;
    t.OpenActive();
    t.Sent();
    t.Inject(kSyn | kAck, 0, ack);
    EXPECT_EQ(t.c().state(), State::kSynSent);
    EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kRst, ack, 0, 0))) << ack;
    t.Inject(kRst | kAck, 0, ack);
    EXPECT_EQ(t.c().state(), State::kSynSent);
    EXPECT_THAT(t.Sent(), IsEmpty());
  }
}

TEST(HandshakeTest, OnlyARstThatAcknowledgesTheSynRefuses) {
  ScriptedConnection t;
  t.OpenActive();
  t.Inject(kRst, 0, 0);
  EXPECT_EQ(t.c().state(), State::kSynSent);
  t.Inject(kRst | kAck, 0, 1);
  EXPECT_TRUE(t.c().is_closed());
  EXPECT_EQ(t.c().error(), Error::kRefused);
}

TEST(HandshakeTest, AckWithoutSynIsIgnored) {
  ScriptedConnection t;
  t.OpenActive();
  t.Sent();
  t.Inject(kAck, 1, 1);
  EXPECT_EQ(t.c().state(), State::kSynSent);
  EXPECT_THAT(t.Sent(), IsEmpty());
}

TEST(HandshakeTest, DataAndFinWithTheSynAckAreTaken) {
  ScriptedConnection t;
  t.OpenActive();
  t.Sent();
  t.Inject(kSyn | kAck | kFin, 0, 1, 0);
  EXPECT_EQ(t.c().state(), State::kCloseWait);
  EXPECT_TRUE(t.c().end_of_stream());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kAck, 1, 2, 0)));
}

// RFC 9293 §3.5, figure 7
TEST(HandshakeTest, SimultaneousOpen) {
  ScriptedConnection t;
  t.OpenActive();
  t.Sent();
  t.c().OnSegment(t.PeerSyn(kSyn), PacketBuf(), t.now());
  EXPECT_EQ(t.c().state(), State::kSynReceived);
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kSyn | kAck, 0, 1, 0)));
  t.c().OnSegment(t.PeerSyn(kSyn | kAck), PacketBuf(), t.now());
  EXPECT_EQ(t.c().state(), State::kEstablished);
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kAck, 1, 1, 0)));
  EXPECT_FALSE(t.c().rtt().has_sample());  // which of our two SYNs was acknowledged?
  t.Inject(kAck, 1, 1, 5);
  EXPECT_EQ(t.Read(100), 5u);
}

TEST(HandshakeTest, SimultaneousOpenEndsWithAPlainAckToo) {
  ScriptedConnection t;
  t.OpenActive();
  t.c().OnSegment(t.PeerSyn(kSyn), PacketBuf(), t.now());
  t.Sent();
  t.Inject(kAck, 1, 1);
  EXPECT_EQ(t.c().state(), State::kEstablished);
}

// The answer comes while the device takes nothing: no second SYN goes out afterwards.
TEST(HandshakeTest, ASynThatWaitsForTheDeviceIsForgottenOnceConnected) {
  ScriptedConnection t;
  t.OpenActive();
  t.Sent();
  t.set_stalled(true);
  t.Advance(milliseconds(1100));
  t.Inject(kSyn | kAck, 0, 1);
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kAck, 1, 1, 0)));
}

// RFC 6298 §5.5: 1, 2, 4, ... seconds; RFC 9293 §3.8.3, MUST-23: three minutes at least.
TEST(HandshakeTest, SynIsRepeatedWithDoublingTimes) {
  ScriptedConnection t;
  t.OpenActive();
  std::vector<int64_t> at;
  t.Advance(seconds(400));
  for (const SentFrame& f : t.Sent()) {
    EXPECT_THAT(f, IsSegment(kSyn, 0, 0, 0));
    at.push_back(ToMilliseconds(f.at - (t.now() - seconds(400))) / 1000);
  }
  EXPECT_THAT(at, ElementsAre(0, 1, 3, 7, 15, 31, 63, 127));
  EXPECT_EQ(t.c().error(), Error::kTimedOut);
}

TEST(HandshakeTest, SynAckIsRepeatedByTimeAndByRequest) {
  ScriptedConnection t;
  t.OpenPassive();
  t.Sent();
  t.Advance(seconds(1));
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kSyn | kAck, 0, 1, 0)));
  t.c().OnSegment(t.PeerSyn(kSyn), PacketBuf(), t.now());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kSyn | kAck, 0, 1, 0)));
}

// RFC 5681 §3.1, RFC 6298 §5.7
TEST(HandshakeTest, ALostSynMeansOneSegmentAndThreeSeconds) {
  ScriptedConnection t;
  t.OpenActive();
  t.Advance(milliseconds(1500));
  t.c().OnSegment(t.PeerSyn(kSyn | kAck), PacketBuf(), t.now());
  t.Sent();
  EXPECT_EQ(t.c().congestion().cwnd(), 1000u);
  EXPECT_EQ(t.c().rtt().rto(), seconds(3));
  t.Write(5000);
  EXPECT_EQ(t.Sent().size(), 1u);
}

TEST(HandshakeTest, WriteAndCloseBeforeTheHandshakeEnds) {
  ScriptedConnection t;
  t.OpenActive();
  t.Write(10);
  t.c().CloseSend(t.now());
  t.Sent();
  t.c().OnSegment(t.PeerSyn(kSyn | kAck), PacketBuf(), t.now());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kFin | kAck, 1, 1, 10)));
  EXPECT_EQ(t.c().state(), State::kFinWait1);
}

TEST(HandshakeTest, CloseWhileConnectingEndsItQuietly) {
  ScriptedConnection t;
  t.OpenActive();
  t.Sent();
  t.c().CloseSend(t.now());
  EXPECT_TRUE(t.c().is_closed());
  EXPECT_EQ(t.c().error(), Error::kNone);
  EXPECT_THAT(t.Sent(), IsEmpty());
}

// --- options ---

TEST(HandshakeTest, SynOffersWhatIsTurnedOn) {
  for (int bits = 0; bits < 8; ++bits) {
    Options options;
    options.timestamps = bits & 1;
    options.sack = bits & 2;
    options.window_scaling = bits & 4;
    ScriptedConnection t(options);
    t.OpenActive();
    const auto sent = t.Sent();
    ASSERT_EQ(sent.size(), 1u);
    const Segment& syn = sent[0].header;
    EXPECT_EQ(syn.mss, ScriptedConnection::kMss);
    EXPECT_EQ(syn.has_timestamps, options.timestamps);
    EXPECT_EQ(syn.sack_permitted, options.sack);
    EXPECT_EQ(syn.window_scale >= 0, options.window_scaling);
    t.c().OnSegment(t.PeerSyn(kSyn | kAck), PacketBuf(), t.now());
    EXPECT_EQ(t.c().uses_timestamps(), options.timestamps);
    EXPECT_EQ(t.c().uses_sack(), options.sack);
    EXPECT_EQ(t.c().mss(), options.timestamps ? 988 : 1000);
    t.Write(10);
    const auto data = t.Sent();
    ASSERT_FALSE(data.empty());
    EXPECT_EQ(data.back().header.has_timestamps, options.timestamps);
  }
}

// RFC 7323 §1.3, §2.2; RFC 2018 §2: the answer offers only what the SYN did.
TEST(HandshakeTest, SynAckOffersOnlyWhatTheSynDid) {
  for (int bits = 0; bits < 8; ++bits) {
    ScriptedConnection t{Options()};
    t.OpenPassive([&](Segment& s) {
      s.has_timestamps = bits & 1;
      s.sack_permitted = bits & 2;
      s.window_scale = bits & 4 ? 3 : -1;
    });
    const auto sent = t.Sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].header.has_timestamps, (bits & 1) != 0);
    EXPECT_EQ(sent[0].header.sack_permitted, (bits & 2) != 0);
    EXPECT_EQ(sent[0].header.window_scale >= 0, (bits & 4) != 0);
    if ((bits & 1) == 0) continue;
    EXPECT_EQ(sent[0].header.timestamps.echo, t.peer_time());
  }
}

// RFC 7323 §2.2: windows in SYNs are never scaled, all others always.
TEST(HandshakeTest, WindowScaling) {
  ScriptedConnection t;
  t.window() = 40'000;
  t.Establish([](Segment& s) { s.window_scale = 2; });
  EXPECT_EQ(t.c().snd_wnd(), 40'000u);
  t.Inject(kAck, 1, 1, 1);
  EXPECT_EQ(t.c().snd_wnd(), 160'000u);
  EXPECT_EQ(t.c().rcv_wscale(), 7);  // 4 MiB of receive_buffer_max
  const auto ack = t.Sent();
  ASSERT_EQ(ack.size(), 1u);
  EXPECT_EQ(ack[0].window, (128u * 1024 - 1) >> 7);

  ScriptedConnection without;
  without.Establish([](Segment& s) { s.window_scale = -1; });
  EXPECT_EQ(without.c().rcv_wscale(), 0);
  without.Inject(kAck, 1, 1, 1);
  EXPECT_EQ(without.c().snd_wnd(), 60'000u);
  EXPECT_LE(without.c().rcv_wnd(), 65535u);
}

// RFC 9293 §3.7.1, RFC 6691
TEST(HandshakeTest, SegmentSize) {
  struct Row {
    uint16_t peer;
    bool timestamps;
    uint16_t mss;
  };
  for (const Row& row :
       {Row{0, false, 536}, Row{0, true, 524}, Row{400, false, 400}, Row{1400, false, 1000},
        Row{1400, true, 988}, Row{1, false, 64}, Row{1, true, 52}}) {
    Options options;
    options.timestamps = row.timestamps;
    ScriptedConnection t(options);
    t.Establish([&](Segment& s) { s.mss = row.peer; });
    EXPECT_EQ(t.c().mss(), row.mss) << row.peer << row.timestamps;
    t.Write(3 * row.mss);
    const auto sent = t.Sent();
    ASSERT_GE(sent.size(), 3u);
    for (const SentFrame& f : sent) EXPECT_LE(f.length, row.mss);
  }
  Options small = ScriptedConnection::Plain();
  small.max_segment_size = 300;
  ScriptedConnection t(small);
  t.Establish();
  EXPECT_EQ(t.c().mss(), 300);
}

// RFC 5461 §4.1
TEST(HandshakeTest, SoftErrorsEndAnAttemptButNoConnection) {
  ScriptedConnection t;
  t.OpenActive();
  t.c().OnSoftError(Error::kUnreachable, t.now());
  EXPECT_EQ(t.c().error(), Error::kUnreachable);
  ScriptedConnection established;
  established.Establish();
  established.c().OnSoftError(Error::kUnreachable, established.now());
  EXPECT_EQ(established.c().state(), State::kEstablished);
  established.Write(10);
  established.Advance(std::chrono::hours(1));
  EXPECT_EQ(established.c().error(), Error::kUnreachable);  // what it died of
}

}  // namespace
}  // namespace corelane::tcp
