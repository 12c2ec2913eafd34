// No heap allocation per request of a warm HTTP/2 connection.

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

#include "core/allocation_counter.h"
#include "http/h2/session_test_fixture.h"
#include "http/h2_server.h"

namespace corelane::http {
namespace {

// Both ends in memory; the client allocates too, so it is counted apart.
class Connection {
 public:
  explicit Connection(const Router& router)
      : server_(router, options_, stats_, connection_),
        client_(h2::Session::Client(client_options_, got_, client_stats_)) {
    got_.log_data = false;
    server_.Begin(h2::testing::TakeOutput(*client_), kNow);
    Pump();
  }

  // How many allocations `count` requests at once take at the server.
  uint64_t Ask(std::string_view path, int count) {
    got_.events.clear();
    got_.body.clear();
    for (int i = 0; i < count; ++i) {
      client_->SubmitRequest({"GET", "http", "a", path}, {}, h2::Body::None());
    }
    return Pump();
  }
  size_t answered() const { return got_.body.size(); }

 private:
  static constexpr Instant kNow{std::chrono::seconds(1)};

  uint64_t Pump() {
    uint64_t allocations = 0;
    for (;;) {
      to_server_ += h2::testing::TakeOutput(*client_);
      const uint64_t before = AllocationsOnThisThread();
      if (reading_ && !to_server_.empty()) {
        std::memcpy(server_.ReadBuffer().data(), to_server_.data(), to_server_.size());
        reading_ = false;
        server_.OnRead(to_server_.size(), kNow);
        to_server_.clear();
      }
      const IoAction action = server_.Next(kNow, 784111777);
      allocations += AllocationsOnThisThread() - before;
      if (action == IoAction::kRead) reading_ = true;
      if (action == IoAction::kWrite) {
        const std::string_view bytes = server_.WriteBuffers()[0];
        client_->Receive(bytes, kNow);
        server_.OnWritten(bytes.size(), kNow);
      }
      if (action == IoAction::kWait && to_server_.empty()) {
        to_server_ = h2::testing::TakeOutput(*client_);
        if (to_server_.empty()) return allocations;
      }
    }
  }

  ServerOptions options_;
  ServerStats stats_;
  const ConnectionInfo connection_;
  h2::SessionOptions client_options_;
  h2::SessionStats client_stats_;
  h2::testing::Recorder got_;
  H2Server server_;
  std::unique_ptr<h2::Session> client_;
  std::string to_server_;
  bool reading_ = false;
};

Task<Response> CoHello(const Request&) { co_return Response::Static("text/plain", "hello"); }

uint64_t AllocationsOf(std::string_view path) {
  Router router;
  router.Get("/hello/{name}",
             [](const Request&) { return Response::Static("text/plain", "hello"); });
  router.Get("/co", CoHello);
  Connection connection(router);
  for (int i = 0; i < 20; ++i) connection.Ask(path, 32);
  uint64_t allocations = 0;
  for (int i = 0; i < 50; ++i) {
    allocations += connection.Ask(path, 32);
    EXPECT_EQ(connection.answered(), 32u * 5);
  }
  return allocations;
}

// Under a sanitizer nothing is counted, and nothing is recycled.
TEST(H2Allocation, PlainHandler) { EXPECT_EQ(AllocationsOf("/hello/me?x=y"), 0u); }
TEST(H2Allocation, CoroutineHandler) { EXPECT_EQ(AllocationsOf("/co"), 0u); }

TEST(H2Allocation, TheCounterSeesOne) {
  const uint64_t before = AllocationsOnThisThread();
  ::operator delete(::operator new(1000));  // A call, which compilers keep.
  EXPECT_EQ(AllocationsOnThisThread() > before, AllocationCounterActive());
}

}  // namespace
}  // namespace corelane::http
