#include "stack/lane_balancer.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

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

TEST_F(LaneBalancerTest, WhatStayedBehindCountsWhereItIs) {
  // The connection that makes the load stays on lane 0 when its bucket moves.
  LoadTwice({1000, 10, 900, 10, 10, 10, 10, 10});
  ASSERT_EQ(moves(), 1u);
  const size_t moved = LaneOf(0) == 1 ? 0 : 2;
  // Lane 0 keeps all of its old load: what else it has leaves, too, and nothing comes to it.
  for (int i = 0; i < 5; ++i) {
    group_->lane(0).CountPackets(moved, 1000);
    Load(moved == 0 ? std::vector<uint64_t>{0, 10, 900, 10, 10, 10, 10, 10}
                    : std::vector<uint64_t>{1000, 10, 0, 10, 10, 10, 10, 10});
    Look();
  }
  EXPECT_NE(LaneOf(moved == 0 ? 2 : 0), 0u);
  EXPECT_EQ(LaneOf(moved), 1u) << "one that moved stays until it is drained";
}

}  // namespace
}  // namespace corelane::stack
