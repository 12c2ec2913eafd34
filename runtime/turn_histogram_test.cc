#include "runtime/turn_histogram.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <functional>
#include <numeric>
#include <thread>

#include "runtime/worker.h"

namespace corelane::runtime {
namespace {

using Counts = TurnHistogram::Counts;

uint64_t Total(const Counts& counts) {
  return std::accumulate(counts.counts.begin(), counts.counts.end(), uint64_t{0});
}

TEST(TurnHistogram, EachBoundBelongsToItsBucket) {
  for (size_t i = 0; i < Counts::kBounds; ++i) {
    EXPECT_EQ(Counts::BucketOf(Counts::UpperBound(i)), i);
    EXPECT_EQ(Counts::BucketOf(Counts::UpperBound(i) + Duration(1)), i + 1);
  }
  EXPECT_EQ(Counts::UpperBound(0), Duration(64));
  EXPECT_EQ(Counts::UpperBound(Counts::kBounds - 1), Duration(1 << 30));
}

TEST(TurnHistogram, WhatIsOutsideOfTheBoundsIsInTheOuterBuckets) {
  EXPECT_EQ(Counts::BucketOf(Duration(-5)), 0u);
  EXPECT_EQ(Counts::BucketOf(Duration(0)), 0u);
  EXPECT_EQ(Counts::BucketOf(Duration(1)), 0u);
  EXPECT_EQ(Counts::BucketOf(std::chrono::hours(1)), Counts::kBounds);
  EXPECT_EQ(Counts::BucketOf(Duration::max()), Counts::kBounds);
}

TEST(TurnHistogram, CountsAndSums) {
  TurnHistogram histogram;
  histogram.Record(Duration(10));
  histogram.Record(Duration(100));
  histogram.Record(Duration(128));
  histogram.Record(std::chrono::seconds(2));
  const Counts counts = histogram.Read();
  EXPECT_EQ(counts.counts[0], 1u);
  EXPECT_EQ(counts.counts[1], 2u);
  EXPECT_EQ(counts.counts[Counts::kBounds], 1u);
  EXPECT_EQ(Total(counts), 4u);
  EXPECT_EQ(counts.sum, 2'000'000'238u);
}

TEST(TurnHistogram, AnotherThreadReadsWhileOneRecords) {
  constexpr uint64_t kRecords = 20000;
  TurnHistogram histogram;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kRecords; ++i) histogram.Record(Duration(100));
  });
  uint64_t last = 0;
  while (last < kRecords) {
    const uint64_t total = Total(histogram.Read());
    EXPECT_GE(total, last);
    last = total;
  }
  writer.join();
  EXPECT_EQ(histogram.Read().sum, kRecords * 100);
}

// A busy turn lasts until the next begins; idle ones, and the time between two Run()s, are not
// measured.
TEST(TurnHistogram, AWorkerMeasuresItsBusyTurns) {
  ManualClock clock;
  WorkerOptions options;
  options.manual_clock = &clock;
  Worker worker(options);
  const auto busy = [&](Duration duration) {
    boost::asio::post(worker.get_executor(), [&clock, duration] { clock.Advance(duration); });
    worker.RunFor(std::chrono::seconds(10));
    clock.Advance(std::chrono::hours(1));
  };
  busy(std::chrono::microseconds(3));
  busy(std::chrono::milliseconds(5));
  const Counts counts = worker.counters().busy_turns.Read();
  EXPECT_EQ(Total(counts), 2u);
  EXPECT_EQ(counts.counts[Counts::BucketOf(std::chrono::microseconds(3))], 1u);
  EXPECT_EQ(counts.counts[Counts::BucketOf(std::chrono::milliseconds(5))], 1u);
  EXPECT_EQ(counts.sum, 5'003'000u);
  EXPECT_GT(worker.counters().turns.value(), 4u);
}

}  // namespace
}  // namespace corelane::runtime
