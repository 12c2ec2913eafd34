// Two stacks over DPDK's net_ring, polled by hand on one thread: the classic shapes.

#include "testing/net_ring_pair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/check.h"
#include "stack/stack.h"
#include "testing/segment_builder.h"

namespace corelane::testing {
namespace {

using std::chrono::seconds;

constexpr uint16_t kPort = 7;

// Whether IPv6.
class NetRingTest : public ::testing::TestWithParam<bool> {
 protected:
  NetRingTest() {
    for (int i = 0; i < 2; ++i) {
      stack::StackOptions options;
      options.seed = 1 + static_cast<uint64_t>(i);
      stacks_[i] = std::make_unique<stack::Stack>(options, clock_.Now());
      stack::InterfaceOptions interface;
      interface.addresses = {{Address(i), static_cast<uint8_t>(GetParam() ? 64 : 24)}};
      driver::Device& device = ring_.end(i);
      CL_CHECK(stacks_[i]->AddInterface(device.queue(0), device.info(), interface).ok());
    }
  }
  static IpAddress Address(int i) {
    const auto host = static_cast<uint8_t>(i + 1);
    return GetParam() ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, host))
                      : IpAddress(Ipv4Address(10, 0, 0, host));
  }
  stack::Stack& client() { return *stacks_[0]; }
  stack::Stack& server() { return *stacks_[1]; }

  // A turn of both ends and of the server; the clock moves when nothing is to do.
  void Step() {
    const bool client_busy = client().Poll(clock_.Now());
    const bool busy = server().Poll(clock_.Now()) || client_busy;
    ServeTcp();
    if (busy) return;
    const Instant next = std::min(client().NextDeadline(), server().NextDeadline());
    clock_.AdvanceTo(
        std::clamp(next, clock_.Now() + std::chrono::microseconds(1), clock_.Now() + seconds(1)));
  }
  template <class Done>
  bool RunUntil(const Done& done, Duration limit = seconds(60)) {
    const Instant end = clock_.Now() + limit;
    while (!done()) {
      if (clock_.Now() >= end) return false;
      Step();
    }
    return true;
  }

  void Listen(size_t backlog) {
    stack::TcpSetupError error;
    listener_ = server().tcp().Listen({Address(1), kPort}, backlog, error);
    ASSERT_NE(listener_, nullptr);
  }
  // Sends everything back, and closes when the client does.
  void ServeTcp() {
    if (listener_ == nullptr) return;
    while (listener_->Accept() != nullptr) ++accepted_;
    while (stack::TcpSocket* const s = server().tcp().NextReady()) {
      s->TakeEvents();
      while (const size_t room = std::min(buffer_.size(), s->writable_bytes())) {
        const size_t n = s->Read(std::span(buffer_).first(room));
        if (n == 0) break;
        EXPECT_EQ(s->Write(std::span(buffer_).first(n)), n);
      }
      if (s->end_of_stream() || s->closed()) s->Release();
    }
  }

  // A client that sends a question, reads it back, and closes.
  struct Client {
    stack::TcpSocket* socket = nullptr;
    Bytes question;
    size_t written = 0;
    Bytes answer;
    bool done = false;
  };
  Client Ask(size_t bytes, uint64_t number) {
    stack::TcpSetupError error;
    Client c;
    c.socket = client().tcp().Connect({Address(1), kPort}, {}, error);
    EXPECT_NE(c.socket, nullptr) << ToString(error);
    c.question = Pattern(bytes, number);
    return c;
  }
  // True: done.
  bool React(Client& c) {
    if (c.done) return true;
    if (c.socket->connected())
      c.written += c.socket->Write(std::span(c.question).subspan(c.written));
    while (const size_t n = c.socket->Read(buffer_)) {
      c.answer.insert(c.answer.end(), buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(n));
    }
    EXPECT_FALSE(c.socket->closed()) << ToString(c.socket->error());
    if (c.answer.size() < c.question.size() && !c.socket->closed()) return false;
    EXPECT_EQ(c.answer, c.question);
    c.socket->Release();
    return c.done = true;
  }

  ManualClock clock_;
  NetRingPair ring_;
  std::unique_ptr<stack::Stack> stacks_[2];
  stack::TcpListener* listener_ = nullptr;
  size_t accepted_ = 0;
  Bytes buffer_ = Bytes(16384);
};

