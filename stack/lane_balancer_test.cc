#include "stack/lane_balancer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "core/random.h"

namespace corelane::stack {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LaneBalancerTest : public ::testing::Test {
 protected:
  static LaneGroupOptions Options() {
    LaneGroupOptions options;
    options.lanes = 2;
    options.table = {0, 1, 0, 1, 0, 1, 0, 1};
    options.rebalance.interval = milliseconds(100);
    options.rebalance.min_packets = 100;
    return options;
  }
  LaneBalancerTest() {
    LaneGroupOptions options = Options();
    options.redirect = [this](std::span<const uint8_t> table) {
      device_.assign(table.begin(), table.end());
    };
    group_ = std::make_unique<LaneGroup>(options);
    balancer_ = std::make_unique<LaneBalancer>(*group_, now_);
  }

  void Look() {
    now_ = balancer_->next();
    balancer_->Look(now_);
  }
  // Each bucket's packets come to the lane that it is of.
  void Load(const std::vector<uint64_t>& packets) {
    const Steering steering = group_->steering();
    for (size_t i = 0; i < packets.size(); ++i) {
      group_->lane(steering.table()[i]).CountPackets(i, packets[i]);
    }
  }
  // Two looks that find the same.
  void LoadTwice(const std::vector<uint64_t>& packets) {
    for (int i = 0; i < 2; ++i) {
      Load(packets);
      Look();
    }
  }
  uint8_t LaneOf(size_t bucket) const { return group_->steering().table()[bucket]; }
  uint64_t moves() { return group_->lane(0).counters().bucket_moves.value(); }

