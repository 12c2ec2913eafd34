#include "http/middleware/rate_limit.h"

#include "http/middleware/middleware_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RateLimitTest : public MadeMiddlewareTest {
 protected:
  static RateLimitOptions Options() {
    RateLimitOptions options;
    options.per_second = 0.5;
    options.burst = 3;
    options.key = [](const Request& r) { return std::string(r.Header("x-key").value_or("")); };
    return options;
  }
  void Use(const RateLimitOptions& options) {
    absl::StatusOr<Middleware> limit = RateLimit(clock_, options);
    ASSERT_TRUE(limit.ok()) << limit.status();
    router_.Use(*std::move(limit));
  }
  int Status(const std::string& key) {
    Get("/hello", "X-Key: " + key + "\r\n");
    return std::stoi(sent_.substr(9, 3));
  }
  ManualClock clock_;
};

TEST_F(RateLimitTest, ABurstThenOneForEachInterval) {
  Use(Options());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Status("a"), 200);
  EXPECT_EQ(Status("a"), 429);
  EXPECT_THAT(sent_, HasSubstr("Retry-After: 2\r\n"));
  clock_.Advance(std::chrono::milliseconds(1500));
  EXPECT_EQ(Status("a"), 429);
  EXPECT_THAT(sent_, HasSubstr("Retry-After: 1\r\n"));
  clock_.Advance(std::chrono::milliseconds(500));
  EXPECT_EQ(Status("a"), 200);
  EXPECT_EQ(Status("a"), 429);
  clock_.Advance(std::chrono::hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Status("a"), 200) << "no more than a burst is saved";
  EXPECT_EQ(Status("a"), 429);
}

TEST_F(RateLimitTest, KeysHaveTheirOwnAndNoKeyHasNone) {
  Use(Options());
  for (int i = 0; i < 4; ++i) Status("a");
  EXPECT_EQ(Status("a"), 429);
  EXPECT_EQ(Status("b"), 200);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Status(""), 200);
}

TEST_F(RateLimitTest, WithoutAKeyItIsTheClientsAddress) {
  RateLimitOptions options = Options();
  options.key = nullptr;
  Use(options);
  const auto status = [&](const char* address) {
    connection_.remote.address = *IpAddress::Parse(address);
    Restart();
    return Status("any");
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status("192.0.2.1"), 200);
  EXPECT_EQ(status("192.0.2.1"), 429);
  EXPECT_EQ(status("192.0.2.2"), 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status("2001:db8::1"), 200);
  EXPECT_EQ(status("2001:db8::2"), 429) << "of the same site";
  EXPECT_EQ(status("2001:db8:0:1::1"), 200);
}

TEST_F(RateLimitTest, TheTableIsBounded) {
  RateLimitOptions options = Options();
  options.max_keys = 2;
  Use(options);
  for (int i = 0; i < 4; ++i) Status("a");
  Status("b");
  EXPECT_EQ(Status("a"), 429);
  EXPECT_EQ(Status("c"), 200) << "b is forgotten, which was quiet for longest";
  EXPECT_EQ(Status("a"), 429);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Status("k" + std::to_string(i)), 200);
  EXPECT_EQ(Status("a"), 200);
}

TEST_F(RateLimitTest, WhatMakesNoSenseIsRefused) {
  const auto problem = [&](const std::function<void(RateLimitOptions&)>& change) {
    RateLimitOptions options = Options();
    change(options);
    return std::string(RateLimit(clock_, options).status().message());
  };
  EXPECT_THAT(problem([](RateLimitOptions& o) { o.per_second = 0; }),
              HasSubstr("per_second: value 0"));
  EXPECT_THAT(problem([](RateLimitOptions& o) { o.per_second = 0.0 / 0.0; }),
              HasSubstr("per_second"));
  EXPECT_THAT(problem([](RateLimitOptions& o) { o.burst = 0; }), HasSubstr("burst: value 0"));
  EXPECT_THAT(problem([](RateLimitOptions& o) { o.max_keys = 0; }), HasSubstr("max_keys"));
}

}  // namespace
}  // namespace corelane::http
