#include "driver/trace.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "driver/conformance.h"
#include "driver/ring/ring.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(
    Trace, DeviceConformance,
    testing::Values(ConformanceCase{
        "Ring",
        [](const ConformanceOptions& options) -> std::unique_ptr<DeviceFixture> {
          class Fixture : public PeerDeviceFixture {
           public:
            using PeerDeviceFixture::PeerDeviceFixture;
            bool receives_into_pool() const override { return false; }
          };
          RingPair pair = MakeRingPair(
              {.depth = options.depth, .pool_packets = options.pool_packets, .max_segments = 256});
          return std::make_unique<Fixture>(TraceTo(std::move(pair.a), [](std::string_view) {}),
                                           std::move(pair.b));
        }}),
    ConformanceName());

std::vector<uint8_t> Ethernet(uint16_t type) {
  std::vector<uint8_t> frame = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 0};
  StoreBe16(&frame[12], type);
  return frame;
}

std::vector<uint8_t> TcpFrame() {
  std::vector<uint8_t> frame = Ethernet(0x0800);
  frame.resize(14 + 20 + 20 + 5);
  uint8_t* ip = &frame[14];
  ip[0] = 0x45;
  StoreBe16(ip + 2, 45);
  ip[9] = 6;
  StoreBe32(ip + 12, 0x0a000001);
  StoreBe32(ip + 16, 0x0a000002);
  uint8_t* tcp = ip + 20;
  StoreBe16(tcp, 40000);
  StoreBe16(tcp + 2, 80);
  StoreBe32(tcp + 4, 7);
  StoreBe32(tcp + 8, 9);
  tcp[12] = 0x50;
  tcp[13] = 0x18;
  StoreBe16(tcp + 14, 1000);
  return frame;
}

TEST(DescribeFrame, TellsAddressesPortsAndFlags) {
  EXPECT_EQ(DescribeFrame(TcpFrame()),
            "02:00:00:00:00:01 > 02:00:00:00:00:02 IPv4 10.0.0.1 > 10.0.0.2 "
            "TCP 40000 > 80 [PA] seq 7 ack 9 win 1000 len 5");
}

TEST(DescribeFrame, TellsOtherProtocols) {
  std::vector<uint8_t> arp = Ethernet(0x0806);
  arp.resize(14 + 28);
  StoreBe16(&arp[14 + 6], 1);
  StoreBe32(&arp[14 + 14], 0x0a000001);
  StoreBe32(&arp[14 + 24], 0x0a000002);
  EXPECT_THAT(DescribeFrame(arp), HasSubstr("ARP who has 10.0.0.2 tell 10.0.0.1"));
  std::vector<uint8_t> v6 = Ethernet(0x86dd);
  v6.resize(14 + 40 + 8);
  StoreBe16(&v6[14 + 4], 8);
  v6[14 + 6] = 17;
  v6[14 + 40 + 3] = 53;
  EXPECT_THAT(DescribeFrame(v6), HasSubstr("IPv6 :: > :: UDP 0 > 53 len 0"));
  EXPECT_THAT(DescribeFrame(Ethernet(0x88b5)), HasSubstr("type 0x88b5 len 0"));
}

TEST(DescribeFrame, AnyTruncationIsFine) {
  const std::vector<uint8_t> frame = TcpFrame();
  for (size_t n = 0; n < frame.size(); ++n) {
    const std::vector<uint8_t> cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_FALSE(DescribeFrame(cut).empty());
  }
}

TEST(Trace, OneLineForEachPacketThatCrosses) {
  RingPair pair = MakeRingPair({.depth = 2});
  std::vector<std::string> lines;
  auto device =
      TraceTo(std::move(pair.a), [&lines](std::string_view line) { lines.emplace_back(line); });
  const Instant now{std::chrono::milliseconds(1250)};
  const auto packets = [](DeviceQueue& queue) {
    std::vector<PacketBuf> burst(3);
    EXPECT_EQ(queue.AllocateBurst(burst), 3u);
    const std::vector<uint8_t> frame = TcpFrame();
    for (PacketBuf& packet : burst) {
      std::copy(frame.begin(), frame.end(), packet.Append(frame.size()));
    }
    return burst;
  };
  std::vector<PacketBuf> burst = packets(device->queue(0));
  EXPECT_EQ(device->queue(0).TransmitBurst(now, burst), 2u);
  burst = packets(pair.b->queue(0));
  EXPECT_EQ(pair.b->queue(0).TransmitBurst(now, std::span(burst).first(1)), 1u);
  EXPECT_EQ(device->queue(0).ReceiveBurst(now, burst), 1u);
  const std::string text = DescribeFrame(TcpFrame());
  EXPECT_THAT(lines,
              testing::ElementsAre("1.250000000 q0 tx 59 " + text, "1.250000000 q0 tx 59 " + text,
                                   "1.250000000 q0 rx 59 " + text));
}

}  // namespace
}  // namespace corelane::driver
