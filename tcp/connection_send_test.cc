// The sender: when segments go, and the timers (RFC 9293 §3.7.4, §3.8; RFC 6298).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tcp/segment_matchers.h"

namespace corelane::tcp {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// When the frames were sent, in milliseconds from `start`.
std::vector<int64_t> Times(const std::vector<SentFrame>& frames, Instant start) {
  std::vector<int64_t> times;
  for (const SentFrame& f : frames) times.push_back(ToMilliseconds(f.at - start));
  return times;
}

// --- Nagle, silly windows ---

TEST(SendTest, NagleHoldsASmallSegmentWhileDataIsInFlight) {
  ScriptedConnection t;
  t.Establish();
  t.Write(10);
  t.Write(10);
  t.Write(10);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(1, 10)));
  t.Write(1000);  // a full segment goes, the rest waits
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(11, 1000)));
  t.Inject(kAck, 1, 1011);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(1011, 20)));
}

TEST(SendTest, NoDelaySendsAtOnce) {
  Options options = ScriptedConnection::Plain();
  options.no_delay = true;
  ScriptedConnection t(options);
  t.Establish();
  t.Write(10);
  t.Write(10);
  t.Write(1005);
  EXPECT_THAT(t.Sent(),
              ElementsAre(IsData(1, 10), IsData(11, 10), IsData(21, 1000), IsData(1021, 5)));
}

TEST(SendTest, PushMarksTheEndOfWhatWasWritten) {
  ScriptedConnection t;
  t.Establish();
  t.Write(2000);
  const auto sent = t.Sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].flags & kPsh, 0);
  EXPECT_NE(sent[1].flags & kPsh, 0);
}

// RFC 9293 §3.8.6.2.1: less than a segment and than half the largest window waits for the override
// time-out.
TEST(SendTest, SillyWindowsAreNotFilled) {
  ScriptedConnection t;
  t.window() = 3000;
  t.Establish();
  t.Write(10'000);
  EXPECT_EQ(t.Sent().size(), 3u);
  t.window() = 300;
  t.Inject(kAck, 1, 3001);
  EXPECT_THAT(t.Sent(), IsEmpty());
  t.Advance(milliseconds(250));
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(3001, 300)));
}

// The peer repeats what was lost with its newest ACK: the window goes with that ACK, though data
// from behind it came before.
TEST(SendTest, ANewAckBringsItsWindowWhateverItsData) {
  ScriptedConnection t;
  t.window() = 3000;
  t.Establish();
  t.Write(10'000);
  t.Inject(kAck, 1001, 1, 1000);
  t.Sent();
  t.window() = 1000;
  t.Inject(kAck, 1, 2001, 1000);
  EXPECT_EQ(t.c().snd_wnd(), 1000u);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(2001)));  // 1000 bytes are in flight
  t.window() = 3000;
  t.Inject(kAck, 2001, 2001);
  EXPECT_EQ(t.c().snd_wnd(), 3000u);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(3001, 1000), IsData(4001, 1000)));
}

// A peer that takes its window back accepts no number beyond it.
TEST(SendTest, AcksStayInsideAWindowThatShrank) {
  ScriptedConnection t;
  t.window() = 3000;
  t.Establish();
  t.Write(3000);
  EXPECT_EQ(t.Sent().size(), 3u);
  t.window() = 500;
  t.Inject(kAck, 1, 1001, 10);
  t.Inject(kAck, 11, 1001, 10);
  const auto sent = t.Sent();
  ASSERT_FALSE(sent.empty());
  for (const SentFrame& f : sent) EXPECT_EQ(f.seq, 1501u);
}

TEST(SendTest, HalfTheLargestWindowIsWorthASegment) {
  ScriptedConnection t;
  t.window() = 600;
  t.Establish();
  t.Write(10'000);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(1, 600)));
  t.Inject(kAck, 1, 601);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(601, 600)));
}

