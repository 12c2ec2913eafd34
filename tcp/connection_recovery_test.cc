// Loss recovery (RFC 5681, 6582, 6675, 3042, 8985), step by step.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tcp/segment_matchers.h"

namespace corelane::tcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class RecoveryTest : public testing::Test {
 protected:
  // Ten segments of 1000 bytes are in flight: 1..10000; more waits behind them.
  void Start(bool sack, size_t bytes = 30'000, bool rack_tlp = false) {
    Options options = ScriptedConnection::Plain();
    options.sack = sack;
    options.rack_tlp = rack_tlp;
    t_ = std::make_unique<ScriptedConnection>(options);
    t_->Establish();
    t_->Write(bytes);
    ASSERT_EQ(t_->Sent().size(), std::min<size_t>(10, bytes / 1000));
  }
  void DuplicateAck(uint32_t ack) { t_->Inject(kAck, 1, ack); }
  // Segments are numbered from 0: [first, last] are held by the peer.
  void Sack(uint32_t ack, std::initializer_list<std::pair<uint32_t, uint32_t>> blocks,
            uint32_t data = 0, uint32_t seq = 1) {
    t_->Inject(kAck, seq, ack, data, [&](Segment& s) {
      for (const auto& [first, last] : blocks) {
        s.sack[s.sack_count++] = {t_->Local(1 + first * 1000), t_->Local(1 + (last + 1) * 1000)};
      }
    });
  }
  uint32_t cwnd() { return t_->c().congestion().cwnd(); }

  std::unique_ptr<ScriptedConnection> t_;
};

// --- without SACK ---

