// No heap allocation per message in the steady state, plain or compressed.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/allocation_counter.h"
#include "http/ws/codec_harness.h"
#include "http/ws/session.h"

namespace corelane::ws {
namespace {

http::Task<void> Echo(Socket& socket) {
  while (const std::optional<Message> message = co_await socket.Receive()) {
    co_await socket.Send(*message);
  }
}

uint64_t AllocationsOfEcho(const std::optional<DeflateParams>& deflate, size_t size) {
  auto endpoint = std::make_shared<internal::Endpoint>();
  endpoint->handler = Echo;
  auto session = std::make_unique<internal::Session>(endpoint, http::Request(), "", deflate);
  Encoder client(Role::kClient, testing::SeededMasks(1), deflate);
  http::Buffer frames;
  const std::string payload(size, 'p');
  const Instant now{std::chrono::seconds(1)};
  const auto exchange = [&] {
    frames.Clear();
    client.Message(MessageType::kText, payload, frames);
    client.Ping("p", frames);
    session->Advance(now, false);
    session->OnInput(frames.view(), now);
    while (!session->output().empty()) {
      session->OnSent(session->output().size());
      session->Advance(now, false);
    }
  };
  for (int i = 0; i < 20; ++i) exchange();
  const uint64_t before = AllocationsOnThisThread();
  for (int i = 0; i < 500; ++i) exchange();
  const uint64_t after = AllocationsOnThisThread();
  EXPECT_TRUE(session->wants_input());
  internal::Session::Release(std::move(session));
  return after - before;
}

// Under a sanitizer nothing is counted.
TEST(Allocation, PlainMessages) {
  for (const size_t size : {0u, 10u, 1000u, 100000u}) {
    EXPECT_EQ(AllocationsOfEcho(std::nullopt, size), 0u) << size;
  }
}

TEST(Allocation, CompressedMessages) {
  for (const size_t size : {10u, 1000u, 100000u}) {
    EXPECT_EQ(AllocationsOfEcho(DeflateParams(), size), 0u) << size;
  }
}

// What a connection took for large messages, it gives back when it is quiet.
TEST(Allocation, AQuietConnectionKeepsNoBuffers) {
  auto endpoint = std::make_shared<internal::Endpoint>();
  endpoint->handler = Echo;
  auto session = std::make_unique<internal::Session>(endpoint, http::Request(), "", std::nullopt);
  Instant now{std::chrono::seconds(1)};
  const std::string frame =
      testing::ClientFrame(testing::Head(Opcode::kText), std::string(50000, 'p'));
  const auto exchange = [&] {
    const uint64_t before = AllocationsOnThisThread();
    session->Advance(now, false);
    session->OnInput(frame, now);
    session->OnSent(session->output().size());
    session->Advance(now, false);
    return AllocationsOnThisThread() - before;
  };
  for (int i = 0; i < 5; ++i) exchange();
  EXPECT_EQ(exchange(), 0u);
  now += endpoint->options.ping_interval;
  session->Advance(now, false);
  session->OnSent(session->output().size());
  EXPECT_EQ(exchange() > 0, AllocationCounterActive());
  internal::Session::Release(std::move(session));
}

}  // namespace
}  // namespace corelane::ws
