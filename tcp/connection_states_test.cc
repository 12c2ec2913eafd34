// Every synchronized state against every kind of arriving segment (RFC 9293 §3.10.7.4).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tcp/segment_matchers.h"

namespace corelane::tcp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Brings a connection into a state with nothing in flight but a FIN where the state has sent one.
// The peer's next byte is 1, or 2 where its FIN has come; ours likewise.
class StateTest : public testing::TestWithParam<State> {
 protected:
  void SetUp() override {
    switch (GetParam()) {
      case State::kSynReceived:
        t_.OpenPassive();
        break;
      case State::kEstablished:
        t_.Establish();
        break;
      case State::kFinWait1:
        t_.Establish();
        t_.c().CloseSend(t_.now());
        break;
      case State::kFinWait2:
        t_.Establish();
        t_.c().CloseSend(t_.now());
        t_.Sent();
        t_.Inject(kAck, 1, 2);
        break;
      case State::kCloseWait:
        t_.Establish();
        t_.Inject(kFin | kAck, 1, 1);
        break;
      case State::kClosing:
        t_.Establish();
        t_.c().CloseSend(t_.now());
        t_.Sent();
        t_.Inject(kFin | kAck, 1, 1);
        break;
      case State::kLastAck:
        t_.Establish();
        t_.Inject(kFin | kAck, 1, 1);
        t_.c().CloseSend(t_.now());
        break;
      default:
        break;
    }
    t_.Sent();
    ASSERT_EQ(t_.c().state(), GetParam());
    rcv_ = Distance(t_.Remote(0), t_.c().rcv_nxt());
    snd_ = Distance(t_.Local(0), t_.c().snd_nxt());
    una_ = Distance(t_.Local(0), t_.c().snd_una());
  }
  bool peer_closed() const { return rcv_ == 2; }
  bool syn_received() const { return GetParam() == State::kSynReceived; }

  ScriptedConnection t_;
  uint32_t rcv_ = 0;
  uint32_t snd_ = 0;
  uint32_t una_ = 0;
};

// RFC 5961 §3.2
TEST_P(StateTest, RstAtTheLeftEdgeEndsIt) {
  t_.Inject(kRst, rcv_, 0);
  EXPECT_TRUE(t_.c().is_closed());
  EXPECT_THAT(t_.Sent(), IsEmpty());
  switch (GetParam()) {
    case State::kSynReceived:
      EXPECT_EQ(t_.c().error(), Error::kRefused);
      break;
    case State::kClosing:
    case State::kLastAck:
      EXPECT_EQ(t_.c().error(), Error::kNone);
      break;
    default:
      EXPECT_EQ(t_.c().error(), Error::kReset);
  }
}

TEST_P(StateTest, RstElsewhereInTheWindowIsChallenged) {
  t_.Inject(kRst, rcv_ + 1, 0);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_, 0)));
  EXPECT_EQ(t_.counters().challenge_acks.value(), 1u);
}

TEST_P(StateTest, RstOutsideTheWindowIsIgnored) {
  t_.Inject(kRst, rcv_ - 1, 0);
  t_.Inject(kRst, rcv_ + t_.c().rcv_wnd(), 0);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_THAT(t_.Sent(), IsEmpty());
}

// RFC 5961 §4.2
TEST_P(StateTest, SynInTheWindowIsChallenged) {
  t_.Inject(kSyn, rcv_ + 10, 0);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_, 0)));
}

TEST_P(StateTest, OldSynIsAnswered) {
  t_.Inject(kSyn, 0, 0);
  EXPECT_EQ(t_.c().state(), GetParam());
  if (syn_received()) {
    EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kSyn | kAck, 0, 1, 0)));
  } else {
    EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_, 0)));
  }
}

TEST_P(StateTest, SegmentWithoutAckIsDropped) {
  t_.Inject(0, rcv_, 0, 10);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_EQ(t_.c().readable_bytes(), 0u);
  EXPECT_THAT(t_.Sent(), IsEmpty());
}

