#include "driver/capture.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "driver/conformance.h"
#include "driver/ring/ring.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

std::string CapturePath() { return testing::TempDir() + "capture_test.pcap"; }

std::unique_ptr<DeviceFixture> MakeFixture(const ConformanceOptions& options, bool threads) {
  class Fixture : public PeerDeviceFixture {
   public:
    Fixture(std::unique_ptr<Device> device, std::unique_ptr<Device> peer, bool threads)
        : PeerDeviceFixture(std::move(device), std::move(peer)), threads_(threads) {}
    bool receives_into_pool() const override { return threads_; }

   private:
    bool threads_;
  };
  RingPair pair = MakeRingPair({.depth = options.depth,
                                .pool_packets = options.pool_packets,
                                .max_segments = 256,
                                .threads = threads});
  return std::make_unique<Fixture>(*CaptureTo(std::move(pair.a), CapturePath()), std::move(pair.b),
                                   threads);
}

INSTANTIATE_TEST_SUITE_P(
    Capture, DeviceConformance,
    testing::Values(ConformanceCase{"Local", [](const auto& o) { return MakeFixture(o, false); }},
                    ConformanceCase{"Threaded",
                                    [](const auto& o) { return MakeFixture(o, true); }}),
    ConformanceName());

constexpr Instant kNow{std::chrono::seconds(1)};

std::vector<Frame> FramesInFile() {
  std::vector<Frame> frames;
  const auto bytes = ReadFileBytes(CapturePath());
  auto reader = PcapReader::Open(*bytes, CapturePath());
  EXPECT_TRUE(reader.ok()) << reader.status();
  while (const auto record = reader->Next()) {
    frames.emplace_back(record->bytes.begin(), record->bytes.end());
  }
  EXPECT_EQ(reader->end(), PcapReader::End::kEndOfFile);
  return frames;
}

std::vector<PacketBuf> PacketsOn(DeviceQueue& queue, uint32_t first, size_t count) {
  std::vector<PacketBuf> burst(count);
  EXPECT_EQ(queue.AllocateBurst(burst), count);
  for (size_t i = 0; i < count; ++i) {
    const Frame frame = MakeFrame(first + static_cast<uint32_t>(i), 80);
    std::copy(frame.begin(), frame.end(), burst[i].Append(frame.size()));
  }
  return burst;
}

TEST(Capture, WritesBothDirectionsAndNothingThatStayed) {
  RingPair pair = MakeRingPair({.depth = 100});
  auto device = *CaptureTo(std::move(pair.a), CapturePath());
  DeviceQueue& queue = device->queue(0);
  std::vector<PacketBuf> out = PacketsOn(queue, 0, 150);
  ASSERT_EQ(queue.TransmitBurst(kNow, out), 100u);
  std::vector<PacketBuf> in = PacketsOn(pair.b->queue(0), 500, 2);
  ASSERT_EQ(pair.b->queue(0).TransmitBurst(kNow, in), 2u);
  ASSERT_EQ(queue.ReceiveBurst(kNow, in), 2u);
  EXPECT_TRUE(FramesInFile().empty());
  device->decorator(0).Flush();
  std::vector<Frame> expected;
  for (uint32_t i = 0; i < 100; ++i) expected.push_back(MakeFrame(i, 80));
  expected.push_back(MakeFrame(500, 80));
  expected.push_back(MakeFrame(501, 80));
  EXPECT_EQ(Summary(FramesInFile()), Summary(expected));
  EXPECT_EQ(device->decorator(0).lost(), 0u);
}

TEST(Capture, FlushesBeforeSleepAndAtTheEnd) {
  RingPair pair = MakeRingPair();
  auto device = *CaptureTo(std::move(pair.a), CapturePath());
  std::vector<PacketBuf> out = PacketsOn(device->queue(0), 0, 1);
  device->queue(0).TransmitBurst(kNow, out);
  device->queue(0).ArmWake();
  EXPECT_EQ(FramesInFile().size(), 1u);
  out = PacketsOn(device->queue(0), 1, 1);
  device->queue(0).TransmitBurst(kNow, out);
  EXPECT_EQ(FramesInFile().size(), 1u);
  device.reset();
  EXPECT_EQ(FramesInFile().size(), 2u);
}

TEST(Capture, AFileThatCannotBeWrittenIsNamed) {
  const auto device = CaptureTo(MakeRingPair().a, "/nowhere/x.pcap");
  EXPECT_THAT(std::string(device.status().message()), testing::HasSubstr("\"/nowhere/x.pcap\""));
}

}  // namespace
}  // namespace corelane::driver
