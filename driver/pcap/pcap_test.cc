#include "driver/pcap/pcap.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "driver/conformance.h"
#include "driver/pcap_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

constexpr Instant kNow{std::chrono::seconds(1)};

std::string InPath() { return testing::TempDir() + "pcap_test_in.pcap"; }
std::string OutPath() { return testing::TempDir() + "pcap_test_out.pcap"; }

// Frames `gap` apart, as a file.
class InFile {
 public:
  explicit InFile(Duration gap = milliseconds(10)) : gap_(gap) {
    pool_ = std::make_unique<PacketPool>(1, 4096, 0);
    buffer_.emplace(*PcapFile::Create(InPath()), Duration(0));
  }
  void Add(const Frame& frame) {
    PacketBuf packet = pool_->Allocate();
    std::copy(frame.begin(), frame.end(), packet.Append(frame.size()));
    buffer_->Add(Instant(gap_ * next_++), *packet.head());
  }
  void Flush() { buffer_->Flush(); }

 private:
  Duration gap_;
  int next_ = 0;
  std::unique_ptr<PacketPool> pool_;
  std::optional<PcapBuffer> buffer_;
};

std::vector<Frame> FramesIn(const std::string& path) {
  std::vector<Frame> frames;
  const auto bytes = ReadFileBytes(path);
  auto reader = PcapReader::Open(*bytes, path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  while (const auto record = reader->Next()) {
    frames.emplace_back(record->bytes.begin(), record->bytes.end());
  }
  return frames;
}

// The peer sends by adding to the file, until the device opens it.
class PcapFixture final : public DeviceFixture {
 public:
  explicit PcapFixture(const ConformanceOptions& options) : pool_packets_(options.pool_packets) {}

  Device& device() override {
    if (device_ == nullptr) {
      in_.Flush();
      device_ = *MakePcapDevice({.in = InPath(), .out = OutPath(), .pool_packets = pool_packets_});
    }
    return *device_;
  }
  bool PeerSend(const Frame& frame) override {
    EXPECT_EQ(device_, nullptr);
    in_.Add(frame);
    return true;
  }
  std::optional<Frame> PeerReceive() override {
    device().queue(0).ArmWake();  // flushes
    const std::vector<Frame> frames = FramesIn(OutPath());
    if (received_ == frames.size()) return std::nullopt;
    return frames[received_++];
  }
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override {}
  bool live() const override { return false; }
  bool can_be_full() const override { return false; }

 private:
  uint32_t pool_packets_;
  InFile in_;
  std::unique_ptr<Device> device_;
  size_t received_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Pcap, DeviceConformance,
                         testing::Values(ConformanceCase{"File",
                                                         [](const ConformanceOptions& options) {
                                                           return std::make_unique<PcapFixture>(
                                                               options);
                                                         }}),
                         ConformanceName());

std::unique_ptr<Device> Open(const std::string& options) {
  auto device = OpenDevice("pcap:" + InPath() + options);
  EXPECT_TRUE(device.ok()) << device.status();
  return *std::move(device);
}

size_t Receive(Device& device, Instant now) {
  std::array<PacketBuf, 64> burst;
  return device.queue(0).ReceiveBurst(now, burst);
}

void WriteFrames(uint32_t count, size_t cut = 0) {
  {
    InFile file;
    for (uint32_t i = 0; i < count; ++i) file.Add(MakeFrame(i, 60));
    file.Flush();
  }
  if (cut == 0) return;
  const auto bytes = ReadFileBytes(InPath());
  std::ofstream(InPath(), std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes->data()),
             static_cast<std::streamsize>(bytes->size() - cut));
}

TEST(Pcap, AsFastAsItIsRead) {
  WriteFrames(10);
  const auto device = Open("");
  EXPECT_FALSE(device->queue(0).ArmWake().has_value());
  EXPECT_EQ(Receive(*device, kNow), 10u);
  EXPECT_EQ(device->queue(0).NextEvent(), kNever);
  EXPECT_TRUE(device->queue(0).ArmWake().has_value());
}

