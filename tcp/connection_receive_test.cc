// The receiver: acknowledgements, windows, reassembly, SACK, timestamps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tcp/segment_matchers.h"

namespace corelane::tcp {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// Past the segments that are acknowledged at once at the beginning; the peer's next byte is 401.
void UseQuickAcks(ScriptedConnection& t) {
  for (uint32_t i = 0; i < 4; ++i) t.Inject(kAck, 1 + i * 100, 1, 100);
  t.Read(1000);
  t.Sent();
}

// RFC 9293 §3.8.6.3, RFC 5681 §4.2
TEST(ReceiveTest, DelayedAck) {
  ScriptedConnection t;
  t.Establish();
  UseQuickAcks(t);
  t.Inject(kAck, 401, 1, 100);
  EXPECT_THAT(t.Sent(), IsEmpty());
  t.Advance(milliseconds(39));
  EXPECT_THAT(t.Sent(), IsEmpty());
  t.Advance(milliseconds(2));
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(501)));
  t.Inject(kAck, 501, 1, 100);
  t.Inject(kAck, 601, 1, 100);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(701)));  // every second
  t.Inject(kAck, 701, 1, 200, [](Segment& s) { s.frames = 2; });
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(901)));  // merged frames count
  t.Inject(kAck, 901, 1, 100);
  t.Write(10);  // the ACK travels along
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kAck, 1, 1001, 10)));
  t.Advance(milliseconds(100));
  EXPECT_THAT(t.Sent(), IsEmpty());
}

TEST(ReceiveTest, AcksOfABurstMerge) {
  ScriptedConnection t;
  t.Establish();
  UseQuickAcks(t);
  t.set_stalled(true);
  for (uint32_t i = 0; i < 10; ++i) t.Inject(kAck, 401 + i * 100, 1, 100);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(1401)));
}

// Every out-of-order or gap-filling segment gets an ACK of its own.
TEST(ReceiveTest, AcksThatMatterDoNotMerge) {
  Options options = ScriptedConnection::Plain();
  options.sack = false;
  ScriptedConnection t(options);
  t.Establish();
  t.set_stalled(true);
  for (uint32_t i = 1; i <= 3; ++i) t.Inject(kAck, 1 + i * 100, 1, 100);
  t.Inject(kAck, 1, 1, 100);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(1), IsAck(1), IsAck(1), IsAck(401)));
}

TEST(ReceiveTest, OutOfOrderDataIsReportedAndDelivered) {
  ScriptedConnection t;
  t.Establish();
  t.Inject(kAck, 201, 1, 100);
  t.Inject(kAck, 401, 1, 100);
  auto sent = t.Sent();
  ASSERT_EQ(sent.size(), 2u);
  ASSERT_EQ(sent[1].header.sack_count, 2);
  EXPECT_EQ(sent[1].header.sack[0], (SeqRange{t.Remote(401), t.Remote(501)}));  // newest first
  EXPECT_EQ(sent[1].header.sack[1], (SeqRange{t.Remote(201), t.Remote(301)}));
  EXPECT_EQ(t.c().readable_bytes(), 0u);
  EXPECT_EQ(t.c().out_of_order_bytes(), 200u);
  t.Inject(kAck, 1, 1, 300);  // overlaps what is there
  sent = t.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_THAT(sent[0], IsAck(301));
  EXPECT_EQ(sent[0].header.sack_count, 1);
  t.Inject(kAck, 301, 1, 100);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(501)));
  EXPECT_EQ(t.Read(1000), 500u);
  EXPECT_EQ(t.memory().reassembly.in_use(), 0u);
  EXPECT_EQ(t.counters().bytes_in.value(), 500u);
}

