#include "examples/loadgen/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>

namespace corelane::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

Result Some() {
  Result result;
  result.url = "http://h/";
  result.connections = 3;
  result.depth = 2;
  result.measured = seconds(2);
  result.tally.answered = 101;
  result.tally.in_window = 100;
  result.tally.by_status[200] = 100;
  result.tally.by_status[503] = 1;
  for (int i = 1; i <= 101; ++i) result.tally.service.Record(milliseconds(i));
  return result;
}

TEST(ReportTest, Durations) {
  EXPECT_EQ(FormatDuration(Duration(7)), "7 ns");
  EXPECT_EQ(FormatDuration(Duration(1234)), "1.23 us");
  EXPECT_EQ(FormatDuration(Duration(12'345'678)), "12.35 ms");
  EXPECT_EQ(FormatDuration(seconds(75)), "75.000 s");
}

TEST(ReportTest, Bytes) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1500), "1.5 kB");
  EXPECT_EQ(FormatBytes(2.5e15), "2500.0 TB");
}

TEST(ReportTest, ForPeople) {
  Result result = Some();
  EXPECT_DOUBLE_EQ(result.rate_reached(), 50);
  EXPECT_FALSE(result.failed());
  const std::string text = ReportText(result);
  EXPECT_THAT(text, HasSubstr("101 answers in 2.000 s: 50 requests/s\n"));
  EXPECT_THAT(text, HasSubstr("200: 100 503: 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("failed")));
  EXPECT_THAT(text, Not(HasSubstr("response")));
  result.rate = 60;
  result.tally.unsent = 4;
  result.tally.Fail(Failure::kStatus, "why");
  EXPECT_TRUE(result.failed());
  const std::string open = ReportText(result);
  EXPECT_THAT(open, HasSubstr("50 requests/s of 60 asked for, constant\n"));
  EXPECT_THAT(open, HasSubstr("  response"));
  EXPECT_THAT(open, HasSubstr("failed: status 1 times, first: why\n"));
  EXPECT_THAT(open, HasSubstr("4 requests were due but never sent"));
}

TEST(ReportTest, NoAnswerIsAFailure) { EXPECT_TRUE(Result().failed()); }

TEST(ReportTest, ForMachines) {
  Result result = Some();
  result.tally.Fail(Failure::kTimeout, "a \"reason\"");
  const boost::json::object object = boost::json::parse(ReportJson(result)).as_object();
  EXPECT_EQ(object.at("answered").to_number<int>(), 101);
  EXPECT_EQ(object.at("requests_per_second").to_number<double>(), 50);
  EXPECT_EQ(object.at("status").at("503").to_number<int>(), 1);
  EXPECT_EQ(object.at("errors").at("timeout").at("count").to_number<int>(), 1);
  EXPECT_EQ(object.at("errors").at("timeout").at("first").as_string(), "a \"reason\"");
  EXPECT_EQ(object.at("errors").at("connect").at("count").to_number<int>(), 0);
  EXPECT_FALSE(object.contains("response_ns"));
  const boost::json::object& service = object.at("service_ns").as_object();
  EXPECT_EQ(service.at("min").to_number<int64_t>(), 1'000'000);
  EXPECT_EQ(service.at("max").to_number<int64_t>(), 101'000'000);
  EXPECT_NEAR(service.at("p50").to_number<double>(), 51e6, 51e3);
  for (const char* const name : {"p75", "p90", "p99", "p99.9", "p99.99"}) {
    EXPECT_TRUE(service.contains(name)) << name;
  }
  // Ascends to the largest.
  const boost::json::array& pairs = service.at("distribution").as_array();
  double last = -1;
  for (const boost::json::value& pair : pairs) {
    EXPECT_GT(pair.at(0).to_number<double>(), last);
    last = pair.at(0).to_number<double>();
  }
  EXPECT_EQ(pairs.back().at(1).to_number<int64_t>(), 101'000'000);
}

TEST(ReportTest, EmptyHistogramsHaveNoDistribution) {
  const auto object = boost::json::parse(ReportJson(Result())).as_object();
  EXPECT_TRUE(object.at("service_ns").at("distribution").as_array().empty());
}

TEST(ReportTest, Progress) {
  Recent recent;
  recent.answered = 500;
  recent.failed = 3;
  recent.latency.Record(milliseconds(4));
  const std::string line = ProgressLine(seconds(7), milliseconds(500), recent);
  EXPECT_THAT(line, HasSubstr("7 s"));
  EXPECT_THAT(line, HasSubstr("1000/s"));
  EXPECT_THAT(line, HasSubstr("4.00 ms"));
  EXPECT_THAT(line, HasSubstr("3 errors\n"));
}

}  // namespace
}  // namespace corelane::load
