#include "tcp/send_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/checksum.h"
#include "core/random.h"
#include "tcp/connection_harness.h"

namespace corelane::tcp {
namespace {

constexpr uint32_t kChunk = 300;
constexpr uint32_t kWhole = 1000;  // where chunks are to be referred to, not copied

class SendQueueTest : public testing::Test {
 protected:
  ~SendQueueTest() override { queue_.Clear(memory_.resources); }

  // The bytes that Attach() puts behind a header; checks the lengths and data sums on the way.
  std::vector<uint8_t> Attached(SeqRange range) {
    PacketBuf packet = memory_.cache.Take();
    std::fill_n(packet.Append(3), 3, uint8_t{0xee});
    EXPECT_TRUE(queue_.Attach(range, memory_.cache, packet));
    EXPECT_EQ(packet.packet_size(), 3 + range.length());
    std::vector<uint8_t> bytes(range.length());
    EXPECT_EQ(packet.CopyOut(3, bytes), bytes.size());
    size_t sums = 0;
    for (PacketHead* s = packet->next_segment; s != nullptr; s = s->next_segment) {
      if ((s->flags & PacketHead::kHasDataSum) == 0) continue;
      ++sums;
      EXPECT_EQ(s->data_sum % 0xffff, SumBytes({s->data, s->length}).raw() % 0xffff);
    }
    sums_ += sums;
    return bytes;
  }

  // As for a device that would copy what it is referred to.
  void CopyAlways() {
    memory_.cache.Clear();
    memory_.cache = PacketCache(
        [](void* pool, std::span<PacketBuf> out) {
          return static_cast<PacketPool*>(pool)->AllocateBurst(out);
        },
        &memory_.packets, UINT32_MAX);
  }

  CoreMemory memory_{64, 32};
  SendQueue queue_;
  size_t sums_ = 0;
};

TEST_F(SendQueueTest, RandomOperationsAgreeWithAByteVector) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const SeqNum base(0xfffffe00u + static_cast<uint32_t>(random.Below(256)));
    queue_.Start(base);
    std::vector<uint8_t> stream;
    uint32_t una = 0;
    uint32_t sent = 0;
    for (int step = 0; step < 200; ++step) {
      const auto queued = static_cast<uint32_t>(stream.size()) - una;
      const uint64_t what = random.Below(3);
      if (what == 0 && queued < 4000) {
        const auto bytes =
            Pattern(random.Next64(), 1 + random.Below(random.Chance(0.5) ? 9 : 1200));
        ASSERT_EQ(queue_.Append(bytes, kChunk, base + sent, memory_.resources), bytes.size());
        stream.insert(stream.end(), bytes.begin(), bytes.end());
      } else if (what == 1 && queued > 0) {
        const auto from = una + static_cast<uint32_t>(random.Below(queued));
        const auto n =
            1 + static_cast<uint32_t>(random.Below(std::min<uint64_t>(stream.size() - from, 2500)));
        const auto bytes = Attached({base + from, base + from + n});
        ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), stream.begin() + from));
        sent = std::max(sent, from + n);
      } else if (what == 2) {
        una += static_cast<uint32_t>(random.Below(sent - una + 1));
        queue_.Acknowledge(base + una, memory_.resources);
      }
      ASSERT_EQ(queue_.base(), base + una);
      ASSERT_EQ(queue_.end(), base + static_cast<uint32_t>(stream.size()));
      ASSERT_EQ(queue_.bytes(), stream.size() - una);
    }
    queue_.Clear(memory_.resources);
    ASSERT_EQ(memory_.chunks.in_use(), 0u);
    ASSERT_EQ(memory_.blocks.in_use(), 0u);
  }
  EXPECT_GT(sums_, 1000u);
}

TEST_F(SendQueueTest, WholeChunksCarryTheirSum) {
  queue_.Start(SeqNum(0));
  queue_.Append(Pattern(0, 3 * kChunk), kChunk, SeqNum(0), memory_.resources);
  Attached({SeqNum(0), SeqNum(3 * kChunk)});
  EXPECT_EQ(sums_, 3u);
  Attached({SeqNum(1), SeqNum(3 * kChunk)});
  EXPECT_EQ(sums_, 5u);
}