TEST(ReceiveTest, FourSackBlocksOrThreeBesideTimestamps) {
  for (const bool timestamps : {false, true}) {
    Options options = ScriptedConnection::Plain();
    options.timestamps = timestamps;
    ScriptedConnection t(options);
    t.Establish();
    for (uint32_t i = 1; i <= 6; ++i) t.Inject(kAck, 1 + i * 200, 1, 100);
    const auto sent = t.Sent();
    ASSERT_EQ(sent.size(), 6u);
    EXPECT_EQ(sent.back().header.sack_count, timestamps ? 3 : 4);
  }
}

// A segment with data gives up payload for the blocks.
TEST(ReceiveTest, SackBlocksTravelWithData) {
  for (const bool timestamps : {false, true}) {
    Options options = ScriptedConnection::Plain();
    options.timestamps = timestamps;
    ScriptedConnection t(options);
    t.Establish();
    t.set_stalled(true);
    t.Write(3000);
    t.Inject(kAck, 101, 1, 100);
    const auto sent = t.Sent();
    ASSERT_GE(sent.size(), 3u);
    EXPECT_EQ(sent[0].header.sack_count, 1);
    EXPECT_EQ(sent[0].length, 1000u - 12 - (timestamps ? 12 : 0));
    EXPECT_EQ(sent[1].header.sack_count, 0);
    EXPECT_EQ(sent[1].seq, 1 + sent[0].length);
    EXPECT_EQ(sent[1].length, t.c().mss());
  }
}

TEST(ReceiveTest, NoSackUnlessNegotiated) {
  ScriptedConnection t;
  t.Establish([](Segment& s) { s.sack_permitted = false; });
  t.Inject(kAck, 201, 1, 100);
  const auto sent = t.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].header.sack_count, 0);
}

// --- windows ---

TEST(ReceiveTest, DataBeyondTheWindowIsCut) {
  Options options = ScriptedConnection::Plain();
  options.receive_buffer = options.receive_buffer_max = 3000;
  ScriptedConnection t(options);
  t.Establish();
  t.Inject(kAck, 1, 1, 1000);
  t.Inject(kAck, 1001, 1, 1000);
  t.Inject(kAck, 2001, 1, 1500);
  EXPECT_EQ(t.c().readable_bytes(), 3000u);
  EXPECT_EQ(t.c().rcv_wnd(), 0u);
  const auto sent = t.Sent();
  EXPECT_THAT(sent.back(), IsAck(3001));
  EXPECT_EQ(sent.back().window, 0u);
}

// RFC 9293 §3.8.6.2.2: the window opens by a segment or half the buffer, never by less.
TEST(ReceiveTest, NoSillyWindows) {
  Options options = ScriptedConnection::Plain();
  options.receive_buffer = options.receive_buffer_max = 10'000;
  ScriptedConnection t(options);
  t.Establish();
  for (uint32_t i = 0; i < 10; ++i) t.Inject(kAck, 1 + i * 1000, 1, 1000);
  EXPECT_EQ(t.c().rcv_wnd(), 0u);
  t.Sent();
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(t.Read(100), 100u);
    EXPECT_THAT(t.Sent(), IsEmpty());
    t.Inject(kAck, 10'000, 1);  // a probe
    const auto sent = t.Sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].window, 0u) << i;
    t.Advance(seconds(1));
  }
  EXPECT_EQ(t.Read(200), 200u);
  const auto sent = t.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_GE(sent[0].window, 1000u);
}

// RFC 9293 §3.8.6, SHLD-14: whatever was advertised stays usable.
TEST(ReceiveTest, TheRightEdgeNeverMovesBack) {
  Options options = ScriptedConnection::Plain();
  options.receive_buffer = options.receive_buffer_max = 60'000;
  ScriptedConnection t(options);
  t.Establish();
  uint32_t next = 1;
  uint32_t edge = 0;
  for (int i = 0; i < 300; ++i) {
    const uint32_t n = i % 3 == 0 ? 1 : 400;
    if (t.c().rcv_wnd() >= n) {
      t.Inject(kAck, next, 1, n);
      next += n;
    }
    if (i % 7 == 0) t.Read(1500);
    for (const SentFrame& f : t.Sent()) {
      EXPECT_GE(f.ack + f.window, edge);
      edge = f.ack + f.window;
    }
  }
}

