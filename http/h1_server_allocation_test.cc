// No heap allocation per keep-alive request of a plain handler, nor per frame of a coroutine
// handler.

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

#include "core/allocation_counter.h"
#include "http/h1_server.h"

namespace corelane::http {
namespace {

size_t Exchange(H1Server& engine, std::string_view request) {
  size_t sent = 0;
  const Instant now{std::chrono::seconds(1)};
  for (;;) {
    switch (engine.Next(now, 784111777)) {
      case IoAction::kRead:
      case IoAction::kWait: {  // For the read that is under way.
        if (sent > 0) return sent;
        const std::span<char> room = engine.ReadBuffer();
        std::memcpy(room.data(), request.data(), request.size());
        engine.OnRead(request.size(), now);
        break;
      }
      case IoAction::kWrite: {
        const auto parts = engine.WriteBuffers();
        const size_t size = parts[0].size() + parts[1].size();
        sent += size;
        engine.OnWritten(size, now);
        break;
      }
      default:
        return 0;
    }
  }
}

Task<Response> CoHello(const Request&) { co_return Response::Static("text/plain", "hello"); }

size_t AllocationsOf(std::string_view request) {
  Router router;
  router.Get("/hello/{name}",
             [](const Request&) { return Response::Static("text/plain", "hello"); });
  router.Get("/co", CoHello);
  ServerOptions options;
  ServerStats stats;
  const ConnectionInfo connection;
  H1Server engine(router, options, stats, connection);
  for (int i = 0; i < 10; ++i) EXPECT_GT(Exchange(engine, request), 0u);
  const uint64_t before = AllocationsOnThisThread();
  for (int i = 0; i < 1000; ++i) Exchange(engine, request);
  return static_cast<size_t>(AllocationsOnThisThread() - before);
}

// Under a sanitizer nothing is counted, and frames are not recycled.
TEST(Allocation, PlainHandler) {
  EXPECT_EQ(AllocationsOf("GET /hello/me?x=y HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"), 0u);
}

TEST(Allocation, CoroutineHandler) {
  EXPECT_EQ(AllocationsOf("GET /co HTTP/1.1\r\nHost: a\r\n\r\n"), 0u);
}

TEST(Allocation, TheCounterSeesOne) {
  const uint64_t before = AllocationsOnThisThread();
  ::operator delete(::operator new(1000));  // A call, which compilers keep.
  EXPECT_EQ(AllocationsOnThisThread() > before, AllocationCounterActive());
}

}  // namespace
}  // namespace corelane::http
