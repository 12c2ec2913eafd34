#include "tcp/flow_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace corelane::tcp {
namespace {

struct Flow : FlowTableNode<Flow> {
  FourTuple four_tuple;
  const FourTuple& tuple() const { return four_tuple; }
};

FourTuple Tuple(uint32_t n) {
  return {Ipv4Address(0x0a000001u), Ipv4Address(0x0a000000u + (n >> 8)), 80,
          static_cast<uint16_t>(n & 0xff)};
}

class FlowTableTest : public testing::Test {
 protected:
  Flow* Insert(uint32_t n) {
    flows_.push_back(std::make_unique<Flow>());
    flows_.back()->four_tuple = Tuple(n);
    table_.Insert(flows_.back().get());
    return flows_.back().get();
  }

  std::vector<std::unique_ptr<Flow>> flows_;
  FlowTable<Flow> table_{FlowHashKey::FromSeed(7), 4};
};

TEST_F(FlowTableTest, FindsWhatWasInsertedWhileItGrows) {
  for (uint32_t n = 0; n < 2000; ++n) {
    Flow* const flow = Insert(n);
    ASSERT_EQ(table_.Find(Tuple(n)), flow);
    ASSERT_EQ(table_.Find(Tuple(n + 1)), nullptr);
  }
  EXPECT_EQ(table_.size(), 2000u);
  for (uint32_t n = 0; n < 2000; ++n) ASSERT_EQ(table_.Find(Tuple(n)), flows_[n].get());
  size_t visited = 0;
  table_.ForEach([&](Flow&) { ++visited; });
  EXPECT_EQ(visited, 2000u);
}

TEST_F(FlowTableTest, RemovesFromAnywhereInAChain) {
  for (uint32_t n = 0; n < 64; ++n) Insert(n);
  for (uint32_t n = 0; n < 64; n += 2) table_.Remove(flows_[n].get());
  EXPECT_EQ(table_.size(), 32u);
  for (uint32_t n = 0; n < 64; ++n) {
    EXPECT_EQ(table_.Find(Tuple(n)), n % 2 == 0 ? nullptr : flows_[n].get()) << n;
  }
}

TEST_F(FlowTableTest, VisitorsMayRemoveWhatTheySee) {
  for (uint32_t n = 0; n < 100; ++n) Insert(n);
  table_.ForEach([&](Flow& flow) { table_.Remove(&flow); });
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(FlowTableTest, PiecesOfAWalkAreTheWalk) {
  for (uint32_t n = 0; n < 300; ++n) Insert(n);
  std::vector<const Flow*> whole;
  std::vector<const Flow*> pieces;
  table_.ForEach([&](Flow& flow) { whole.push_back(&flow); });
  for (size_t first = 0; first < table_.buckets(); first += 32) {
    table_.ForEachIn(first, 32, [&](Flow& flow) { pieces.push_back(&flow); });
  }
  EXPECT_EQ(whole.size(), 300u);
  EXPECT_EQ(pieces, whole);
}

TEST_F(FlowTableTest, OrderFollowsKeyAndHistoryOnly) {
  FlowTable<Flow> other(FlowHashKey::FromSeed(7), 4);
  std::vector<std::unique_ptr<Flow>> copies;
  for (uint32_t n = 0; n < 300; ++n) {
    Insert(n);
    copies.insert(copies.begin(), std::make_unique<Flow>());  // elsewhere in memory
    copies.front()->four_tuple = Tuple(n);
    other.Insert(copies.front().get());
  }
  std::vector<FourTuple> a;
  std::vector<FourTuple> b;
  table_.ForEach([&](Flow& f) { a.push_back(f.four_tuple); });
  other.ForEach([&](Flow& f) { b.push_back(f.four_tuple); });
  EXPECT_EQ(a, b);
}

TEST_F(FlowTableTest, TheWholeTupleIsCompared) {
  Flow* const flow = Insert(5);
  const uint32_t hash = table_.Hash(flow->four_tuple);
  FourTuple t = flow->four_tuple;
  t.local_port = 81;
  EXPECT_EQ(table_.Find(t, hash), nullptr);  // the same hash is not enough
  t = flow->four_tuple;
  std::swap(t.local, t.remote);
  EXPECT_EQ(table_.Find(t, hash), nullptr);
}

}  // namespace
}  // namespace corelane::tcp