TEST(SendTest, TheInitialWindowIsTenSegments) {
  ScriptedConnection t;
  t.Establish();
  t.Write(50'000);
  EXPECT_EQ(t.Sent().size(), 10u);
  t.Inject(kAck, 1, 2001);  // slow start: two bytes for each byte
  EXPECT_EQ(t.Sent().size(), 4u);
}

// RFC 5681 §4.1
TEST(SendTest, IdleRestartsWithTheInitialWindow) {
  ScriptedConnection t;
  t.Establish();
  t.Write(40'000);
  for (uint32_t acked = 10'001; acked <= 40'001; acked += 10'000) {
    t.Advance(milliseconds(10));
    t.Inject(kAck, 1, std::min(acked, 40'001u));
  }
  EXPECT_GT(t.c().congestion().cwnd(), 20'000u);
  t.Sent();
  t.Advance(seconds(2));
  t.Write(50'000);
  EXPECT_EQ(t.Sent().size(), 10u);
}

// --- zero windows ---

TEST(SendTest, ProbesBackOffAndLastWhileAnswered) {
  ScriptedConnection t;
  t.window() = 0;
  t.Establish();
  const Instant start = t.now();
  t.Write(100);
  EXPECT_THAT(t.Sent(), IsEmpty());
  t.Advance(seconds(20));
  const auto probes = t.Sent();
  for (const SentFrame& f : probes) EXPECT_THAT(f, IsSegment(kAck, 0, 1, 0));
  EXPECT_THAT(Times(probes, start), ElementsAre(200, 600, 1400, 3000, 6200, 12600));
  // A day long: every probe is answered, as late as can be.
  for (int i = 0; i < 24 * 60 * 2; ++i) {
    t.Advance(seconds(30));
    if (!t.Sent().empty()) t.Inject(kAck, 1, 1);
  }
  EXPECT_EQ(t.c().state(), State::kEstablished);
  t.window() = 1000;
  t.Inject(kAck, 1, 1);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(1, 100)));
}

TEST(SendTest, LateTimersDoNotEndAProbedConnection) {
  ScriptedConnection t;
  t.window() = 0;
  t.Establish();
  t.Write(100);
  for (int i = 0; i < 400 && !t.c().is_closed(); ++i) {
    const Instant due = t.c().NextDeadline();
    t.set_stalled(true);
    t.Advance(due - t.now() + milliseconds(3));
    if (!t.Sent().empty()) t.Inject(kAck, 1, 1);  // at once
  }
  EXPECT_EQ(t.c().state(), State::kEstablished);
}

TEST(SendTest, UnansweredProbesEndIt) {
  ScriptedConnection t;
  t.window() = 0;
  t.Establish();
  t.Write(100);
  t.Advance(hours(2));
  EXPECT_EQ(t.c().error(), Error::kTimedOut);
}

TEST(SendTest, ALostWindowUpdateIsFoundByAProbe) {
  ScriptedConnection t;
  t.window() = 0;
  t.Establish();
  t.Write(100);
  t.Advance(milliseconds(300));
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kAck, 0, 1, 0)));
  t.window() = 5000;  // the answer to the probe
  t.Inject(kAck, 1, 1);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(1, 100)));
}

// What was in flight when the window closed goes again as soon as it opens, not when a backed-off
// timer fires.
TEST(SendTest, ReopenedWindowRestartsWhatWasInFlight) {
  ScriptedConnection t;
  t.Establish();
  t.Write(3000);
  t.window() = 0;
  t.Inject(kAck, 1, 1001);
  t.Sent();
  for (int i = 0; i < 100; ++i) {
    t.Advance(seconds(1));
    for (const SentFrame& f : t.Sent()) {
      EXPECT_EQ(f.length, 0u);
      t.Inject(kAck, 1, 1001);
    }
  }
  EXPECT_EQ(t.c().state(), State::kEstablished);
  t.window() = 60'000;
  t.Inject(kAck, 1, 1001);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(1001, 1000), IsData(2001, 1000)));
  EXPECT_EQ(t.c().rtt().backoff(), 0);
}

