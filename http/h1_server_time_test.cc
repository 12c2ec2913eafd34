// H1Server: time, ends and what waits outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/h1_server_test_fixture.h"

namespace corelane::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(H1ServerTest, ASlowHeadIs408HoweverItDrips) {
  Give("G");
  const Instant deadline = engine_->deadline();
  EXPECT_EQ(deadline, now_ + options_.head_timeout);
  for (const char c : std::string_view("ET /hello HT")) {
    now_ += milliseconds(700);
    Give(std::string(1, c));
    EXPECT_EQ(engine_->deadline(), deadline);
  }
  PassDeadline();
  EXPECT_THAT(sent_, HasSubstr(" 408 "));
  EXPECT_TRUE(shut_down_);
  EXPECT_EQ(stats_.timeouts, 1u);
}

TEST_F(H1ServerTest, AnIdleConnectionIsClosedSilently) {
  Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(engine_->deadline(), now_ + options_.idle_timeout);
  sent_.clear();
  PassDeadline();
  EXPECT_TRUE(closed_);
  EXPECT_EQ(sent_, "");
}

TEST_F(H1ServerTest, ABodyBelowTheMinimumRateIs408) {
  options_.body_grace = seconds(5);
  options_.body_bytes_per_second = 100;
  for (const char* path : {"/plain", "/read"}) {
    Restart();
    Give(std::string("POST ") + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
    // 150 bytes a second: above the rate, for ever.
    for (int i = 0; i < 10; ++i) {
      now_ += seconds(1);
      ASSERT_LT(now_, engine_->deadline());
      Give(std::string(150, 'b'));
    }
    // 10 bytes a second: the 5 s and what was ahead are used up.
    int slow = 0;
    while (now_ + seconds(1) < engine_->deadline()) {
      now_ += seconds(1);
      Give(std::string(10, 'b'));
      ASSERT_LT(++slow, 30);
    }
    EXPECT_GE(slow, 5);
    PassDeadline();
    EXPECT_THAT(sent_, HasSubstr(" 408 ")) << path;
    EXPECT_TRUE(shut_down_);
  }
}

TEST_F(H1ServerTest, AClientThatDoesNotReadIsClosed) {
  taking_ = false;
  Give("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(writing_);
  EXPECT_EQ(engine_->deadline(), now_ + options_.write_timeout);
  PassDeadline();
  EXPECT_TRUE(closed_);
}

TEST_F(H1ServerTest, AClientBelowTheMinimumRateIsClosed) {
  options_.response_bytes_per_second = 100;
  options_.response_grace = seconds(40);
  for (const char* path : {"/large", "/stream/50000"}) {
    taking_ = false;
    Restart();
    Give(std::string("GET ") + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    take_limit_ = 1500;  // In 10 s: above the rate.
    for (int i = 0; i < 10; ++i) {
      now_ += seconds(10);
      ASSERT_LT(now_, engine_->deadline()) << path;
      Take();
      Run();
    }
    take_limit_ = 500;  // Half the rate: the grace lasts for 80 s.
    int rounds = 0;
    while (now_ + seconds(10) < engine_->deadline()) {
      now_ += seconds(10);
      Take();
      Run();
      ASSERT_LT(++rounds, 20);
    }
    EXPECT_GE(rounds, 6) << path;
    PassDeadline();
    EXPECT_TRUE(closed_);
  }
  EXPECT_EQ(stats_.timeouts, 2u);
}

TEST_F(H1ServerTest, WhoHasCaughtUpHasTheWholeGrace) {
  options_.response_bytes_per_second = 100;
  options_.response_grace = seconds(40);
  for (int i = 0; i < 5; ++i) {
    taking_ = false;
    if (i == 0) Restart();
    Give("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    now_ += seconds(25);
    EXPECT_LT(now_, engine_->deadline());
    taking_ = true;
    Run();
    EXPECT_FALSE(closed_);
  }
}

TEST_F(H1ServerTest, AClientThatLeavesMidBodyIsNotAnswered) {
  for (const char* path : {"/plain", "/read"}) {
    Restart();
    Give(std::string("POST ") + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    GiveEnd();
    EXPECT_TRUE(closed_) << path;
    EXPECT_EQ(sent_, "");
  }
  EXPECT_EQ(stats_.aborted, 2u);
}

TEST_F(H1ServerTest, LingersUntilTheClientsEndWithinBounds) {
  Give("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(reading_);
  EXPECT_EQ(engine_->deadline(), now_ + options_.linger_timeout);
  Give("what the client still had under way");
  EXPECT_FALSE(closed_);
  PassDeadline();
  EXPECT_TRUE(closed_);
  options_.linger_bytes = 10000;
  Restart();
  Give("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 100 && !closed_; ++i) Give(std::string(1000, 'x'));
  EXPECT_TRUE(closed_);
}

TEST_F(H1ServerTest, SleepsWithoutHoldingBackWhatIsReady) {
  Give("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /sleep HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(sent_, HasSubstr("hello"));
  EXPECT_EQ(engine_->deadline(), now_ + seconds(3));
  now_ += seconds(2);
  Run();
  EXPECT_THAT(sent_, Not(HasSubstr("slept")));
  now_ += seconds(1);
  Run();
  EXPECT_THAT(sent_, HasSubstr("slept"));
}

TEST_F(H1ServerTest, StreamsAsTimePasses) {
  Give("GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n");
  for (const char* tick : {"0", "1"}) {
    EXPECT_TRUE(sent_.ends_with(std::string("\r\n000001\r\n") + tick + "\r\n")) << sent_;
    ASSERT_EQ(engine_->deadline(), now_ + seconds(1));
    now_ += seconds(1);
    Run();
  }
  EXPECT_THAT(sent_, HasSubstr("\r\n000001\r\n2\r\n"));
  EXPECT_TRUE(sent_.ends_with("0\r\n\r\n"));
  EXPECT_TRUE(reading_);
}

TEST_F(H1ServerTest, StopEndsWhatSleepsAndClosesBehindIt) {
  Give("GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n");
  engine_->Stop();
  Run();
  EXPECT_THAT(sent_, HasSubstr("stopped"));
  EXPECT_THAT(sent_, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(shut_down_);
  Restart();
  engine_->Stop();
  Run();
  GiveEnd();
  EXPECT_TRUE(closed_);
  EXPECT_EQ(sent_, "");
}

TEST_F(H1ServerTest, StopLetsAHeadInFlightEnd) {
  Give("GET /hello HTTP");
  engine_->Stop();
  Run();
  Give("/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(sent_, HasSubstr("hello"));
  EXPECT_THAT(sent_, HasSubstr("Connection: close\r\n"));
}

TEST_F(H1ServerTest, WhatWaitsOutsideIsWaitedFor) {
  int notified = 0;
  engine_->set_notify([](void* count) { ++*static_cast<int*>(count); }, &notified);
  Give("GET /outside HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(action_, IoAction::kWait);
  EXPECT_EQ(notified, 0);
  outside_.resume();
  EXPECT_EQ(notified, 1);
  Run();
  EXPECT_THAT(sent_, HasSubstr("back"));
}

TEST_F(H1ServerTest, AFailedStreamWaitsForWhatIsOutside) {
  Give("GET /outside HTTP/1.1\r\nHost: a\r\n\r\n");
  engine_->OnFailure();
  Run();
  EXPECT_EQ(action_, IoAction::kWait);
  outside_.resume();
  Run();
  EXPECT_TRUE(closed_);
  EXPECT_EQ(sent_, "");
}

TEST_F(H1ServerTest, AFailedStreamEndsEverythingElseAtOnce) {
  for (const char* request :
       {"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n", "GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", "GET /he"}) {
    Restart();
    Give(request);
    engine_->OnFailure();
    Run();
    EXPECT_TRUE(closed_) << request;
  }
}

}  // namespace
}  // namespace corelane::http