  Instant now_{seconds(1)};
  std::unique_ptr<LaneGroup> group_;
  std::unique_ptr<LaneBalancer> balancer_;
  std::vector<uint8_t> device_;
};

TEST_F(LaneBalancerTest, LooksAtItsTimes) {
  EXPECT_EQ(balancer_->next(), now_ + milliseconds(100));
  balancer_->Look(now_ + milliseconds(250));
  EXPECT_EQ(balancer_->next(), now_ + milliseconds(350)) << "none is caught up on";
}

TEST_F(LaneBalancerTest, MovesWhatIsBusyAndTellsTheDevice) {
  LoadTwice({1000, 10, 1000, 10, 10, 10, 10, 10});
  EXPECT_EQ(moves(), 1u);
  EXPECT_NE(LaneOf(0), LaneOf(2));
  const Steering steering = group_->steering();
  EXPECT_EQ(device_, std::vector<uint8_t>(steering.table().begin(), steering.table().end()));
  const size_t moved = LaneOf(0) == 1 ? 0 : 2;
  EXPECT_EQ(steering.Previous(moved), 0u);
  // The same load, now on both lanes.
  for (int i = 0; i < 10; ++i) {
    Load({1000, 10, 1000, 10, 10, 10, 10, 10});
    Look();
  }
  EXPECT_EQ(moves(), 1u) << "level: nothing swings back";
}

TEST_F(LaneBalancerTest, EvenLoadLeavesTheTable) {
  LoadTwice(std::vector<uint64_t>(8, 1000));
  LoadTwice({});
  EXPECT_EQ(moves(), 0u);
  EXPECT_TRUE(device_.empty());
}

TEST_F(LaneBalancerTest, AMomentIsNoReason) {
  for (int i = 0; i < 5; ++i) {
    Load({1000, 10, 1000, 10});
    Look();
    Load({100, 100, 100, 100});
    Look();
  }
  EXPECT_EQ(moves(), 0u);
}

TEST_F(LaneBalancerTest, ABucketIsForgottenWhereItWasAfterItsLastFlow) {
  for (int i = 0; i < 3; ++i) group_->lane(0).CountFlow(0, true);
  group_->lane(0).CountFlow(2, true);
  LoadTwice({1000, 10, 1000, 10});
  const size_t moved = LaneOf(0) == 1 ? 0 : 2;
  const auto known = [&] { return group_->steering().Previous(moved).has_value(); };
  for (int i = 0; i < 1000; ++i) Look();
  EXPECT_TRUE(known()) << "it has flows there";
  for (int i = moved == 0 ? 3 : 1; i > 0; --i) group_->lane(0).CountFlow(moved, false);
  Look();
  const Instant drained = now_;
  while (now_ < drained + LaneBalancer::kLinger - milliseconds(200)) Look();
  EXPECT_TRUE(known()) << "one of them may be in TIME-WAIT";
  while (now_ < drained + LaneBalancer::kLinger + milliseconds(200)) Look();
  EXPECT_FALSE(known());
}

TEST_F(LaneBalancerTest, WhatStayedBehindCountsWhereItIsGoing) {
  // The connections that make the load stay on lane 0 when a bucket moves.
  LoadTwice({1000, 10, 900, 10, 10, 10, 10, 10});
  ASSERT_EQ(moves(), 1u);
  const size_t moved = LaneOf(0) == 1 ? 0 : 2;
  for (int i = 0; i < 50; ++i) {
    group_->lane(0).CountPackets(moved, moved == 0 ? 1000 : 900);
    Load(moved == 0 ? std::vector<uint64_t>{0, 10, 900, 10, 10, 10, 10, 10}
                    : std::vector<uint64_t>{1000, 10, 0, 10, 10, 10, 10, 10});
    Look();
  }
  EXPECT_EQ(moves(), 1u) << "lane 0 is relieved when they end";
  EXPECT_EQ(LaneOf(moved), 1u);
}

TEST_F(LaneBalancerTest, WhatAThirdLaneHasCountsThere) {
  // Connections that the program moved: bucket 1's are lane 0's, which no bucket's move changes.
  for (int i = 0; i < 2; ++i) {
    group_->lane(0).CountPackets(1, 1000);
    Load({500, 0, 500, 0});
    Look();
  }
  EXPECT_EQ(moves(), 2u);
  EXPECT_EQ(LaneOf(0), 1u);
  EXPECT_EQ(LaneOf(2), 1u);
}

TEST_F(LaneBalancerTest, ALaneThatWasRelievedRests) {
  LoadTwice({1000, 10, 1000, 10, 10, 10, 10, 10});
  ASSERT_EQ(moves(), 1u);
  // Two more come up at once.
  const size_t rest = LaneOf(0) == 0 ? 0 : 2;
  std::vector<uint64_t> load(8, 10);
  load[rest] = load[4] = load[6] = 1000;
  for (int i = 0; i < LaneBalancer::kRest; ++i) {
    Load(load);
    Look();
    EXPECT_EQ(moves(), 1u) << "look " << i;
  }
  LoadTwice(load);
  EXPECT_GT(moves(), 1u);
}

// Connections as they come and go, or last.
class LaneBalancerFlowsTest : public LaneBalancerTest {
 protected:
  static constexpr size_t kBuckets = 32;
  LaneBalancerFlowsTest() {
    LaneGroupOptions options = Options();
    options.table.resize(kBuckets);
    for (size_t i = 0; i < kBuckets; ++i) options.table[i] = i % 2;
    group_ = std::make_unique<LaneGroup>(options);
    balancer_ = std::make_unique<LaneBalancer>(*group_, now_);
    table_ = options.table;
  }

  struct Flow {
    size_t bucket;
    size_t lane;
    uint64_t packets;  // in one look
    int looks;         // until it ends
  };
  static constexpr int kForever = 1'000'000;

  // On the lane that has the bucket now.
  void Begin(size_t bucket, uint64_t packets, int looks) {
    flows_.push_back({bucket, table_[bucket], packets, looks});
    group_->lane(flows_.back().lane).CountFlow(bucket, true);
  }
  void End(Flow& flow) {
    flow.looks = 0;
    group_->lane(flow.lane).CountFlow(flow.bucket, false);
  }
  // One look's worth of packets.
  void Work() {
    lanes_ = {0, 0};
    forwarded_ = 0;
    for (Flow& flow : flows_) {
      group_->lane(flow.lane).CountPackets(flow.bucket, flow.packets);
      lanes_[flow.lane] += flow.packets;
      if (table_[flow.bucket] != flow.lane) forwarded_ += flow.packets;
      if (--flow.looks == 0) End(flow);
    }
    std::erase_if(flows_, [](const Flow& flow) { return flow.looks == 0; });
    Look();
    const Steering steering = group_->steering();
    table_.assign(steering.table().begin(), steering.table().end());
  }