INSTANTIATE_TEST_SUITE_P(Families, NetRingTest, ::testing::Bool(),
                         [](const auto& info) { return std::string(info.param ? "V6" : "V4"); });

TEST_P(NetRingTest, TcpEcho) {
  Listen(16);
  Client c = Ask(1'000'000, 1);
  ASSERT_TRUE(RunUntil([&] { return React(c); }));
  EXPECT_EQ(client().tcp().counters().retransmission_timeouts.value(), 0u);
}

TEST_P(NetRingTest, UdpEcho) {
  udp::UdpSocket* const echo = server().udp().Open({});
  ASSERT_EQ(server().udp().Bind(*echo, {Address(1), kPort}), udp::BindResult::kOk);
  udp::UdpSocket* const mine = client().udp().Open({});
  for (const size_t size : {1, 100, 1400, 4000}) {  // the last one in fragments
    ASSERT_EQ(client().udp().Send(*mine, Pattern(size), Endpoint{Address(1), kPort}, clock_.Now()),
              stack::UdpSendResult::kOk);
    ASSERT_TRUE(RunUntil([&] {
      udp::Datagram datagram;
      while (echo->Receive(datagram)) {
        Bytes bytes(datagram.payload.packet_size());
        datagram.payload.CopyOut(0, bytes);
        EXPECT_EQ(server().udp().Send(*echo, bytes, datagram.from, clock_.Now()),
                  stack::UdpSendResult::kOk);
      }
      return mine->readable();
    })) << size;
    udp::Datagram answer;
    ASSERT_TRUE(mine->Receive(answer));
    Bytes bytes(answer.payload.packet_size());
    answer.payload.CopyOut(0, bytes);
    EXPECT_EQ(bytes, Pattern(size));
  }
}

TEST_P(NetRingTest, ManyClientsOneAfterTheOther) {
  constexpr size_t kClients = 2'000;
  Listen(16);
  for (size_t i = 0; i < kClients; ++i) {
    Client c = Ask(100, i);
    ASSERT_TRUE(RunUntil([&] { return React(c); })) << "client " << i;
  }
  EXPECT_EQ(accepted_, kClients);
  EXPECT_EQ(client().tcp().counters().retransmission_timeouts.value(), 0u);
}

TEST_P(NetRingTest, ManyClientsAtOnce) {
  constexpr size_t kClients = 2'500;
  Listen(kClients);
  std::vector<Client> clients;
  for (size_t i = 0; i < kClients; ++i) clients.push_back(Ask(3'000, i));
  ASSERT_TRUE(RunUntil([&] { return client().tcp().counters().established.value() == kClients; }));
  EXPECT_EQ(client().tcp().sockets(), kClients) << "all of them at once";
  ASSERT_TRUE(RunUntil([&] {
    return std::all_of(clients.begin(), clients.end(), [&](Client& c) { return React(c); });
  }));
  EXPECT_EQ(accepted_, kClients);
  // All memory comes back.
  ASSERT_TRUE(RunUntil([&] { return client().tcp().sockets() + server().tcp().sockets() == 0; }));
  EXPECT_EQ(client().tcp().blocks_in_use() + server().tcp().blocks_in_use(), 0u);
}

TEST(NetRingPairTest, PairsStandBesideEachOther) {
  NetRingPair first;
  NetRingOptions options;
  options.queues = 3;
  NetRingPair second(options);
  EXPECT_EQ(second.a().info().queues, 3);
  EXPECT_NE(first.a().info().mac, second.a().info().mac);
  const auto send = [](driver::Device& from, driver::Device& to, size_t queue) {
    PacketBuf packet;
    EXPECT_EQ(from.queue(queue).AllocateBurst({&packet, 1}), 1u);
    std::ranges::fill(std::span(packet.Append(60), 60), static_cast<uint8_t>(queue));
    EXPECT_EQ(from.queue(queue).TransmitBurst(Instant(), {&packet, 1}), 1u);
    PacketBuf got;
    EXPECT_EQ(to.queue(queue).ReceiveBurst(Instant(), {&got, 1}), 1u);
    EXPECT_EQ(got.data()[59], queue);
  };
  send(first.a(), first.b(), 0);
  for (size_t q = 0; q < 3; ++q) send(second.b(), second.a(), q);
}

}  // namespace
}  // namespace corelane::testing
