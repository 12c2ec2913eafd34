#include "tcp/rtt_estimator.h"

#include <gtest/gtest.h>

namespace corelane::tcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RttEstimatorTest, BeginsWithOneSecond) {  // RFC 6298 §2.1
  RttEstimator rtt;
  EXPECT_FALSE(rtt.has_sample());
  EXPECT_EQ(rtt.rto(), seconds(1));
}

TEST(RttEstimatorTest, FollowsTheFormulas) {
  RttEstimator rtt;
  rtt.OnSample(milliseconds(400));  // §2.2
  EXPECT_EQ(rtt.srtt(), milliseconds(400));
  EXPECT_EQ(rtt.rttvar(), milliseconds(200));
  EXPECT_EQ(rtt.rto(), milliseconds(1200));
  rtt.OnSample(milliseconds(800));  // §2.3: RTTVAR = 3/4 * 200 + 1/4 * 400; SRTT = 7/8 * 400 + 100
  EXPECT_EQ(rtt.rttvar(), milliseconds(250));
  EXPECT_EQ(rtt.srtt(), milliseconds(450));
  EXPECT_EQ(rtt.rto(), milliseconds(1450));
  EXPECT_EQ(rtt.min_rtt(), milliseconds(400));
}

TEST(RttEstimatorTest, ConvergesAndStaysAboveTheMinimum) {
  RttEstimator rtt;
  for (int i = 0; i < 200; ++i) rtt.OnSample(milliseconds(10));
  EXPECT_EQ(rtt.srtt(), milliseconds(10));
  EXPECT_EQ(rtt.rto(), kMinRto);
  for (int i = 0; i < 200; ++i) rtt.OnSample(milliseconds(500));
  EXPECT_NEAR(static_cast<double>(ToMilliseconds(rtt.srtt())), 500, 1);
  // §2.3: the clock's granularity bounds the variance term from below.
  EXPECT_GE(rtt.rto(), rtt.srtt() + milliseconds(1));
}

TEST(RttEstimatorTest, BacksOffUpToTheMaximumUntilTheNextSample) {  // §5.5, §2.5
  RttEstimator rtt;
  rtt.OnSample(milliseconds(100));
  const Duration base = rtt.rto();
  for (int i = 1; i <= 6; ++i) {
    rtt.BackOff();
    EXPECT_EQ(rtt.rto(), base * (1 << i));
  }
  for (int i = 0; i < 1000; ++i) rtt.BackOff();
  EXPECT_EQ(rtt.rto(), kMaxRto);
  rtt.OnSample(milliseconds(100));
  EXPECT_LE(rtt.rto(), base);
}

TEST(RttEstimatorTest, ExtremeSamplesDoNotOverflow) {
  RttEstimator rtt;
  rtt.OnSample(Duration(0));
  EXPECT_EQ(rtt.rto(), kMinRto);
  rtt.OnSample(std::chrono::hours(24 * 25));
  for (int i = 0; i < 100; ++i) rtt.BackOff();
  EXPECT_EQ(rtt.rto(), kMaxRto);
}

TEST(RttEstimatorTest, LostSynGivesThreeSecondsOnceDataFlows) {  // §5.7
  RttEstimator rtt;
  rtt.OnSynRetransmitted();
  EXPECT_EQ(rtt.rto(), seconds(3));
  rtt.OnSample(milliseconds(100));
  EXPECT_EQ(rtt.rto(), milliseconds(300));
  rtt.OnSynRetransmitted();
  EXPECT_EQ(rtt.rto(), milliseconds(300));
}

}  // namespace
}  // namespace corelane::tcp
