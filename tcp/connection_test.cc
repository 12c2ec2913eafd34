#include "tcp/connection.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tcp/connection_harness.h"

namespace corelane::tcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Sends `total` pattern bytes from one end to the other, closes, and checks what arrives.
struct Transfer {
  Transfer(ConnectionPair& p, int from, uint64_t total) : pair(p), from(from), total(total) {}

  void Step() {
    Connection& tx = pair.end(from);
    if (tx.established_once() && sent < total) {
      const auto bytes = Pattern(sent, std::min<uint64_t>(total - sent, 100000));
      sent += tx.Write(bytes, pair.now());
    }
    if (sent == total && !closed && tx.established_once()) {
      tx.CloseSend(pair.now());
      closed = true;
    }
    std::vector<uint8_t> buffer(65536);
    while (const size_t n = pair.end(1 - from).Read(buffer, pair.now())) {
      for (size_t i = 0; i < n; ++i) intact &= buffer[i] == PatternByte(received + i);
      received += n;
    }
  }

  ConnectionPair& pair;
  int from;
  uint64_t total;
  uint64_t sent = 0;
  uint64_t received = 0;
  bool closed = false;
  bool intact = true;
};

TEST(ConnectionTest, ThreeWayHandshakeNegotiatesOptions) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(pair.end(i).uses_timestamps());
    EXPECT_TRUE(pair.end(i).uses_sack());
    EXPECT_EQ(pair.end(i).mss(), 1448);
    EXPECT_EQ(pair.end(i).snd_wscale(), pair.end(1 - i).rcv_wscale());
    EXPECT_EQ(pair.end(i).rtt().srtt(), milliseconds(20));
  }
}

TEST(ConnectionTest, TransfersIntactWithoutLoss) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  Transfer t(pair, 0, 3'000'000);
  pair.on_step = [&] { t.Step(); };
  ASSERT_TRUE(pair.RunUntil([&] { return t.received == t.total && pair.end(1).end_of_stream(); }));
  EXPECT_TRUE(t.intact);
  EXPECT_EQ(pair.memory(0).counters.retransmitted_segments.value(), 0u);
  EXPECT_EQ(pair.end(1).state(), State::kCloseWait);
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(0).state() == State::kFinWait2; }));
  pair.end(1).CloseSend(pair.now());
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(1).is_closed(); }));
  EXPECT_EQ(pair.end(0).state(), State::kTimeWait);
  EXPECT_EQ(pair.end(1).error(), Error::kNone);
}

struct LossCase {
  double loss;
  bool sack;
  bool timestamps;
};

class LossTest : public testing::TestWithParam<LossCase> {};

