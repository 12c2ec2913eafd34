#include "stack/segmentation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "core/block.h"
#include "core/bytes.h"
#include "core/checksum.h"
#include "tcp/segment.h"

namespace corelane::stack {
namespace {

constexpr uint32_t kSize = 1000;  // payload of a frame
constexpr uint32_t kHeader = tcp::kMinHeaderLength;
constexpr uint32_t kSeq = 0xfffffe00;  // wraps within the segment
constexpr uint8_t kAll = tcp::kFin | tcp::kPsh | tcp::kAck | tcp::kCwr;

std::vector<uint8_t> Pattern(size_t n) {
  std::vector<uint8_t> out(n);
  std::iota(out.begin(), out.end(), uint8_t{0});
  return out;
}

// What a payload buffer is: bytes of a block, or a copy with room in front.
enum class Kind { kReference, kCopy };

class SegmenterTest : public ::testing::TestWithParam<Kind> {
 protected:
  ~SegmenterTest() override { cache_.Clear(); }

  // A header and payload buffers of these sizes, all with their sums.
  PacketBuf Segment(const std::vector<uint32_t>& sizes) {
    PacketBuf segment = pool_.Allocate();
    std::fill_n(segment.Append(kHeader), kHeader, uint8_t{0});
    StoreBe32(segment.data() + 4, kSeq);
    segment.data()[12] = kHeader / 4 << 4;
    segment.data()[13] = kAll;
    segment->payload_offset = kHeader;
    segment->l4_checksum = ChecksumState::kPartial;
    segment->segment_size = kSize;
    const auto bytes = Pattern(std::accumulate(sizes.begin(), sizes.end(), 0u));
    const uint8_t* from = bytes.data();
    for (const uint32_t size : sizes) {
      PacketBuf part;
      if (GetParam() == Kind::kCopy) {
        part = pool_.Allocate();
        part->data += kHeader;
        std::copy_n(from, size, part.Append(size));
      } else {
        Block* const block = blocks_.Allocate();
        std::copy_n(from, size, block->bytes());
        part = pool_.AllocateReference(BlockRef::Adopt(block), block->bytes(), size);
      }
      part->data_sum = SumBytes({from, size}).raw();
      part->flags |= PacketHead::kHasDataSum;
      from += size;
      segment.AppendChain(std::move(part));
    }
    return segment;
  }

  // The sum of the payload as whoever completes the checksum takes it.
  static uint16_t PayloadSum(const PacketBuf& frame) {
    if ((frame->flags & PacketHead::kHasPayloadSum) != 0) {
      EXPECT_EQ(frame.segments(), 1u);
      return frame->data_sum;
    }
    return SumPacket(frame, kHeader, frame.packet_size() - kHeader).raw();
  }

  // Cuts the segment and looks at every frame; returns the payload.
  std::vector<uint8_t> Cut(PacketBuf segment) {
    std::vector<uint8_t> payload;
    const size_t total = segment.packet_size() - kHeader;
    Segmenter cut(std::move(segment), cache_);
    while (const PacketBuf frame = cut.Next()) {
      const size_t n = frame.packet_size() - kHeader;
      const bool first = payload.empty();
      const bool last = payload.size() + n == total;
      EXPECT_EQ(n, last ? total - payload.size() : kSize);
      EXPECT_EQ(LoadBe32(frame.data() + 4), kSeq + static_cast<uint32_t>(payload.size()));
      EXPECT_EQ(frame.data()[13],
                tcp::kAck | (first ? tcp::kCwr : 0) | (last ? tcp::kFin | tcp::kPsh : 0));
      EXPECT_EQ(frame->payload_offset, kHeader);
      EXPECT_EQ(frame->l4_checksum, ChecksumState::kPartial);
      std::vector<uint8_t> bytes(n);
      frame.CopyOut(kHeader, bytes);
      EXPECT_EQ(PayloadSum(frame) % 0xffff, SumBytes(bytes).raw() % 0xffff);
      payload.insert(payload.end(), bytes.begin(), bytes.end());
    }
    EXPECT_TRUE(cut.done());
    return payload;
  }

  PacketPool pool_{32};
  BlockPool blocks_{16, 4096};
  PacketCache cache_{[](void* pool, std::span<PacketBuf> out) {
                       return static_cast<PacketPool*>(pool)->AllocateBurst(out);
                     },
                     &pool_};
};

INSTANTIATE_TEST_SUITE_P(Kinds, SegmenterTest, ::testing::Values(Kind::kReference, Kind::kCopy),
                         [](const auto& info) {
                           return info.param == Kind::kReference ? "References" : "Copies";
                         });

TEST_P(SegmenterTest, ABufferForEachFrame) {
  EXPECT_EQ(Cut(Segment({kSize, kSize, 300})), Pattern(2 * kSize + 300));
  EXPECT_EQ(Cut(Segment({kSize, kSize})), Pattern(2 * kSize));
}

// A copy that is one frame's is sent as it is: no further packet, no byte moved.
TEST_P(SegmenterTest, ACopyForOneFrameBecomesTheFrame) {
  PacketBuf segment = Segment({kSize, kSize});
  const uint8_t* const payload = segment->next_segment->data;
  Segmenter cut(std::move(segment), cache_);
  const PacketBuf frame = cut.Next();
  EXPECT_EQ(frame.segments(), GetParam() == Kind::kCopy ? 1u : 2u);
  EXPECT_EQ(frame.data() + kHeader == payload, GetParam() == Kind::kCopy);
  EXPECT_FALSE(cut.done());
}

TEST_P(SegmenterTest, OutOfPackets) {
  PacketBuf segment = Segment({kSize, kSize, kSize});
  std::vector<PacketBuf> taken;
  while (PacketBuf packet = cache_.Take()) taken.push_back(std::move(packet));
  Segmenter cut(std::move(segment), cache_);
  size_t frames = 0;
  while (cut.Next()) ++frames;
  EXPECT_EQ(frames, GetParam() == Kind::kCopy ? 3u : 0u);
  EXPECT_EQ(cut.done(), GetParam() == Kind::kCopy);
}

// Buffers that fall across frames: only references can be shared by two of them.
class SegmenterOfReferencesTest : public SegmenterTest {};
INSTANTIATE_TEST_SUITE_P(Kinds, SegmenterOfReferencesTest, ::testing::Values(Kind::kReference));

TEST_P(SegmenterOfReferencesTest, BuffersOfAnySize) {
  EXPECT_EQ(Cut(Segment({2500})), Pattern(2500));
  EXPECT_EQ(Cut(Segment({1, 999, 1500, 10, 3000})), Pattern(5510));
}

}  // namespace
}  // namespace corelane::stack
