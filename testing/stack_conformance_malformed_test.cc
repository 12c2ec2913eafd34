// Frames that no one should send: seeded mutations of good ones. Whatever they are, each is a
// counted drop or is handled, and none of the packets is lost.

#include "arp/ethernet.h"
#include "core/random.h"
#include "ip/protocol.h"
#include "testing/conformance_fixture.h"

namespace corelane::testing {
namespace {

using ip::DropReason;

class MalformedTest : public ConformanceTest {
 protected:
  // One good frame of each kind, towards sockets that exist.
  std::vector<Bytes> Seeds(const Wire::Connection& c) {
    std::vector<Bytes> seeds;
    for (const Route& route : {wire_.route_v4(), wire_.route_v6()}) {
      seeds.push_back(Tcp(route, 5000, 80)
                          .Flags(tcp::kSyn)
                          .Seq(1)
                          .Mss(1460)
                          .WindowScale(7)
                          .SackPermitted()
                          .Timestamps(1, 0));
      seeds.push_back(Tcp(route, 4000, 80).Seq(c.seq).Ack(c.ack).Payload(Pattern(100)));
      seeds.push_back(Tcp(route, 4000, 80).Seq(c.seq).Ack(c.ack).Sack(c.ack + 10, c.ack + 20));
      seeds.push_back(Tcp(route, 4000, 80).Flags(tcp::kFin).Seq(c.seq + 500).Ack(c.ack));
      seeds.push_back(UdpFrame(route, 4000, 53, Pattern(50)));
      seeds.push_back(UdpFrame(route, 4000, 54, Pattern(50)));
      seeds.push_back(EchoRequestFrame(route, 1, 1, Pattern(56)));
      for (Bytes& f : FragmentFrame(EchoRequestFrame(route, 1, 2, Pattern(3000)), 1280, 9)) {
        seeds.push_back(std::move(f));
      }
      const Bytes ours = Tcp(route.Reversed(), 80, 4000).Seq(c.ack).Ack(c.seq).Payload("data");
      seeds.push_back(UnreachableFrame(route, 3, ours));
      seeds.push_back(PacketTooBigFrame(route, 1300, ours));
    }
    IpFields options;
    options.options = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // record route
    IcmpFields icmp;
    icmp.ip = options;
    seeds.push_back(EchoRequestFrame(wire_.route_v4(), 1, 3, Pattern(8), icmp));
    IpFields extended;
    extended.first_extension = ip::protocol::kHopByHop;
    extended.extensions = {ip::protocol::kDestinationOptions,
                           0,
                           1,
                           4,
                           0,
                           0,
                           0,
                           0,
                           ip::protocol::kIcmpv6,
                           0,
                           1,
                           4,
                           0,
                           0,
                           0,
                           0};
    icmp.ip = extended;
    seeds.push_back(EchoRequestFrame(wire_.route_v6(), 1, 3, Pattern(8), icmp));
    seeds.push_back(ArpRequestFrame(wire_.route_v4()));
    seeds.push_back(ArpReplyFrame(wire_.route_v4()));
    seeds.push_back(NeighborSolicitationFrame(wire_.route_v6()));
    seeds.push_back(NeighborAdvertisementFrame(wire_.route_v6()));
    return seeds;
  }

  static Bytes Mutate(Bytes frame, Random& random) {
    for (uint64_t changes = random.Below(4); changes > 0 && !frame.empty(); --changes) {
      // Mostly in the headers.
      const size_t at =
          random.Below(random.Chance(0.8) ? std::min<size_t>(frame.size(), 80) : frame.size());
      switch (random.Below(4)) {
        case 0:
          frame[at] ^= static_cast<uint8_t>(1u << random.Below(8));
          break;
        case 1:
          frame[at] = static_cast<uint8_t>(random.Below(256));
          break;
        case 2:
          frame[at] = random.Chance(0.5) ? 0xff : 0;
          break;
        default:
          frame.resize(random.Chance(0.5) ? at : frame.size() + random.Below(40));
      }
    }
    return frame;
  }
  // Makes the checksums right again, so that what is behind them is reached.
  static Bytes Repaired(Bytes frame) {
    constexpr size_t kIp = 14;
    if (frame.size() < kIp + 20 || LoadBe16(&frame[12]) != arp::ether_type::kIpv4) return frame;
    const size_t header = size_t{4} * (frame[kIp] & 15);
    if (header < 20 || frame.size() < kIp + header) return frame;
    StoreBe16(&frame[kIp + 10], 0);
    SumBytes({&frame[kIp], header}).StoreComplement(&frame[kIp + 10]);
    const size_t end = std::min<size_t>(frame.size(), kIp + LoadBe16(&frame[kIp + 2]));
    const size_t l4 = kIp + header;
    const uint8_t protocol = frame[kIp + 9];
    const size_t field = protocol == ip::protocol::kTcp    ? 16
                         : protocol == ip::protocol::kUdp  ? 6
                         : protocol == ip::protocol::kIcmp ? 2
                                                           : 0;
    if (field == 0 || end < l4 + field + 2) return frame;
    StoreBe16(&frame[l4 + field], 0);
    Sum16 sum = SumBytes({&frame[l4], end - l4});
    if (protocol != ip::protocol::kIcmp) {
      sum += PseudoHeaderSum(IpAddress(Ipv4Address::FromBytes(&frame[kIp + 12])),
                             IpAddress(Ipv4Address::FromBytes(&frame[kIp + 16])), protocol,
                             static_cast<uint32_t>(end - l4));
    }
    sum.StoreComplement(&frame[l4 + field]);
    return frame;
  }