TEST(SendTest, AShrunkWindowHoldsNewData) {
  ScriptedConnection t;
  t.Establish();
  t.Write(50'000);
  t.Sent();
  t.window() = 4000;  // less than what is in flight
  t.Inject(kAck, 1, 1001);
  EXPECT_THAT(t.Sent(), IsEmpty());
  const uint32_t cwnd = t.c().congestion().cwnd();
  t.Inject(kAck, 1, 6001);
  EXPECT_THAT(t.Sent(), IsEmpty());
  EXPECT_EQ(t.c().congestion().cwnd(), cwnd);  // the peer's window is the limit, not ours
}

// --- retransmission timer ---

// RFC 6298 §5.4-5.6
TEST(SendTest, RetransmissionBacksOffUntilR2) {
  ScriptedConnection t;
  t.Establish();
  const Instant start = t.now();
  t.Write(100);
  t.Advance(seconds(10));
  const auto sent = t.Sent();
  for (const SentFrame& f : sent) EXPECT_THAT(f, IsData(1, 100));
  EXPECT_THAT(Times(sent, start), ElementsAre(0, 200, 600, 1400, 3000, 6200));
  t.Advance(hours(1));
  EXPECT_EQ(t.c().error(), Error::kTimedOut);
  EXPECT_EQ(t.Sent().size() + sent.size(), 16u);  // Options::retries
}

TEST(SendTest, TimerRestartsWithEveryAckOfNewDataAndStopsWithTheLast) {
  ScriptedConnection t;
  t.Establish();
  t.Write(2000);
  t.Sent();
  t.Advance(milliseconds(150));
  t.Inject(kAck, 1, 1001);  // §5.3
  t.Advance(milliseconds(150));
  EXPECT_THAT(t.Sent(), IsEmpty());
  t.Inject(kAck, 1, 2001);  // §5.2
  EXPECT_EQ(t.c().NextDeadline(), kNever);
}

// Karn: an ACK that could be of either copy measures nothing, and the back-off stays until one
// does; else a round trip beyond the RTO would never be learnt.
TEST(SendTest, ARoundTripBeyondTheRtoIsLearnt) {
  for (const bool timestamps : {false, true}) {
    Options options = ScriptedConnection::Plain();
    options.timestamps = timestamps;
    ScriptedConnection t(options);
    t.Establish();
    EXPECT_EQ(t.c().rtt().rto(), milliseconds(200));
    uint32_t next = 1;
    for (int i = 0; i < 12; ++i) {
      t.Write(100);
      const auto first = t.Sent();
      ASSERT_FALSE(first.empty());
      const uint32_t echo = first[0].header.timestamps.value;
      t.Advance(milliseconds(700));
      next += 100;
      t.Inject(kAck, 1, next, 0, [&](Segment& s) { s.timestamps.echo = echo; });
    }
    const uint32_t retransmits = t.c().retransmits();
    EXPECT_GT(t.c().rtt().srtt(), milliseconds(300)) << timestamps;
    t.Write(100);
    t.Advance(milliseconds(700));
    EXPECT_EQ(t.c().retransmits(), retransmits) << timestamps;
  }
}

TEST(SendTest, RetransmittedSegmentGivesNoSampleWithoutTimestamps) {
  ScriptedConnection t;
  t.Establish();
  t.Write(100);
  t.Advance(milliseconds(201));
  t.Inject(kAck, 1, 101);
  EXPECT_EQ(t.c().rtt().srtt(), milliseconds(10));  // of the handshake
}

TEST(SendTest, TimestampsMeasureRetransmissions) {
  Options options = ScriptedConnection::Plain();
  options.timestamps = true;
  ScriptedConnection t(options);
  t.Establish();
  t.Write(100);
  t.Advance(milliseconds(201));
  t.Sent();
  t.Advance(milliseconds(50));
  t.Inject(kAck, 1, 101);                           // echoes the retransmission
  EXPECT_GE(t.c().rtt().srtt(), milliseconds(15));  // 7/8 * 10 + 1/8 * 50
  EXPECT_LT(t.c().rtt().srtt(), milliseconds(16));
  EXPECT_EQ(t.c().rtt().backoff(), 0);
}

// RFC 5482
TEST(SendTest, UserTimeout) {
  Options options = ScriptedConnection::Plain();
  options.user_timeout = seconds(5);
  ScriptedConnection t(options);
  t.Establish();
  t.Advance(minutes(1));  // idle is no failure
  t.Write(100);
  t.Advance(milliseconds(4990));
  EXPECT_EQ(t.c().state(), State::kEstablished);
  t.Advance(milliseconds(20));
  EXPECT_EQ(t.c().error(), Error::kTimedOut);

  ScriptedConnection closed(options);
  closed.window() = 0;
  closed.Establish();
  closed.Write(100);
  for (int i = 0; i < 30 && !closed.c().is_closed(); ++i) {
    closed.Advance(seconds(1));
    if (!closed.c().is_closed()) closed.Inject(kAck, 1, 1);
  }
  EXPECT_EQ(closed.c().error(), Error::kTimedOut);
}

TEST(SendTest, UserTimeoutCountsFromTheLastProgress) {
  Options options = ScriptedConnection::Plain();
  options.user_timeout = seconds(5);
  ScriptedConnection t(options);
  t.Establish();
  t.Write(3000);
  for (const uint32_t acked : {1001u, 2001u, 3001u}) {
    t.Advance(seconds(4));
    ASSERT_EQ(t.c().state(), State::kEstablished);
    t.Inject(kAck, 1, acked);
  }
  t.Advance(minutes(1));
  EXPECT_EQ(t.c().state(), State::kEstablished);
}

// --- keepalive (RFC 9293 §3.8.4) ---

TEST(SendTest, KeepaliveProbesAndGivesUp) {
  Options options = ScriptedConnection::Plain();
  options.keepalive = true;
  options.keepalive_idle = seconds(60);
  options.keepalive_interval = seconds(10);
  options.keepalive_probes = 3;
  ScriptedConnection t(options);
  t.Establish();
  t.Advance(seconds(59));
  EXPECT_THAT(t.Sent(), IsEmpty());
  t.Advance(seconds(2));
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kAck, 0, 1, 0)));
  t.Inject(kAck, 1, 1);
  t.Advance(seconds(58));
  EXPECT_THAT(t.Sent(), IsEmpty());
  t.Advance(seconds(100));
  const auto sent = t.Sent();
  ASSERT_EQ(sent.size(), 4u);  // three probes and a RST
  EXPECT_THAT(sent[3], IsRst());
  EXPECT_EQ(t.c().error(), Error::kTimedOut);
}

