#include "tcp/reassembly_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "core/random.h"

namespace corelane::tcp {
namespace {

class ReassemblyQueueTest : public testing::Test {
 protected:
  // The bytes [from, to) of a stream; `salt` tells copies of the same byte apart.
  PacketBuf Bytes(uint32_t from, uint32_t to, uint8_t salt = 0) {
    PacketBuf packet = pool_.Allocate();
    CL_CHECK(static_cast<bool>(packet));
    uint8_t* out = packet.Append(to - from);
    for (uint32_t i = from; i < to; ++i) *out++ = static_cast<uint8_t>(i * 31 + salt);
    return packet;
  }
  uint32_t Insert(uint32_t from, uint32_t to) {
    return queue_.Insert(base_ + from, Bytes(from, to));
  }
  std::vector<SeqRange> Blocks(size_t most = 4) {
    std::vector<SeqRange> blocks(most);
    blocks.resize(queue_.SackBlocks(blocks));
    return blocks;
  }
  SeqRange Span(uint32_t from, uint32_t to) { return {base_ + from, base_ + to}; }

  PacketPool pool_{4096};
  ReassemblyQueue queue_;
  SeqNum base_{0xffffff00u};  // wraps within the tests
};

std::vector<uint8_t> Drain(PacketQueue& queue) {
  std::vector<uint8_t> bytes;
  while (PacketBuf packet = queue.PopFront()) {
    const size_t at = bytes.size();
    bytes.resize(at + packet.packet_size());
    EXPECT_EQ(packet.CopyOut(0, std::span(bytes).subspan(at)), bytes.size() - at);
  }
  return bytes;
}

// Segments overlap, repeat and lie about bytes in every way; each byte keeps the value that came
// first.
TEST_F(ReassemblyQueueTest, RandomSegmentsAgreeWithAByteModel) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    ReassemblyQueue queue;
    std::map<uint32_t, uint8_t> held;  // offset -> byte
    uint32_t rcv_nxt = 0;
    for (int step = 0; step < 300; ++step) {
      if (random.Chance(0.9)) {
        const auto from = rcv_nxt + 1 + static_cast<uint32_t>(random.Below(600));
        const auto to = from + 1 + static_cast<uint32_t>(random.Below(60));
        const auto salt = static_cast<uint8_t>(random.Next64());
        const uint32_t kept = queue.Insert(base_ + from, Bytes(from, to, salt));
        // What it says it kept is a run of bytes that were not there.
        uint32_t added = 0;
        uint32_t at = from;
        while (at < to && held.contains(at)) ++at;
        while (at < to && !held.contains(at) && added < kept) {
          held[at] = static_cast<uint8_t>(at * 31 + salt);
          ++at, ++added;
        }
        ASSERT_EQ(kept, added);
      } else {
        const uint32_t to = rcv_nxt + static_cast<uint32_t>(random.Below(80));
        rcv_nxt = to;
        PacketQueue out;
        const uint32_t taken = queue.TakeInOrder(base_ + rcv_nxt, out);
        held.erase(held.begin(), held.lower_bound(rcv_nxt));
        std::vector<uint8_t> expected;
        while (held.contains(rcv_nxt)) {
          expected.push_back(held[rcv_nxt]);
          held.erase(rcv_nxt++);
        }
        ASSERT_EQ(taken, expected.size());
        ASSERT_EQ(Drain(out), expected);
      }
      ASSERT_EQ(queue.bytes(), held.size());
      ASSERT_EQ(queue.empty(), held.empty());
    }
  }
  EXPECT_EQ(pool_.in_use(), 0u);
}

// RFC 2018 §4: the block with the most recent segment first.
TEST_F(ReassemblyQueueTest, SackBlocksBeginWithTheNewest) {
  Insert(100, 110);
  Insert(300, 310);
  Insert(200, 210);
  EXPECT_EQ(Blocks(), (std::vector{Span(200, 210), Span(300, 310), Span(100, 110)}));
  Insert(310, 320);
  EXPECT_EQ(Blocks(), (std::vector{Span(300, 320), Span(200, 210), Span(100, 110)}));
  EXPECT_EQ(Blocks(2), (std::vector{Span(300, 320), Span(200, 210)}));
  Insert(110, 200);  // joins two ranges
  EXPECT_EQ(Blocks(), (std::vector{Span(100, 210), Span(300, 320)}));
  Insert(290, 300);  // in front of a range
  EXPECT_EQ(Blocks(), (std::vector{Span(290, 320), Span(100, 210)}));
}

// RFC 2018 §4: "the segment which triggered this ACK", new bytes or not.
TEST_F(ReassemblyQueueTest, ARepeatedSegmentLeadsTheSackBlocks) {
  Insert(100, 110);
  Insert(300, 310);
  EXPECT_EQ(Insert(102, 108), 0u);
  EXPECT_EQ(Blocks(), (std::vector{Span(100, 110), Span(300, 310)}));
}

TEST_F(ReassemblyQueueTest, RangesAreBounded) {
  for (uint32_t i = 0; i < 1000; ++i) Insert(10 * i + 5, 10 * i + 10);
  EXPECT_EQ(queue_.ranges(), ReassemblyQueue::kMaxRanges);
  EXPECT_EQ(Insert(10, 15), 5u);  // what fills a hole is still taken
  EXPECT_EQ(queue_.ranges(), ReassemblyQueue::kMaxRanges - 1);
}

// A stranger's one-byte segments must not pin a packet's memory each.
TEST_F(ReassemblyQueueTest, TinySegmentsCannotPinManyPackets) {
  for (uint32_t i = 0; i < 4000; ++i) Insert(100 + i, 101 + i);
  EXPECT_EQ(queue_.bytes(), 4000u);
  EXPECT_LT(pool_.in_use(), 50u);
  ReassemblyQueue backwards;
  for (uint32_t i = 4000; i > 0; --i) backwards.Insert(base_ + i, Bytes(i, i + 1));
  EXPECT_LT(pool_.in_use(), 400u);
  PacketQueue out;
  EXPECT_EQ(queue_.TakeInOrder(base_ + 100, out), 4000u);
  const auto bytes = Drain(out);
  for (uint32_t i = 0; i < 4000; ++i) ASSERT_EQ(bytes[i], static_cast<uint8_t>((100 + i) * 31));
}

TEST_F(ReassemblyQueueTest, FullSizedSegmentsAreNotLimited) {
  for (uint32_t i = 2000; i > 0; --i) ASSERT_EQ(Insert(i * 536, i * 536 + 536), 536u);
  EXPECT_EQ(queue_.bytes(), 2000u * 536);
  EXPECT_EQ(queue_.ranges(), 1u);
}

}  // namespace
}  // namespace corelane::tcp
