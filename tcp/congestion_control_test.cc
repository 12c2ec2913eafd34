#include "tcp/congestion_control.h"

#include <gtest/gtest.h>

namespace corelane::tcp {
namespace {

constexpr uint32_t kMss = 1000;

NewReno Established() {
  NewReno cc;
  cc.OnEstablished(kMss);
  return cc;
}

TEST(NewRenoTest, InitialWindow) {  // RFC 6928 §2
  EXPECT_EQ(NewReno::InitialWindow(536), 5360u);
  EXPECT_EQ(NewReno::InitialWindow(1460), 14600u);
  EXPECT_EQ(NewReno::InitialWindow(4000), 14600u);
  EXPECT_EQ(NewReno::InitialWindow(8960), 17920u);
}

TEST(NewRenoTest, SlowStartCountsEveryAcknowledgedByte) {
  NewReno cc = Established();
  EXPECT_TRUE(cc.in_slow_start());
  cc.OnAck(10'000, kMss, true);
  EXPECT_EQ(cc.cwnd(), 20'000u);
}

TEST(NewRenoTest, SlowStartEndsAtItsThreshold) {
  NewReno cc = Established();
  cc.OnTimeout(20'000, kMss, true);
  cc.OnAck(8'000, kMss, true);
  EXPECT_EQ(cc.cwnd(), 9'000u);
  cc.OnAck(5'000, kMss, true);
  EXPECT_EQ(cc.cwnd(), 10'000u);
  cc.OnAck(6'000, kMss, true);  // with the 4,000 bytes beyond it: a window
  EXPECT_EQ(cc.cwnd(), 11'000u);
}

TEST(NewRenoTest, AnUnusedWindowDoesNotGrow) {
  NewReno cc = Established();
  for (int i = 0; i < 100; ++i) cc.OnAck(kMss, kMss, false);
  EXPECT_EQ(cc.cwnd(), 10'000u);
}

TEST(NewRenoTest, CongestionAvoidanceAddsOneSegmentAWindow) {  // RFC 5681 §3.1
  NewReno cc = Established();
  cc.OnLoss(20'000, kMss);
  EXPECT_EQ(cc.ssthresh(), 10'000u);
  EXPECT_EQ(cc.cwnd(), 10'000u);
  EXPECT_FALSE(cc.in_slow_start());
  for (int i = 0; i < 9; ++i) cc.OnAck(kMss, kMss, true);
  EXPECT_EQ(cc.cwnd(), 10'000u);
  cc.OnAck(kMss, kMss, true);
  EXPECT_EQ(cc.cwnd(), 11'000u);
  for (int i = 0; i < 11; ++i) cc.OnAck(kMss, kMss, true);
  EXPECT_EQ(cc.cwnd(), 12'000u);
}

TEST(NewRenoTest, TimeoutBeginsAgainWithOneSegment) {  // RFC 5681 §3.1, equation 4
  NewReno cc = Established();
  cc.OnTimeout(10'000, kMss, true);
  EXPECT_EQ(cc.cwnd(), kMss);
  EXPECT_EQ(cc.ssthresh(), 5'000u);
  cc.OnTimeout(1'000, kMss, false);  // the same segment again: ssthresh is held
  EXPECT_EQ(cc.ssthresh(), 5'000u);
  cc.OnTimeout(1'000, kMss, true);
  EXPECT_EQ(cc.ssthresh(), 2 * kMss);  // never below two segments
}

TEST(NewRenoTest, RecoveryEndsWithoutABurst) {  // RFC 6582 §3.2 step 3, option 1
  NewReno cc = Established();
  cc.OnLoss(10'000, kMss);
  for (int i = 0; i < 8; ++i) cc.Inflate(kMss);
  EXPECT_EQ(cc.cwnd(), 13'000u);
  cc.Deflate(3'000, kMss);
  EXPECT_EQ(cc.cwnd(), 10'000u);
  cc.OnRecoveryEnd(1'000, kMss);
  EXPECT_EQ(cc.cwnd(), 2'000u);
  cc.Deflate(1'000'000, kMss);
  EXPECT_EQ(cc.cwnd(), kMss);
}

TEST(NewRenoTest, IdleRestartsWithTheInitialWindow) {  // RFC 5681 §4.1
  NewReno cc = Established();
  cc.OnAck(50'000, kMss, true);
  cc.OnIdle(kMss);
  EXPECT_EQ(cc.cwnd(), 10'000u);
  cc.OnTimeout(10'000, kMss, true);
  cc.OnIdle(kMss);
  EXPECT_EQ(cc.cwnd(), kMss);
}

TEST(NewRenoTest, GrowthIsBounded) {
  NewReno cc = Established();
  for (int i = 0; i < 40; ++i) cc.OnAck(std::numeric_limits<uint32_t>::max() / 2, kMss, true);
  EXPECT_LE(cc.cwnd(), uint32_t{1} << 30);
  EXPECT_GT(cc.cwnd(), uint32_t{1} << 29);
}

}  // namespace
}  // namespace corelane::tcp