TEST(SendTest, KeepaliveIsOffByDefaultAndCanBeTurnedOn) {
  ScriptedConnection t;
  t.Establish();
  EXPECT_EQ(t.c().NextDeadline(), kNever);
  Options options = t.c().options();
  options.keepalive = true;
  options.keepalive_idle = seconds(60);
  t.c().SetOptions(options, t.now());
  t.Advance(seconds(61));
  EXPECT_EQ(t.Sent().size(), 1u);
  options.keepalive = false;
  t.c().SetOptions(options, t.now());
  EXPECT_EQ(t.c().NextDeadline(), kNever);
}

TEST(SendTest, NoDelayLetsGoWhatNagleHeldBack) {
  ScriptedConnection t;
  t.Establish();
  t.Write(1);
  EXPECT_EQ(t.Sent().size(), 1u);
  t.Write(1);
  EXPECT_THAT(t.Sent(), IsEmpty());
  Options options = t.c().options();
  options.no_delay = true;
  t.c().SetOptions(options, t.now());
  EXPECT_EQ(t.Sent().size(), 1u);
}

TEST(SendTest, AnswersToThePeersKeepalive) {
  ScriptedConnection t;
  t.Establish();
  t.Inject(kAck, 0, 1);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(1)));
  t.Inject(kAck, 0, 1, 1);  // with a byte of garbage
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(1)));
  EXPECT_EQ(t.c().readable_bytes(), 0u);
}