TEST_P(StateTest, AckOfTheFutureIsNotTaken) {
  t_.Inject(kAck, rcv_, snd_ + 1, 10);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_EQ(t_.c().readable_bytes(), 0u);
  if (syn_received()) {
    EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kRst, snd_ + 1, 0, 0)));
  } else {
    EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_, 0)));
  }
}

// RFC 5961 §5.2: data with an ACK below SND.UNA - MAX.SND.WND was made up.
TEST_P(StateTest, AckOfTheDistantPastIsNotTaken) {
  t_.Inject(kAck, rcv_, una_ - 60001, 10);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_EQ(t_.c().readable_bytes(), 0u);
  if (!syn_received()) {
    EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_, 0)));
  }
}

TEST_P(StateTest, DataBeforeTheWindowIsAcknowledgedAgain) {
  t_.Inject(kAck, rcv_ - 5, una_, 5);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_EQ(t_.c().readable_bytes(), 0u);
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_, 0)));
}

TEST_P(StateTest, DataBehindTheWindowIsAcknowledged) {
  t_.Inject(kAck, rcv_ + t_.c().rcv_wnd(), una_, 5);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_, 0)));
}

TEST_P(StateTest, DataIsDeliveredUnlessThePeerHasClosed) {
  t_.Inject(kAck, rcv_, syn_received() ? 1 : una_, 10);
  if (peer_closed()) {
    EXPECT_EQ(t_.c().readable_bytes(), 0u);
    EXPECT_EQ(t_.c().state(), GetParam());
    return;
  }
  EXPECT_EQ(t_.Read(100), 10u);
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_ + 10, 0)));
}

TEST_P(StateTest, DataPartlyOldIsTrimmed) {
  if (peer_closed() || syn_received()) GTEST_SUCCEED();
  t_.Inject(kAck, 1, syn_received() ? 1 : una_, 10);
  t_.Sent();
  t_.Inject(kAck, 6, una_ == 0 ? 1 : una_, 10);
  if (peer_closed()) {
    EXPECT_EQ(t_.c().readable_bytes(), 0u);
    return;
  }
  EXPECT_EQ(t_.Read(100), 15u);
  EXPECT_THAT(t_.Sent(), ElementsAre(IsAck(16)));
}

TEST_P(StateTest, FinAdvancesTheState) {
  t_.Inject(kFin | kAck, rcv_, syn_received() ? 1 : una_);
  switch (GetParam()) {
    case State::kSynReceived:
    case State::kEstablished:
      EXPECT_EQ(t_.c().state(), State::kCloseWait);
      break;
    case State::kFinWait1:
      EXPECT_EQ(t_.c().state(), State::kClosing);
      break;
    case State::kFinWait2:
      EXPECT_EQ(t_.c().state(), State::kTimeWait);
      break;
    default:
      EXPECT_EQ(t_.c().state(), GetParam());
      return;
  }
  EXPECT_TRUE(t_.c().end_of_stream());
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_ + 1, 0)));
}

TEST_P(StateTest, FinWithDataDeliversTheDataFirst) {
  if (peer_closed()) return;
  t_.Inject(kFin | kAck, rcv_, syn_received() ? 1 : una_, 7);
  EXPECT_FALSE(t_.c().end_of_stream());
  EXPECT_EQ(t_.Read(100), 7u);
  EXPECT_TRUE(t_.c().end_of_stream());
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_ + 8, 0)));
}

TEST_P(StateTest, FinOutOfOrderWaitsForWhatIsMissing) {
  if (peer_closed()) return;
  t_.Inject(kFin | kAck, rcv_ + 10, syn_received() ? 1 : una_);
  const State before = syn_received() ? State::kEstablished : GetParam();
  EXPECT_EQ(t_.c().state(), before);
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_, 0)));
  t_.Inject(kAck, rcv_, syn_received() ? 1 : una_, 10);
  EXPECT_EQ(t_.Read(100), 10u);
  EXPECT_TRUE(t_.c().end_of_stream());
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, rcv_ + 11, 0)));
}

