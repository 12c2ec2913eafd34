// No heap allocation per DATA frame once a stream runs, in either direction.

#include <gtest/gtest.h>

#include <string>

#include "core/allocation_counter.h"
#include "http/h2/session.h"

namespace corelane::h2 {
namespace {

constexpr Instant kNow{std::chrono::seconds(1)};

// Consumes what comes, and counts it.
class Sink final : public Handler {
 public:
  std::unique_ptr<Session> session;
  Stream* stream = nullptr;
  uint64_t received = 0;

  void OnRequest(Stream& request, const RequestHead&, bool) override { stream = &request; }
  void OnData(Stream& from, std::string_view data, bool) override {
    received += data.size();
    session->Consume(from, data.size());
  }
};

void Exchange(Session& a, Session& b) {
  const auto move = [](Session& from, Session& to) {
    const std::string_view out = from.Output();
    if (out.empty()) return false;
    to.Receive(out, kNow);
    from.OnWritten(out.size());
    return true;
  };
  while (move(a, b) || move(b, a)) {
  }
}

// How often `rounds` writes of 1000 bytes each way allocate.
uint64_t AllocationsOf(int rounds) {
  const SessionOptions options;
  SessionStats stats;
  Sink server;
  Sink client;
  server.session = Session::Server(options, server, stats);
  client.session = Session::Client(options, client, stats);
  client.stream = client.session->SubmitRequest({"POST", "http", "a", "/"}, {}, Body::Pushed());
  Exchange(*client.session, *server.session);
  EXPECT_EQ(server.session->SubmitResponse(*server.stream, 200, {}, Body::Pushed()),
            SubmitResult::kOk);
  const std::string text(1000, 'x');
  const auto round = [&] {
    client.session->Write(*client.stream, text, false);
    server.session->Write(*server.stream, text, false);
    Exchange(*client.session, *server.session);
  };
  for (int i = 0; i < 100; ++i) round();
  const uint64_t before = AllocationsOnThisThread();
  for (int i = 0; i < rounds; ++i) round();
  const uint64_t allocations = AllocationsOnThisThread() - before;
  EXPECT_EQ(server.received, 1000u * static_cast<uint64_t>(rounds + 100));
  EXPECT_EQ(client.received, server.received);
  return allocations;
}

// Under a sanitizer nothing is counted.
TEST(Allocation, DataFramesMakeNone) { EXPECT_EQ(AllocationsOf(10000), 0u); }

TEST(Allocation, TheCounterSeesOne) {
  const uint64_t before = AllocationsOnThisThread();
  ::operator delete(::operator new(1000));  // A call, which compilers keep.
  EXPECT_EQ(AllocationsOnThisThread() > before, AllocationCounterActive());
}

}  // namespace
}  // namespace corelane::h2
