#include "testing/wire.h"

#include <gtest/gtest.h>

#include "testing/segment_matchers.h"

namespace corelane::testing {
namespace {

class WireTest : public ::testing::TestWithParam<bool> {
 protected:
  static WireOptions Options() {
    WireOptions options;
    options.v6 = GetParam();
    return options;
  }
  Wire wire_{Options()};
};

TEST_P(WireTest, AHandshakeByHand) {
  auto* const listener = wire_.Listen(80);
  wire_.Inject(wire_.Tcp(4000, 80).Flags(tcp::kSyn).Seq(100).Mss(1200));
  const Bytes answer = wire_.Next();
  ASSERT_THAT(answer, IsTcp(Flags(tcp::kSyn | tcp::kAck), Ack(101), From(wire_.address()),
                            To(Endpoint{wire_.peer(), 4000}), ToMac(Wire::peer_mac())));
  EXPECT_TRUE(wire_.Silent());
  EXPECT_FALSE(listener->ready());
  const uint32_t iss = ParseFrame(answer).tcp.seq.value();
  wire_.Inject(wire_.Tcp(4000, 80).Seq(101).Ack(iss + 1).Payload("hello"));
  ASSERT_TRUE(listener->ready());
  EXPECT_EQ(listener->Accept()->readable_bytes(), 5u);
}

TEST_P(WireTest, AcceptSkipsTheHandshake) {
  auto* const listener = wire_.Listen(80);
  const Wire::Connection c = wire_.Accept(*listener, 4000);
  const Bytes data = Pattern(100);
  EXPECT_EQ(c.socket->Write(data), data.size());
  wire_.Settle();
  EXPECT_THAT(wire_.Next(), IsTcp(Seq(c.ack), Ack(c.seq), Payload(data)));
  // Nobody acknowledges it: it comes again.
  EXPECT_TRUE(wire_.Silent());
  wire_.Advance(std::chrono::seconds(2));
  EXPECT_THAT(wire_.Next(), IsTcp(Seq(c.ack), Payload(data)));
}

TEST_P(WireTest, ADeviceThatCannotGatherGetsLinearPackets) {
  WireOptions options = Options();
  options.max_tx_segments = 1;
  Wire wire(options);
  auto* const listener = wire.Listen(80);
  const Wire::Connection c = wire.Accept(*listener, 4000);
  const Bytes data = Pattern(5000);
  EXPECT_EQ(c.socket->Write(data), data.size());
  wire.Settle();
  EXPECT_THAT(wire.Next(), IsTcp(Seq(c.ack), PayloadSize(::testing::Ge(536u))));
  udp::UdpSocket* const socket = wire.stack().udp().Open({});
  wire.Discard();
  wire.stack().udp().Send(*socket, Pattern(1000), Endpoint{wire.peer(), 9}, wire.now());
  wire.Settle();
  EXPECT_THAT(wire.Next(), IsUdp(Payload(Pattern(1000))));
  EXPECT_EQ(wire.device().stats().tx_dropped, 0u);
}

INSTANTIATE_TEST_SUITE_P(Families, WireTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "v6" : "v4"; });

}  // namespace
}  // namespace corelane::testing
