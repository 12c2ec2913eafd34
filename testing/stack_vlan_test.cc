// Stacks on a VLAN, over model NICs that insert and strip tags and such that leave both to the
// stack: the bytes on the wire are the same.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/check.h"
#include "stack/stack.h"
#include "testing/model_nic.h"
#include "testing/segment_builder.h"
#include "testing/segment_matchers.h"
#include "testing/wire.h"

namespace corelane::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr Vlan kVlans[2] = {{.id = 7, .priority = 3}, {.id = 7, .priority = 5}};

IpAddress Address(size_t i, bool v6) {
  return v6 ? IpAddress(Ipv6Address(0xfd00'0000'0000'0000, 1 + i))
            : IpAddress(Ipv4Address(0x0a00'0001 + static_cast<uint32_t>(i)));
}

// A frame that the wire saw, and who sent it.
struct Sent {
  size_t from;
  Bytes frame;

  friend bool operator==(const Sent&, const Sent&) = default;
};

Bytes Tagged(Bytes frame, uint16_t type, uint16_t tci) {
  uint8_t tag[4];
  StoreBe16(tag, type);
  StoreBe16(tag + 2, tci);
  frame.insert(frame.begin() + 12, tag, tag + 4);
  return frame;
}

Bytes Untagged(Bytes frame) {
  frame.erase(frame.begin() + 12, frame.begin() + 16);
  return frame;
}

// Two stacks, each behind a NIC of its own kind and on a VLAN of its own or none.
class Network {
 public:
  Network(const driver::Capabilities& a, const driver::Capabilities& b,
          const std::optional<Vlan>& on_a, const std::optional<Vlan>& on_b) {
    ModelNicOptions nics{.a = a, .b = b};
    nics.observer = [this](size_t from, std::span<const uint8_t> frame) {
      wire.push_back({from, Bytes(frame.begin(), frame.end())});
    };
    pair_ = MakeModelNicPair(nics);
    for (size_t i = 0; i < 2; ++i) {
      stack::StackOptions options;
      options.seed = 1 + i;
      stacks_[i] = std::make_unique<stack::Stack>(options, clock_.Now());
      stack::InterfaceOptions interface;
      interface.addresses = {{Address(i, false), 24}, {Address(i, true), 64}};
      interface.vlan = i == 0 ? on_a : on_b;
      CL_CHECK(stacks_[i]->AddInterface(nic(i).queue(0), nic(i).info(), interface).ok());
    }
  }

  stack::Stack& stack(size_t i) { return *stacks_[i]; }
  ModelNic& nic(size_t i) { return i == 0 ? *pair_.a : *pair_.b; }
  uint64_t drops(size_t i, ip::DropReason reason) {
    return stack(i).network().drops().value(reason);
  }
  Instant now() const { return clock_.Now(); }
  Route route(bool v6) {
    return {nic(0).info().mac, nic(1).info().mac, Address(0, v6), Address(1, v6)};
  }

  template <class Done>
  bool RunUntil(const Done& done, Duration limit = seconds(60)) {
    const Instant end = clock_.Now() + limit;
    while (!done()) {
      if (clock_.Now() >= end) return false;
      const bool a = stacks_[0]->Poll(clock_.Now());
      const bool b = stacks_[1]->Poll(clock_.Now());
      if (a || b) continue;
      const Instant next = std::min(stacks_[0]->NextDeadline(), stacks_[1]->NextDeadline());
      clock_.AdvanceTo(
          std::clamp(next, clock_.Now() + std::chrono::microseconds(1), clock_.Now() + seconds(1)));
    }
    return true;
  }
  void Settle() {
    for (bool busy = true; busy;) {
      busy = stacks_[0]->Poll(clock_.Now());
      busy |= stacks_[1]->Poll(clock_.Now());
    }
  }

  // From a, as it is, past its stack.
  void Inject(const Bytes& frame) {
    PacketBuf packet;
    CL_CHECK(nic(0).queue(0).AllocateBurst({&packet, 1}) == 1);
    std::memcpy(packet.Append(frame.size()), frame.data(), frame.size());
    CL_CHECK(nic(0).queue(0).TransmitBurst(now(), {&packet, 1}) == 1);
    Settle();
  }

  // From a to b's port 80 of either family.
  std::pair<stack::TcpSocket*, stack::TcpSocket*> Connect(bool v6) {
    const Endpoint server{Address(1, v6), 80};
    stack::TcpSetupError error;
    stack::TcpListener* const listener = stack(1).tcp().Listen(server, 1, error);
    stack::TcpSocket* const client = stack(0).tcp().Connect(server, {}, error);
    CL_CHECK(RunUntil([&] { return listener->ready(); }));
    stack::TcpSocket* const accepted = listener->Accept();
    listener->Release();
    return {client, accepted};
  }

  std::vector<Sent> wire;

 private:
  ManualClock clock_;
  ModelNicPair pair_;
  std::unique_ptr<stack::Stack> stacks_[2];
};

// A megabyte.
void Move(Network& net, stack::TcpSocket& from, stack::TcpSocket& to) {
  const Bytes sent = Pattern(1'000'000);
  Bytes received;
  Bytes buffer(65536);
  size_t written = 0;
  ASSERT_TRUE(net.RunUntil([&] {
    written += from.Write(std::span(sent).subspan(written));
    while (const size_t n = to.Read(buffer)) {
      received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(n));
    }
    return received.size() == sent.size();
  }));
  EXPECT_EQ(received, sent);
}

void ExchangeDatagrams(Network& net, bool v6) {
  udp::UdpSocket* const receiver = net.stack(1).udp().Open({});
  ASSERT_EQ(net.stack(1).udp().Bind(*receiver, {Address(1, v6), 53}), udp::BindResult::kOk);
  udp::UdpSocket* const sender = net.stack(0).udp().Open({});
  for (const size_t n : {0, 1, 1000, 4000}) {
    net.stack(0).udp().Send(*sender, Pattern(n), Endpoint{Address(1, v6), 53}, net.now());
    ASSERT_TRUE(net.RunUntil([&] { return receiver->readable(); }));
    udp::Datagram datagram;
    ASSERT_TRUE(receiver->Receive(datagram));
    Bytes bytes(datagram.payload.packet_size());
    datagram.payload.CopyOut(0, bytes);
    EXPECT_EQ(bytes, Pattern(n));
  }
  net.stack(0).udp().Close(sender);
  net.stack(1).udp().Close(receiver);
}

void Converse(Network& net) {
  for (const bool v6 : {false, true}) {
    const auto [client, accepted] = net.Connect(v6);
    Move(net, *client, *accepted);
    Move(net, *accepted, *client);
    ExchangeDatagrams(net, v6);
    for (const size_t size : {8, 1400}) {
      const Bytes ping = EchoRequestFrame(net.route(v6), 1, 1, Pattern(size));
      net.Inject(Tagged(ping, 0x8100, kVlans[0].tci()));
    }
    // In fragments, as the answer is.
    const Bytes ping = EchoRequestFrame(net.route(v6), 1, 2, Pattern(3000));
    for (const Bytes& fragment : FragmentFrame(ping, 1500, 1)) {
      net.Inject(Tagged(fragment, 0x8100, kVlans[0].tci()));
    }
    client->Release();
    accepted->Release();
    EXPECT_TRUE(net.RunUntil(
        [&] { return net.stack(0).tcp().sockets() + net.stack(1).tcp().sockets() == 0; }));
  }
  EXPECT_EQ(net.stack(1).network().counters().echoes_in.value(), 6u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(net.nic(i).nic_stats().violations, 0u);
    EXPECT_EQ(net.nic(i).nic_stats().bad_checksums, 0u);
    EXPECT_EQ(net.stack(i).tcp().counters().retransmitted_segments.value(), 0u);
    EXPECT_EQ(net.drops(i, ip::DropReason::kUnknownVlan), 0u);
  }
  EXPECT_EQ(net.stack(1).network().drops().total(), 0u);
}

// Every frame has its sender's tag, and is right without it.
void CheckWire(const std::vector<Sent>& wire) {
  size_t arp = 0, ndp = 0, tcp = 0, udp = 0, fragments = 0, echoes = 0;
  for (const auto& [from, frame] : wire) {
    ASSERT_GE(frame.size(), 18u);
    EXPECT_LE(frame.size(), 1518u);
    ASSERT_EQ(LoadBe16(&frame[12]), 0x8100);
    ASSERT_EQ(LoadBe16(&frame[14]), kVlans[from].tci());
    const ParsedFrame parsed = ParseFrame(Untagged(frame));
    ASSERT_EQ(parsed.problem, "") << Describe(parsed);
    arp += parsed.is_arp();
    tcp += parsed.is_tcp();
    udp += parsed.is_udp();
    fragments += parsed.fragment;
    ndp += parsed.is_icmp() && (parsed.icmp_type == 135 || parsed.icmp_type == 136);
    echoes += parsed.is_icmp() && (parsed.icmp_type == 0 || parsed.icmp_type == 129);
  }
  EXPECT_GE(arp, 2u);
  EXPECT_GE(ndp, 2u);
  EXPECT_GT(tcp, 2000u);
  EXPECT_EQ(udp, 6u);
  EXPECT_EQ(fragments, 18u);  // of 4000 bytes of UDP, of 3000 of a ping and its answer, each twice
  EXPECT_EQ(echoes, 4u);
}

// What the NICs do beside tags.
struct Kind {
  const char* name;
  driver::Capabilities nic;
};

class StackVlanTest : public ::testing::TestWithParam<Kind> {
 protected:
  static driver::Capabilities Nic(bool inserts, bool strips) {
    driver::Capabilities nic = GetParam().nic;
    nic.vlan_insert = inserts;
    nic.vlan_strip = strips;
    return nic;
  }
};

INSTANTIATE_TEST_SUITE_P(Nics, StackVlanTest,
                         ::testing::Values(Kind{"Nothing", {}},
                                           Kind{"Checksums",
                                                {.tx_checksum_ipv4 = true,
                                                 .tx_checksum_l4 = true,
                                                 .rx_checksum = true,
                                                 .max_tx_segments = 4}},
                                           Kind{"Tso",
                                                {.tx_checksum_ipv4 = true,
                                                 .tx_checksum_l4 = true,
                                                 .rx_checksum = true,
                                                 .tso = true,
                                                 .lro = true,
                                                 .flow_hash = true,
                                                 .max_tx_segments = 64,
                                                 .max_tso_size = 65000}}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(StackVlanTest, DeviceAndSoftwareSendTheSameBytes) {
  std::vector<Sent> expected;
  for (unsigned bits = 0; bits < 16; ++bits) {
    SCOPED_TRACE("insert and strip bits of a, of b: " + std::to_string(bits));
    const bool inserts[2] = {(bits & 1) != 0, (bits & 4) != 0};
    const bool strips[2] = {(bits & 2) != 0, (bits & 8) != 0};
    Network net(Nic(inserts[0], strips[0]), Nic(inserts[1], strips[1]), kVlans[0], kVlans[1]);
    Converse(net);
    if (HasFatalFailure()) return;
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(net.nic(i).nic_stats().inserted_tags > 0, inserts[i]);
      EXPECT_EQ(net.nic(i).nic_stats().stripped_tags > 0, strips[i]);
    }
    if (bits == 0) {
      CheckWire(net.wire);
      expected = std::move(net.wire);
      continue;
    }
    const auto [here, there] = std::ranges::mismatch(net.wire, expected);
    EXPECT_TRUE(net.wire == expected)
        << "frame " << here - net.wire.begin() << " of " << net.wire.size() << " differs";
  }
}

TEST_P(StackVlanTest, OtherNetworksAreNotHeard) {
  const std::optional<Vlan> other = Vlan{.id = 8};
  const std::pair<std::optional<Vlan>, std::optional<Vlan>> pairs[] = {
      {kVlans[0], other}, {kVlans[0], std::nullopt}, {std::nullopt, kVlans[1]}};
  for (const auto& [a, b] : pairs) {
    for (const bool offload : {false, true}) {
      Network net(Nic(offload, offload), Nic(offload, offload), a, b);
      for (const bool v6 : {false, true}) {
        stack::TcpSetupError error;
        net.stack(1).tcp().Listen({Address(1, v6), 80}, 1, error);
        net.stack(0).tcp().Connect({Address(1, v6), 80}, {}, error);
      }
      net.RunUntil([] { return false; }, seconds(5));
      EXPECT_GE(net.drops(1, ip::DropReason::kUnknownVlan), 4u) << "ARP and NDP";
      EXPECT_EQ(net.stack(1).network().drops().total(), net.drops(1, ip::DropReason::kUnknownVlan));
      EXPECT_TRUE(std::ranges::all_of(net.wire, [](const Sent& sent) { return sent.from == 0; }));
    }
  }
}

// The short way of open connections looks at the tag, too.
TEST_P(StackVlanTest, ConnectionsTakeSegmentsOfTheirVlanOnly) {
  for (const bool offload : {false, true}) {
    for (const bool on_vlan : {false, true}) {
      std::optional<Vlan> vlan;
      if (on_vlan) vlan = kVlans[0];
      Network net(Nic(offload, offload), Nic(offload, offload), vlan, vlan);
      const auto [client, accepted] = net.Connect(false);
      net.Settle();
      const auto last = std::ranges::find_if(net.wire.rbegin(), net.wire.rend(),
                                             [](const Sent& sent) { return sent.from == 0; });
      const ParsedFrame ack = ParseFrame(on_vlan ? Untagged(last->frame) : last->frame);
      ASSERT_TRUE(ack.is_tcp());
      const Bytes segment = Tcp(net.route(false), ack.src_port, 80)
                                .Seq(ack.tcp.seq.value())
                                .Ack(ack.tcp.ack.value())
                                .Timestamps(ack.tcp.timestamps.value, ack.tcp.timestamps.echo)
                                .Payload("mine");
      Bytes buffer(10);
      std::vector<Bytes> strange = {Tagged(segment, 0x8100, 8), Tagged(segment, 0x88a8, 7),
                                    Tagged(Tagged(segment, 0x8100, 7), 0x8100, 7),
                                    Tagged(Tagged(segment, 0x8100, 7), 0x88a8, 7)};
      strange.push_back(on_vlan ? segment : Tagged(segment, 0x8100, 7));
      if (on_vlan) strange.push_back(Tagged(segment, 0x8100, 0xe000));  // a priority only
      for (const Bytes& frame : strange) net.Inject(frame);
      EXPECT_EQ(accepted->Read(buffer), 0u);
      EXPECT_EQ(net.drops(1, ip::DropReason::kUnknownVlan), strange.size());
      net.Inject(Tagged(segment, 0x8100, on_vlan ? 0xe007 : 0xe000));
      EXPECT_EQ(accepted->Read(buffer), 4u);
      EXPECT_EQ(net.drops(1, ip::DropReason::kUnknownVlan), strange.size());
    }
  }
}

// A priority that the sender gave is not the answer's.
TEST_P(StackVlanTest, AnswersToAPriorityHaveNoTag) {
  Network net(Nic(true, true), Nic(true, true), std::nullopt, std::nullopt);
  for (const bool v6 : {false, true}) {
    net.Connect(v6);  // the addresses are resolved
    net.wire.clear();
    net.Inject(Tagged(EchoRequestFrame(net.route(v6), 1, 1, Pattern(8)), 0x8100, 0xe000));
    ASSERT_EQ(net.wire.size(), 2u);
    const ParsedFrame reply = ParseFrame(net.wire[1].frame);
    EXPECT_EQ(reply.problem, "");
    EXPECT_TRUE(reply.is_icmp());
  }
}

TEST(StackVlan, InterfaceRefusesWhatIsNoVlan) {
  WireDevice device;
  stack::Stack stack(stack::StackOptions{}, Instant{});
  for (const Vlan& vlan : {Vlan{.id = 0}, Vlan{.id = 4095}, Vlan{.id = 7, .priority = 8}}) {
    stack::InterfaceOptions interface;
    interface.vlan = vlan;
    const absl::Status status = stack.AddInterface(device, device.info(), interface);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("vlan: value '" + vlan.ToString() + "': expected an id from 1 to 4094"));
  }
  EXPECT_EQ(stack.network().interfaces(), 0u);
}

}  // namespace
}  // namespace corelane::testing
