// Closing (RFC 9293 §3.6, §3.10.4), half and whole, and what becomes of orphans.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tcp/segment_matchers.h"

namespace corelane::tcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(CloseTest, HalfCloseKeepsReceiving) {
  ScriptedConnection t;
  t.Establish();
  t.c().CloseSend(t.now());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kFin | kAck, 1, 1, 0)));
  t.Inject(kAck, 1, 2);
  for (uint32_t i = 0; i < 10; ++i) {
    t.Inject(kAck, 1 + i * 100, 2, 100);
    EXPECT_EQ(t.Read(1000), 100u);
    for (const SentFrame& f : t.Sent()) EXPECT_THAT(f, IsSegment(kAck, 2, 101 + i * 100, 0));
  }
  EXPECT_EQ(t.Write(1), 0u);
  t.Inject(kFin | kAck, 1001, 2);
  EXPECT_EQ(t.c().state(), State::kTimeWait);
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kAck, 2, 1002, 0)));
}

TEST(CloseTest, AfterThePeersFinSendingGoesOn) {
  ScriptedConnection t;
  t.Establish();
  t.Inject(kFin | kAck, 1, 1);
  t.Sent();
  EXPECT_EQ(t.Write(2000), 2000u);
  EXPECT_THAT(t.Sent(), ElementsAre(IsData(1, 1000), IsData(1001, 1000)));
  t.Inject(kAck, 2, 2001);
  t.c().CloseSend(t.now());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kFin | kAck, 2001, 2, 0)));
  t.Inject(kAck, 2, 2002);
  EXPECT_TRUE(t.c().is_closed());
  EXPECT_EQ(t.c().error(), Error::kNone);
}

TEST(CloseTest, FinWaitsBehindDataThatTheWindowHolds) {
  ScriptedConnection t;
  t.window() = 1500;
  t.Establish();
  t.Write(2000);
  t.c().CloseSend(t.now());
  for (const SentFrame& f : t.Sent()) EXPECT_EQ(f.flags & kFin, 0);
  t.window() = 5000;
  t.Inject(kAck, 1, 1001);
  t.Advance(milliseconds(0));
  t.Inject(kAck, 1, 1501);
  const auto sent = t.Sent();
  ASSERT_FALSE(sent.empty());
  EXPECT_NE(sent.back().flags & kFin, 0);
  EXPECT_EQ(sent.back().seq + sent.back().length, 2001u);
}

TEST(CloseTest, FinIsRetransmitted) {
  ScriptedConnection t;
  t.Establish();
  t.c().CloseSend(t.now());
  t.Sent();
  t.Advance(milliseconds(250));
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kFin | kAck, 1, 1, 0)));
  t.Inject(kAck, 1, 2);
  EXPECT_EQ(t.c().state(), State::kFinWait2);
  t.Advance(seconds(10));
  EXPECT_THAT(t.Sent(), IsEmpty());
}

TEST(CloseTest, SimultaneousClose) {
  ScriptedConnection t;
  t.Establish();
  t.c().CloseSend(t.now());
  t.Inject(kFin | kAck, 1, 1);
  EXPECT_EQ(t.c().state(), State::kClosing);
  t.Sent();
  t.Inject(kAck, 2, 2);
  EXPECT_EQ(t.c().state(), State::kTimeWait);
}

TEST(CloseTest, TheFinMayAcknowledgeOurs) {
  ScriptedConnection t;
  t.Establish();
  t.c().CloseSend(t.now());
  t.Sent();
  t.Inject(kFin | kAck, 1, 2);
  EXPECT_EQ(t.c().state(), State::kTimeWait);
}

// RFC 9293 §3.6.1, RFC 2525 §2.17
TEST(CloseTest, CloseWithUnreadDataResets) {
  ScriptedConnection t;
  t.Establish();
  t.Inject(kAck, 1, 1, 10);
  t.Sent();
  t.c().Close(t.now());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kRst | kAck, 1, 11, 0)));
  EXPECT_TRUE(t.c().is_closed());
}

TEST(CloseTest, DataAfterCloseIsReset) {
  ScriptedConnection t;
  t.Establish();
  t.c().Close(t.now());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kFin | kAck, 1, 1, 0)));
  t.Inject(kAck, 1, 2, 10);
  EXPECT_THAT(t.Sent(), ElementsAre(IsRst()));
  EXPECT_TRUE(t.c().is_closed());
}

// Old bytes that the peer repeats with its FIN are no new data.
TEST(CloseTest, RepeatedDataAfterCloseIsHarmless) {
  ScriptedConnection t;
  t.Establish();
  t.Inject(kAck, 1, 1, 10);
  t.Read(100);
  t.c().Close(t.now());
  t.Inject(kAck, 11, 2);
  t.Sent();
  t.Inject(kFin | kAck, 1, 2, 10);
  EXPECT_EQ(t.c().state(), State::kTimeWait);
  EXPECT_THAT(t.Sent(), ElementsAre(IsAck(12)));
}