TEST(Pcap, OriginalAndScaledTiming) {
  WriteFrames(3);
  for (const auto& [options, gap] : std::initializer_list<std::pair<const char*, Duration>>{
           {",speed=1", milliseconds(10)}, {",speed=2", milliseconds(5)}}) {
    const auto device = Open(options);
    EXPECT_EQ(Receive(*device, kNow), 1u);
    EXPECT_EQ(device->queue(0).NextEvent(), kNow + gap);
    EXPECT_EQ(Receive(*device, kNow + gap - Duration(1)), 0u);
    EXPECT_EQ(Receive(*device, kNow + gap), 1u);
    EXPECT_EQ(device->queue(0).NextEvent(), kNow + 2 * gap);
    EXPECT_EQ(Receive(*device, kNow + 10 * gap), 1u);
    EXPECT_EQ(device->queue(0).NextEvent(), kNever);
  }
}

TEST(Pcap, Repeats) {
  WriteFrames(3);
  EXPECT_EQ(Receive(*Open(",loop=5"), kNow), 15u);
  const auto device = Open(",loop=0");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Receive(*device, kNow), 64u);
}

TEST(Pcap, ATruncatedFileEndsWithACount) {
  WriteFrames(3, 7);
  const auto device = Open("");
  EXPECT_EQ(Receive(*device, kNow), 2u);
  EXPECT_EQ(device->queue(0).stats().rx_dropped, 1u);
  EXPECT_EQ(Receive(*device, kNow), 0u);
  EXPECT_EQ(device->queue(0).stats().rx_dropped, 1u);
}

TEST(Pcap, FramesOfTheWrongLengthAreDroppedAndCounted) {
  {
    InFile file;
    file.Add(MakeFrame(0, 60));
    file.Add(MakeFrame(1, 1519));
    file.Add(Frame(13, 0));
    file.Add(MakeFrame(2, 1514));
    file.Flush();
  }
  const auto device = Open("");
  EXPECT_EQ(Receive(*device, kNow), 2u);
  EXPECT_EQ(device->queue(0).stats().rx_dropped, 2u);
  EXPECT_EQ(Receive(*Open(",mtu=2000"), kNow), 3u);
}

TEST(Pcap, DamagedFramesForEverDoNotKeepTheCaller) {
  {
    InFile file;
    file.Add(Frame(13, 0));
    file.Flush();
  }
  const auto device = Open(",loop=0");
  EXPECT_EQ(Receive(*device, kNow), 0u);
  EXPECT_GT(device->queue(0).stats().rx_dropped, 0u);
}

TEST(Pcap, WritesWithoutReading) {
  {
    auto device = OpenDevice("pcap:,out=" + OutPath(), {.wall_offset = std::chrono::seconds(9)});
    ASSERT_TRUE(device.ok()) << device.status();
    EXPECT_EQ(Receive(**device, kNow), 0u);
    std::array<PacketBuf, 1> burst;
    ASSERT_EQ((*device)->queue(0).AllocateBurst(burst), 1u);
    const Frame frame = MakeFrame(1, 60);
    std::copy(frame.begin(), frame.end(), burst[0].Append(60));
    EXPECT_EQ((*device)->queue(0).TransmitBurst(kNow, burst), 1u);
  }
  EXPECT_EQ(Summary(FramesIn(OutPath())), Summary({MakeFrame(1, 60)}));
  const auto bytes = ReadFileBytes(OutPath());
  EXPECT_EQ(PcapReader::Open(*bytes, "")->Next()->time, std::chrono::seconds(10));
}

TEST(Pcap, ErrorsNameWhatIsWrong) {
  const auto error = [](const std::string& uri) {
    return std::string(OpenDevice(uri).status().message());
  };
  EXPECT_THAT(error("pcap:"), HasSubstr("names no file"));
  EXPECT_THAT(error("pcap:/nowhere/x"), AllOf(HasSubstr("\"/nowhere/x\""), HasSubstr("No such")));
  EXPECT_THAT(error("pcap:x,out=x"), HasSubstr("overwrite"));
  EXPECT_THAT(error("pcap:x,speed=-1"), HasSubstr("\"speed\" is \"-1\""));
  EXPECT_THAT(error("pcap:x,queues=2"), HasSubstr("\"queues\" is \"2\""));
  std::ofstream(InPath(), std::ios::binary | std::ios::trunc) << "this is no capture file at all";
  EXPECT_THAT(error("pcap:" + InPath()), HasSubstr("is no pcap file"));
}

}  // namespace
}  // namespace corelane::driver
