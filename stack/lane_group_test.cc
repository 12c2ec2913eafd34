#include "stack/lane_group.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <memory>

#include "ip/protocol.h"

namespace corelane::stack {
namespace {

constexpr size_t kLanes = 3;

class LaneGroupTest : public ::testing::Test {
 protected:
  LaneGroupTest() {
    LaneGroupOptions options;
    options.lanes = kLanes;
    group_ = std::make_unique<LaneGroup>(options);
    for (size_t i = 0; i < kLanes; ++i) group_->lane(i).Join();
  }
  ~LaneGroupTest() override {
    for (size_t i = 0; i < kLanes; ++i) group_->lane(i).Leave();
  }

  // What a connection of lane 0 does that comes and goes.
  void ChangeOnce(uint16_t port) {
    const tcp::FourTuple tuple{Ipv4Address(0x0a00'0001), Ipv4Address(0x0a00'0002), port, 80};
    Lane& lane = group_->lane(0);
    lane.ChangeSteering([&](Steering& s) { s.Claim(ip::protocol::kTcp, tuple, 0); });
    lane.ChangeSteering([&](Steering& s) { s.Unclaim(ip::protocol::kTcp, tuple, 0); });
  }
  // The lane has nothing to do. False: it has.
  bool Sleep(size_t lane) {
    const auto source = group_->lane(lane).ArmWake();
    if (!source) return false;
    fds_[lane] = {source->fd, POLLIN, 0};
    return true;
  }
  bool IsWoken(size_t lane) { return ::poll(&fds_[lane], 1, 0) == 1; }
  // A turn that finds nothing.
  void Turn(size_t lane) {
    group_->lane(lane).Refresh();
    group_->lane(lane).EndTurn();
  }

  std::unique_ptr<LaneGroup> group_;
  pollfd fds_[kLanes] = {};
};

TEST_F(LaneGroupTest, ALaneThatSleepsKeepsABoundedNumberOfChanges) {
  for (size_t i = 1; i < kLanes; ++i) ASSERT_TRUE(Sleep(i));
  size_t most = 0;
  size_t woken = 0;
  for (int i = 0; i < 5000; ++i) {
    ChangeOnce(static_cast<uint16_t>(i));
    Turn(0);
    most = std::max(most, group_->kept());
    for (size_t lane = 1; lane < kLanes; ++lane) {
      if (!IsWoken(lane)) continue;
      ++woken;
      Turn(lane);
      ASSERT_TRUE(Sleep(lane));
    }
  }
  EXPECT_LE(most, LaneGroup::kMaxKept + 2);
  EXPECT_GT(woken, 0u);
  EXPECT_LE(woken, 2 * 2 * 5000 / LaneGroup::kMaxKept) << "and not at each of them";
}

TEST_F(LaneGroupTest, OnlyLanesThatLagAreWoken) {
  ASSERT_TRUE(Sleep(1));
  ASSERT_TRUE(Sleep(2));
  for (int i = 0; i < 5000 && !IsWoken(1); ++i) {
    ChangeOnce(static_cast<uint16_t>(i));
    ASSERT_FALSE(IsWoken(2));
    Turn(2);
    ASSERT_TRUE(Sleep(2));
  }
  EXPECT_TRUE(IsWoken(1));
}

TEST_F(LaneGroupTest, AFewChangesWakeNobody) {
  ASSERT_TRUE(Sleep(1));
  for (uint16_t i = 0; i < 10; ++i) ChangeOnce(i);
  EXPECT_FALSE(IsWoken(1));
  EXPECT_TRUE(group_->lane(1).HasInput());
}

}  // namespace
}  // namespace corelane::stack
