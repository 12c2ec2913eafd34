#include "http/response_pace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

namespace corelane::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

TEST(ResponsePace, OnlyWaitingCosts) {
  ResponsePace pace(seconds(10), 100);
  EXPECT_EQ(pace.due(), kNever);
  pace.Begin(kStart);
  EXPECT_EQ(pace.due(), kStart + seconds(10));
  pace.Begin(kStart + seconds(1));  // It waits already.
  EXPECT_EQ(pace.due(), kStart + seconds(10));
  pace.Pause(kStart + seconds(4));
  EXPECT_EQ(pace.due(), kNever);
  pace.Pause(kStart + seconds(50));
  pace.Begin(kStart + seconds(100));
  EXPECT_EQ(pace.due(), kStart + seconds(106));
  pace.CaughtUp();
  EXPECT_EQ(pace.due(), kNever);
  pace.Begin(kStart + seconds(200));
  EXPECT_EQ(pace.due(), kStart + seconds(210));
}

TEST(ResponsePace, WhoIsFastEnoughMayGoOnForEver) {
  ResponsePace pace(seconds(10), 100);
  Instant now = kStart;
  pace.Begin(now);
  for (int i = 0; i < 1000; ++i) {
    now += seconds(9);
    ASSERT_LT(now, pace.due());
    pace.OnTaken(900, now);
  }
}

TEST(ResponsePace, WhoIsSlowerLosesTheGraceBitByBit) {
  ResponsePace pace(seconds(10), 100);
  Instant now = kStart;
  pace.Begin(now);
  int rounds = 0;
  while (now + seconds(1) < pace.due()) {
    now += seconds(1);
    pace.OnTaken(50, now);
    ASSERT_LT(++rounds, 100);
  }
  EXPECT_EQ(rounds, 18);  // Half a second a second.
}

TEST(ResponsePace, NothingIsSavedUpBeyondTheGrace) {
  ResponsePace pace(seconds(10), 100);
  pace.Begin(kStart);
  pace.OnTaken(UINT64_MAX, kStart + seconds(1));
  EXPECT_EQ(pace.due(), kStart + seconds(11));
  pace.OnTaken(0, kStart + seconds(3));
  EXPECT_EQ(pace.due(), kStart + seconds(11));
  pace.OnTaken(30, kStart + seconds(3));
  EXPECT_EQ(pace.due(), kStart + seconds(11) + milliseconds(300));
}

TEST(ResponsePace, NoMinimumNoEnd) {
  ResponsePace pace(seconds(10), 0);
  pace.Begin(kStart);
  pace.OnTaken(1, kStart);
  EXPECT_EQ(pace.due(), kNever);
  ResponsePace patient(Duration::max(), 1);
  patient.Begin(kStart);
  patient.OnTaken(1, kStart + seconds(5));
  EXPECT_EQ(patient.due(), kNever);
}

}  // namespace
}  // namespace corelane::http