TEST(ReceiveTest, TinySegmentsSharePackets) {
  ScriptedConnection t;
  t.Establish();
  for (uint32_t i = 0; i < 5000; ++i) t.Inject(kAck, 1 + i, 1, 1);
  EXPECT_EQ(t.c().readable_bytes(), 5000u);
  EXPECT_LT(t.memory().packets.in_use(), 60u);
  EXPECT_EQ(t.Read(10'000), 5000u);
}

TEST(ReceiveTest, TheBufferGrowsWithTheReaderAndStaysBounded) {
  Options options = ScriptedConnection::Plain();
  options.receive_buffer = 16'000;
  options.receive_buffer_max = 200'000;
  ScriptedConnection t(options);
  t.Establish();
  uint32_t next = 1;
  for (int round = 0; round < 40; ++round) {
    while (t.c().rcv_wnd() >= 1000 && next < 2'000'000) {
      t.Inject(kAck, next, 1, 1000);
      next += 1000;
    }
    t.Advance(milliseconds(10));
    while (t.Read(10'000) > 0) {
    }
    t.Sent();
  }
  EXPECT_GT(t.c().rcv_wnd(), 100'000u);
  EXPECT_LE(t.c().rcv_wnd(), 200'000u);
}

TEST(ReceiveTest, ASlowReaderKeepsASmallBuffer) {
  Options options = ScriptedConnection::Plain();
  options.receive_buffer = 16'000;
  ScriptedConnection t(options);
  t.Establish();
  uint32_t next = 1;
  for (int round = 0; round < 100; ++round) {
    while (t.c().rcv_wnd() >= 1000) {
      t.Inject(kAck, next, 1, 1000);
      next += 1000;
    }
    t.Advance(milliseconds(100));
    t.Read(2000);
  }
  EXPECT_LE(t.c().rcv_wnd() + t.c().readable_bytes(), 16'000u);
}

// With a closed window, ACKs still count (RFC 9293 §3.10.7.4, MUST-66).
TEST(ReceiveTest, AClosedWindowStillTakesAcks) {
  Options options = ScriptedConnection::Plain();
  options.receive_buffer = options.receive_buffer_max = 2000;
  ScriptedConnection t(options);
  t.Establish();
  t.Write(500);
  t.Inject(kAck, 1, 1, 1000);
  t.Inject(kAck, 1001, 1, 1000);
  EXPECT_EQ(t.c().rcv_wnd(), 0u);
  t.Inject(kAck, 2001, 501, 100);  // data that does not fit, with an ACK that does
  EXPECT_EQ(t.c().flight_size(), 0u);
  EXPECT_EQ(t.c().readable_bytes(), 2000u);
  t.Inject(kRst, 2001, 0);
  EXPECT_EQ(t.c().error(), Error::kReset);
}

// A peer that has sent past the window, as it may when ACKs overtake each other, keeps numbers
// beyond it: its ACKs must count, or neither end goes on.
TEST(ReceiveTest, AcksFromBeyondAClosedWindowCount) {
  Options options = ScriptedConnection::Plain();
  options.receive_buffer = options.receive_buffer_max = 2000;
  ScriptedConnection t(options);
  t.Establish();
  t.Write(500);
  t.Inject(kAck, 1, 1, 1000);
  t.Inject(kAck, 1001, 1, 1240);  // of which 240 do not fit
  EXPECT_EQ(t.c().rcv_wnd(), 0u);
  t.Inject(kAck, 2241, 501);
  EXPECT_EQ(t.c().flight_size(), 0u);
  t.Write(10);
  t.Inject(kAck, 2001 + 2001, 511);  // further than any window has reached
  EXPECT_EQ(t.c().flight_size(), 10u);
  t.Inject(kRst, 2241, 0);
  EXPECT_EQ(t.c().error(), Error::kNone);
}

// The window is full but for what was lost: the peer's next number is the window's end.
TEST(ReceiveTest, AnAckAtTheWindowsEndCounts) {
  Options options = ScriptedConnection::Plain();
  options.receive_buffer = options.receive_buffer_max = 3000;
  ScriptedConnection t(options);
  t.Establish();
  t.Write(500);
  t.Inject(kAck, 1001, 1, 1000);
  t.Inject(kAck, 2001, 1, 1000);
  ASSERT_EQ(t.c().rcv_wnd(), 3000u);
  t.Inject(kAck, 3001, 501);
  EXPECT_EQ(t.c().flight_size(), 0u);
}

// --- timestamps ---

// RFC 7323 §4.3: the echo is that of the earliest segment not yet acknowledged.
TEST(ReceiveTest, EchoOfDelayedAndReorderedSegments) {
  ScriptedConnection t{Options()};
  t.Establish();
  UseQuickAcks(t);
  const auto echo_after = [&](uint32_t seq, uint32_t time) {
    t.peer_time() = time;
    t.Inject(kAck, seq, 1, 100);
    const auto sent = t.Sent();
    return sent.empty() ? 0u : sent.back().header.timestamps.echo;
  };
  EXPECT_EQ(echo_after(401, 6001), 0u);     // delayed
  EXPECT_EQ(echo_after(501, 6002), 6001u);  // (A) the delayed one counts
  EXPECT_EQ(echo_after(701, 6004), 6001u);  // (B) a hole: the last that advanced the edge
  EXPECT_EQ(echo_after(601, 6003), 6003u);  // (C) the hole is filled
}

TEST(ReceiveTest, PawsRejectsOldTimestamps) {
  ScriptedConnection t{Options()};
  t.Establish();
  t.Inject(kAck, 1, 1, 100);
  t.Sent();
  t.peer_time() -= 1;
  t.Inject(kAck, 101, 1, 100);
  EXPECT_EQ(t.c().readable_bytes(), 100u);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(101)));
  t.Inject(kRst, 101, 0);  // RFC 7323 §5.2: not for a RST
  EXPECT_EQ(t.c().error(), Error::kReset);
}

TEST(ReceiveTest, SegmentsWithoutTheNegotiatedTimestampAreDropped) {
  ScriptedConnection t{Options()};
  t.Establish();
  t.Inject(kAck, 1, 1, 100, [](Segment& s) { s.has_timestamps = false; });
  EXPECT_EQ(t.c().readable_bytes(), 0u);
  EXPECT_EQ(t.c().state(), State::kEstablished);
}

// RFC 7323 §5.5
TEST(ReceiveTest, AfterTwentyFourDaysAnyTimestampIsTaken) {
  ScriptedConnection t{Options()};
  t.Establish();
  t.Advance(hours(24 * 25));
  t.peer_time() -= 1000;
  t.Inject(kAck, 1, 1, 100);
  EXPECT_EQ(t.Read(1000), 100u);
  EXPECT_EQ(t.c().ts_recent(), t.peer_time());
  t.peer_time() -= 1;  // and from then on compared again
  t.Inject(kAck, 101, 1, 100);
  EXPECT_EQ(t.c().readable_bytes(), 0u);
}

// --- resources ---

TEST(ReceiveTest, WithoutMemoryForReassemblyDataComesAgain) {
  ScriptedConnection t;
  t.Establish();
  std::vector<ReassemblyQueue*> taken;
  while (ReassemblyQueue* q = t.memory().reassembly.New()) taken.push_back(q);
  t.Inject(kAck, 101, 1, 100);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(1)));
  EXPECT_EQ(t.counters().memory_drops.value(), 1u);
  for (ReassemblyQueue* q : taken) t.memory().reassembly.Delete(q);
  t.Inject(kAck, 101, 1, 100);
  t.Inject(kAck, 1, 1, 100);
  EXPECT_EQ(t.Read(1000), 200u);
}

}  // namespace
}  // namespace corelane::tcp
