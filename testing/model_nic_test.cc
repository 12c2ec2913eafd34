#include "testing/model_nic.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/ip_address.h"
#include "driver/conformance.h"
#include "driver/frame.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

Capabilities Scatter(uint16_t segments) {
  Capabilities has;
  has.max_tx_segments = segments;
  return has;
}

Capabilities Everything() {
  Capabilities has = Scatter(64);
  has.tx_checksum_ipv4 = has.tx_checksum_l4 = has.rx_checksum = has.tso = has.lro = true;
  has.vlan_insert = has.vlan_strip = has.flow_hash = true;
  has.max_tso_size = 60000;
  return has;
}

ConformanceCase Case(const char* name, const Capabilities& capabilities) {
  return {name, [capabilities](const ConformanceOptions& options) {
            testing::ModelNicPair pair = testing::MakeModelNicPair(
                {.a = capabilities, .depth = options.depth, .pool_packets = options.pool_packets});
            return std::make_unique<PeerDeviceFixture>(std::move(pair.a), std::move(pair.b));
          }};
}

INSTANTIATE_TEST_SUITE_P(ModelNic, DeviceConformance,
                         ::testing::Values(Case("Nothing", Capabilities()),
                                           Case("Scatter", Scatter(4)),
                                           Case("Everything", Everything())),
                         ConformanceName());

}  // namespace
}  // namespace corelane::driver

namespace corelane::testing {
namespace {

using driver::Capabilities;
using driver::Frame;
using driver::FrameOf;
using driver::PacketFromBytes;

constexpr Instant kNow{std::chrono::seconds(1)};

enum class Sums { kComplete, kPartial };

// An Ethernet, IP, TCP (or UDP) frame; partial checksums are as a stack leaves them.
struct FrameSpec {
  bool v6 = false;
  bool udp = false;
  size_t payload = 100;
  uint32_t seq = 1000;
  uint8_t flags = 0x10;
  uint16_t source_port = 40000;
  Sums sums = Sums::kComplete;

  size_t l4() const { return 14 + (v6 ? 40 : 20); }
  size_t payload_offset() const { return l4() + (udp ? 8 : 20); }
  uint8_t protocol() const { return udp ? 17 : 6; }
};

IpAddress Source(bool v6) {
  return v6 ? *IpAddress::Parse("fd00::1") : *IpAddress::Parse("10.0.0.1");
}
IpAddress Destination(bool v6) {
  return v6 ? *IpAddress::Parse("fd00::2") : *IpAddress::Parse("10.0.0.2");
}

Frame Build(const FrameSpec& spec) {
  Frame frame(spec.payload_offset() + spec.payload);
  frame[0] = frame[6] = 2;
  StoreBe16(&frame[12], spec.v6 ? 0x86dd : 0x0800);
  uint8_t* ip = &frame[14];
  const size_t l4_length = frame.size() - spec.l4();
  if (spec.v6) {
    ip[0] = 0x60;
    StoreBe16(ip + 4, static_cast<uint16_t>(l4_length));
    ip[6] = spec.protocol();
    std::ranges::copy(Source(true).v6().bytes(), ip + 8);
    std::ranges::copy(Destination(true).v6().bytes(), ip + 24);
  } else {
    ip[0] = 0x45;
    StoreBe16(ip + 2, static_cast<uint16_t>(20 + l4_length));
    ip[9] = spec.protocol();
    std::ranges::copy(Source(false).v4().bytes(), ip + 12);
    std::ranges::copy(Destination(false).v4().bytes(), ip + 16);
  }
  uint8_t* l4 = &frame[spec.l4()];
  StoreBe16(l4, spec.source_port);
  StoreBe16(l4 + 2, 80);
  if (spec.udp) {
    StoreBe16(l4 + 4, static_cast<uint16_t>(l4_length));
  } else {
    StoreBe32(l4 + 4, spec.seq);
    StoreBe32(l4 + 8, 77);
    l4[12] = 0x50;
    l4[13] = spec.flags;
  }
  for (size_t i = 0; i < spec.payload; ++i) {
    frame[spec.payload_offset() + i] = static_cast<uint8_t>((spec.seq + i) * 7);
  }
  const Sum16 pseudo = PseudoHeaderSum(Source(spec.v6), Destination(spec.v6), spec.protocol(),
                                       static_cast<uint32_t>(l4_length));
  uint8_t* field = l4 + (spec.udp ? 6 : 16);
  if (spec.sums == Sums::kPartial) {
    const uint16_t raw = pseudo.raw();
    std::memcpy(field, &raw, 2);
  } else {
    (pseudo + SumBytes({l4, l4_length})).StoreComplement(field);
    if (!spec.v6) SumBytes({ip, 20}).StoreComplement(ip + 10);
  }
  return frame;
}

class ModelNicTest : public ::testing::Test {
 protected:
  void Make(const ModelNicOptions& options) { pair_ = MakeModelNicPair(options); }