  std::vector<uint8_t> table_;
  std::vector<Flow> flows_;
  std::array<uint64_t, 2> lanes_{};  // packets since the last look
  uint64_t forwarded_ = 0;  // of these, those that a device that redirects brings elsewhere
};

TEST_F(LaneBalancerFlowsTest, StreamsThatLastMoveOnce) {
  for (size_t i = 0; i < kBuckets; ++i) Begin(i, i % 2 == 0 ? 66 : 34, kForever);
  for (int i = 0; i < 1000; ++i) Work();
  EXPECT_GT(moves(), 0u) << "what begins next will find it level";
  EXPECT_LE(moves(), 5u);
  EXPECT_LE(forwarded_, 5u * 66) << "of " << lanes_[0];
  // They end, and the same come again.
  for (Flow& flow : flows_) End(flow);
  flows_.clear();
  const uint64_t before = moves();
  for (size_t i = 0; i < kBuckets; ++i) Begin(i, i % 2 == 0 ? 66 : 34, kForever);
  for (int i = 0; i < 1000; ++i) Work();
  EXPECT_EQ(moves(), before);
  EXPECT_EQ(forwarded_, 0u);
  EXPECT_LT(static_cast<double>(std::max(lanes_[0], lanes_[1])), 0.55 * 1600);
}

TEST_F(LaneBalancerFlowsTest, StreamsThatKeepComingToOneLaneAreBounded) {
  // Whatever is moved, more streams begin where lane 0 has its buckets, and none ends.
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    if (i % 10 == 0) {
      size_t bucket = random.Below(kBuckets);
      while (table_[bucket] != 0) bucket = random.Below(kBuckets);
      Begin(bucket, 100, kForever);
    }
    Work();
    size_t behind = 0;
    const Steering steering = group_->steering();
    for (size_t b = 0; b < kBuckets; ++b) behind += steering.Previous(b) == size_t{0};
    ASSERT_LE(behind, RebalanceOptions().max_held);
  }
}

TEST_F(LaneBalancerFlowsTest, ConnectionsThatComeAndGoBecomeEven) {
  Random random(7);
  for (const int looks : {1, 5}) {
    uint64_t even = 0;
    for (int i = 0; i < 300; ++i) {
      // Lane 0's buckets, at first, have twice as many.
      for (int k = 0; k < 200; ++k) {
        const size_t bucket = random.Below(kBuckets);
        if (bucket % 2 == 0 || random.Chance(0.5)) Begin(bucket, 20, looks);
      }
      Work();
      const auto [less, more] = std::minmax(lanes_[0], lanes_[1]);
      if (i >= 100) even += 5 * more < 9 * less;
    }
    EXPECT_GT(even, 190u) << "of 200 looks, flows of " << looks;
  }
  EXPECT_GT(moves(), 0u);
  EXPECT_LT(moves(), 40u);
}

TEST_F(LaneBalancerFlowsTest, BucketsThatLeaveNothingBehindGoFirst) {
  // Half of lane 0's load is a stream in each of 8 buckets, the other half comes and goes.
  for (size_t i = 0; i < 16; i += 2) Begin(i, 100, kForever);
  for (int i = 0; i < 100; ++i) {
    for (size_t b = 16; b < kBuckets; b += 2) Begin(b, 100, 1);
    Work();
  }
  for (size_t b = 0; b < 16; b += 2) EXPECT_EQ(table_[b], 0u) << b;
  EXPECT_EQ(moves(), 8u);
  EXPECT_EQ(forwarded_, 0u);
  EXPECT_EQ(lanes_[0], lanes_[1]);
}

}  // namespace
}  // namespace corelane::stack