TEST_P(StateTest, RepeatedFinIsAcknowledgedAgain) {
  if (!peer_closed()) return;
  t_.Inject(kFin | kAck, 1, una_);
  EXPECT_EQ(t_.c().state(), GetParam());
  EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kAck, snd_, 2, 0)));
}

TEST_P(StateTest, AckOfOurFinAdvancesTheState) {
  const bool fin_in_flight = snd_ > una_ && !syn_received();
  t_.Inject(kAck, rcv_, snd_);
  switch (GetParam()) {
    case State::kSynReceived:
      EXPECT_EQ(t_.c().state(), State::kEstablished);
      break;
    case State::kFinWait1:
      EXPECT_EQ(t_.c().state(), State::kFinWait2);
      break;
    case State::kClosing:
      EXPECT_EQ(t_.c().state(), State::kTimeWait);
      break;
    case State::kLastAck:
      EXPECT_TRUE(t_.c().is_closed());
      EXPECT_EQ(t_.c().error(), Error::kNone);
      break;
    default:
      EXPECT_FALSE(fin_in_flight);
      EXPECT_EQ(t_.c().state(), GetParam());
  }
  EXPECT_THAT(t_.Sent(), IsEmpty());
}

// RFC 9293 §3.10.5
TEST_P(StateTest, AbortSendsARstWhereThePeerWaits) {
  t_.c().Abort(t_.now());
  EXPECT_TRUE(t_.c().is_closed());
  EXPECT_EQ(t_.c().error(), Error::kAborted);
  if (GetParam() == State::kClosing || GetParam() == State::kLastAck) {
    EXPECT_THAT(t_.Sent(), IsEmpty());
  } else {
    EXPECT_THAT(t_.Sent(), ElementsAre(IsSegment(kRst | kAck, snd_, rcv_, 0)));
  }
}

INSTANTIATE_TEST_SUITE_P(States, StateTest,
                         testing::Values(State::kSynReceived, State::kEstablished, State::kFinWait1,
                                         State::kFinWait2, State::kCloseWait, State::kClosing,
                                         State::kLastAck),
                         [](const auto& info) {
                           std::string name = ToString(info.param);
                           std::erase(name, '-');
                           return name;
                         });

// --- attacks ---

// RFC 5961 §7: answers to forged segments are few.
TEST(ConnectionAttackTest, ChallengeAcksAreLimited) {
  ScriptedConnection t;
  t.Establish();
  for (int i = 0; i < 1000; ++i) t.Inject(kRst, 100, 0);
  const size_t first = t.Sent().size();
  EXPECT_GE(first, 5u);
  EXPECT_LE(first, 12u);
  t.Advance(std::chrono::seconds(1));
  for (int i = 0; i < 1000; ++i) t.Inject(kSyn, 100, 0);
  EXPECT_EQ(t.Sent().size(), first);
}

// Two desynchronized ends must not answer each other's ACKs for ever.
TEST(ConnectionAttackTest, AckStormsAreBounded) {
  ScriptedConnection t;
  t.Establish();
  for (int i = 0; i < 1000; ++i) t.Inject(kAck, 200'000, 1);  // unacceptable
  for (int i = 0; i < 1000; ++i) t.Inject(kAck, 1, 100'000);  // acknowledges the future
  EXPECT_LE(t.Sent().size(), 12u);
  EXPECT_EQ(t.c().state(), State::kEstablished);
}

// An attacker with a bad ACK number cannot move TS.Recent, or the peer's segments would fail PAWS.
TEST(ConnectionAttackTest, ForgedTimestampIsNotTaken) {
  ScriptedConnection t{Options()};
  t.Establish();
  const uint32_t before = t.c().ts_recent();
  t.Inject(kAck, 1, 100'000, 1, [](Segment& s) { s.timestamps.value += 1'000'000; });
  EXPECT_EQ(t.c().ts_recent(), before);
  t.Inject(kAck, 1, 1, 10);
  EXPECT_EQ(t.Read(100), 10u);
}

}  // namespace
}  // namespace corelane::tcp
