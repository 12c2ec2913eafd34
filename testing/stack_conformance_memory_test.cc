// A stack whose device has few packets: what is received and not read must not stop everything
// else.

#include <gtest/gtest.h>

#include "testing/segment_matchers.h"
#include "testing/wire.h"

namespace corelane::testing {
namespace {

class MemoryTest : public ::testing::TestWithParam<bool> {
 protected:
  static WireOptions Options() {
    WireOptions options;
    options.v6 = GetParam();
    options.pool_packets = 128;
    return options;
  }
  bool AnswersPing() {
    wire_.Discard();
    wire_.Inject(EchoRequestFrame(wire_.route(), 1, 1, Pattern(8)));
    while (!wire_.Silent()) {
      const ParsedFrame frame = ParseFrame(wire_.Next());
      if (frame.is_icmp() && frame.payload == Pattern(8)) return true;
    }
    return false;
  }
  size_t ReadAll(stack::TcpSocket& socket) {
    size_t total = 0;
    Bytes buffer(10000);
    while (const size_t n = socket.Read(buffer)) {
      EXPECT_EQ(Bytes(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(n)),
                Pattern(n, 0, read_ + total));
      total += n;
    }
    read_ += total;
    return total;
  }

  Wire wire_{Options()};
  size_t read_ = 0;
};

TEST_P(MemoryTest, SegmentsBehindAGapCannotTakeAllPackets) {
  auto* const listener = wire_.Listen(80);
  const Wire::Connection c = wire_.Accept(*listener, 4000);
  constexpr uint32_t kStep = 300;
  for (uint32_t i = 1; i < 200; ++i) {
    wire_.Inject(wire_.Tcp(4000, 80)
                     .Seq(c.seq + i * kStep)
                     .Ack(c.ack)
                     .Payload(Pattern(kStep, 0, i * kStep)));
  }
  EXPECT_TRUE(AnswersPing());
  EXPECT_GT(wire_.stack().tcp().counters().memory_drops.value(), 0u);
  // The gap is filled, and what was refused comes again.
  for (uint32_t i = 0; i < 200; ++i) {
    wire_.Inject(wire_.Tcp(4000, 80)
                     .Seq(c.seq + i * kStep)
                     .Ack(c.ack)
                     .Payload(Pattern(kStep, 0, i * kStep)));
    ReadAll(*c.socket);
  }
  EXPECT_EQ(read_, 200u * kStep);
}

TEST_P(MemoryTest, TinySegmentsBehindAGapShareAPacket) {
  auto* const listener = wire_.Listen(80);
  const Wire::Connection c = wire_.Accept(*listener, 4000);
  const size_t before = wire_.device().pool()->in_use();
  for (uint32_t i = 1; i < 500; ++i) {
    wire_.Inject(wire_.Tcp(4000, 80).Seq(c.seq + i).Ack(c.ack).Payload(Pattern(1, 0, i)));
  }
  EXPECT_EQ(c.socket->connection().out_of_order_bytes(), 499u);
  // One for the range, and up to 32 that the stack keeps ready for sending.
  EXPECT_LE(wire_.device().pool()->in_use(), before + 34);
  wire_.Inject(wire_.Tcp(4000, 80).Seq(c.seq).Ack(c.ack).Payload(Pattern(1)));
  EXPECT_EQ(ReadAll(*c.socket), 500u);
}

TEST_P(MemoryTest, AnApplicationThatDoesNotReadCannotTakeAllPackets) {
  auto* const listener = wire_.Listen(80);
  const Wire::Connection idle = wire_.Accept(*listener, 4000);
  const Wire::Connection busy = wire_.Accept(*listener, 4001);
  constexpr uint32_t kStep = 300;
  for (uint32_t i = 0; i < 200; ++i) {
    wire_.Inject(wire_.Tcp(4000, 80)
                     .Seq(idle.seq + i * kStep)
                     .Ack(idle.ack)
                     .Payload(Pattern(kStep, 0, i * kStep)));
  }
  EXPECT_TRUE(AnswersPing());
  // Another connection goes on.
  wire_.Inject(wire_.Tcp(4001, 80).Seq(busy.seq).Ack(busy.ack).Payload("hello"));
  EXPECT_EQ(busy.socket->readable_bytes(), 5u);
  EXPECT_EQ(busy.socket->Write(Pattern(100)), 100u);
  wire_.Discard();
  wire_.Settle();
  EXPECT_THAT(wire_.Next(), IsTcp(To(Endpoint{wire_.peer(), 4001}), Payload(Pattern(100))));
  // Nothing that was acknowledged is lost.
  const uint32_t acknowledged = idle.socket->connection().rcv_nxt().value() - idle.seq;
  EXPECT_EQ(ReadAll(*idle.socket), acknowledged);
  EXPECT_LT(acknowledged, 200u * kStep);
}

INSTANTIATE_TEST_SUITE_P(Families, MemoryTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

}  // namespace
}  // namespace corelane::testing