TEST_F(SendQueueTest, FewBytesAtATimeAreNotSummedUntilManyFollow) {
  queue_.Start(SeqNum(0));
  for (uint32_t i = 0; i < 3; ++i) {
    queue_.Append(Pattern(0, kChunk / 3), kChunk, SeqNum(0), memory_.resources);
  }
  Attached({SeqNum(0), SeqNum(kChunk)});
  EXPECT_EQ(sums_, 0u);
  queue_.Append(Pattern(0, 11), kChunk, SeqNum(kChunk), memory_.resources);
  queue_.Append(Pattern(11, kChunk - 11), kChunk, SeqNum(kChunk), memory_.resources);
  Attached({SeqNum(kChunk), SeqNum(2 * kChunk)});
  EXPECT_EQ(sums_, 1u);
}

// Bytes that a device may still read are never part of a chunk whose sum changes.
TEST_F(SendQueueTest, ASentChunkIsNotExtended) {
  queue_.Start(SeqNum(0));
  constexpr uint32_t kSize = PacketCache::kCopyLimit + 10;
  queue_.Append(Pattern(0, kSize), kWhole, SeqNum(0), memory_.resources);
  PacketBuf packet = memory_.cache.Take();
  ASSERT_TRUE(queue_.Attach({SeqNum(0), SeqNum(kSize)}, memory_.cache, packet));
  queue_.Append(Pattern(10, 10), kWhole, SeqNum(kSize), memory_.resources);
  EXPECT_EQ(memory_.chunks.in_use(), 2u);
  EXPECT_EQ(memory_.blocks.in_use(), 1u);  // small writes share a block
  queue_.Acknowledge(SeqNum(kSize + 10), memory_.resources);
  EXPECT_EQ(memory_.blocks.in_use(), 1u);  // the device still holds it
  std::vector<uint8_t> bytes(kSize);
  packet.CopyOut(0, bytes);
  EXPECT_EQ(bytes, Pattern(0, kSize));
  packet.Reset();
  EXPECT_EQ(memory_.blocks.in_use(), 0u);
}

// A few bytes are copied behind the header: one segment, no reference.
TEST_F(SendQueueTest, FewBytesAreCopied) {
  queue_.Start(SeqNum(0));
  queue_.Append(Pattern(0, 1000), kChunk, SeqNum(0), memory_.resources);
  PacketBuf packet = memory_.cache.Take();
  ASSERT_TRUE(
      queue_.Attach({SeqNum(100), SeqNum(100 + PacketCache::kCopyLimit)}, memory_.cache, packet));
  EXPECT_EQ(packet.segments(), 1u);
  queue_.Acknowledge(SeqNum(1000), memory_.resources);
  EXPECT_EQ(memory_.blocks.in_use(), 0u);
  const auto all = Pattern(0, 1000);
  const std::vector<uint8_t> expected(all.begin() + 100,
                                      all.begin() + 100 + PacketCache::kCopyLimit);
  EXPECT_EQ(std::vector<uint8_t>(packet.bytes().begin(), packet.bytes().end()), expected);
}

// For a device that would copy them anyway, so are many; what is known of their sum goes with them.
TEST_F(SendQueueTest, ManyBytesAreCopiedWhereTheDeviceWouldCopyThem) {
  CopyAlways();
  queue_.Start(SeqNum(0));
  queue_.Append(Pattern(0, kWhole + 10), kWhole, SeqNum(0), memory_.resources);
  const auto attached = [&](uint32_t from, uint32_t to) {
    PacketBuf packet = memory_.cache.Take();
    packet.Append(20);
    EXPECT_TRUE(queue_.Attach({SeqNum(from), SeqNum(to)}, memory_.cache, packet));
    EXPECT_EQ(packet.segments(), 1u);
    const std::vector<uint8_t> bytes(packet.bytes().begin() + 20, packet.bytes().end());
    EXPECT_EQ(bytes, Pattern(from, to - from));
    return packet;
  };
  const PacketBuf whole = attached(0, kWhole);
  EXPECT_NE(whole->flags & PacketHead::kHasPayloadSum, 0);
  EXPECT_EQ(whole->data_sum, SumBytes(whole.bytes().subspan(20)).raw());
  EXPECT_EQ(attached(1, kWhole)->flags & PacketHead::kHasPayloadSum, 0) << "not the chunk's bytes";
  attached(5, kWhole + 10);
  memory_.cache.Clear();
}

