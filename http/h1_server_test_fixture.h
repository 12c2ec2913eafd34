// What the tests of H1Server share: the engine in the hands of a peer that gives and takes bytes as
// the test says.

#ifndef CORELANE_HTTP_H1_SERVER_TEST_FIXTURE_H_
#define CORELANE_HTTP_H1_SERVER_TEST_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "http/h1/parser_harness.h"
#include "http/h1_server.h"
#include "http/server_test_routes.h"

namespace corelane::http {

// The engine in the hands of a peer that gives and takes bytes as the test says.
class H1ServerTest : public ServerTestRoutes {
 protected:
  H1ServerTest() { Restart(); }

  void Restart() {
    engine_ = std::make_unique<H1Server>(router_, options_, stats_, connection_);
    sent_.clear();
    reading_ = false;
    writing_ = false;
    closed_ = false;
    shut_down_ = false;
    Run();
  }

  // Goes on until the engine wants something that only the test can give.
  void Run() {
    for (;;) {
      if (writing_ && taking_) Take();
      action_ = engine_->Next(now_, 784111777);
      switch (action_) {
        case IoAction::kRead:
          ASSERT_FALSE(reading_);
          reading_ = true;
          break;
        case IoAction::kWrite:
          ASSERT_FALSE(writing_);
          writing_ = true;
          break;
        case IoAction::kShutdown:
          shut_down_ = true;
          break;
        case IoAction::kWait:
          if (writing_ && taking_) break;
          return;
        case IoAction::kHttp2:
        case IoAction::kClose:
          closed_ = true;
          return;
      }
    }
  }
  void Take() {
    ++writes_;
    size_t left = take_limit_;
    size_t taken = 0;
    for (const std::string_view part : engine_->WriteBuffers()) {
      const std::string_view now = part.substr(0, left);
      sent_ += now;
      left -= now.size();
      taken += now.size();
    }
    ASSERT_GT(taken, 0u);
    writing_ = false;
    engine_->OnWritten(taken, now_);
  }

  void Give(std::string_view bytes) {
    while (!bytes.empty()) {
      ASSERT_TRUE(reading_) << "with " << bytes.size() << " bytes to give";
      const std::span<char> room = engine_->ReadBuffer();
      ASSERT_FALSE(room.empty());
      const size_t size = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), size);
      bytes.remove_prefix(size);
      reading_ = false;
      engine_->OnRead(size, now_);
      Run();
    }
  }
  void GiveEnd() {
    ASSERT_TRUE(reading_);
    reading_ = false;
    engine_->OnRead(0, now_);
    Run();
  }
  // Lets time pass up to the engine's deadline.
  void PassDeadline() {
    ASSERT_NE(engine_->deadline(), kNever);
    now_ = std::max(now_, engine_->deadline());
    engine_->OnDeadline(now_);
    Run();
  }
  // What came back to the bytes given, read by our own client side.
  std::vector<testing::ParsedMessage> Answers(Method method = Method::kGet) {
    const testing::ParsedStream stream =
        testing::ParseResponses(sent_, testing::WholeStream(), method);
    EXPECT_EQ(stream.error, ParseError::kNone) << sent_;
    EXPECT_TRUE(stream.consumed == sent_.size() || stream.messages.empty() ||
                !stream.messages.back().complete)
        << sent_;
    return stream.messages;
  }
  std::string Exchange(std::string_view bytes) {
    sent_.clear();
    Give(bytes);
    return sent_;
  }

  std::unique_ptr<H1Server> engine_;
  Instant now_{std::chrono::seconds(1000)};
  IoAction action_ = IoAction::kWait;
  std::string sent_;
  size_t writes_ = 0;
  size_t take_limit_ = SIZE_MAX;
  bool taking_ = true;
  bool reading_ = false;
  bool writing_ = false;
  bool closed_ = false;
  bool shut_down_ = false;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_SERVER_TEST_FIXTURE_H_
