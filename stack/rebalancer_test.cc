#include "stack/rebalancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "core/random.h"

namespace corelane::stack {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class RebalancerTest : public ::testing::Test {
 protected:
  RebalancerTest() { options_.min_packets = 1; }

  // One bucket after the other, lane after lane.
  void Set(std::vector<uint64_t> packets, size_t lanes) {
    lanes_ = lanes;
    shares_.assign(lanes, LaneShare());
    buckets_.assign(packets.size(), BucketLoad());
    for (size_t i = 0; i < packets.size(); ++i) {
      buckets_[i].packets = packets[i];
      buckets_[i].lane = static_cast<uint8_t>(i % lanes);
    }
  }
  std::vector<BucketMove> Plan() const { return PlanMoves(options_, shares_, buckets_); }
  void Apply(const std::vector<BucketMove>& moves) {
    for (const BucketMove& move : moves) buckets_[move.bucket].lane = move.lane;
  }
  std::vector<uint64_t> Loads() const {
    std::vector<uint64_t> loads;
    for (const LaneShare& share : shares_) loads.push_back(share.fixed);
    for (const BucketLoad& b : buckets_) loads[b.lane] += b.packets;
    return loads;
  }
  uint64_t Peak() const {
    const std::vector<uint64_t> loads = Loads();
    return *std::max_element(loads.begin(), loads.end());
  }
  double Mean() const {
    const std::vector<uint64_t> loads = Loads();
    const uint64_t sum = std::accumulate(loads.begin(), loads.end(), uint64_t{0});
    return static_cast<double>(sum) / static_cast<double>(lanes_);
  }