// More than a frame's: a copy for each frame, with room for the header.
TEST_F(SendQueueTest, FramesAreCopiedOneByOneWhereTheDeviceWouldCopyThem) {
  CopyAlways();
  queue_.Start(SeqNum(0));
  queue_.Append(Pattern(0, 2 * kWhole + 700), kWhole, SeqNum(0), memory_.resources);
  for (const uint32_t from : {0u, 10u}) {
    PacketBuf packet = memory_.cache.Take();
    packet.Append(20);
    ASSERT_TRUE(
        queue_.Attach({SeqNum(from), SeqNum(2 * kWhole + 700)}, memory_.cache, packet, kWhole));
    EXPECT_EQ(packet.packet_size(), 20 + 2 * kWhole + 700 - from);
    ASSERT_EQ(packet.segments(), 4u);
    uint32_t at = from;
    for (const PacketHead* s = packet->next_segment; s != nullptr; s = s->next_segment) {
      EXPECT_EQ(s->block, nullptr);
      EXPECT_EQ(s->length, std::min(kWhole, 2 * kWhole + 700 - at));
      EXPECT_EQ(s->data - s->room, static_cast<ptrdiff_t>(PacketPool::kDefaultHeadroom) + 20);
      const std::vector<uint8_t> bytes(s->data, s->data + s->length);
      EXPECT_EQ(bytes, Pattern(at, s->length));
      ASSERT_EQ((s->flags & PacketHead::kHasDataSum) != 0, from == 0) << "of whole chunks only";
      if (from == 0) {
        EXPECT_EQ(s->data_sum % 0xffff, SumBytes(bytes).raw() % 0xffff);
      }
      at += s->length;
    }
  }
  memory_.cache.Clear();
}

// A frame that is longer than a room cannot be copied into one.
TEST_F(SendQueueTest, FramesLongerThanARoomAreReferredTo) {
  CopyAlways();
  queue_.Start(SeqNum(0));
  queue_.Append(Pattern(0, 6000), kWhole, SeqNum(0), memory_.resources);
  PacketBuf packet = memory_.cache.Take();
  packet.Append(20);
  ASSERT_TRUE(queue_.Attach({SeqNum(0), SeqNum(6000)}, memory_.cache, packet, 2900));
  std::vector<uint8_t> bytes(6000);
  EXPECT_EQ(packet.CopyOut(20, bytes), 6000u);
  EXPECT_EQ(bytes, Pattern(0, 6000));
  EXPECT_NE(packet->next_segment->block, nullptr);
  packet.Reset();
  memory_.cache.Clear();
}

// Segments are cut from the front in whole chunks; writes of any size must not shift the chunks
// against them, or no segment would cover a chunk whose sum is known.
TEST_F(SendQueueTest, ChunksStayWholeWhateverTheWritesAre) {
  queue_.Start(SeqNum(0));
  uint32_t at = 0;
  for (const uint32_t n : {700u, 2000u, 50u, 3000u, 1u, 900u}) {
    queue_.Append(Pattern(at, n), kWhole, SeqNum(0), memory_.resources);
    at += n;
  }
  uint32_t segments = 0;
  for (uint32_t from = 0; from + kWhole <= at; from += kWhole, ++segments) {
    Attached({SeqNum(from), SeqNum(from + kWhole)});
  }
  EXPECT_EQ(sums_, segments);
}

TEST_F(SendQueueTest, ExhaustedMemoryTakesAPrefixAndHealsItself) {
  queue_.Start(SeqNum(0));
  const auto bytes = Pattern(0, 1 << 20);
  const size_t taken = queue_.Append(bytes, 1000, SeqNum(0), memory_.resources);
  EXPECT_GT(taken, 30 * 1000u);
  EXPECT_LT(taken, bytes.size());
  EXPECT_EQ(queue_.bytes(), taken);
  EXPECT_EQ(queue_.Append(bytes, 1000, SeqNum(0), memory_.resources), 0u);
  queue_.Acknowledge(SeqNum(20'000), memory_.resources);
  EXPECT_GT(queue_.Append(bytes, 1000, SeqNum(0), memory_.resources), 0u);
}

TEST_F(SendQueueTest, OutOfPacketsAttachesNothingThatLeaks) {
  queue_.Start(SeqNum(0));
  queue_.Append(Pattern(0, 2000), kChunk, SeqNum(0), memory_.resources);
  PacketBuf packet = memory_.cache.Take();
  std::vector<PacketBuf> rest;
  for (;;) {
    PacketBuf taken = memory_.cache.Take();
    if (!taken) break;
    rest.push_back(std::move(taken));
  }
  rest.resize(5);
  EXPECT_EQ(memory_.packets.available(), 64u - 6);
  while (memory_.packets.available() > 5) rest.push_back(memory_.packets.Allocate());
  EXPECT_FALSE(queue_.Attach({SeqNum(0), SeqNum(2000)}, memory_.cache, packet));
  packet.Reset();
  rest.clear();
  queue_.Clear(memory_.resources);
  EXPECT_EQ(memory_.blocks.in_use(), 0u);
}

}  // namespace
}  // namespace corelane::tcp
