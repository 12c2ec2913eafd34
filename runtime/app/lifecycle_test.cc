#include "runtime/app/lifecycle.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace corelane::runtime {
namespace {

using Phase = Lifecycle::Phase;

// Two lanes that are set up.
class LifecycleTest : public ::testing::Test {
 protected:
  void Start() {
    std::thread other([this] { lifecycle_.Start(1, nullptr); });
    lifecycle_.Start(0, nullptr);
    other.join();
  }
  Lifecycle lifecycle_{2};
};

TEST_F(LifecycleTest, AllReturnedNeedsNoDrain) {
  Start();
  EXPECT_EQ(lifecycle_.phase(), Phase::kServing);
  lifecycle_.Returned();
  EXPECT_EQ(lifecycle_.phase(), Phase::kServing);
  lifecycle_.Returned();
  EXPECT_EQ(lifecycle_.phase(), Phase::kClosing);
  lifecycle_.Stop();
  EXPECT_EQ(lifecycle_.phase(), Phase::kClosing) << "it was decided";
}

TEST_F(LifecycleTest, WhatFailsFirstIsTheStatus) {
  Start();
  lifecycle_.Returned();
  lifecycle_.Fail(absl::InternalError("first"));
  EXPECT_EQ(lifecycle_.phase(), Phase::kDraining);
  lifecycle_.Fail(absl::InternalError("second"));
  lifecycle_.Returned();
  EXPECT_EQ(lifecycle_.phase(), Phase::kDraining);
  EXPECT_EQ(lifecycle_.status().message(), "first");
}

TEST_F(LifecycleTest, AStopBeforeTheStartIsKept) {
  lifecycle_.Stop();
  EXPECT_EQ(lifecycle_.phase(), Phase::kStarting);
  Start();
  EXPECT_EQ(lifecycle_.phase(), Phase::kDraining);
}

TEST_F(LifecycleTest, NothingStartsWhereALaneFails) {
  std::thread other([this] {
    lifecycle_.Fail(absl::InternalError("no CPU"));
    EXPECT_FALSE(lifecycle_.Start(1, nullptr));
  });
  EXPECT_FALSE(lifecycle_.Start(0, nullptr));
  other.join();
  EXPECT_EQ(lifecycle_.phase(), Phase::kOver);
}

TEST_F(LifecycleTest, LanesThatNeverComeAreNotWaitedFor) {
  lifecycle_.Fail(absl::InternalError("no thread"));
  lifecycle_.Without(1);
  EXPECT_FALSE(lifecycle_.Start(0, nullptr));
  lifecycle_.Leave();
}

TEST_F(LifecycleTest, APhaseEndsWhenAllAreDone) {
  Start();
  lifecycle_.Stop();
  lifecycle_.Report(0, Phase::kDraining, true, 0);
  lifecycle_.Report(1, Phase::kDraining, false, 0);
  EXPECT_EQ(lifecycle_.phase(), Phase::kDraining);
  lifecycle_.Report(0, Phase::kDraining, false, 0);  // not any more
  lifecycle_.Report(1, Phase::kDraining, true, 0);
  EXPECT_EQ(lifecycle_.phase(), Phase::kDraining);
  lifecycle_.Report(0, Phase::kDraining, true, 0);
  EXPECT_EQ(lifecycle_.phase(), Phase::kClosing);
  lifecycle_.Report(0, Phase::kClosing, true, 0);
  lifecycle_.Report(1, Phase::kDraining, true, 0);  // it has not seen that yet
  EXPECT_EQ(lifecycle_.phase(), Phase::kClosing);
  lifecycle_.Report(1, Phase::kClosing, true, 0);
  EXPECT_EQ(lifecycle_.phase(), Phase::kOver);
}

TEST_F(LifecycleTest, ConnectionsOnTheirWayAreWaitedFor) {
  Start();
  lifecycle_.Stop();
  lifecycle_.Report(1, Phase::kDraining, true, 0);
  lifecycle_.Report(0, Phase::kDraining, true, 1);  // gave it to lane 1, which has not seen it
  EXPECT_EQ(lifecycle_.phase(), Phase::kDraining);
  lifecycle_.Report(1, Phase::kDraining, false, -1);
  EXPECT_EQ(lifecycle_.phase(), Phase::kDraining);
  lifecycle_.Report(1, Phase::kDraining, true, -1);
  EXPECT_EQ(lifecycle_.phase(), Phase::kClosing);
}

TEST_F(LifecycleTest, TimesAreOverForTheirPhaseOnly) {
  Start();
  lifecycle_.TimeOver(Phase::kDraining);
  EXPECT_EQ(lifecycle_.phase(), Phase::kServing);
  lifecycle_.Stop();
  lifecycle_.TimeOver(Phase::kDraining);
  lifecycle_.TimeOver(Phase::kDraining);
  EXPECT_EQ(lifecycle_.phase(), Phase::kClosing);
  lifecycle_.TimeOver(Phase::kClosing);
  EXPECT_EQ(lifecycle_.phase(), Phase::kOver);
}

TEST_F(LifecycleTest, AnAbortEndsItAtOnce) {
  Start();
  lifecycle_.Abort();
  EXPECT_EQ(lifecycle_.phase(), Phase::kOver);
  lifecycle_.Fail(absl::InternalError("late"));
  EXPECT_EQ(lifecycle_.phase(), Phase::kOver);
}

}  // namespace
}  // namespace corelane::runtime
