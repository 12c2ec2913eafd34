#include "tcp/time_wait.h"

#include <gtest/gtest.h>

namespace corelane::tcp {
namespace {

using Verdict = TimeWaitTable::Verdict;
using std::chrono::seconds;

FourTuple Tuple(uint16_t remote_port) {
  return {Ipv4Address(0x0a000001u), Ipv4Address(0x0a000002u), 80, remote_port};
}

class TimeWaitTest : public testing::Test {
 protected:
  TimeWait& Add(uint16_t port, bool timestamps = true) {
    TimeWaitRecord record;
    record.four_tuple = Tuple(port);
    record.snd_nxt = SeqNum(1000);
    record.rcv_nxt = SeqNum(0xfffffff0u);
    record.ts_recent = 5000;
    record.uses_timestamps = timestamps;
    table_.Add(record, now_);
    TimeWait* found = Find(port);
    CL_CHECK(found != nullptr);
    return *found;
  }
  TimeWait* Find(uint16_t port) { return table_.Find(Tuple(port), table_.Hash(Tuple(port))); }
  static Segment Make(uint8_t flags, int32_t seq_offset, std::optional<uint32_t> timestamp) {
    Segment s;
    s.flags = flags;
    s.seq = SeqNum(0xfffffff0u + static_cast<uint32_t>(seq_offset));
    s.ack = SeqNum(1000);
    s.has_timestamps = timestamp.has_value();
    s.timestamps.value = timestamp.value_or(0);
    return s;
  }

  TimeWaitTable table_{4, FlowHashKey::FromSeed(1)};
  Instant now_{seconds(10)};
};

// RFC 6191 §2 and RFC 9293 MAY-2: which SYN opens the tuple anew.
TEST_F(TimeWaitTest, SynReopensByTimestampThenBySequence) {
  struct Row {
    bool old_timestamps;
    std::optional<uint32_t> timestamp;
    int32_t seq_offset;
    Verdict verdict;
  };
  const Row rows[] = {
      {true, 5001, -100, Verdict::kReopen},  // later timestamp: the number does not matter
      {true, 5001, 100, Verdict::kReopen},
      {true, 5000, 1, Verdict::kReopen},  // the same: the number decides
      {true, 5000, 0, Verdict::kAck},
      {true, 5000, -1, Verdict::kAck},
      {true, 4999, 100, Verdict::kAck},             // earlier: old
      {true, std::nullopt, 100, Verdict::kReopen},  // no option now: the number decides
      {true, std::nullopt, 0, Verdict::kAck},
      {false, std::nullopt, 100, Verdict::kReopen},
      {false, std::nullopt, -100, Verdict::kAck},
      {false, 1, 100, Verdict::kReopen},
  };
  uint16_t port = 1;
  for (const Row& row : rows) {
    TimeWait& record = Add(port, row.old_timestamps);
    EXPECT_EQ(table_.OnSegment(record, Make(kSyn, row.seq_offset, row.timestamp), now_),
              row.verdict)
        << port;
    ++port;
  }
}

TEST_F(TimeWaitTest, OthersAreAcknowledgedOrDropped) {
  TimeWait& record = Add(1);
  EXPECT_EQ(table_.OnSegment(record, Make(kRst, 0, std::nullopt), now_), Verdict::kDrop);
  EXPECT_NE(Find(1), nullptr);  // RFC 1337: a RST does not end TIME-WAIT
  EXPECT_EQ(table_.OnSegment(record, Make(kSyn | kAck, 100, 6000), now_), Verdict::kAck);
  EXPECT_EQ(table_.OnSegment(record, Make(kAck, 0, 5000), now_), Verdict::kDrop);
  EXPECT_EQ(table_.OnSegment(record, Make(kAck, -5, 5000), now_), Verdict::kAck);
  EXPECT_EQ(table_.OnSegment(record, Make(kAck, 0, 4999), now_), Verdict::kAck);  // PAWS
  Segment data = Make(kAck, 0, 5000);
  data.payload_length = 10;
  EXPECT_EQ(table_.OnSegment(record, data, now_), Verdict::kAck);
}

// RFC 9293 §3.10.7.4: a retransmitted FIN restarts the time.
TEST_F(TimeWaitTest, ARepeatedFinRestartsTheTime) {
  TimeWait& record = Add(1);
  Add(2);
  now_ += seconds(30);
  EXPECT_EQ(table_.OnSegment(record, Make(kFin | kAck, -1, 5000), now_), Verdict::kAck);
  now_ += seconds(30);
  table_.OnTimer(now_);
  EXPECT_NE(Find(1), nullptr);
  EXPECT_EQ(Find(2), nullptr);
  EXPECT_EQ(table_.NextDeadline(), now_ + seconds(30));
  table_.OnTimer(now_ + seconds(30));
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_EQ(table_.NextDeadline(), kNever);
}

TEST_F(TimeWaitTest, TheOldestMakesRoom) {
  for (uint16_t port = 1; port <= 6; ++port) Add(port);
  EXPECT_EQ(table_.size(), 4u);
  EXPECT_EQ(Find(1), nullptr);
  EXPECT_EQ(Find(2), nullptr);
  EXPECT_NE(Find(6), nullptr);
}

TEST_F(TimeWaitTest, ANewConnectionBeginsBeyondTheOld) {
  EXPECT_EQ(TimeWaitTable::ReopenIss(SeqNum(5000), SeqNum(1000)), SeqNum(5000));
  EXPECT_GT(TimeWaitTable::ReopenIss(SeqNum(500), SeqNum(1000)), SeqNum(1000 + 65535));
}

}  // namespace
}  // namespace corelane::tcp
