// What the tests of H2Server share, and of what is mounted on it: the engine, and a client's
// session on the other end.

#ifndef CORELANE_HTTP_H2_SERVER_TEST_FIXTURE_H_
#define CORELANE_HTTP_H2_SERVER_TEST_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "http/h2/session_test_fixture.h"
#include "http/h2_server.h"

namespace corelane::http {

// Routes: a fixture with router_, options_, stats_ and connection_.
template <class Routes>
class H2ServerPeer : public Routes {
 protected:
  void Restart() {
    server_ =
        std::make_unique<H2Server>(this->router_, this->options_, this->stats_, this->connection_);
    client_ = h2::Session::Client(client_options_, got_, client_stats_);
    reading_ = writing_ = closed_ = shut_down_ = false;
    server_->Begin(h2::testing::TakeOutput(*client_), now_);
    Run();
  }

  // What the server has sent since the last call, as events of the client.
  std::vector<std::string> Exchange() {
    got_.events.clear();
    got_.body.clear();
    Run();
    return got_.events;
  }

  void Run() {
    for (bool more = true; more && !closed_;) {
      more = Deliver();
      switch (server_->Next(now_, 784111777)) {
        case IoAction::kRead:
          ASSERT_FALSE(reading_);
          more = reading_ = true;
          break;
        case IoAction::kWrite:
          ASSERT_FALSE(writing_);
          more = writing_ = true;
          ++writes_;
          break;
        case IoAction::kShutdown:
          more = shut_down_ = true;
          break;
        case IoAction::kClose:
          closed_ = true;
          break;
        case IoAction::kHttp2:
        case IoAction::kWait:
          break;
      }
    }
  }
  // Between the two; true when anything has moved.
  bool Deliver() {
    bool any = false;
    if (writing_ && taking_) {
      const std::string bytes(server_->WriteBuffers()[0]);
      client_->Receive(bytes, now_);
      writing_ = false;
      server_->OnWritten(bytes.size(), now_);
      any = true;
    }
    to_server_ += h2::testing::TakeOutput(*client_);
    if (reading_ && !to_server_.empty()) {
      const std::span<char> room = server_->ReadBuffer();
      const size_t size = std::min(room.size(), to_server_.size());
      std::memcpy(room.data(), to_server_.data(), size);
      to_server_.erase(0, size);
      reading_ = false;
      server_->OnRead(size, now_);
      any = true;
    }
    return any;
  }
  void PassDeadline() {
    ASSERT_NE(server_->deadline(), kNever);
    now_ = std::max(now_, server_->deadline());
    server_->OnDeadline(now_);
  }

  h2::SessionOptions client_options_;
  h2::SessionStats client_stats_;
  h2::testing::Recorder got_;
  std::unique_ptr<H2Server> server_;
  std::unique_ptr<h2::Session> client_;
  Instant now_{std::chrono::seconds(1000)};
  std::string to_server_;
  size_t writes_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool taking_ = true;
  bool closed_ = false;
  bool shut_down_ = false;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H2_SERVER_TEST_FIXTURE_H_
