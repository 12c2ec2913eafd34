#include "udp/udp_table.h"

#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ip/ipv4.h"
#include "ip/ipv6.h"
#include "ip/protocol.h"

namespace corelane::udp {
namespace {

using ip::DestinationKind;
using ip::DropReason;

Endpoint E(const char* text) { return *Endpoint::Parse(text); }

class UdpTableTest : public testing::Test {
 protected:
  ~UdpTableTest() override {
    for (auto& socket : sockets_) table_.Unbind(*socket);
  }
  UdpSocket& NewSocket(UdpOptions options = {}) {
    sockets_.push_back(std::make_unique<UdpSocket>(options));
    return *sockets_.back();
  }
  UdpSocket& Bound(const char* local, UdpOptions options = {}) {
    UdpSocket& socket = NewSocket(options);
    EXPECT_EQ(table_.Bind(socket, E(local)), BindResult::kOk) << local;
    return socket;
  }
  PacketBuf Packet(const Endpoint& from, const Endpoint& to, const std::string& text) {
    PacketBuf packet = pool_.Allocate();
    std::memcpy(packet.Append(text.size()), text.data(), text.size());
    BuildDatagram(packet, from, to, UdpChecksum::kFull);
    const auto length = static_cast<uint16_t>(packet.packet_size());
    if (to.address.is_v4()) {
      ip::Ipv4Header header{.src = from.address.v4(), .dst = to.address.v4()};
      header.protocol = ip::protocol::kUdp;
      header.total_length = static_cast<uint16_t>(length + 20);
      header.Emit(packet.Prepend(20));
    } else {
      ip::Ipv6Header header{.src = from.address.v6(), .dst = to.address.v6()};
      header.next_header = ip::protocol::kUdp;
      header.payload_length = length;
      header.Emit(packet.Prepend(40));
    }
    packet->l4_checksum = ChecksumState::kNone;
    packet->interface = 3;
    return packet;
  }
  DropReason Input(const char* from, const char* to, const std::string& text = "hello",
                   DestinationKind kind = DestinationKind::kUnicast) {
    PacketBuf packet = Packet(E(from), E(to), text);
    ip::IpIngress ip;
    const DropReason drop = E(to).address.is_v4()
                                ? ip::ParseIpv4(packet.bytes(), packet.packet_size(), false, ip)
                                : ip::ParseIpv6(packet.bytes(), packet.packet_size(), ip);
    EXPECT_EQ(drop, DropReason::kNone);
    return table_.Input(packet, ip, kind, pool_);
  }
  static std::string Text(const Datagram& datagram) {
    std::string text(datagram.payload.packet_size(), 0);
    datagram.payload.CopyOut(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
    return text;
  }
  static std::string Receive(UdpSocket& socket) {
    Datagram datagram;
    return socket.Receive(datagram) ? Text(datagram) : "(nothing)";
  }

  PacketPool pool_{256};
  UdpTable table_{FlowHashKey::FromSeed(1), SipKey{1, 2}};
  std::vector<std::unique_ptr<UdpSocket>> sockets_;
};

TEST_F(UdpTableTest, DeliversWithItsSource) {
  UdpSocket& socket = Bound("10.0.0.1:53");
  ASSERT_EQ(Input("10.0.0.2:1000", "10.0.0.1:53"), DropReason::kNone);
  EXPECT_EQ(table_.PollReady(), &socket);
  EXPECT_EQ(table_.PollReady(), nullptr);
  Datagram datagram;
  ASSERT_TRUE(socket.Receive(datagram));
  EXPECT_EQ(Text(datagram), "hello");
  EXPECT_EQ(datagram.from, E("10.0.0.2:1000"));
  EXPECT_EQ(datagram.to, E("10.0.0.1:53"));
  EXPECT_EQ(datagram.interface, 3);
  EXPECT_EQ(datagram.ttl, ip::kDefaultTtl);
}

TEST_F(UdpTableTest, NobodyListens) {
  Bound("10.0.0.1:53");
  EXPECT_EQ(Input("10.0.0.2:1000", "10.0.0.1:54"), DropReason::kUdpNoSocket);
  EXPECT_EQ(Input("10.0.0.2:1000", "10.0.0.9:53"), DropReason::kUdpNoSocket);
  EXPECT_EQ(Input("[2001:db8::2]:1000", "[2001:db8::1]:53"), DropReason::kUdpNoSocket);
}

TEST_F(UdpTableTest, TheMostSpecificSocketWins) {
  UdpOptions options;
  options.reuse_address = true;
  UdpSocket& dual = Bound("[::]:53", options);
  EXPECT_EQ(table_.Find(E("10.0.0.1:53"), E("10.0.0.2:1")), &dual);
  UdpSocket& any = Bound("0.0.0.0:53", options);
  EXPECT_EQ(table_.Find(E("10.0.0.1:53"), E("10.0.0.2:1")), &any);
  UdpSocket& address = Bound("10.0.0.1:53", options);
  EXPECT_EQ(table_.Find(E("10.0.0.1:53"), E("10.0.0.2:1")), &address);
  UdpSocket& peer = Bound("10.0.0.1:53", options);
  ASSERT_EQ(table_.Connect(peer, E("10.0.0.2:1"), E("10.0.0.1:0").address), BindResult::kOk);
  EXPECT_EQ(table_.Find(E("10.0.0.1:53"), E("10.0.0.2:1")), &peer);
  EXPECT_EQ(table_.Find(E("10.0.0.1:53"), E("10.0.0.2:2")), &address);
  EXPECT_EQ(table_.Find(E("10.0.0.7:53"), E("10.0.0.2:1")), &any);
  EXPECT_EQ(table_.Find(E("[2001:db8::1]:53"), E("[2001:db8::2]:1")), &dual);
  table_.Disconnect(peer);
  EXPECT_EQ(table_.Find(E("10.0.0.1:53"), E("10.0.0.2:1")), &peer);  // The last one bound.
  table_.Unbind(peer);
  EXPECT_EQ(table_.Find(E("10.0.0.1:53"), E("10.0.0.2:1")), &address);
}

TEST_F(UdpTableTest, V6OnlyTakesNoIpv4) {
  UdpOptions options;
  options.v6_only = true;
  Bound("[::]:53", options);
  EXPECT_EQ(table_.Find(E("10.0.0.1:53"), E("10.0.0.2:1")), nullptr);
  EXPECT_NE(table_.Find(E("[2001:db8::1]:53"), E("[2001:db8::2]:1")), nullptr);
  Bound("0.0.0.0:53");  // does not collide
}

TEST_F(UdpTableTest, AConnectedSocketHearsItsPeerOnly) {
  UdpSocket& socket = NewSocket();
  ASSERT_EQ(table_.Connect(socket, E("10.0.0.2:53"), E("10.0.0.1:0").address), BindResult::kOk);
  ASSERT_GE(socket.local().port, UdpTable::kFirstEphemeral);
  const std::string local = socket.local().ToString();
  EXPECT_EQ(Input("10.0.0.2:53", local.c_str()), DropReason::kNone);
  EXPECT_EQ(Input("10.0.0.2:54", local.c_str()), DropReason::kUdpNoSocket);
  EXPECT_EQ(Input("10.0.0.3:53", local.c_str()), DropReason::kUdpNoSocket);
  EXPECT_EQ(table_.Connect(socket, E("[2001:db8::1]:53"), IpAddress()),
            BindResult::kFamilyMismatch);
}

TEST_F(UdpTableTest, BindConflicts) {
  struct Case {
    const char* first;
    const char* second;
    bool collide;
  };
  for (const Case& c :
       {Case{"10.0.0.1:53", "10.0.0.1:53", true}, Case{"10.0.0.1:53", "10.0.0.2:53", false},
        Case{"10.0.0.1:53", "10.0.0.1:54", false}, Case{"0.0.0.0:53", "10.0.0.1:53", true},
        Case{"10.0.0.1:53", "0.0.0.0:53", true}, Case{"[::]:53", "10.0.0.1:53", true},
        Case{"[::]:53", "0.0.0.0:53", true}, Case{"0.0.0.0:53", "[2001:db8::1]:53", false},
        Case{"[2001:db8::1]:53", "[::]:53", true}}) {
    for (const bool reuse : {false, true}) {
      UdpOptions options;
      options.reuse_address = reuse;
      UdpSocket first(options);
      UdpSocket second(options);
      ASSERT_EQ(table_.Bind(first, E(c.first)), BindResult::kOk);
      EXPECT_EQ(table_.Bind(second, E(c.second)),
                c.collide && !reuse ? BindResult::kAddressInUse : BindResult::kOk)
          << c.first << " " << c.second << " " << reuse;
      table_.Unbind(first);
      table_.Unbind(second);
    }
  }
}

TEST_F(UdpTableTest, ReuseNeedsBothSides) {
  UdpOptions reuse;
  reuse.reuse_address = true;
  Bound("10.0.0.1:53");
  UdpSocket& second = NewSocket(reuse);
  EXPECT_EQ(table_.Bind(second, E("10.0.0.1:53")), BindResult::kAddressInUse);
}

TEST_F(UdpTableTest, ASocketIsBoundOnce) {
  UdpSocket& socket = Bound("10.0.0.1:53");
  EXPECT_EQ(table_.Bind(socket, E("10.0.0.1:54")), BindResult::kAlreadyBound);
}

TEST_F(UdpTableTest, EphemeralPortsAreSpreadAndRunOutCleanly) {
  std::set<uint16_t> ports;
  int ascending = 0;
  uint16_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    UdpSocket& socket = Bound("10.0.0.1:0");
    EXPECT_GE(socket.local().port, UdpTable::kFirstEphemeral);
    EXPECT_TRUE(ports.insert(socket.local().port).second);
    ascending += socket.local().port == last + 1 ? 1 : 0;
    last = socket.local().port;
  }
  EXPECT_LT(ascending, 50);  // RFC 6056: the next port is no guess.
  // Another address has all ports to itself.
  Bound("10.0.0.2:0");
}

TEST_F(UdpTableTest, EveryPortIsFoundAndThenNone) {
  std::set<uint16_t> ports;
  for (uint32_t port = UdpTable::kFirstEphemeral; port <= UdpTable::kLastEphemeral; ++port)
    ports.insert(Bound("10.0.0.1:0").local().port);
  EXPECT_EQ(ports.size(), 16384u);
  UdpSocket& one_more = NewSocket();
  EXPECT_EQ(table_.Bind(one_more, E("10.0.0.1:0")), BindResult::kNoPort);
  EXPECT_EQ(table_.Connect(one_more, E("10.0.0.2:53"), E("10.0.0.1:0").address),
            BindResult::kNoPort);
  EXPECT_FALSE(one_more.bound());
  EXPECT_EQ(table_.Bind(one_more, E("10.0.0.2:0")), BindResult::kOk);
}

TEST_F(UdpTableTest, ManySocketsAreAllFound) {
  std::vector<UdpSocket*> bound;
  for (int i = 1; i <= 1000; ++i)
    bound.push_back(&Bound(("10.0.0.1:" + std::to_string(i)).c_str()));
  for (int i = 1; i <= 1000; ++i)
    EXPECT_EQ(table_.Find({Ipv4Address(10, 0, 0, 1), static_cast<uint16_t>(i)}, E("10.0.0.2:1")),
              bound[static_cast<size_t>(i) - 1]);
}

TEST_F(UdpTableTest, MulticastGoesToAllThatMatch) {
  UdpOptions reuse;
  reuse.reuse_address = true;
  UdpSocket& a = Bound("0.0.0.0:5353", reuse);
  UdpSocket& b = Bound("0.0.0.0:5353", reuse);
  UdpSocket& group = Bound("224.0.0.251:5353", reuse);
  UdpSocket& dual = Bound("[::]:5353", reuse);
  UdpSocket& other = Bound("10.0.0.1:5353", reuse);
  ASSERT_EQ(Input("10.0.0.2:5353", "224.0.0.251:5353", "query", DestinationKind::kMulticast),
            DropReason::kNone);
  EXPECT_EQ(Receive(a), "query");
  EXPECT_EQ(Receive(b), "query");
  EXPECT_EQ(Receive(group), "query");
  EXPECT_EQ(Receive(dual), "query");
  EXPECT_EQ(Receive(other), "(nothing)");
  EXPECT_EQ(Input("10.0.0.2:1", "224.0.0.251:1", "x", DestinationKind::kMulticast),
            DropReason::kUdpNoSocket);
}

TEST_F(UdpTableTest, AFullQueueIsADrop) {
  UdpOptions options;
  options.receive_packets = 1;
  Bound("10.0.0.1:53", options);
  EXPECT_EQ(Input("10.0.0.2:1", "10.0.0.1:53"), DropReason::kNone);
  EXPECT_EQ(Input("10.0.0.2:1", "10.0.0.1:53"), DropReason::kUdpQueueFull);
}

TEST_F(UdpTableTest, PortUnreachableReachesTheConnectedSocket) {
  UdpSocket& socket = Bound("10.0.0.1:1000");
  ASSERT_EQ(table_.Connect(socket, E("10.0.0.2:53"), IpAddress()), BindResult::kOk);
  ip::IcmpErrorReport report;
  report.kind = ip::IcmpErrorKind::kPortUnreachable;
  report.protocol = ip::protocol::kUdp;
  report.has_ports = true;
  report.src = E("10.0.0.1:0").address;
  report.src_port = 1000;
  report.dst = E("10.0.0.2:0").address;
  report.dst_port = 54;
  EXPECT_FALSE(table_.OnIcmpError(report));  // not what was sent
  report.dst_port = 53;
  report.protocol = ip::protocol::kTcp;
  EXPECT_FALSE(table_.OnIcmpError(report));
  report.protocol = ip::protocol::kUdp;
  EXPECT_TRUE(table_.OnIcmpError(report));
  EXPECT_EQ(table_.PollReady(), &socket);
  EXPECT_EQ(socket.TakeError(), UdpError::kPortUnreachable);
}

TEST_F(UdpTableTest, EphemeralPortsFollowThePolicy) {
  uint16_t wanted = 0;  // modulo 5
  table_.SetPortPolicy({.modulus = 3,
                        .remainder = 2,
                        .prefers =
                            [](void* context, const Endpoint& local, const Endpoint& remote) {
                              EXPECT_EQ(remote.port, 53);
                              return local.port % 5 == *static_cast<uint16_t*>(context);
                            },
                        .excludes = [](void*, uint16_t port) { return port % 7 == 0; },
                        .context = &wanted});
  const IpAddress source = E("10.0.0.1:1").address;
  for (wanted = 0; wanted < 5; ++wanted) {
    UdpSocket& socket = NewSocket();
    ASSERT_EQ(table_.Connect(socket, E("10.0.0.2:53"), source), BindResult::kOk);
    EXPECT_EQ(socket.local().port % 3, 2);
    EXPECT_EQ(socket.local().port % 5, wanted);
    EXPECT_NE(socket.local().port % 7, 0);
  }
  // None is preferred: any of the own ones.
  UdpSocket& socket = NewSocket();
  ASSERT_EQ(table_.Connect(socket, E("10.0.0.2:53"), source), BindResult::kOk);
  EXPECT_EQ(socket.local().port % 3, 2);
  // Without a peer there is nothing to prefer.
  EXPECT_EQ(Bound("0.0.0.0:0").local().port % 3, 2);
}

TEST_F(UdpTableTest, AnUnboundSocketIsNotReady) {
  UdpSocket& socket = Bound("10.0.0.1:53");
  Input("10.0.0.2:1", "10.0.0.1:53");
  table_.Unbind(socket);
  EXPECT_EQ(table_.PollReady(), nullptr);
  EXPECT_EQ(Receive(socket), "hello");
}

}  // namespace
}  // namespace corelane::udp
