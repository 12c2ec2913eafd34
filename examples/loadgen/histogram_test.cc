#include "examples/loadgen/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "core/random.h"

namespace corelane::load {
namespace {

constexpr double kPercents[] = {0, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100};

// What sorting says: the smallest value that so many percent are not above.
int64_t Exact(const std::vector<int64_t>& sorted, double percent) {
  const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
  return sorted[rank < 1 ? 0 : static_cast<size_t>(rank) - 1];
}

void ExpectAsSorted(const Histogram& histogram, std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  ASSERT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.min().count(), values.front());
  EXPECT_EQ(histogram.max().count(), values.back());
  for (const double percent : kPercents) {
    const int64_t exact = Exact(values, percent);
    const int64_t got = histogram.Percentile(percent).count();
    EXPECT_GE(got, exact) << percent;
    EXPECT_LE(static_cast<double>(got), static_cast<double>(exact) * (1 + 1.0 / 1024)) << percent;
  }
}

TEST(HistogramTest, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), Duration::zero());
  EXPECT_EQ(histogram.max(), Duration::zero());
  EXPECT_EQ(histogram.Mean(), Duration::zero());
  EXPECT_EQ(histogram.StandardDeviation(), Duration::zero());
  EXPECT_EQ(histogram.Percentile(99), Duration::zero());
  EXPECT_EQ(histogram.CountUpTo(Histogram::kMax), 0u);
}

TEST(HistogramTest, IsExactBelow2048) {
  Histogram histogram;
  for (int64_t i = 0; i < 2048; ++i) histogram.Record(Duration(i));
  for (int percent = 1; percent <= 100; ++percent) {
    EXPECT_EQ(histogram.Percentile(percent).count(), std::ceil(percent * 20.48) - 1);
  }
}

// Three significant digits at every magnitude: around each power of two, and each of ten.
TEST(HistogramTest, KeepsThreeDigits) {
  std::vector<int64_t> values;
  for (int bit = 0; bit < Histogram::kMaxBits; ++bit) {
    for (const int64_t near : {-1, 0, 1}) values.push_back((int64_t{1} << bit) + near);
  }
  for (int64_t ten = 1; ten < Histogram::kMax.count(); ten *= 10) values.push_back(ten);
  for (const int64_t value : values) {
    Histogram histogram;
    histogram.Record(Duration(value));
    histogram.Record(Histogram::kMax);  // So that the maximum does not say it.
    const int64_t got = histogram.Percentile(50).count();
    EXPECT_GE(got, value);
    EXPECT_LE(got - value, value / 1024) << value;
  }
}

TEST(HistogramTest, AgreesWithSorting) {
  Random random(7);
  for (int round = 0; round < 20; ++round) {
    Histogram histogram;
    std::vector<int64_t> values;
    const auto bits = 1 + random.Below(Histogram::kMaxBits - 1);
    const size_t n = 1 + random.Below(20000);
    for (size_t i = 0; i < n; ++i) {
      // Spread over the magnitudes, as latencies are.
      const auto value = static_cast<int64_t>(random.Next64() >> (63 - random.Below(bits)));
      values.push_back(std::min(value, Histogram::kMax.count()));
      histogram.Record(Duration(values.back()));
    }
    ExpectAsSorted(histogram, values);
  }
}

TEST(HistogramTest, Merges) {
  Random random(8);
  Histogram all;
  std::vector<int64_t> values;
  for (int part = 0; part < 5; ++part) {
    Histogram histogram;
    for (int i = 0; i < 1000; ++i) {
      values.push_back(static_cast<int64_t>(random.Below(uint64_t{1000} << (4 * part))));
      histogram.Record(Duration(values.back()));
    }
    all.Merge(histogram);
    all.Merge(Histogram());
  }
  ExpectAsSorted(all, values);
}

TEST(HistogramTest, Resets) {
  Histogram histogram;
  histogram.Record(std::chrono::seconds(5));
  histogram.Record(Duration(5));
  histogram.Reset();
  EXPECT_EQ(histogram.count(), 0u);
  histogram.Record(std::chrono::milliseconds(1));
  ExpectAsSorted(histogram, {1'000'000});
  EXPECT_EQ(histogram.Mean(), std::chrono::milliseconds(1));
  EXPECT_EQ(histogram.StandardDeviation(), Duration::zero());
}

TEST(HistogramTest, ClampsWhatIsOutside) {
  Histogram histogram;
  histogram.Record(Duration(-1));
  histogram.Record(Duration::max());
  EXPECT_EQ(histogram.min(), Duration::zero());
  EXPECT_EQ(histogram.max(), Histogram::kMax);
  EXPECT_EQ(histogram.Percentile(50), Duration::zero());
  EXPECT_EQ(histogram.Percentile(100), Histogram::kMax);
}

TEST(HistogramTest, MeanAndDeviation) {
  Histogram histogram;
  for (const int64_t value : {2, 4, 4, 4, 5, 5, 7, 9}) histogram.Record(Duration(value));
  EXPECT_EQ(histogram.Mean().count(), 5);
  EXPECT_EQ(histogram.StandardDeviation().count(), 2);
  EXPECT_EQ(histogram.CountUpTo(Duration(4)), 4u);
  EXPECT_EQ(histogram.CountUpTo(Duration(8)), 7u);
  EXPECT_EQ(histogram.CountUpTo(Duration(-1)), 0u);
}

}  // namespace
}  // namespace corelane::load