  // Received frames that some counter tells of.
  uint64_t Accounted() {
    const stack::NetworkCounters& n = wire_.stack().network().counters();
    uint64_t sum = n.arp_in.value() + n.ndp_in.value() + n.echoes_in.value() +
                   n.icmp_errors_in.value() + n.no_next_header.value() + n.fragments_in.value() -
                   n.reassembled.value() + wire_.stack().udp().counters().datagrams_in.value() +
                   wire_.stack().tcp().counters().segments_in.value();
    for (size_t i = 1; i < ip::kDropReasons; ++i) {
      const auto reason = static_cast<DropReason>(i);
      switch (reason) {
        // Of frames that are in one of the counters above already: of TCP after its segments_in ...
        case DropReason::kTcpNoListener:
        case DropReason::kTcpClosed:
        case DropReason::kTcpBadFlags:
        case DropReason::kTcpTimeWait:
        case DropReason::kTcpListenOverflow:
        case DropReason::kTcpMemory:
        // ... errors about no flow of ours, and what was held and given up ...
        case DropReason::kIcmpNotForUs:
        case DropReason::kFragmentTimeout:
        // ... and of frames of our own.
        case DropReason::kIcmpRateLimited:
        case DropReason::kNoRoute:
        case DropReason::kNeighborQueueFull:
        case DropReason::kNeighborUnreachable:
        case DropReason::kDeviceFull:
          break;
        default:
          sum += drops(reason);
      }
    }
    return sum;
  }
};

CORELANE_BOTH_FAMILIES(MalformedTest);

TEST_P(MalformedTest, EveryFrameIsAccountedFor) {
  stack::TcpListener* const listener = wire_.Listen(80);
  udp::UdpSocket* const socket = wire_.stack().udp().Open({});
  ASSERT_EQ(wire_.stack().udp().Bind(*socket, {wire_.address(), 53}), udp::BindResult::kOk);
  const size_t before = wire_.device().pool()->in_use();
  const Wire::Connection c = wire_.Accept(*listener, 4000);
  const std::vector<Bytes> seeds = Seeds(c);
  // 0 unless the flags --gtest_shuffle --gtest_random_seed=N ask for other frames.
  const auto seed = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  Random random(seed * 2 + (v6() ? 1 : 0));
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = Mutate(seeds[random.Below(seeds.size())], random);
    if (random.Chance(0.7)) frame = Repaired(std::move(frame));
    const uint64_t received = wire_.device().stats().rx_packets;
    wire_.Inject(frame);
    ASSERT_EQ(wire_.device().stats().rx_packets, received + 1);
    ASSERT_EQ(Accounted(), received + 1)
        << "frame " << i << ": " << ::testing::PrintToString(frame);
    c.socket->connection().CheckInvariants();
    // What is answered is well-formed, whatever the question was.
    for (const Bytes& sent : Sent()) ASSERT_EQ(ParseFrame(sent).problem, "") << Describe(sent);
    udp::Datagram datagram;
    while (socket->Receive(datagram)) datagram.payload.Reset();
  }
  // The stack still works ...
  wire_.Inject(EchoRequestFrame(wire_.route(), 1, 1, Pattern(8)));
  EXPECT_THAT(wire_.Next(), IsIcmp(v6() ? 129 : 0, 0, Payload(Pattern(8))));
  // ... and when everything that waits for something is over, no packet is missing.
  c.socket->Abort();
  c.socket->Release();
  while (stack::TcpSocket* s = listener->Accept()) s->Release();
  wire_.Advance(std::chrono::minutes(20));
  EXPECT_EQ(wire_.stack().tcp().sockets(), 0u);
  EXPECT_LE(wire_.device().pool()->in_use(), before + 32);  // ready to be sent from
  EXPECT_EQ(wire_.stack().network().control_pool().in_use(), 0u);
}

}  // namespace
}  // namespace corelane::testing