  PacketBuf Packet(const FrameSpec& spec) {
    std::array<PacketBuf, 1> one;
    EXPECT_EQ(pair_.a->queue(0).AllocateBurst(one), 1u);
    PacketBuf packet = PacketFromBytes(Build(spec), *one[0]->pool);
    if (spec.sums == Sums::kPartial) {
      packet->l3_checksum = spec.v6 ? ChecksumState::kNone : ChecksumState::kPartial;
      packet->l4_checksum = ChecksumState::kPartial;
      packet->l3_offset = 14;
      packet->l4_offset = static_cast<uint16_t>(spec.l4());
      packet->payload_offset = static_cast<uint16_t>(spec.payload_offset());
      packet->l4_protocol = spec.protocol();
    }
    return packet;
  }
  void Send(PacketBuf packet) {
    std::array<PacketBuf, 1> burst{std::move(packet)};
    ASSERT_EQ(pair_.a->queue(0).TransmitBurst(kNow, burst), 1u);
  }
  std::vector<PacketBuf> Receive(size_t queue = 0) {
    std::vector<PacketBuf> burst(64);
    burst.resize(pair_.b->queue(queue).ReceiveBurst(kNow, burst));
    return burst;
  }
  uint64_t violations() const { return pair_.a->nic_stats().violations; }

  ModelNicPair pair_;
};

TEST_F(ModelNicTest, CompletesChecksumsThatItOffers) {
  Make({.a = {.tx_checksum_ipv4 = true, .tx_checksum_l4 = true, .max_tx_segments = 8},
        .b = {.rx_checksum = true}});
  for (const bool v6 : {false, true}) {
    for (const bool udp : {false, true}) {
      FrameSpec spec{.v6 = v6, .udp = udp, .sums = Sums::kPartial};
      Send(Packet(spec));
      const auto received = Receive();
      ASSERT_EQ(received.size(), 1u);
      spec.sums = Sums::kComplete;
      EXPECT_EQ(FrameOf(received[0]), Build(spec));
      EXPECT_EQ(received[0]->l4_checksum, ChecksumState::kGood);
      EXPECT_EQ(received[0]->l3_checksum, v6 ? ChecksumState::kNone : ChecksumState::kGood);
    }
  }
  EXPECT_EQ(pair_.a->nic_stats().completed_checksums, 4u);
  EXPECT_EQ(violations(), 0u);
}

TEST_F(ModelNicTest, RefusesWhatItDoesNotOffer) {
  Make({.a = {.max_tx_segments = 8}});
  uint64_t expected = 0;
  const auto refused = [&](PacketBuf packet) {
    Send(std::move(packet));
    EXPECT_TRUE(Receive().empty());
    EXPECT_EQ(violations(), ++expected);
    EXPECT_EQ(pair_.a->queue(0).stats().tx_dropped, expected);
  };
  refused(Packet({.sums = Sums::kPartial}));
  PacketBuf tagged = Packet({});
  tagged->flags = PacketHead::kHasVlan;
  refused(std::move(tagged));
  PacketBuf segmented = Packet({.payload = 1000, .sums = Sums::kPartial});
  segmented->segment_size = 500;
  refused(std::move(segmented));
}

TEST_F(ModelNicTest, RefusesWrongDescriptions) {
  Make({.a = {.tx_checksum_ipv4 = true, .tx_checksum_l4 = true, .max_tx_segments = 8}});
  uint64_t expected = 0;
  const auto refused = [&](auto spoil) {
    PacketBuf packet = Packet({.sums = Sums::kPartial});
    spoil(packet);
    Send(std::move(packet));
    EXPECT_TRUE(Receive().empty());
    EXPECT_EQ(violations(), ++expected);
  };
  refused([](PacketBuf& p) { p->l3_offset += 4; });
  refused([](PacketBuf& p) { p->l4_offset += 4; });
  refused([](PacketBuf& p) { p->payload_offset += 4; });
  refused([](PacketBuf& p) { p->l4_protocol = 17; });
  refused([](PacketBuf& p) { p.data()[34 + 16] ^= 1; });  // not the pseudo-header's sum
}

TEST_F(ModelNicTest, VerifiesChecksumsOnReception) {
  Make({.b = {.rx_checksum = true}});
  PacketBuf packet = Packet({});
  packet.data()[60] ^= 1;
  Send(std::move(packet));
  PacketBuf header = Packet({});
  header.data()[14 + 8] ^= 1;
  Send(std::move(header));
  const auto received = Receive();
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[0]->l3_checksum, ChecksumState::kGood);
  EXPECT_EQ(received[0]->l4_checksum, ChecksumState::kBad);
  EXPECT_EQ(received[1]->l3_checksum, ChecksumState::kBad);
  EXPECT_EQ(received[1]->l4_checksum, ChecksumState::kGood);
  EXPECT_EQ(pair_.b->nic_stats().bad_checksums, 2u);
}

TEST_F(ModelNicTest, SaysNothingAboutChecksumsWithoutTheBit) {
  Make({});
  Send(Packet({}));
  const auto received = Receive();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0]->l3_checksum, ChecksumState::kNone);
  EXPECT_EQ(received[0]->l4_checksum, ChecksumState::kNone);
}