  RebalanceOptions options_;
  size_t lanes_ = 2;
  std::vector<LaneShare> shares_;
  std::vector<BucketLoad> buckets_;
};

TEST_F(RebalancerTest, ALevelTableStays) {
  Set(std::vector<uint64_t>(128, 1000), 4);
  EXPECT_THAT(Plan(), IsEmpty());
  // A little more than the mean is no reason either.
  for (size_t i = 0; i < 128; i += 4) buckets_[i].packets = 1300;
  ASSERT_LT(static_cast<double>(Peak()), options_.start * Mean());
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(RebalancerTest, OneMoveIsEnoughWhereOneBucketIsTheDifference) {
  Set({200, 100, 300, 100, 400, 100}, 2);  // 900 and 300
  EXPECT_EQ(Plan(), (std::vector<BucketMove>{{2, 1}}));
  Apply(Plan());
  EXPECT_EQ(Loads(), (std::vector<uint64_t>{600, 600}));
  EXPECT_THAT(Plan(), IsEmpty()) << "and does not swing back";
}

TEST_F(RebalancerTest, AnElephantStaysAndItsNeighborsLeave) {
  Set({10'000, 100, 300, 100, 300, 100, 300, 100}, 2);
  const auto moves = Plan();
  for (const BucketMove& move : moves) EXPECT_NE(move.bucket, 0u) << "it would trouble lane 1";
  EXPECT_THAT(moves, SizeIs(3));
  Apply(moves);
  EXPECT_EQ(Loads()[0], 10'000u);
  EXPECT_THAT(Plan(), IsEmpty()) << "nothing more can be done";
}

TEST_F(RebalancerTest, LanesWithoutTheElephantShareTheRest) {
  // Lane 0 has nothing but the elephant; lanes 1 and 2 are uneven.
  Set({90'000, 500, 100, 0, 500, 100, 0, 500, 100}, 3);
  const auto moves = Plan();
  ASSERT_THAT(moves, SizeIs(1));
  EXPECT_EQ(buckets_[moves[0].bucket].lane, 1u);
  EXPECT_EQ(moves[0].lane, 2u);
}

TEST_F(RebalancerTest, TwoHeavyBucketsPart) {
  Set({600, 300, 500, 0}, 2);  // whichever moves, lane 1 is the busier one then
  EXPECT_EQ(Plan(), (std::vector<BucketMove>{{2, 1}}));
}

TEST_F(RebalancerTest, EqualElephantsSpreadOnePerLane) {
  Set({1000, 0, 0, 0, 1000, 0, 0, 0, 1000, 0, 0, 0, 1000, 0, 0, 0}, 4);  // all on lane 0
  Apply(Plan());
  EXPECT_EQ(Loads(), (std::vector<uint64_t>(4, 1000)));
}

TEST_F(RebalancerTest, WhatMovedLatelyStays) {
  Set({500, 0, 500, 0}, 2);
  buckets_[0].pinned = buckets_[2].pinned = true;
  EXPECT_THAT(Plan(), IsEmpty());
  buckets_[2].pinned = false;
  EXPECT_EQ(Plan(), (std::vector<BucketMove>{{2, 1}}));
}

TEST_F(RebalancerTest, FlowsThatLastStayWhereOthersAreEnough) {
  Set({780, 300, 420, 300, 350, 150}, 2);
  buckets_[2].lasting = true;  // would be the best one
  EXPECT_EQ(Plan(), (std::vector<BucketMove>{{4, 1}}));
  buckets_[0].lasting = buckets_[4].lasting = true;
  EXPECT_EQ(Plan(), (std::vector<BucketMove>{{2, 1}}));
}

TEST_F(RebalancerTest, OnlySoManyBucketsLeaveFlowsBehindThatLast) {
  Set({100, 0, 100, 0, 100, 0, 100, 0, 100, 0, 100, 0, 100, 0, 100, 0}, 2);
  for (BucketLoad& b : buckets_) b.lasting = true;
  options_.max_held = 3;
  EXPECT_THAT(Plan(), SizeIs(3));
  shares_[0].held = 2;
  EXPECT_THAT(Plan(), SizeIs(1));
  shares_[0].held = 5;
  EXPECT_THAT(Plan(), IsEmpty());
  for (BucketLoad& b : buckets_) b.lasting = false;
  EXPECT_THAT(Plan(), SizeIs(4)) << "others leave as before";
}

TEST_F(RebalancerTest, NothingLeavesALaneThatRests) {
  Set({600, 100, 100, 600, 100, 100, 600, 100, 100}, 3);
  shares_[0].rests = true;
  EXPECT_THAT(Plan(), IsEmpty());
  shares_[0].rests = false;
  EXPECT_THAT(Plan(), Not(IsEmpty()));
}

TEST_F(RebalancerTest, LoadThatStaysCounts) {
  Set({300, 300, 300, 300}, 2);
  EXPECT_THAT(Plan(), IsEmpty());
  shares_[0].fixed = 600;
  const auto moves = Plan();
  ASSERT_THAT(moves, SizeIs(1));
  EXPECT_EQ(moves[0].lane, 1u);
  Apply(moves);
  EXPECT_EQ(Loads(), (std::vector<uint64_t>{900, 900}));
}

TEST_F(RebalancerTest, ManySmallBucketsMoveAsWellAsFewLargeOnes) {
  std::vector<uint64_t> packets(4096, 10);
  for (size_t i = 0; i < packets.size(); i += 2) packets[i] = 20;
  Set(packets, 2);
  int looks = 0;
  for (auto moves = Plan(); !moves.empty(); moves = Plan()) {
    Apply(moves);
    ASSERT_LT(++looks, 100);
  }
  EXPECT_LE(static_cast<double>(Peak()), options_.start * Mean());
}

TEST_F(RebalancerTest, CrumbsAreNotWorthAMove) {
  // The busiest lane has an elephant and 60 crumbs, each next to nothing beside it.
  std::vector<uint64_t> packets(122, 0);
  packets[0] = 100'000;
  for (size_t i = 2; i < 122; i += 2) packets[i] = 10;
  packets[1] = 10'000;
  Set(packets, 2);
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(RebalancerTest, FewPacketsSayNothing) {
  options_.min_packets = 1000;
  Set({600, 0, 399, 0}, 2);
  EXPECT_THAT(Plan(), IsEmpty());
  buckets_[2].packets = 400;
  EXPECT_THAT(Plan(), SizeIs(1));
}

TEST_F(RebalancerTest, NothingAtAllIsNoReason) {
  options_.min_packets = 0;
  Set(std::vector<uint64_t>(16, 0), 2);
  EXPECT_THAT(Plan(), IsEmpty());
  Set({5, 1, 7}, 1);
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(RebalancerTest, NoMoreMovesThanAllowed) {
  std::vector<uint64_t> packets(128, 0);
  for (size_t i = 0; i < 128; i += 4) packets[i] = 1000;
  Set(packets, 4);
  options_.max_moves = 3;
  EXPECT_THAT(Plan(), SizeIs(3));
}

// Any table: every move is worth it, none makes it worse, and it ends.
TEST_F(RebalancerTest, SettlesAndNeverMakesItWorse) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    const size_t lanes = 2 + random.Below(7);
    std::vector<uint64_t> packets(size_t{16} << random.Below(4));
    for (uint64_t& n : packets) {
      n = random.Below(1000);
      if (random.Chance(0.1)) n *= 50;
      if (random.Chance(0.2)) n = 0;
    }
    Set(packets, lanes);
    for (BucketLoad& b : buckets_) b.lane = static_cast<uint8_t>(random.Below(lanes));
    options_.max_moves = 1 + random.Below(8);
    int looks = 0;
    for (;; ++looks) {
      ASSERT_LT(looks, 200) << "round " << round;
      const auto moves = Plan();
      if (moves.empty()) break;
      std::set<size_t> moved;
      const uint64_t before = Peak();
      for (const BucketMove& move : moves) {
        EXPECT_TRUE(moved.insert(move.bucket).second);
        EXPECT_NE(buckets_[move.bucket].lane, move.lane);
        EXPECT_GT(buckets_[move.bucket].packets, 0u);
      }
      Apply(moves);
      EXPECT_LE(Peak(), before);
    }
    // The peak is near the mean, or one bucket that cannot be split.
    uint64_t largest = 0;
    for (const BucketLoad& b : buckets_) largest = std::max(largest, b.packets);
    EXPECT_LE(static_cast<double>(Peak()),
              1.06 * std::max(options_.start * Mean(), Mean() + static_cast<double>(largest)));
  }
}

}  // namespace
}  // namespace corelane::stack
