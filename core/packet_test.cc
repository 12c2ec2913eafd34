#include "core/packet.h"

#include <algorithm>
#include <vector>

#include "core/block.h"
#include "core/packet_cache.h"
#include "core/random.h"
#include "gtest/gtest.h"

namespace corelane {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes Flat(const PacketBuf& packet) {
  Bytes bytes(packet.packet_size());
  EXPECT_EQ(packet.CopyOut(0, bytes), bytes.size());
  return bytes;
}

// What must hold for every packet: the lengths add up, and the bytes lie in their segment's memory.
void CheckPacket(const PacketBuf& packet) {
  size_t sum = 0;
  for (const PacketHead* s = packet.head(); s != nullptr; s = s->next_segment) {
    sum += s->length;
    ASSERT_NE(s->pool, nullptr);
    if (s->block != nullptr) {
      ASSERT_GT(s->block->references, 0u);
      ASSERT_GE(s->data, s->block->bytes());
      ASSERT_LE(s->data + s->length, s->block->bytes() + s->block->capacity);
    } else {
      ASSERT_GE(s->data, s->room);
      ASSERT_LE(s->data + s->length, s->room + s->room_size);
    }
  }
  ASSERT_EQ(packet.packet_size(), sum);
}

PacketBuf MakePacket(PacketPool& pool, const Bytes& bytes) {
  PacketBuf packet = pool.Allocate();
  std::copy(bytes.begin(), bytes.end(), packet.Append(bytes.size()));
  return packet;
}

TEST(Packet, PrependAndAppend) {
  PacketPool pool(1, 256, 64);
  PacketBuf packet = pool.Allocate();
  EXPECT_EQ(packet.headroom(), 64u);
  EXPECT_EQ(packet.tailroom(), 192u);
  *packet.Append(1) = 2;
  *packet.Append(1) = 3;
  *packet.Prepend(1) = 1;
  EXPECT_EQ(Flat(packet), (Bytes{1, 2, 3}));
  EXPECT_EQ(packet.headroom(), 63u);
  EXPECT_EQ(packet.tailroom(), 190u);
  packet.Prepend(63);
  packet.Append(190);
  EXPECT_EQ(packet.headroom(), 0u);
  EXPECT_EQ(packet.tailroom(), 0u);
  EXPECT_EQ(packet.size(), 256u);
}

TEST(Packet, ExhaustionIsCountedAndEnds) {
  PacketPool pool(3);
  std::vector<PacketBuf> packets(5);
  EXPECT_EQ(pool.AllocateBurst(packets), 3u);
  EXPECT_EQ(pool.exhausted(), 1u);
  EXPECT_EQ(pool.available(), 0u);
  EXPECT_FALSE(pool.Allocate());
  EXPECT_EQ(pool.exhausted(), 2u);
  packets[1].Reset();
  EXPECT_EQ(pool.available(), 1u);
  EXPECT_TRUE(pool.Allocate());
}

TEST(Packet, ReusedHeadsAreClean) {
  PacketPool pool(1);
  BlockPool blocks(1);
  {
    BlockRef block = BlockRef::Adopt(blocks.Allocate());
    uint8_t* bytes = block.get()->bytes();
    PacketBuf packet = pool.AllocateReference(std::move(block), bytes, 5);
    packet->flags = 0xff;
    packet->segment_size = 9;
    packet->segment_count = 9;
    packet->ecn = 3;
    packet->l4_checksum = ChecksumState::kBad;
    packet->l3_checksum = ChecksumState::kBad;
    EXPECT_EQ(packet.headroom(), 0u);
    EXPECT_EQ(packet.tailroom(), 0u);
  }
  EXPECT_EQ(blocks.in_use(), 0u);
  PacketBuf packet = pool.Allocate();
  EXPECT_EQ(packet.packet_size(), 0u);
  EXPECT_EQ(packet.headroom(), PacketPool::kDefaultHeadroom);
  EXPECT_EQ(packet->flags, 0);
  EXPECT_EQ(packet->segment_size, 0);
  EXPECT_EQ(packet->segment_count, 1);
  EXPECT_EQ(packet->ecn, 0);
  EXPECT_EQ(packet->l3_checksum, ChecksumState::kNone);
  EXPECT_EQ(packet->l4_checksum, ChecksumState::kNone);
  EXPECT_EQ(packet->block, nullptr);
}

TEST(Packet, APoolKnowsTheMostThatWereInUse) {
  PacketPool pool(10);
  EXPECT_EQ(pool.peak(), 0u);
  {
    const PacketBuf a = pool.Allocate();
    const PacketBuf b = pool.Allocate();
    const PacketBuf c = pool.Allocate();
  }
  const PacketBuf again = pool.Allocate();
  EXPECT_EQ(pool.in_use(), 1u);
  EXPECT_EQ(pool.peak(), 3u);
}

TEST(Packet, ExhaustedPoolReleasesTheReference) {
  PacketPool pool(1);
  BlockPool blocks(1);
  const PacketBuf only = pool.Allocate();
  BlockRef block = BlockRef::Adopt(blocks.Allocate());
  uint8_t* bytes = block.get()->bytes();
  EXPECT_FALSE(pool.AllocateReference(std::move(block), bytes, 5));
  EXPECT_EQ(blocks.in_use(), 0u);
}

TEST(Packet, TrimmingAwaySegmentsFreesThem) {
  PacketPool pool(3);
  const auto chain = [&] {
    PacketBuf packet = MakePacket(pool, {1, 2, 3});
    packet.AppendChain(MakePacket(pool, {4, 5}));
    packet.AppendChain(MakePacket(pool, {6}));
    return packet;
  };
  for (size_t n = 0; n <= 6; ++n) {
    PacketBuf front = chain();
    front.TrimFront(n);
    CheckPacket(front);
    Bytes expected{1, 2, 3, 4, 5, 6};
    expected.erase(expected.begin(), expected.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_EQ(Flat(front), expected);
    // The first head stays; of the others only those with bytes.
    const size_t others = n < 5 ? 2u : n < 6 ? 1u : 0u;
    EXPECT_EQ(front.segments(), 1 + others) << n;
    EXPECT_EQ(pool.in_use(), 1 + others) << n;
  }
  for (size_t n = 0; n <= 6; ++n) {
    PacketBuf back = chain();
    back.TrimBack(n);
    CheckPacket(back);
    Bytes expected{1, 2, 3, 4, 5, 6};
    expected.resize(6 - n);
    EXPECT_EQ(Flat(back), expected);
    EXPECT_EQ(back.segments(), n == 0 ? 3u : n < 3 ? 2u : 1u) << n;
    EXPECT_EQ(pool.in_use(), back.segments());
  }
}

TEST(Packet, TrimForgetsOnlyTheSumsOfCutSegments) {
  PacketPool pool(2);
  PacketBuf packet = MakePacket(pool, {1, 2});
  packet.AppendChain(MakePacket(pool, {3, 4}));
  packet->flags = packet->next_segment->flags = PacketHead::kHasDataSum | PacketHead::kHasVlan;
  packet.TrimFront(0);
  packet.TrimBack(0);
  EXPECT_EQ(packet->flags, PacketHead::kHasDataSum | PacketHead::kHasVlan);
  packet.TrimFront(1);
  EXPECT_EQ(packet->flags, PacketHead::kHasVlan);
  EXPECT_EQ(packet->next_segment->flags, PacketHead::kHasDataSum | PacketHead::kHasVlan);
  packet.TrimBack(1);
  EXPECT_EQ(packet->next_segment->flags, PacketHead::kHasVlan);
}

TEST(Packet, GrowingForgetsTheSum) {
  PacketPool pool(1);
  PacketBuf packet = MakePacket(pool, {1, 2});
  packet->flags = PacketHead::kHasDataSum;
  packet.Append(1);
  EXPECT_EQ(packet->flags, 0);
  packet->flags = PacketHead::kHasDataSum;
  packet.Prepend(1);
  EXPECT_EQ(packet->flags, 0);
}

TEST(Packet, DropFirstSegment) {
  PacketPool pool(3);
  PacketBuf packet = MakePacket(pool, {1, 2});
  packet.AppendChain(MakePacket(pool, {3}));
  packet.AppendChain(MakePacket(pool, {4}));
  packet = packet.DropFirstSegment();
  CheckPacket(packet);
  EXPECT_EQ(Flat(packet), (Bytes{3, 4}));
  EXPECT_EQ(pool.in_use(), 2u);
  packet = packet.DropFirstSegment();
  EXPECT_EQ(Flat(packet), (Bytes{4}));
  EXPECT_FALSE(packet.DropFirstSegment());
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(Packet, CopyOutOfRange) {
  PacketPool pool(1);
  const PacketBuf packet = MakePacket(pool, {1, 2, 3});
  Bytes out(5);
  EXPECT_EQ(packet.CopyOut(1, out), 2u);
  EXPECT_EQ(packet.CopyOut(3, out), 0u);
  EXPECT_EQ(packet.CopyOut(9, out), 0u);
  EXPECT_EQ(packet.CopyOut(0, {}), 0u);
}

TEST(Packet, PullUp) {
  PacketPool pool(4, 64, 16);
  BlockPool blocks(1);
  PacketBuf packet = MakePacket(pool, {1, 2});
  packet.AppendChain(MakePacket(pool, {}));
  packet.AppendChain(MakePacket(pool, {3, 4, 5}));
  BlockRef block = BlockRef::Adopt(blocks.Allocate());
  uint8_t* bytes = block.get()->bytes();
  std::fill_n(bytes, 100, 9);
  packet.AppendChain(pool.AllocateReference(std::move(block), bytes, 100));
  const Bytes before = Flat(packet);
  EXPECT_TRUE(packet.PullUp(2));
  EXPECT_TRUE(packet.PullUp(4));
  CheckPacket(packet);
  EXPECT_EQ(packet.size(), 4u);
  EXPECT_EQ(pool.in_use(), 3u);    // The empty segment is gone, that of 5 is not.
  EXPECT_TRUE(packet.PullUp(60));  // Needs the headroom too.
  CheckPacket(packet);
  EXPECT_EQ(packet.size(), 60u);
  EXPECT_EQ(packet.headroom(), 0u);
  EXPECT_FALSE(packet.PullUp(65));
  EXPECT_FALSE(packet.PullUp(1000));
  EXPECT_EQ(Flat(packet), before);
}

TEST(Packet, PullUpLeavesSharedBytesAlone) {
  PacketPool pool(2, 64, 16);
  BlockPool blocks(1);
  BlockRef block = BlockRef::Adopt(blocks.Allocate());
  uint8_t* bytes = block.get()->bytes();
  std::fill_n(bytes, 100, 9);
  PacketBuf packet = pool.AllocateReference(block, bytes, 3);
  packet.AppendChain(MakePacket(pool, {1, 2}));
  EXPECT_EQ(block.get()->references, 2u);
  EXPECT_TRUE(packet.PullUp(4));
  CheckPacket(packet);
  EXPECT_EQ(Flat(packet), (Bytes{9, 9, 9, 1, 2}));
  EXPECT_EQ(block.get()->references, 1u);
  EXPECT_EQ(bytes[3], 9);
}

TEST(Packet, MakeWritableCopiesOnlyWhatIsShared) {
  PacketPool pool(3);
  BlockPool blocks(1);
  PacketBuf own = MakePacket(pool, {1});
  const PacketHead* head = own.head();
  EXPECT_TRUE(own.MakeWritable(pool));
  EXPECT_EQ(own.head(), head);
  BlockRef block = BlockRef::Adopt(blocks.Allocate());
  std::fill_n(block.get()->bytes(), 10, 7);
  PacketBuf shared = pool.AllocateReference(block, block.get()->bytes(), 10);
  shared->flow_hash = 77;
  shared->flags = PacketHead::kHasFlowHash;
  EXPECT_TRUE(shared.MakeWritable(pool));
  CheckPacket(shared);
  EXPECT_EQ(shared->flow_hash, 77u);
  EXPECT_EQ(block.get()->references, 1u);
  shared.writable_bytes()[0] = 8;
  EXPECT_EQ(block.get()->bytes()[0], 7);
  // An exhausted pool changes nothing.
  PacketBuf again = pool.AllocateReference(block, block.get()->bytes(), 10);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again.MakeWritable(pool));
  EXPECT_EQ(block.get()->references, 2u);
  EXPECT_EQ(Flat(again), Bytes(10, 7));
}

TEST(Packet, CloneOfManySegmentsAndExhaustion) {
  PacketPool pool(12, 80, 16);
  PacketBuf packet = MakePacket(pool, Bytes(60, 1));
  for (uint8_t i = 2; i < 6; ++i) packet.AppendChain(MakePacket(pool, Bytes(60, i)));
  packet->vlan_tci = 5;
  packet->flags = PacketHead::kHasVlan | PacketHead::kHasDataSum | PacketHead::kHasPayloadSum;
  {
    const PacketBuf clone = packet.Clone(pool);
    ASSERT_TRUE(clone);
    CheckPacket(clone);
    EXPECT_EQ(Flat(clone), Flat(packet));
    EXPECT_EQ(clone->vlan_tci, 5);
    EXPECT_EQ(clone->flags, PacketHead::kHasVlan);
    EXPECT_EQ(clone.segments(), 5u);
    EXPECT_EQ(pool.in_use(), 10u);
    // Two heads are left: too few for a second one, and none may leak.
    EXPECT_FALSE(packet.Clone(pool));
    EXPECT_EQ(pool.in_use(), 10u);
  }
  EXPECT_EQ(pool.in_use(), 5u);
  const PacketBuf empty = pool.Allocate().Clone(pool);
  EXPECT_TRUE(empty);
  EXPECT_EQ(empty.packet_size(), 0u);
}

TEST(Packet, QueueCountsPacketsAndBytes) {
  PacketPool pool(4);
  PacketQueue queue;
  EXPECT_FALSE(queue.PopFront());
  queue.PushBack(MakePacket(pool, {1}));
  queue.PushBack(MakePacket(pool, {2, 2}));
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.bytes(), 3u);
  PacketQueue moved = std::move(queue);
  EXPECT_TRUE(queue.empty());  // NOLINT(bugprone-use-after-move): documented as empty
  EXPECT_EQ(queue.bytes(), 0u);
  queue.PushBack(MakePacket(pool, {3}));
  EXPECT_EQ(Flat(moved.PopFront()), (Bytes{1}));
  EXPECT_EQ(Flat(moved.PopFront()), (Bytes{2, 2}));
  EXPECT_TRUE(moved.empty());
  EXPECT_EQ(moved.bytes(), 0u);
  EXPECT_EQ(moved.back(), nullptr);
  moved = std::move(queue);
  EXPECT_EQ(moved.size(), 1u);
  moved.Clear();
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(Packet, QueueFrontSpliceAndTrim) {
  PacketPool pool(4);
  PacketQueue queue;
  queue.PushFront(MakePacket(pool, {2, 3}));
  queue.PushFront(MakePacket(pool, {1}));
  PacketQueue other;
  queue.Splice(other);
  EXPECT_EQ(queue.size(), 2u);
  other.PushBack(MakePacket(pool, {4}));
  other.PushBack(MakePacket(pool, {5}));
  queue.Splice(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(other.size() + other.bytes(), 0u);
  EXPECT_EQ(queue.size(), 4u);
  EXPECT_EQ(queue.bytes(), 5u);
  other.Splice(queue);
  EXPECT_EQ(Flat(other.PopFront()), (Bytes{1}));
  other.TrimFrontPacket(1);
  EXPECT_EQ(other.size(), 3u);
  EXPECT_EQ(other.bytes(), 3u);
  EXPECT_EQ(Flat(other.PopFront()), (Bytes{3}));
  EXPECT_EQ(Flat(other.PopFront()), (Bytes{4}));
  other.TrimFrontPacket(0);
  EXPECT_EQ(Flat(other.PopFront()), (Bytes{5}));
  EXPECT_EQ(other.back(), nullptr);
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(Packet, QueueCoalesces) {
  PacketPool pool(3, 64, 0);
  PacketQueue queue;
  queue.PushBack(MakePacket(pool, {1}));
  PacketHead* previous = queue.back();
  previous->flags = PacketHead::kHasDataSum;
  queue.PushBack(MakePacket(pool, {2, 3}));
  queue.CoalesceBack(previous);
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.bytes(), 3u);
  EXPECT_EQ(queue.back(), previous);
  EXPECT_EQ(previous->flags, 0);
  EXPECT_EQ(pool.in_use(), 1u);
  // 62 bytes do not fit behind 3.
  queue.PushBack(MakePacket(pool, Bytes(62, 9)));
  queue.CoalesceBack(previous);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.bytes(), 65u);
  EXPECT_EQ(Flat(queue.PopFront()), (Bytes{1, 2, 3}));
  EXPECT_EQ(Flat(queue.PopFront()), Bytes(62, 9));
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(Packet, CacheHandsOutWhatItsSourceAllocates) {
  PacketPool pool(33);
  BlockPool blocks(1);
  PacketCache cache(
      [](void* source, std::span<PacketBuf> out) {
        return static_cast<PacketPool*>(source)->AllocateBurst(out);
      },
      &pool);
  {
    std::vector<PacketBuf> taken;
    for (int i = 0; i < 33; ++i) {
      taken.push_back(cache.Take());
      ASSERT_TRUE(taken.back());
      EXPECT_EQ(taken.back().packet_size(), 0u);
    }
    EXPECT_FALSE(cache.Take());
    BlockRef block = BlockRef::Adopt(blocks.Allocate());
    uint8_t* bytes = block.get()->bytes();
    EXPECT_FALSE(cache.TakeReference(std::move(block), bytes, 3));
    EXPECT_EQ(blocks.in_use(), 0u);
  }
  {
    BlockRef block = BlockRef::Adopt(blocks.Allocate());
    uint8_t* bytes = block.get()->bytes();
    const PacketBuf packet = cache.TakeReference(std::move(block), bytes, 3);
    CheckPacket(packet);
    EXPECT_EQ(packet.data(), bytes);
    EXPECT_EQ(packet.packet_size(), 3u);
  }
  EXPECT_EQ(blocks.in_use(), 0u);
  EXPECT_GT(pool.in_use(), 0u);
  cache.Clear();
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_FALSE(PacketCache().Take());
}

TEST(PacketDeathTest, PacketsMustNotOutliveTheirPool) {
  EXPECT_DEATH(
      {
        PacketPool pool(1);
        pool.Allocate().Release();
      },
      "in_use_ == 0");
}

// One packet under random operations, against a plain vector.
class PacketModel {
 public:
  explicit PacketModel(uint64_t seed) : random_(seed) { Restart(); }

  void Step() {
    switch (random_.Below(10)) {
      case 0:
        TrimFront();
        break;
      case 1:
        TrimBack();
        break;
      case 2:
      case 3:
        packet_.AppendChain(RandomSegment());
        break;
      case 4:
        PullUp();
        break;
      case 5:
        if (const PacketBuf clone = packet_.Clone(pool_)) {
          EXPECT_EQ(Flat(clone), model_);
        }
        break;
      case 6:
        packet_.MakeWritable(pool_);
        break;
      case 7:
        Prepend();
        break;
      case 8:
        DropFirstSegment();
        break;
      case 9:
        CopyOut();
        break;
    }
    CheckPacket(packet_);
    ASSERT_EQ(Flat(packet_), model_);
    if (pool_.available() < 20 || model_.size() > 4000) Restart();
  }

  void Finish() {
    packet_.Reset();
    EXPECT_EQ(pool_.in_use(), 0u);
    EXPECT_EQ(blocks_.in_use(), 0u);
  }

 private:
  void Restart() {
    packet_ = pool_.Allocate();
    model_.clear();
    ASSERT_TRUE(packet_);
    ASSERT_EQ(pool_.in_use(), 1u);
  }
  void TrimFront() {
    const size_t n = random_.Below(model_.size() + 1) / (1 + random_.Below(8));
    packet_.TrimFront(n);
    model_.erase(model_.begin(), model_.begin() + static_cast<ptrdiff_t>(n));
  }
  void TrimBack() {
    const size_t n = random_.Below(model_.size() + 1) / (1 + random_.Below(8));
    packet_.TrimBack(n);
    model_.resize(model_.size() - n);
  }
  void PullUp() {
    const size_t n = random_.Below(400);
    const bool possible = packet_.PullUp(n);
    EXPECT_EQ(possible, n <= packet_.size());
    if (n > model_.size()) {
      EXPECT_FALSE(possible);
    } else if (n <= 256) {
      EXPECT_TRUE(possible);
    }
  }
  void Prepend() {
    const size_t n = random_.Below(packet_.headroom() + 1);
    uint8_t* p = packet_.Prepend(n);
    const Bytes bytes = RandomBytes(n);
    std::copy(bytes.begin(), bytes.end(), p);
    model_.insert(model_.begin(), bytes.begin(), bytes.end());
  }
  void DropFirstSegment() {
    const size_t n = packet_.size();
    packet_ = packet_.DropFirstSegment();
    model_.erase(model_.begin(), model_.begin() + static_cast<ptrdiff_t>(n));
    if (!packet_) Restart();
  }
  void CopyOut() {
    const size_t offset = random_.Below(model_.size() + 2);
    Bytes out(random_.Below(500));
    const size_t n = packet_.CopyOut(offset, out);
    ASSERT_EQ(n, std::min(out.size(), model_.size() - std::min(offset, model_.size())));
    EXPECT_TRUE(
        std::equal(out.begin(), out.begin() + static_cast<ptrdiff_t>(n),
                   model_.begin() + static_cast<ptrdiff_t>(std::min(offset, model_.size()))));
  }
  Bytes RandomBytes(size_t n) {
    Bytes bytes(n);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_.Next64());
    return bytes;
  }
  // Of own bytes or of a block's, possibly empty.
  PacketBuf RandomSegment() {
    const Bytes bytes = RandomBytes(random_.Chance(0.1) ? 0 : random_.Below(200));
    model_.insert(model_.end(), bytes.begin(), bytes.end());
    if (random_.Chance(0.5)) return MakePacket(pool_, bytes);
    BlockRef block = BlockRef::Adopt(blocks_.Allocate());
    uint8_t* at = block.get()->bytes() + random_.Below(100);
    std::copy(bytes.begin(), bytes.end(), at);
    return pool_.AllocateReference(std::move(block), at, static_cast<uint32_t>(bytes.size()));
  }

  Random random_;
  PacketPool pool_{100, 256, 32};
  BlockPool blocks_{100, 512};
  PacketBuf packet_;
  Bytes model_;
};

TEST(Packet, AgreesWithAVectorUnderRandomOperations) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    PacketModel model(seed);
    for (int step = 0; step < 500; ++step) {
      model.Step();
      if (testing::Test::HasFatalFailure()) return;
    }
    model.Finish();
  }
}

}  // namespace
}  // namespace corelane