TEST_P(LossTest, BytesArriveOnceInOrder) {
  Options options;
  options.sack = GetParam().sack;
  options.timestamps = GetParam().timestamps;
  WireOptions wire;
  wire.loss = GetParam().loss;
  wire.duplication = 0.02;
  wire.reordering = 0.05;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    ConnectionPair pair(options, options, wire, seed);
    ASSERT_TRUE(pair.ConnectAndRun()) << seed;
    Transfer t(pair, 0, 300'000);
    pair.on_step = [&] { t.Step(); };
    ASSERT_TRUE(pair.RunUntil([&] { return t.received == t.total && pair.end(1).end_of_stream(); }))
        << "seed " << seed << " received " << t.received << " after "
        << ToMilliseconds(pair.now().time_since_epoch()) << " ms, sender "
        << ToString(pair.end(0).state()) << " " << ToString(pair.end(0).error()) << ", receiver "
        << ToString(pair.end(1).state()) << " " << ToString(pair.end(1).error());
    EXPECT_TRUE(t.intact) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Grid, LossTest,
                         testing::Values(LossCase{0.01, true, true}, LossCase{0.05, true, true},
                                         LossCase{0.05, false, true}, LossCase{0.05, true, false},
                                         LossCase{0.05, false, false}, LossCase{0.2, true, true}));

// A single loss in the middle of a window is repaired by fast retransmit, without a time-out.
class SingleLossTest : public testing::TestWithParam<bool> {};

TEST_P(SingleLossTest, FastRetransmitRepairsIt) {
  Options options;
  options.sack = GetParam();
  ConnectionPair pair(options, options);
  ASSERT_TRUE(pair.ConnectAndRun());
  int data_frames = 0;
  pair.filter = [&](int from, const WireSegment& s) {
    return !(from == 0 && !s.payload.empty() && ++data_frames == 20);
  };
  Transfer t(pair, 0, 200'000);
  pair.on_step = [&] { t.Step(); };
  ASSERT_TRUE(pair.RunUntil([&] { return t.received == t.total; }, seconds(5)));
  EXPECT_EQ(pair.memory(0).counters.retransmission_timeouts.value(), 0u);
  EXPECT_EQ(pair.memory(0).counters.fast_recoveries.value(), 1u);
  EXPECT_EQ(pair.memory(0).counters.retransmitted_segments.value(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Sack, SingleLossTest, testing::Bool());

TEST(ConnectionTest, ZeroWindowIsProbedAndReopens) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  uint64_t sent = 0;
  pair.on_step = [&] {
    if (sent < 2'000'000) sent += pair.end(0).Write(Pattern(sent, 50'000), pair.now());
  };
  pair.RunFor(seconds(60));  // nobody reads
  EXPECT_EQ(pair.end(0).snd_wnd(), 0u);
  EXPECT_GT(pair.memory(0).counters.zero_window_probes.value(), 3u);
  EXPECT_FALSE(pair.end(0).is_closed());
  const size_t queued = pair.end(1).readable_bytes();
  EXPECT_GT(queued, 100'000u);
  // The window update is lost; a probe finds the window open again.
  bool drop = true;
  pair.filter = [&](int from, const WireSegment&) {
    return !(from == 1 && std::exchange(drop, false));
  };
  std::vector<uint8_t> buffer(queued);
  EXPECT_EQ(pair.end(1).Read(buffer, pair.now()), queued);
  EXPECT_TRUE(pair.RunUntil([&] { return pair.end(1).readable_bytes() > 50'000; }, seconds(150)));
}

// Both ends fill the other's window while segments are lost and overtaken: what each says of its
// own window and of the other's data must get through all the same.
TEST(ConnectionTest, AnEchoFillsBothWindowsOfABadWire) {
  WireOptions wire;
  wire.delay = std::chrono::microseconds(10);
  wire.loss = 0.01;
  wire.reordering = 0.02;
  wire.duplication = 0.01;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Options options;
    options.receive_buffer = options.receive_buffer_max = 64'000;
    ConnectionPair pair(options, options, wire, seed);
    ASSERT_TRUE(pair.ConnectAndRun());
    Transfer t(pair, 0, 2'000'000);
    std::vector<uint8_t> held;  // by the echo, which reads on once it is rid of them
    uint64_t echoed = 0;
    pair.on_step = [&] {
      if (t.sent < t.total) {
        t.sent += pair.end(0).Write(Pattern(t.sent, std::min<uint64_t>(t.total - t.sent, 60'000)),
                                    pair.now());
      }
      if (held.empty()) {
        held.resize(16'384);
        held.resize(pair.end(1).Read(held, pair.now()));
      }
      const size_t written = pair.end(1).Write(held, pair.now());
      held.erase(held.begin(), held.begin() + static_cast<ptrdiff_t>(written));
      std::vector<uint8_t> back(16'384);
      back.resize(pair.end(0).Read(back, pair.now()));
      ASSERT_EQ(back, Pattern(echoed, back.size()));
      echoed += back.size();
    };
    EXPECT_TRUE(pair.RunUntil([&] { return echoed == t.total; }, seconds(60)))
        << "seed " << seed << ": " << echoed;
  }
}

TEST(ConnectionTest, SimultaneousCloseReachesTimeWaitOnBothSides) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  pair.end(0).CloseSend(pair.now());
  pair.end(1).CloseSend(pair.now());
  ASSERT_TRUE(pair.RunUntil([&] {
    return pair.end(0).state() == State::kTimeWait && pair.end(1).state() == State::kTimeWait;
  }));
}

TEST(ConnectionTest, AbortResetsThePeer) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  pair.end(0).Abort(pair.now());
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(1).is_closed(); }));
  EXPECT_EQ(pair.end(0).error(), Error::kAborted);
  EXPECT_EQ(pair.end(1).error(), Error::kReset);
}

TEST(ConnectionTest, SynIsRetransmittedAndTimesOut) {
  ConnectionPair pair;
  int syns = 0;
  pair.filter = [&](int, const WireSegment&) {
    ++syns;
    return false;
  };
  pair.Connect();
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(0).is_closed(); }));
  EXPECT_EQ(pair.end(0).error(), Error::kTimedOut);
  EXPECT_EQ(syns, 8);
  EXPECT_GE(pair.now() - Instant{seconds(1)}, seconds(180));  // RFC 9293 §3.8.3, MUST-23
}

TEST(ConnectionTest, BlindResetInsideTheWindowIsChallenged) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  Segment rst;
  rst.flags = kRst;
  rst.seq = pair.end(1).rcv_nxt() + 100;  // RFC 5961 §3.2
  pair.end(1).OnSegment(rst, PacketBuf(), pair.now());
  EXPECT_EQ(pair.end(1).state(), State::kEstablished);
  EXPECT_EQ(pair.memory(1).counters.challenge_acks.value(), 1u);
  rst.seq = pair.end(1).rcv_nxt();
  pair.end(1).OnSegment(rst, PacketBuf(), pair.now());
  EXPECT_EQ(pair.end(1).error(), Error::kReset);
}

TEST(ConnectionTest, OldTimestampIsRejected) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  Segment s;
  s.flags = kAck;
  s.seq = pair.end(1).rcv_nxt();
  s.ack = pair.end(1).snd_nxt();
  s.has_timestamps = true;
  s.timestamps = {pair.end(1).ts_recent() - 1, 0};
  s.payload_length = 3;
  PacketBuf payload = pair.memory(1).packets.Allocate();
  std::fill_n(payload.Append(3), 3, uint8_t{1});
  pair.end(1).OnSegment(s, std::move(payload), pair.now());
  EXPECT_EQ(pair.end(1).readable_bytes(), 0u);
  EXPECT_EQ(pair.memory(1).counters.paws_rejected.value(), 1u);
}

TEST(ConnectionTest, KeepaliveEndsADeadConnection) {
  Options options;
  options.keepalive = true;
  options.keepalive_idle = seconds(30);
  options.keepalive_interval = seconds(5);
  options.keepalive_probes = 3;
  ConnectionPair pair(options);
  ASSERT_TRUE(pair.ConnectAndRun());
  pair.RunFor(std::chrono::minutes(5));
  EXPECT_EQ(pair.end(0).state(), State::kEstablished);
  pair.filter = [](int, const WireSegment&) { return false; };
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(0).is_closed(); }, std::chrono::minutes(2)));
  EXPECT_EQ(pair.end(0).error(), Error::kTimedOut);
}