// --- buffers ---

TEST(SendTest, TheSendBufferGrowsWithTheWindowAndStaysBounded) {
  Options options = ScriptedConnection::Plain();
  options.send_buffer = 20'000;
  options.send_buffer_max = 100'000;
  ScriptedConnection t(options);
  t.Establish([](Segment& s) { s.window_scale = 4; });
  EXPECT_EQ(t.Write(1'000'000), 20'000u);
  EXPECT_EQ(t.Write(1), 0u);
  EXPECT_EQ(t.c().TakeEvents() & kWritable, 0);
  uint32_t most = 0;
  for (int i = 0; i < 100; ++i) {
    t.Advance(milliseconds(10));
    t.Inject(kAck, 1, Distance(t.Local(0), t.c().snd_nxt()));
    EXPECT_NE(t.c().TakeEvents() & kWritable, 0);
    t.Write(1'000'000);
    most = std::max<uint32_t>(most, static_cast<uint32_t>(t.c().unacknowledged_bytes()));
  }
  EXPECT_EQ(most, 100'000u);
}

// A Write() that finds no memory is followed by kWritable, though no ACK is to come.
TEST(SendTest, WithoutMemoryTheWriterIsWokenLater) {
  ScriptedConnection t;
  t.Establish();
  std::vector<SendChunk*> taken;
  while (SendChunk* chunk = t.memory().chunks.New()) taken.push_back(chunk);
  EXPECT_EQ(t.Write(100), 0u);
  EXPECT_EQ(t.counters().memory_drops.value(), 1u);
  EXPECT_EQ(t.c().TakeEvents(), 0);
  for (SendChunk* chunk : taken) t.memory().chunks.Delete(chunk);
  t.Advance(seconds(1));
  EXPECT_NE(t.c().TakeEvents() & kWritable, 0);
  EXPECT_THAT(t.Sent(), IsEmpty());
  EXPECT_EQ(t.Write(100), 100u);
}

TEST(SendTest, ASmallerPathSendsAgainInSmallerSegments) {
  ScriptedConnection t;
  t.Establish();
  t.Write(4000);
  t.Sent();
  const uint32_t cwnd = t.c().congestion().cwnd();
  t.c().OnPathMss(500, t.now());
  const auto sent = t.Sent();
  ASSERT_EQ(sent.size(), 8u);
  for (size_t i = 0; i < 8; ++i) EXPECT_THAT(sent[i], IsData(1 + i * 500, 500));
  EXPECT_EQ(t.c().congestion().cwnd(), cwnd);
  t.c().OnPathMss(900, t.now());  // no growth here
  EXPECT_EQ(t.c().mss(), 500);
}

// What is cut into frames later has its payload behind the header's segment, however short.
TEST(SendTest, ShortSegmentsOfSeveralFramesAreNotCopied) {
  ScriptedConnection t;
  t.Establish([](Segment& s) { s.mss = 100; });
  t.set_stalled(true);
  EXPECT_EQ(t.Write(200), 200u);
  const PacketBuf packet = t.c().PollTransmit(t.memory().cache, 65000, t.now());
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->segment_size, 100);
  EXPECT_EQ(packet.size(), 20u);
  EXPECT_EQ(packet.packet_size(), 220u);
}

TEST(PathMtuTest, AReportAfterTheEndStartsNothing) {
  ScriptedConnection t;
  t.Establish();
  t.Write(4000);
  t.Inject(kRst | kAck, 1, 1);
  ASSERT_TRUE(t.c().is_closed());
  t.c().OnPathMss(500, t.now());
  t.c().CheckInvariants();
  EXPECT_EQ(t.c().NextDeadline(), kNever);
  EXPECT_THAT(t.Sent(), testing::SizeIs(4));
}

}  // namespace
}  // namespace corelane::tcp