TEST_F(RecoveryTest, LimitedTransmitThenFastRetransmit) {  // RFC 3042, RFC 5681 §3.2
  Start(false);
  DuplicateAck(1);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(10'001, 1000)));
  DuplicateAck(1);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(11'001, 1000)));
  DuplicateAck(1);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  // RFC 5681 §3.2 step 2: what limited transmit sent does not count.
  EXPECT_EQ(t_->c().congestion().ssthresh(), 5000u);
  EXPECT_EQ(cwnd(), 8000u);  // ssthresh and the three that left
  for (int i = 0; i < 4; ++i) DuplicateAck(1);
  EXPECT_THAT(t_->Sent(), IsEmpty());
  DuplicateAck(1);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(12'001, 1000)));  // inflation reached beyond
  t_->Inject(kAck, 1, 12'001);                                 // all that was out when it began
  EXPECT_LE(cwnd(), 5000u);
  EXPECT_EQ(t_->c().retransmits(), 1u);
}

TEST_F(RecoveryTest, PartialAckRetransmitsTheNextHole) {  // RFC 6582 §3.2 step 3
  Start(false, 10'000);
  for (int i = 0; i < 3; ++i) DuplicateAck(1);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  t_->Inject(kAck, 1, 4001);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(4001, 1000)));
  t_->Inject(kAck, 1, 7001);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(7001, 1000)));
  t_->Inject(kAck, 1, 10'001);
  EXPECT_THAT(t_->Sent(), IsEmpty());
  EXPECT_EQ(t_->counters().fast_recoveries.value(), 1u);
}

TEST_F(RecoveryTest, WindowUpdatesAndDataAreNoDuplicates) {  // RFC 5681 §2
  Start(false, 10'000);
  for (int i = 0; i < 5; ++i) {
    t_->window() += 1000;
    DuplicateAck(1);
  }
  EXPECT_THAT(t_->Sent(), IsEmpty());
  for (uint32_t i = 0; i < 5; ++i) t_->Inject(kAck, 1 + i * 10, 1, 10);
  for (const SentFrame& f : t_->Sent()) EXPECT_EQ(f.length, 0u);
  EXPECT_EQ(t_->c().retransmits(), 0u);
}

// RFC 6582 §3.2 step 1: what a time-out sent twice comes back as duplicates, which are no loss.
TEST_F(RecoveryTest, DuplicatesOfATimeoutStartNoRecovery) {
  Start(false, 10'000);
  t_->Advance(milliseconds(210));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  t_->Inject(kAck, 1, 10'001);  // everything was there but its ACKs
  t_->Write(10'000);
  t_->Sent();
  for (int i = 0; i < 5; ++i) DuplicateAck(10'001);
  EXPECT_EQ(t_->counters().fast_recoveries.value(), 0u);
  t_->Inject(kAck, 1, 11'001);
  for (int i = 0; i < 3; ++i) DuplicateAck(11'001);
  EXPECT_EQ(t_->counters().fast_recoveries.value(), 1u);
}

// Sequence numbers of the first recovery do not depend on where they begin.
TEST(RecoveryWrapTest, FastRetransmitAcrossTheWrap) {
  for (const bool sack : {false, true}) {
    Options options;
    options.sack = sack;
    ConnectionPair pair(options, options);  // its first ISS lies 256 below the wrap
    ASSERT_TRUE(pair.ConnectAndRun());
    int frames = 0;
    pair.filter = [&](int from, const WireSegment& s) {
      return !(from == 0 && !s.payload.empty() && ++frames == 1);
    };
    pair.end(0).Write(Pattern(0, 20'000), pair.now());
    EXPECT_TRUE(pair.RunUntil([&] { return pair.end(1).readable_bytes() == 20'000; }, seconds(5)));
    EXPECT_EQ(pair.memory(0).counters.fast_recoveries.value(), 1u) << sack;
    EXPECT_EQ(pair.memory(0).counters.retransmission_timeouts.value(), 0u) << sack;
  }
}

// --- with SACK ---

TEST_F(RecoveryTest, ThreeSackedSegmentsMeanLoss) {
  Start(true);
  Sack(1, {{1, 1}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(10'001, 1000)));  // limited transmit
  Sack(1, {{1, 2}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(11'001, 1000)));
  Sack(1, {{1, 3}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  EXPECT_EQ(cwnd(), 5000u);
}

TEST_F(RecoveryTest, OneAckThatSacksMuchIsEnough) {  // RFC 6675 §5 step 2
  Start(true, 10'000);
  Sack(1, {{3, 9}});
  const auto sent = t_->Sent();
  EXPECT_THAT(sent, ElementsAre(IsData(1, 1000), IsData(1001, 1000), IsData(2001, 1000)));
}

TEST_F(RecoveryTest, SackWithTheCumulativeAckIsEnough) {
  Start(true, 10'000);
  Sack(2001, {{3, 9}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(2001, 1000)));
}

TEST_F(RecoveryTest, SackOnDataSegmentsCounts) {
  Start(true, 10'000);
  for (uint32_t i = 1; i <= 3; ++i) Sack(1, {{1, i}}, 10, 1 + (i - 1) * 10);
  const auto sent = t_->Sent();
  EXPECT_EQ(t_->c().retransmits(), 1u);
}

TEST_F(RecoveryTest, AllHolesAreFilledAsThePipeAllows) {
  Start(true, 10'000);
  Sack(1, {{9, 9}, {5, 7}, {2, 3}});  // 0, 1, 4 are lost, 8 not yet
  EXPECT_EQ(cwnd(), 5000u);
  auto sent = t_->Sent();
  EXPECT_THAT(sent, ElementsAre(IsData(1, 1000), IsData(1001, 1000), IsData(4001, 1000)));
  EXPECT_LE(t_->c().retransmits(), 4u);
  Sack(2001, {{9, 9}, {5, 7}, {2, 3}});
  t_->Sent();
  t_->Inject(kAck, 1, 10'001);
  EXPECT_EQ(t_->c().retransmits(), 3u);
  EXPECT_EQ(t_->memory().scoreboards.in_use(), 0u);
}

TEST_F(RecoveryTest, BlocksThatMakeNoSenseAreIgnored) {
  Start(true, 10'000);
  Sack(1, {{20, 30}});   // never sent
  Sack(1, {{9, 3}});     // reversed
  Sack(3001, {{0, 1}});  // RFC 2883: below the cumulative ACK
  EXPECT_THAT(t_->Sent(), IsEmpty());
  EXPECT_EQ(t_->memory().scoreboards.in_use(), 0u);
  EXPECT_EQ(t_->c().retransmits(), 0u);
}

TEST_F(RecoveryTest, TheSameBlocksAgainAreNoDuplicates) {
  Start(true, 10'000);
  for (int i = 0; i < 10; ++i) Sack(1, {{5, 5}});
  EXPECT_EQ(t_->c().retransmits(), 0u);
}

// After a time-out only holes are sent again (RFC 6675 §5.1).
TEST_F(RecoveryTest, TimeoutSkipsWhatIsSacked) {
  Start(true, 10'000);
  Sack(1, {{4, 4}, {6, 6}});
  t_->Sent();
  t_->Advance(milliseconds(210));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  EXPECT_EQ(cwnd(), 1000u);
  t_->Inject(kAck, 1, 1001);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1001, 1000), IsData(2001, 1000)));
  t_->Inject(kAck, 1, 3001);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(3001, 1000), IsData(5001, 1000), IsData(7001, 1000),
                                      IsData(8001, 1000)));
  t_->Inject(kAck, 1, 10'001);
  EXPECT_EQ(t_->c().flight_size(), 0u);
}

// A retransmission is lost while new data goes on arriving: what the peer holds already is no sign
// of a wide path, neither when the timer expires nor when the hole is filled at last.
TEST_F(RecoveryTest, BytesSackedBehindALostRetransmissionOpenNoWindow) {
  Start(true);
  Sack(1, {{1, 3}});
  for (uint32_t last = 4; last < 30; ++last) Sack(1, {{1, last}});
  t_->Sent();
  EXPECT_EQ(t_->c().flight_size(), 30'000u);
  EXPECT_LE(cwnd(), 5000u);  // less where the lost retransmission was noticed
  t_->Advance(milliseconds(410));
  EXPECT_EQ(t_->counters().retransmission_timeouts.value(), 1u);
  EXPECT_LE(t_->c().congestion().ssthresh(), 2500u);
  EXPECT_EQ(cwnd(), 1000u);
  t_->Inject(kAck, 1, 30'001);
  EXPECT_EQ(cwnd(), 2000u);
}

// RFC 2018 §8: a peer may drop what it SACKed.
TEST_F(RecoveryTest, RenegedBlocksAreSentAgain) {
  Start(true, 4000);
  Sack(1, {{1, 3}});
  t_->Sent();
  t_->Advance(milliseconds(210));
  t_->Inject(kAck, 1, 1001);  // the SACKed bytes are not acknowledged with it
  t_->Sent();
  for (int i = 0; i < 4 && t_->c().flight_size() > 0; ++i) {
    t_->Advance(seconds(4));
    const auto sent = t_->Sent();
    ASSERT_FALSE(sent.empty());
    const SentFrame& last = sent.back();
    t_->Inject(kAck, 1, last.seq + last.length);
  }
  EXPECT_EQ(t_->c().flight_size(), 0u);
}

TEST_F(RecoveryTest, ManyHolesOfATinySegmentSizeAreBounded) {
  Options options = ScriptedConnection::Plain();
  ScriptedConnection t(options);
  t.Establish([](Segment& s) { s.mss = 48; });
  EXPECT_GE(t.c().mss(), 64);
  for (int i = 0; i < 200; ++i) {
    t.Write(60'000);
    const uint32_t sent_to = Distance(t.Local(0), t.c().snd_nxt());
    t.Inject(kAck, 1, sent_to);
  }
  t.Write(60'000);
  const uint32_t base = Distance(t.Local(0), t.c().snd_una());
  const uint32_t flight = t.c().flight_size();
  ASSERT_GT(flight, 20'000u);
  for (uint32_t at = 64; at + 1 < flight; at += 128) {
    t.Inject(kAck, 1, base, 0, [&](Segment& s) {
      s.sack_count = 1;
      s.sack[0] = {t.Local(base + at), t.Local(base + at + 1)};
    });
  }
  EXPECT_EQ(t.c().state(), State::kEstablished);
}

TEST_F(RecoveryTest, WithoutMemoryForAScoreboardTheTimerRepairs) {
  Start(true, 10'000);
  std::vector<Scoreboard*> taken;
  while (Scoreboard* s = t_->memory().scoreboards.New()) taken.push_back(s);
  Sack(1, {{1, 9}});
  EXPECT_THAT(t_->Sent(), IsEmpty());
  t_->Advance(milliseconds(210));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  for (Scoreboard* s : taken) t_->memory().scoreboards.Delete(s);
}

// RFC 5681 §4.3: the second loss of a segment counts again, and is noticed before the RTO.
TEST_F(RecoveryTest, LostRetransmissionIsSentAgain) {
  Start(true);
  Sack(1, {{1, 3}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  const uint32_t first = cwnd();
  for (uint32_t last = 4; last <= 9; ++last) Sack(1, {{1, last}});
  auto sent = t_->Sent();  // new data, as the pipe empties
  ASSERT_GE(sent.size(), 3u);
  EXPECT_THAT(sent.front(), IsData(10'001, 1000));
  Sack(1, {{1, 11}});  // two of what left after the retransmission: perhaps reordered
  for (const SentFrame& f : t_->Sent()) EXPECT_GT(f.seq, 10'000u);
  Sack(1, {{1, 12}});
  EXPECT_THAT(t_->Sent(), Contains(IsData(1, 1000)));
  EXPECT_LT(cwnd(), first);
  EXPECT_EQ(t_->c().retransmits(), 2u);
  EXPECT_EQ(t_->counters().retransmission_timeouts.value(), 0u);
}

// --- losses found by time (RFC 8985 §6) ---

// The round trip is 10 ms, and the reordering window a quarter of it.
TEST_F(RecoveryTest, WhatIsOvertakenForLongIsLost) {
  Start(true, 3000, true);
  Sack(1, {{1, 1}});
  t_->Advance(milliseconds(2));
  EXPECT_THAT(t_->Sent(), IsEmpty());
  t_->Advance(milliseconds(1));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  t_->Inject(kAck, 1, 3001);
  EXPECT_EQ(t_->c().flight_size(), 0u);
  EXPECT_EQ(t_->counters().losses_by_time.value(), 1u);
  EXPECT_EQ(t_->counters().retransmission_timeouts.value(), 0u);
}

TEST_F(RecoveryTest, WhatIsOvertakenBrieflyIsNot) {
  Start(true, 3000, true);
  const uint32_t before = cwnd();
  Sack(1, {{1, 1}});
  t_->Advance(milliseconds(2));
  t_->Inject(kAck, 1, 2001);
  t_->Advance(milliseconds(10));
  EXPECT_THAT(t_->Sent(), IsEmpty());
  EXPECT_GE(cwnd(), before);
}

// The acknowledgement that fills one hole shows the next by what it does not say.
TEST_F(RecoveryTest, TheNextHoleIsWatchedToo) {
  Start(true, 5000, true);
  Sack(1, {{1, 1}, {3, 3}});
  t_->Advance(milliseconds(2));
  Sack(2001, {{3, 3}});  // a round trip of 2 ms, and a window of 1 ms
  EXPECT_THAT(t_->Sent(), IsEmpty());
  t_->Advance(milliseconds(1));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(2001, 1000)));
}

TEST_F(RecoveryTest, RetransmissionOvertakenByNewDataIsLost) {
  Start(true, 30'000, true);
  Sack(1, {{1, 6}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000), IsData(10'001, 1000)));
  Sack(1, {{1, 6}, {10, 10}});
  t_->Sent();
  t_->Advance(milliseconds(3));
  EXPECT_THAT(t_->Sent(), Contains(IsData(1, 1000)));
  EXPECT_EQ(t_->counters().losses_by_time.value(), 1u);
}

TEST_F(RecoveryTest, RetransmissionOvertakenByAnotherIsLost) {
  Start(true, 10'000, true);
  Sack(1, {{2, 7}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000), IsData(1001, 1000)));
  Sack(1, {{1, 7}});
  t_->Sent();
  t_->Advance(milliseconds(3));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
}

// What came of the first transmission says nothing about the second.
TEST_F(RecoveryTest, RetransmissionIsNotSuspectedForOldNews) {
  Start(true, 10'000, true);
  Sack(1, {{1, 6}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  Sack(1, {{1, 9}});
  t_->Advance(milliseconds(100));
  EXPECT_THAT(t_->Sent(), IsEmpty());
}

TEST_F(RecoveryTest, RetransmissionAfterATimeoutIsWatchedToo) {
  Start(true, 4000, true);
  t_->Advance(milliseconds(20));   // the probe
  t_->Advance(milliseconds(200));  // the time-out
  t_->Sent();
  t_->Inject(kAck, 1, 1001);
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1001, 1000), IsData(2001, 1000)));
  Sack(1001, {{2, 2}});
  t_->Sent();
  t_->Advance(milliseconds(3));
  EXPECT_THAT(t_->Sent(), Contains(IsData(1001, 1000)));
  EXPECT_EQ(t_->counters().retransmission_timeouts.value(), 1u);
}

// --- tail loss probe (RFC 8985 §7) ---

// After two round trips of 10 ms.
TEST_F(RecoveryTest, TailProbeSendsTheLastSegmentAgain) {
  Start(true, 4000, true);
  const uint32_t before = cwnd();
  t_->Advance(milliseconds(19));
  EXPECT_THAT(t_->Sent(), IsEmpty());
  t_->Advance(milliseconds(1));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(3001, 1000)));
  Sack(4001, {{3, 3}});  // RFC 2883: it came twice, so only acknowledgements were lost
  EXPECT_EQ(t_->c().flight_size(), 0u);
  EXPECT_GE(cwnd(), before);
  EXPECT_EQ(t_->counters().tail_loss_probes.value(), 1u);
  t_->Write(4000);
  EXPECT_EQ(t_->Sent().size(), 4u);
  t_->Advance(milliseconds(20));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(7001, 1000)));  // the next tail has its own
}

TEST_F(RecoveryTest, TailProbePrefersNewData) {
  Start(true, 30'000, true);
  t_->Advance(milliseconds(20));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(10'001, 1000)));  // though the window is full
  EXPECT_EQ(t_->c().retransmits(), 0u);
}

TEST_F(RecoveryTest, WhatTheTailProbeShowsIsSentAgain) {
  Start(true, 4000, true);
  t_->Advance(milliseconds(20));
  t_->Sent();
  Sack(1, {{3, 3}});
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  t_->Inject(kAck, 1, 1001, 0,
             [&](Segment& s) { s.sack[s.sack_count++] = {t_->Local(3001), t_->Local(4001)}; });
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1001, 1000)));
  EXPECT_EQ(t_->counters().retransmission_timeouts.value(), 0u);
}

TEST_F(RecoveryTest, LossThatTheTailProbeRepairedIsCongestion) {
  Start(true, 4000, true);
  t_->Inject(kAck, 1, 3001);
  t_->Advance(milliseconds(200));  // One segment alone waits for a delayed ACK first.
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(3001, 1000)));
  t_->Inject(kAck, 1, 4001);
  const uint32_t before = cwnd();
  t_->Write(1000);
  EXPECT_EQ(t_->Sent().size(), 1u);
  t_->Inject(kAck, 1, 5001);  // no report of a duplicate has come
  EXPECT_LT(cwnd(), before);
}

TEST_F(RecoveryTest, TailProbeIsFollowedByTheTimeout) {
  Start(true, 4000, true);
  t_->Advance(milliseconds(20));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(3001, 1000)));
  t_->Advance(milliseconds(199));
  EXPECT_THAT(t_->Sent(), IsEmpty());
  t_->Advance(milliseconds(1));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
  EXPECT_EQ(t_->counters().retransmission_timeouts.value(), 1u);
}

TEST_F(RecoveryTest, NoTailProbeWithoutSack) {
  Start(false, 4000, true);
  t_->Advance(milliseconds(199));
  EXPECT_THAT(t_->Sent(), IsEmpty());
  t_->Advance(milliseconds(1));
  EXPECT_THAT(t_->Sent(), ElementsAre(IsData(1, 1000)));
}

}  // namespace
}  // namespace corelane::tcp
