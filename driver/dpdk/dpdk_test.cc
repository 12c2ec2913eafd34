#include "driver/dpdk/dpdk.h"

#include <rte_dev.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "driver/conformance.h"
#include "driver/dpdk/conformance_devices.h"
#include "driver/dpdk/lcore.h"
#include "driver/dpdk/text.h"
#include "driver/pcap_file.h"
#include "driver/registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;
using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::unique_ptr<Device> Open(const std::string& uri) { return OpenTestDevice(uri); }

std::string ErrorOf(const std::string& uri) {
  const auto device = OpenDevice(uri);
  EXPECT_FALSE(device.ok());
  return std::string(device.status().message());
}

class RingFixture final : public PeerDeviceFixture {
 public:
  explicit RingFixture(const std::string& rest)
      : PeerDeviceFixture(Open("dpdk:net_ring" + rest), Open("dpdk:net_ring" + rest)) {}
  // What arrives lies in the sender's packets.
  bool receives_into_pool() const override { return false; }
};

std::unique_ptr<DeviceFixture> MakeRing(const ConformanceOptions& options) {
  return std::make_unique<RingFixture>(
      Cat(",wire=a,depth=", options.depth, ",pool=", options.pool_packets));
}

// Nobody is at the other side.
class NullFixture final : public DeviceFixture {
 public:
  explicit NullFixture(const std::string& uri) : device_(Open(uri)) {}
  Device& device() override { return *device_; }
  bool PeerSend(const Frame&) override { return true; }
  std::optional<Frame> PeerReceive() override { return std::nullopt; }
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override {}
  bool can_be_full() const override { return false; }
  bool delivers() const override { return false; }
  bool hears() const override { return false; }

 private:
  std::unique_ptr<Device> device_;
};

std::unique_ptr<DeviceFixture> MakeNull(const ConformanceOptions& options) {
  return std::make_unique<NullFixture>(Cat("dpdk:net_null1,no-rx=1,pool=", options.pool_packets));
}

// The peer sends by adding to a file, until the device opens it, and receives by reading another.
class PcapFixture final : public DeviceFixture {
 public:
  explicit PcapFixture(const ConformanceOptions& options)
      : pool_packets_(options.pool_packets),
        packets_(std::make_unique<PacketPool>(1, 4096, 0)),
        buffer_(PcapFile::Create(in_).value(), Duration(0)) {}

  Device& device() override {
    if (device_ == nullptr) {
      buffer_.Flush();
      device_ =
          Open(Cat("dpdk:net_pcap0,rx_pcap=", in_, ",tx_pcap=", out_, ",pool=", pool_packets_));
    }
    return *device_;
  }
  bool PeerSend(const Frame& frame) override {
    EXPECT_EQ(device_, nullptr);
    PacketBuf packet = packets_->Allocate();
    std::copy(frame.begin(), frame.end(), packet.Append(frame.size()));
    buffer_.Add(Instant(Duration(sent_++)), *packet.head());
    return true;
  }
  std::optional<Frame> PeerReceive() override {
    std::fflush(nullptr);  // the driver writes to a stream, which only its end would flush
    const auto bytes = ReadFileBytes(out_).value();
    auto reader = PcapReader::Open(bytes, out_).value();
    for (size_t i = 0; i < received_; ++i) reader.Next();
    const auto record = reader.Next();
    if (!record) return std::nullopt;
    ++received_;
    return Frame(record->bytes.begin(), record->bytes.end());
  }
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override {}
  bool live() const override { return false; }
  bool can_be_full() const override { return false; }

 private:
  const std::string in_ = ::testing::TempDir() + "net_pcap_in.pcap";
  const std::string out_ = ::testing::TempDir() + "net_pcap_out.pcap";
  uint32_t pool_packets_;
  std::unique_ptr<PacketPool> packets_;
  PcapBuffer buffer_;
  std::unique_ptr<Device> device_;
  int64_t sent_ = 0;
  size_t received_ = 0;
};

