// A connection that goes on with another core's memory: nothing of it may be lost on the way.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tcp/connection_harness.h"
#include "tcp/moving_connection.h"

namespace corelane::tcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Pattern bytes in both directions at the same time, then FIN.
class BothWays {
 public:
  BothWays(ConnectionPair& pair, uint64_t total) : pair_(pair), total_(total) {}

  void Step() {
    for (int i = 0; i < 2; ++i) {
      Connection& end = pair_.end(i);
      const uint64_t most = std::min<uint64_t>(total_ - sent_[i], 100'000);
      const size_t n = end.Write(Pattern(sent_[i], most), pair_.now());
      sent_[i] += n;
      if (sent_[i] == total_ && !closed_[i]) {
        end.CloseSend(pair_.now());
        closed_[i] = true;
      }
      std::vector<uint8_t> buffer(65536);
      while (const size_t got = end.Read(buffer, pair_.now())) {
        for (size_t k = 0; k < got; ++k) intact_ &= buffer[k] == PatternByte(received_[i] + k);
        received_[i] += got;
      }
    }
  }
  bool Done() const {
    return received_[0] == total_ && received_[1] == total_ && pair_.end(0).end_of_stream() &&
           pair_.end(1).end_of_stream();
  }
  bool intact() const { return intact_; }

 private:
  ConnectionPair& pair_;
  const uint64_t total_;
  uint64_t sent_[2] = {0, 0};
  uint64_t received_[2] = {0, 0};
  bool closed_[2] = {false, false};
  bool intact_ = true;
};

bool MayMove(const Connection& c) {
  return c.established_once() && !c.is_closed() && c.state() != State::kTimeWait;
}

class MoveUnderLossTest : public testing::TestWithParam<std::pair<double, bool>> {};

TEST_P(MoveUnderLossTest, NoByteIsLostHoweverOftenItMoves) {
  WireOptions wire;
  wire.loss = GetParam().first;
  wire.reordering = GetParam().first;
  wire.duplication = GetParam().first;
  Options options;
  options.sack = GetParam().second;
  ConnectionPair pair(options, options, wire, 7);
  ASSERT_TRUE(pair.ConnectAndRun());
  BothWays transfer(pair, 400'000);
  Instant next = pair.now();
  int moves = 0;
  pair.on_step = [&] {
    transfer.Step();
    if (pair.now() < next) return;
    next = pair.now() + milliseconds(7);
    const int i = moves++ % 2;
    if (MayMove(pair.end(i))) pair.Move(i);
  };
  ASSERT_TRUE(pair.RunUntil([&] { return transfer.Done(); }));
  EXPECT_TRUE(transfer.intact());
  EXPECT_GT(moves, 10);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(pair.end(i).error(), Error::kNone);
}

INSTANTIATE_TEST_SUITE_P(All, MoveUnderLossTest,
                         testing::Values(std::pair(0.0, true), std::pair(0.02, true),
                                         std::pair(0.02, false), std::pair(0.1, true)));

TEST(ConnectionMoveTest, MovingCostsNoRetransmission) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  BothWays transfer(pair, 2'000'000);
  Instant next = pair.now();
  uint64_t retransmitted = 0;
  int moves = 0;
  pair.on_step = [&] {
    transfer.Step();
    if (pair.now() < next || !MayMove(pair.end(moves % 2))) return;
    next = pair.now() + milliseconds(3);
    const int i = moves++ % 2;
    retransmitted += pair.memory(i).counters.retransmitted_segments.value();
    pair.Move(i);
  };
  ASSERT_TRUE(pair.RunUntil([&] { return transfer.Done(); }));
  EXPECT_TRUE(transfer.intact());
  EXPECT_GT(moves, 20);
  EXPECT_EQ(retransmitted, 0u);
}

// One segment of a flight is lost, both ends move, and the one that was lost is all that is sent
// again: what the receiver held out of order and what the sender knew of it have moved along.
TEST(ConnectionMoveTest, OutOfOrderBytesAndTheScoreboardMoveAlong) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  int data_frames = 0;
  bool lossy = true;
  std::vector<SeqNum> sent;
  pair.filter = [&](int from, const WireSegment& frame) {
    if (from != 0 || frame.payload.empty()) return true;
    sent.push_back(frame.header.seq);
    // Of ten: the second is lost until the ends have moved.
    return !(lossy && data_frames++ >= 1 && frame.header.seq == sent[1]);
  };
  ASSERT_EQ(pair.end(0).Write(Pattern(0, 14480), pair.now()), 14480u);
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(1).out_of_order_bytes() == 8 * 1448; }));
  pair.RunFor(milliseconds(15));
  EXPECT_EQ(pair.end(1).readable_bytes(), 1448u);
  pair.Move(0);
  pair.Move(1);
  EXPECT_EQ(pair.end(1).out_of_order_bytes(), 8u * 1448);
  EXPECT_EQ(pair.end(1).readable_bytes(), 1448u);
  lossy = false;
  const size_t before = sent.size();
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(0).all_data_acknowledged(); }));
  for (size_t i = before; i < sent.size(); ++i) EXPECT_EQ(sent[i], sent[1]) << i;
  std::vector<uint8_t> got(20000);
  ASSERT_EQ(pair.end(1).Read(got, pair.now()), 14480u);
  got.resize(14480);
  EXPECT_EQ(got, Pattern(0, 14480));
}

TEST(ConnectionMoveTest, TheApplicationHearsOfWhatIsThere) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  pair.end(0).Write(Pattern(0, 3000), pair.now());
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(1).readable_bytes() == 3000; }));
  pair.end(1).TakeEvents();
  MovingConnection moving(pair.end(1));
  EXPECT_EQ(moving.bytes(), 3000u);
  EXPECT_TRUE(pair.end(1).is_closed());
  EXPECT_FALSE(pair.end(1).HasEvents());
  EXPECT_FALSE(pair.end(1).WantsTransmit());
  EXPECT_EQ(pair.end(1).NextDeadline(), kNever);
  CoreMemory memory;
  Connection moved(std::move(moving), memory.resources, pair.now());
  EXPECT_EQ(moved.TakeEvents() & (kReadable | kWritable), kReadable | kWritable);
  EXPECT_EQ(moved.readable_bytes(), 3000u);
}

TEST(ConnectionMoveTest, TimersMoveAlong) {
  Options options;
  options.keepalive = true;
  options.keepalive_idle = seconds(10);
  ConnectionPair pair(options, Options());
  ASSERT_TRUE(pair.ConnectAndRun());
  pair.RunFor(seconds(4));
  const Instant deadline = pair.end(0).NextDeadline();
  pair.Move(0);
  EXPECT_EQ(pair.end(0).NextDeadline(), deadline);
  pair.RunFor(seconds(8));
  EXPECT_EQ(pair.memory(0).counters.keepalive_probes.value(), 1u);
}

TEST(ConnectionMoveTest, WithoutMemoryForWhatWasWrittenItIsReset) {
  ConnectionPair pair;
  ASSERT_TRUE(pair.ConnectAndRun());
  ASSERT_EQ(pair.end(0).Write(Pattern(0, 60000), pair.now()), 60000u);
  pair.Poll(0);
  pair.Move(0, std::make_unique<CoreMemory>(8192, 4));
  EXPECT_EQ(pair.end(0).error(), Error::kAborted);
  EXPECT_NE(pair.end(0).TakeEvents() & kClosed, 0);
  ASSERT_TRUE(pair.RunUntil([&] { return pair.end(1).is_closed(); }));
  EXPECT_EQ(pair.end(1).error(), Error::kReset);
}

}  // namespace
}  // namespace corelane::tcp