Capabilities Tso() {
  Capabilities has;
  has.tx_checksum_ipv4 = has.tx_checksum_l4 = has.tso = true;
  has.max_tso_size = 60000;
  has.max_tx_segments = 64;
  return has;
}

TEST_F(ModelNicTest, CutsLargePackets) {
  for (const bool v6 : {false, true}) {
    Make({.a = Tso(), .b = {.rx_checksum = true}});
    PacketBuf packet = Packet({.v6 = v6, .payload = 3001, .flags = 0x99, .sums = Sums::kPartial});
    packet->segment_size = 1000;
    Send(std::move(packet));
    const auto received = Receive();
    ASSERT_EQ(received.size(), 4u);
    EXPECT_EQ(violations(), 0u);
    constexpr uint8_t kFlags[] = {0x90, 0x10, 0x10, 0x19};  // CWR first; FIN and PSH last
    for (uint32_t i = 0; i < 4; ++i) {
      Frame expected = Build({.v6 = v6,
                              .payload = i < 3 ? size_t{1000} : size_t{1},
                              .seq = 1000 + 1000 * i,
                              .flags = kFlags[i]});
      Frame frame = FrameOf(received[i]);
      if (!v6) {
        EXPECT_EQ(LoadBe16(&frame[18]), i);  // identification counts up
        for (Frame* each : {&frame, &expected}) std::fill_n(each->begin() + 18, 2, uint8_t{0});
        for (Frame* each : {&frame, &expected}) std::fill_n(each->begin() + 24, 2, uint8_t{0});
      }
      EXPECT_EQ(frame, expected);
      EXPECT_EQ(received[i]->l4_checksum, ChecksumState::kGood);
      EXPECT_EQ(received[i]->l3_checksum, v6 ? ChecksumState::kNone : ChecksumState::kGood);
    }
    EXPECT_EQ(pair_.a->nic_stats().cut_packets, 1u);
    EXPECT_EQ(pair_.a->nic_stats().cut_frames, 4u);
  }
}

