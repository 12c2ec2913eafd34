// No heap allocation per segment, transaction or connection: once tables and pools have grown to
// what the load needs, the allocator is never asked again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <tuple>

#include "core/allocation_counter.h"
#include "core/check.h"
#include "driver/device.h"
#include "driver/fault.h"
#include "driver/ring/ring.h"
#include "stack/stack.h"

namespace corelane::testing {
namespace {

using stack::TcpListener;
using stack::TcpSetupError;
using stack::TcpSocket;
using std::chrono::seconds;

// Whether IPv6, and whether the network loses and reorders.
class ZeroAllocationTest : public ::testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  static bool v6() { return std::get<0>(GetParam()); }
  static bool bad_network() { return std::get<1>(GetParam()); }

  ZeroAllocationTest() {
    driver::RingPair ring = driver::MakeRingPair();
    devices_[0] = std::move(ring.a);
    devices_[1] = std::move(ring.b);
    for (size_t i = 0; i < 2; ++i) {
      if (bad_network()) {
        driver::FaultOptions faults;
        faults.seed = 1 + i;
        faults.tx.loss = 0.01;
        faults.tx.reorder = 0.05;
        faults.tx.delay = std::chrono::milliseconds(2);
        devices_[i] = driver::InjectFaults(std::move(devices_[i]), faults);
      }
      stack::StackOptions options;
      options.seed = 1 + i;
      stacks_[i] = std::make_unique<stack::Stack>(options, clock_.Now());
      stack::InterfaceOptions interface;
      interface.addresses = {v6() ? IpPrefix{Address(i), 64} : IpPrefix{Address(i), 24}};
      CL_CHECK(
          stacks_[i]->AddInterface(devices_[i]->queue(0), devices_[i]->info(), interface).ok());
    }
    TcpSetupError error;
    listener_ = stacks_[1]->tcp().Listen({Address(1), 80}, 16, error);
  }
  void SetUp() override {
    if (!AllocationCounterActive()) GTEST_SKIP() << "the sanitizer's allocator is not counted";
  }

  static IpAddress Address(size_t i) {
    return v6() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 1 + i))
                : IpAddress(Ipv4Address(0x0a00'0001 + static_cast<uint32_t>(i)));
  }

  // Turns until `done`, with the clock moved on when nothing is to do. False: ten minutes passed.
  template <class Done>
  bool RunUntil(const Done& done) {
    const Instant end = clock_.Now() + std::chrono::minutes(10);
    while (!done()) {
      bool busy = false;
      // The first end again: what the second's device had delayed is on the wire only now.
      for (const size_t i : {0, 1, 0}) busy |= stacks_[i]->Poll(clock_.Now());
      if (busy) continue;
      if (clock_.Now() > end) return false;
      const Instant next = std::min(stacks_[0]->NextDeadline(), stacks_[1]->NextDeadline());
      clock_.AdvanceTo(
          std::clamp(next, clock_.Now() + std::chrono::microseconds(1), clock_.Now() + seconds(1)));
    }
    return true;
  }
  void Open() {
    TcpSetupError error;
    client_ = stacks_[0]->tcp().Connect({Address(1), 80}, {}, error);
    ASSERT_NE(client_, nullptr);
    ASSERT_TRUE(RunUntil([&] { return listener_->ready() && client_->connected(); }));
    server_ = listener_->Accept();
  }
  // `n` bytes from `from` to `to`.
  void Move(TcpSocket& from, TcpSocket& to, size_t n) {
    size_t written = 0;
    size_t read = 0;
    ASSERT_TRUE(RunUntil([&] {
      written += from.Write(std::span(buffer_).first(std::min(buffer_.size(), n - written)));
      while (const size_t got = to.Read(buffer_)) read += got;
      return read == n;
    }));
  }
  // Connects, asks, answers; the server closes first.
  void Transact() {
    Open();
    Move(*client_, *server_, 64);
    Move(*server_, *client_, 64);
    server_->Release();
    ASSERT_TRUE(RunUntil([&] { return client_->end_of_stream(); }));
    client_->Release();
    ASSERT_TRUE(
        RunUntil([&] { return stacks_[0]->tcp().sockets() + stacks_[1]->tcp().sockets() == 0; }));
    clock_.AdvanceTo(clock_.Now() + seconds(1));
  }
  uint64_t retransmitted() {
    return stacks_[0]->tcp().counters().retransmitted_segments.value() +
           stacks_[1]->tcp().counters().retransmitted_segments.value();
  }

  ManualClock clock_;
  std::array<std::unique_ptr<driver::Device>, 2> devices_;
  std::array<std::unique_ptr<stack::Stack>, 2> stacks_;
  TcpListener* listener_ = nullptr;
  TcpSocket* client_ = nullptr;
  TcpSocket* server_ = nullptr;
  std::array<uint8_t, 65536> buffer_{};
};

INSTANTIATE_TEST_SUITE_P(Networks, ZeroAllocationTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param) ? "v6" : "v4") +
                                  (std::get<1>(info.param) ? "Bad" : "Good");
                         });

TEST_P(ZeroAllocationTest, TheCounterSeesAnAllocation) {
  const uint64_t before = AllocationsOnThisThread();
  Open();  // pools and tables come into being
  EXPECT_GT(AllocationsOnThisThread(), before);
}

TEST_P(ZeroAllocationTest, Bulk) {
  Open();
  Move(*client_, *server_, 20'000'000);
  const uint64_t segments = stacks_[0]->tcp().counters().segments_out.value();
  const uint64_t retransmits = retransmitted();
  const uint64_t before = AllocationsOnThisThread();
  Move(*client_, *server_, 20'000'000);
  EXPECT_EQ(AllocationsOnThisThread(), before);
  EXPECT_GT(stacks_[0]->tcp().counters().segments_out.value(), segments + 300);
  EXPECT_EQ(retransmitted() > retransmits, bad_network());
}

TEST_P(ZeroAllocationTest, RequestsAndResponses) {
  Open();
  const auto exchange = [&] {
    for (int i = 0; i < 1000; ++i) {
      Move(*client_, *server_, 64);
      Move(*server_, *client_, 3000);
    }
  };
  exchange();
  const uint64_t before = AllocationsOnThisThread();
  exchange();
  EXPECT_EQ(AllocationsOnThisThread(), before);
}

// One connection a second: at most about a minute's worth is in TIME-WAIT. Until then that table
// grows, in slabs.
TEST_P(ZeroAllocationTest, Connections) {
  for (int i = 0; i < 200; ++i) Transact();
  EXPECT_THAT(stacks_[1]->tcp().time_wait(),
              ::testing::AllOf(::testing::Gt(0u), ::testing::Lt(70u)));
  const uint64_t before = AllocationsOnThisThread();
  for (int i = 0; i < 200; ++i) Transact();
  EXPECT_EQ(AllocationsOnThisThread(), before);
}

}  // namespace
}  // namespace corelane::testing
