#include "stack/carried_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>

namespace corelane::stack {
namespace {

constexpr size_t kLanes = 5;
constexpr size_t kQueues = 2;
constexpr size_t kRing = 8;

// Lanes 0 and 1 have queues; 2 and 4 send by 0, 3 by 1.
class CarriedQueueTest : public ::testing::Test {
 protected:
  CarriedQueueTest() {
    LaneGroupOptions options;
    options.lanes = kLanes;
    options.queues = kQueues;
    options.forward_ring = kRing;
    group_ = std::make_unique<LaneGroup>(options);
    for (size_t i = 0; i < kLanes; ++i) group_->lane(i).Join();
    driver::DeviceInfo info;
    info.capabilities.tso = true;
    info.capabilities.max_tso_size = 65535;
    for (size_t i = kQueues; i < kLanes; ++i) {
      queues_[i] = std::make_unique<CarriedQueue>(group_->lane(i), info, 3, 64);
    }
  }
  ~CarriedQueueTest() override {
    for (size_t i = 0; i < kLanes; ++i) group_->lane(i).Leave();
  }

  PacketBuf Frame(size_t lane, size_t size = 60) {
    PacketBuf packet;
    EXPECT_EQ(queues_[lane]->AllocateBurst({&packet, 1}), 1u);
    packet.Append(size)[0] = static_cast<uint8_t>(lane);
    return packet;
  }
  size_t Send(size_t lane, size_t n) {
    std::vector<PacketBuf> frames;
    for (size_t i = 0; i < n; ++i) frames.push_back(Frame(lane));
    return queues_[lane]->TransmitBurst(Instant(), frames);
  }
  size_t InUse(size_t lane) const { return queues_[lane]->pool()->in_use(); }
  LaneCounters& counters(size_t lane) { return group_->lane(lane).counters(); }

  std::unique_ptr<LaneGroup> group_;
  std::array<std::unique_ptr<CarriedQueue>, kLanes> queues_;
};

TEST_F(CarriedQueueTest, LanesAreSharedOutOverThoseWithQueues) {
  EXPECT_EQ(group_->lane(0).carrier(), 0u);
  EXPECT_EQ(group_->lane(1).carrier(), 1u);
  EXPECT_EQ(group_->lane(2).carrier(), 0u);
  EXPECT_EQ(group_->lane(3).carrier(), 1u);
  EXPECT_EQ(group_->lane(4).carrier(), 0u);
}

TEST_F(CarriedQueueTest, FramesGoToTheCarrierAndTheirMemoryComesHome) {
  EXPECT_EQ(Send(3, 5), 5u);
  EXPECT_FALSE(group_->lane(0).HasInput());
  EXPECT_TRUE(group_->lane(1).HasInput());
  EXPECT_EQ(queues_[3]->stats().tx_packets, 5u);
  EXPECT_EQ(queues_[3]->stats().tx_bytes, 300u);
  std::array<Forwarded, 32> frames;
  EXPECT_EQ(group_->lane(0).TakeCarried(frames), 0u);
  ASSERT_EQ(group_->lane(1).TakeCarried(frames), 5u);
  for (const Forwarded& each : std::span(frames).first(5)) {
    EXPECT_EQ(each.interface, 3);
    EXPECT_EQ(each.packet->data[0], 3);
    group_->lane(1).GiveBack(each);
  }
  EXPECT_EQ(InUse(3), 5u);
  group_->lane(3).EndTurn();
  EXPECT_EQ(InUse(3), 0u);
  EXPECT_EQ(counters(3).carried_out.value(), 5u);
  EXPECT_EQ(counters(1).carried_in.value(), 5u);
}

TEST_F(CarriedQueueTest, AFullRingTakesAPrefix) {
  EXPECT_EQ(Send(2, 6), 6u);
  EXPECT_EQ(Send(2, 6), 2u);
  EXPECT_EQ(queues_[2]->stats().tx_full, 1u);
  EXPECT_EQ(Send(2, 1), 0u);
  // Room is what came home, not what was taken.
  std::array<Forwarded, 4> frames;
  ASSERT_EQ(group_->lane(0).TakeCarried(frames), 4u);
  EXPECT_EQ(Send(2, 1), 0u);
  for (const Forwarded& each : frames) group_->lane(0).GiveBack(each);
  group_->lane(2).EndTurn();
  EXPECT_EQ(Send(2, 8), 4u);
}

TEST_F(CarriedQueueTest, TheCarrierServesItsLanesInTurn) {
  std::map<int, int> served;
  for (int i = 0; i < 100; ++i) {
    Send(2, kRing);
    Send(4, kRing);
    std::array<Forwarded, 4> frames;
    const size_t n = group_->lane(0).TakeCarried(frames);
    for (const Forwarded& each : std::span(frames).first(n)) {
      ++served[each.packet->data[0]];
      group_->lane(0).GiveBack(each);
    }
    group_->lane(2).EndTurn();
    group_->lane(4).EndTurn();
  }
  EXPECT_EQ(served[2] + served[4], 400);
  EXPECT_NEAR(served[2], served[4], 8);
}

TEST_F(CarriedQueueTest, WhatCanNeverBeSentIsDropped) {
  EXPECT_FALSE(queues_[2]->info().capabilities.tso);
  std::array<PacketBuf, 2> frames = {Frame(2, 1600), Frame(2)};
  EXPECT_EQ(queues_[2]->TransmitBurst(Instant(), frames), 2u);
  EXPECT_EQ(queues_[2]->stats().tx_dropped, 1u);
  EXPECT_EQ(queues_[2]->stats().tx_packets, 1u);
}

TEST_F(CarriedQueueTest, NothingArrives) {
  std::array<PacketBuf, 4> frames;
  EXPECT_EQ(queues_[2]->ReceiveBurst(Instant(), frames), 0u);
  const auto wake = queues_[2]->ArmWake();
  ASSERT_TRUE(wake.has_value());
  EXPECT_EQ(wake->fd, -1);
}

TEST_F(CarriedQueueTest, FramesOnTheirWayAreFreedWithTheGroup) {
  Send(2, 5);
  Send(3, 5);
  std::array<Forwarded, 2> frames;
  ASSERT_EQ(group_->lane(0).TakeCarried(frames), 2u);
  for (const Forwarded& each : frames) group_->lane(0).GiveBack(each);
}

}  // namespace
}  // namespace corelane::stack