TEST_F(ModelNicTest, MergesWhatContinues) {
  for (const bool v6 : {false, true}) {
    Make({.b = {.rx_checksum = true, .lro = true}});
    for (uint32_t i = 0; i < 4; ++i) {
      Send(Packet({.v6 = v6, .payload = 1000, .seq = 1000 + 1000 * i}));
    }
    Send(Packet({.v6 = v6, .payload = 300, .seq = 5000, .flags = 0x18}));
    const auto received = Receive();
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(FrameOf(received[0]), Build({.v6 = v6, .payload = 4300, .flags = 0x18}));
    EXPECT_EQ(received[0]->segment_size, 1000);
    EXPECT_EQ(received[0]->segment_count, 5);
    EXPECT_EQ(pair_.b->nic_stats().merged_frames, 5u);
  }
}

TEST_F(ModelNicTest, MergesNothingElse) {
  Make({.b = {.rx_checksum = true, .lro = true}});
  const FrameSpec first{.payload = 1000};
  for (const FrameSpec& second : {FrameSpec{.payload = 1000, .seq = 2001},  // a gap
                                  FrameSpec{.payload = 1001, .seq = 2000},  // longer
                                  FrameSpec{.payload = 0, .seq = 2000},     // a pure ACK
                                  FrameSpec{.payload = 100, .seq = 2000, .flags = 0x11},
                                  FrameSpec{.payload = 100, .seq = 2000, .source_port = 1},
                                  FrameSpec{.v6 = true, .payload = 100, .seq = 2000},
                                  FrameSpec{.udp = true, .payload = 100, .seq = 2000}}) {
    Send(Packet(first));
    Send(Packet(second));
    const auto received = Receive();
    ASSERT_EQ(received.size(), 2u);
    EXPECT_EQ(FrameOf(received[0]), Build(first));
    EXPECT_EQ(FrameOf(received[1]), Build(second));
  }
  // A broken frame stays alone, or its damage would be covered up.
  Send(Packet(first));
  PacketBuf broken = Packet({.payload = 1000, .seq = 2000});
  broken.data()[100] ^= 1;
  Send(std::move(broken));
  EXPECT_EQ(Receive().size(), 2u);
}

TEST_F(ModelNicTest, InsertsAndStripsTags) {
  Make({.a = {.vlan_insert = true}, .b = {.vlan_strip = true}});
  const auto tagged = [this] {
    PacketBuf packet = Packet({});
    packet->flags = PacketHead::kHasVlan;
    packet->vlan_tci = 0x6007;
    return packet;
  };
  Send(tagged());
  auto received = Receive();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(FrameOf(received[0]), Build({}));
  EXPECT_EQ(received[0]->flags, PacketHead::kHasVlan);
  EXPECT_EQ(received[0]->vlan_tci, 0x6007);
  received.clear();

  Make({.a = {.vlan_insert = true}});
  Send(tagged());
  received = Receive();
  ASSERT_EQ(received.size(), 1u);
  const Frame frame = FrameOf(received[0]);
  EXPECT_EQ(frame.size(), Build({}).size() + 4);
  EXPECT_EQ(LoadBe32(&frame[12]), 0x81006007u);
  EXPECT_EQ(received[0]->flags, 0);
}

TEST_F(ModelNicTest, SpreadsFlowsOverQueuesByTheHash) {
  Make({.b = {.flow_hash = true}, .queues = 4});
  const Toeplitz toeplitz(Toeplitz::kSymmetricKey);
  size_t used = 0;
  std::array<size_t, 4> expected{};
  for (uint16_t port = 40000; port < 40064; ++port) {
    Send(Packet({.source_port = port}));
    ++expected[toeplitz.Hash(Source(false), port, Destination(false), 80) % 4];
  }
  for (size_t queue = 0; queue < 4; ++queue) {
    const auto received = Receive(queue);
    EXPECT_EQ(received.size(), expected[queue]);
    used += !received.empty();
    for (const PacketBuf& packet : received) {
      EXPECT_EQ(packet->flags, PacketHead::kHasFlowHash);
      EXPECT_EQ(packet->flow_hash % 4, queue);
    }
  }
  EXPECT_GT(used, 1u);
}

}  // namespace
}  // namespace corelane::testing