std::unique_ptr<DeviceFixture> MakePcap(const ConformanceOptions& options) {
  return std::make_unique<PcapFixture>(options);
}

INSTANTIATE_TEST_SUITE_P(Dpdk, DeviceConformance,
                         ::testing::Values(ConformanceCase{"net_ring", &MakeRing},
                                           ConformanceCase{"net_null", &MakeNull},
                                           ConformanceCase{"net_pcap", &MakePcap}),
                         ConformanceName());

TEST(NetNull, ReceivesForEver) {
  const auto device = Open("dpdk:net_null2,size=100");
  DeviceQueue& queue = device->queue(0);
  std::array<PacketBuf, 32> burst;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(queue.ReceiveBurst(Instant(), burst), burst.size());
    EXPECT_EQ(burst[0].packet_size(), 100u);
  }
  EXPECT_EQ(queue.stats().rx_packets, 3200u);
}

TEST(NetRing, AWireHasTwoEnds) {
  auto a = Open("dpdk:net_ring,wire=two");
  auto b = Open("dpdk:net_ring,wire=two");
  EXPECT_NE(a->info().mac, b->info().mac);
  EXPECT_EQ(ErrorOf("dpdk:net_ring,wire=two"),
            "dpdk:net_ring: wire: value 'two': both ends are open already");
  a.reset();
  a = Open("dpdk:net_ring,wire=two");  // the end that is free again
  a.reset();
  b.reset();
  a = Open("dpdk:net_ring,wire=two,queues=4");
  EXPECT_EQ(a->info().queues, 4);
  EXPECT_EQ(ErrorOf("dpdk:net_ring,wire=two,queues=2"),
            "dpdk:net_ring: queues: value '2': expected 4, as the other end of wire 'two' has");
}

TEST(NetRing, ANumberedOneLoops) {
  const auto device = Open("dpdk:net_ring7");
  DeviceQueue& queue = device->queue(0);
  std::array<PacketBuf, 1> burst;
  ASSERT_EQ(queue.AllocateBurst(burst), 1u);
  const Frame frame = MakeFrame(1, 100);
  std::copy(frame.begin(), frame.end(), burst[0].Append(frame.size()));
  ASSERT_EQ(queue.TransmitBurst(Instant(), burst), 1u);
  ASSERT_EQ(queue.ReceiveBurst(Instant(), burst), 1u);
  EXPECT_EQ(FrameOf(burst[0]), frame);
  EXPECT_EQ(queue.stats().tx_bytes, 100u);
  EXPECT_EQ(queue.stats().rx_packets, 1u);
}

TEST(Dpdk, WhoPollsAQueueBecomesAnLcore) {
  const auto device = Open("dpdk:net_ring7");
  std::thread([&] {
    EXPECT_EQ(dpdk::ThisLcore(), std::nullopt);
    std::array<PacketBuf, 1> burst;
    EXPECT_EQ(device->queue(0).ReceiveBurst(Instant(), burst), 0u);
    EXPECT_NE(dpdk::ThisLcore(), std::nullopt);
  }).join();
}

TEST(Dpdk, TheRssKeyIsTheOneAskedFor) {
  OpenOptions options{.queues = 2, .rss_key = Toeplitz::kSymmetricKey};
  options.rss_ports.udp = false;
  const auto device = OpenDevice("dpdk:net_null3,no-rx=1", options);
  ASSERT_TRUE(device.ok()) << device.status();
  const auto rss = (*device)->rss();
  ASSERT_TRUE(rss.has_value());
  EXPECT_THAT(rss->key, ElementsAreArray(Toeplitz::kSymmetricKey));
  EXPECT_TRUE(rss->ports.tcp);
  EXPECT_FALSE(rss->ports.udp);
}

TEST(Dpdk, APortHasOneOwner) {
  const auto device = Open("dpdk:net_null0");
  EXPECT_THAT(ErrorOf("dpdk:net_null0"), HasSubstr("is open already"));
  EXPECT_THAT(ErrorOf("dpdk:net_null0,size=128"), HasSubstr("the device is there already"));
}