TEST(CloseTest, AnOrphanWaitsForThePeersFinForAMinute) {
  ScriptedConnection t;
  t.Establish();
  t.c().Close(t.now());
  t.Sent();
  t.Inject(kAck, 1, 2);
  EXPECT_EQ(t.c().state(), State::kFinWait2);
  t.Advance(seconds(59));
  EXPECT_EQ(t.c().state(), State::kFinWait2);
  t.Advance(seconds(2));
  EXPECT_TRUE(t.c().is_closed());
  EXPECT_EQ(t.c().error(), Error::kNone);
}

TEST(CloseTest, AHalfClosedSocketWaitsForEver) {
  ScriptedConnection t;
  t.Establish();
  t.c().CloseSend(t.now());
  t.Sent();
  t.Inject(kAck, 1, 2);
  t.Advance(std::chrono::hours(10));
  EXPECT_EQ(t.c().state(), State::kFinWait2);
}

// The peer answers every probe and never opens its window.
TEST(CloseTest, AnOrphanBehindAClosedWindowIsReset) {
  ScriptedConnection t;
  t.window() = 1000;
  t.Establish();
  t.Write(5000);
  t.c().Close(t.now());
  t.window() = 0;
  t.Inject(kAck, 1, 1001);
  t.Sent();
  for (int i = 0; i < 59; ++i) {
    t.Advance(seconds(1));
    t.Inject(kAck, 1, 1001);
  }
  EXPECT_EQ(t.c().state(), State::kFinWait1);
  t.Sent();
  t.Advance(seconds(2));
  EXPECT_TRUE(t.c().is_closed());
  const auto sent = t.Sent();
  ASSERT_FALSE(sent.empty());
  EXPECT_THAT(sent.back(), IsSegment(kRst | kAck, 1001, 1, 0));
}

// One that reads slowly gets the time that it needs, as long as it reads half of the rest each
// minute.
TEST(CloseTest, AnOrphanThatMakesProgressIsKept) {
  ScriptedConnection t;
  t.window() = 1000;
  t.Establish();
  t.Write(8000);
  t.c().Close(t.now());
  uint32_t acked = 1;
  while (acked < 8001) {
    t.Advance(seconds(10));
    acked += 1000;
    t.Inject(kAck, 1, acked);
    ASSERT_FALSE(t.c().is_closed()) << acked;
  }
  t.Inject(kFin | kAck, 1, 8002);
  EXPECT_EQ(t.c().state(), State::kTimeWait);
}

TEST(CloseTest, AnOrphanOfADripFeedingPeerIsReset) {
  ScriptedConnection t;
  t.window() = 1000;
  t.Establish();
  t.Write(60'000);
  t.c().Close(t.now());
  for (uint32_t i = 1; i < 200 && !t.c().is_closed(); ++i) {
    t.Advance(seconds(30));
    if (!t.c().is_closed()) t.Inject(kAck, 1, 1 + i * 100);
  }
  EXPECT_TRUE(t.c().is_closed());
  EXPECT_LT(t.now(), Instant{seconds(1000)} + minutes(10));
}

TEST(CloseTest, AbortBehindUnsentDataTellsThePeer) {
  ScriptedConnection t;
  t.window() = 0;
  t.Establish();
  t.Inject(kFin | kAck, 1, 1);
  t.Write(100);
  t.c().CloseSend(t.now());
  t.Sent();
  t.c().Abort(t.now());
  EXPECT_THAT(t.Sent(), ElementsAre(IsSegment(kRst | kAck, 1, 2, 0)));
}

// RFC 7323 §3.2: a RST carries timestamps where they were negotiated.
TEST(CloseTest, ResetCarriesTimestamps) {
  ScriptedConnection t{Options()};
  t.Establish();
  t.c().Abort(t.now());
  const auto sent = t.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].header.has_timestamps);
  EXPECT_EQ(sent[0].header.timestamps.echo, t.peer_time());
}

TEST(CloseTest, NothingIsLeftBehind) {
  ScriptedConnection t;
  t.Establish();
  t.Write(5000);
  t.Inject(kAck, 2001, 1, 100);  // out of order
  t.Inject(kAck, 1, 1, 0, [&](Segment& s) {
    s.sack_count = 1;
    s.sack[0] = {t.Local(2001), t.Local(3001)};
  });
  EXPECT_EQ(t.memory().reassembly.in_use(), 1u);
  EXPECT_EQ(t.memory().scoreboards.in_use(), 1u);
  t.c().Abort(t.now());
  t.Sent();
  EXPECT_EQ(t.memory().reassembly.in_use(), 0u);
  EXPECT_EQ(t.memory().scoreboards.in_use(), 0u);
  EXPECT_EQ(t.memory().chunks.in_use(), 0u);
  EXPECT_EQ(t.memory().blocks.in_use(), 0u);
  EXPECT_EQ(t.c().NextDeadline(), kNever);
}

}  // namespace
}  // namespace corelane::tcp