TEST(ConnectionTest, NagleHoldsTheSecondSmallWrite) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  pair.RunFor(seconds(1));
  const size_t before = pair.frames_sent(0);
  for (int i = 0; i < 3; ++i) {
    pair.end(0).Write(Pattern(0, 10), pair.now());
    pair.Poll(0);
  }
  EXPECT_EQ(pair.frames_sent(0), before + 1);
  pair.RunFor(seconds(1));
  EXPECT_EQ(pair.end(1).readable_bytes(), 30u);
  EXPECT_EQ(pair.frames_sent(0), before + 2);
}

TEST(ConnectionTest, DelayedAckWaitsForASecondSegment) {
  Options options;
  options.no_delay = true;
  ConnectionPair pair(options, options);
  ASSERT_TRUE(pair.ConnectAndRun());
  for (int i = 0; i < 6; ++i) {  // uses up the quick ACKs
    pair.end(0).Write(Pattern(0, 10), pair.now());
    pair.RunFor(milliseconds(200));
  }
  const size_t before = pair.frames_sent(1);
  pair.end(0).Write(Pattern(0, 10), pair.now());
  pair.RunFor(milliseconds(49));
  EXPECT_EQ(pair.frames_sent(1), before);
  pair.RunFor(milliseconds(2));
  EXPECT_EQ(pair.frames_sent(1), before + 1);
  pair.end(0).Write(Pattern(0, 10), pair.now());
  pair.Poll(0);
  pair.end(0).Write(Pattern(0, 10), pair.now());
  pair.RunFor(milliseconds(11));
  EXPECT_EQ(pair.frames_sent(1), before + 2);
}

}  // namespace
}  // namespace corelane::tcp