TEST(NetRing, APacketThatIsRefusedForASecondMakesWayForOthers) {
  const auto device = Open("dpdk:net_ring,wire=slow,depth=32");
  const auto other = Open("dpdk:net_ring,wire=slow,depth=32");
  DeviceQueue& queue = device->queue(0);
  Instant now;
  const auto send = [&] {
    std::array<PacketBuf, 1> packet;
    EXPECT_EQ(queue.AllocateBurst(packet), 1u);
    std::fill_n(packet[0].Append(60), 60, uint8_t{0});
    return queue.TransmitBurst(now, packet);
  };
  while (send() == 1) {
  }
  now += std::chrono::milliseconds(999);
  EXPECT_EQ(send(), 0u);
  EXPECT_EQ(queue.stats().tx_dropped, 0u);
  now += std::chrono::milliseconds(1);
  EXPECT_EQ(send(), 1u);
  EXPECT_EQ(queue.stats().tx_dropped, 1u);
  EXPECT_EQ(send(), 0u) << "the next one has its second, too";
  std::array<PacketBuf, 4> received;
  EXPECT_EQ(other->queue(0).ReceiveBurst(now, received), 4u);
  EXPECT_EQ(send(), 1u);
  EXPECT_EQ(queue.stats().tx_dropped, 1u);
}

TEST(NetRing, WrongOptions) {
  EXPECT_THAT(ErrorOf("dpdk:net_ring,wire=averylongname"), HasSubstr("at most 12 characters"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,depth=1"), HasSubstr("depth"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,speed=1"), HasSubstr("speed"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,queues=17"), HasSubstr("queues"));
}

TEST(Dpdk, TooLittleMemoryIsNamed) {
  EXPECT_THAT(ErrorOf("dpdk:net_null4,queues=2,pool=1000000"),
              AllOf(HasSubstr("dpdk:net_null4: pool: value '1000000' for each of 2 queues"),
                    HasSubstr("eal='-m MEGABYTES'"), HasSubstr("mbufs of 2176 bytes")));
  EXPECT_NE(Open("dpdk:net_null4,no-rx=1"), nullptr) << "nothing is left of the attempt";
}

// A device that has no port goes with the attempt: the next one finds its name free.
TEST(Dpdk, WhatBecomesNoPortIsRemoved) {
  EXPECT_THAT(ErrorOf("dpdk:crypto_null0"), HasSubstr("no port came of it"));
  EXPECT_THAT(ErrorOf("dpdk:crypto_null0"), HasSubstr("no port came of it"));
}

TEST(Dpdk, APortOfTheProgramsOwnIsClosedWithItsDevice) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null5", "size=77,no-rx=1"), 0);
    EXPECT_NE(Open("dpdk:net_null5"), nullptr);
  }
}

TEST(Dpdk, WhatDpdkRefusesIsNamed) {
  EXPECT_THAT(ErrorOf("dpdk:net_nothing0,a=b"),
              AllOf(HasSubstr("dpdk:net_nothing0"), HasSubstr("a=b")));
  EXPECT_THAT(ErrorOf("dpdk:0000:00:1f.7"), HasSubstr("found no device of this address"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,eal=--no-huge"), HasSubstr("the EAL is running already"));
  EXPECT_THAT(ErrorOf("dpdk:635a7ae3-091e-4410-ad59-667c4f8c04c3"),
              HasSubstr("on the vmbus bus: is it bound to uio_hv_generic?"));
  EXPECT_THAT(ErrorOf("dpdk:net_ring,pool=1"), HasSubstr("pool"));
}

TEST(Dpdk, WrongUrisSayWhatWouldBeRight) {
  EXPECT_EQ(ErrorOf("dpdk:"),
            "\"dpdk:\": names no device; write dpdk:net_tap0,iface=x for a virtual one, "
            "dpdk:0000:41:00.0 for a NIC");
}

}  // namespace
}  // namespace corelane::driver

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (const int status = corelane::driver::UseHugepagesIfAsked(); status >= 0) return status;
  return RUN_ALL_TESTS();
}
