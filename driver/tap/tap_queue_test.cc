// A TAP queue over a pair of local sockets that keep message boundaries, as a TAP descriptor does:
// what the kernel's network never does on demand (being full, sending 64 KB) can be had here.

#include "driver/tap/tap_queue.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "driver/conformance.h"
#include "driver/tap/vnet_header.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using internal::TapQueue;
using internal::TapQueueOptions;
using internal::VnetHeader;

constexpr Instant kNow{std::chrono::seconds(1)};

class SocketDevice final : public Device {
 public:
  SocketDevice(int fd, const TapQueueOptions& options)
      : info_(MakeInfo(options)), queue_(fd, info_, options) {}
  const DeviceInfo& info() const override { return info_; }
  DeviceQueue& queue(size_t) override { return queue_; }

 private:
  static DeviceInfo MakeInfo(const TapQueueOptions& options) {
    DeviceInfo info;
    info.name = "tap:socket";
    info.mac = MacAddress(2, 0, 0, 0, 0, 2);
    info.capabilities.max_tx_segments = TapQueue::kMaxTxSegments;
    info.capabilities.tso = options.vnet_header;
    info.capabilities.max_tso_size = options.vnet_header ? 65000 : 0;
    return info;
  }

  DeviceInfo info_;
  TapQueue queue_;
};

// The kernel's side.
class SocketFixture final : public DeviceFixture {
 public:
  explicit SocketFixture(const TapQueueOptions& options) : vnet_header_(options.vnet_header) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    const int large = 1 << 20;
    for (const int fd : fds) {
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
    }
    peer_ = fds[1];
    device_ = std::make_unique<SocketDevice>(fds[0], options);
  }
  ~SocketFixture() override { DestroyPeer(); }

  Device& device() override { return *device_; }
  bool PeerSend(const Frame& frame) override { return PeerSendWith({}, frame); }
  bool PeerSendWith(const VnetHeader& header, const Frame& frame) {
    Frame bytes(vnet_header_ ? sizeof(header) : 0);
    if (vnet_header_) std::memcpy(bytes.data(), &header, sizeof(header));
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    return send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  std::optional<Frame> PeerReceive() override {
    Frame bytes(70000);
    const ssize_t n = recv(peer_, bytes.data(), bytes.size(), 0);
    if (n <= 0) return std::nullopt;
    bytes.resize(static_cast<size_t>(n));
    if (vnet_header_) {
      std::memcpy(&last_header_, bytes.data(), sizeof(last_header_));
      bytes.erase(bytes.begin(), bytes.begin() + sizeof(last_header_));
    }
    return bytes;
  }
  const VnetHeader& last_header() const { return last_header_; }
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override {
    if (peer_ < 0) return;
    // A socket that closes with unread messages resets the other one, unlike a TAP interface.
    while (PeerReceive()) continue;
    close(std::exchange(peer_, -1));
  }

 private:
  bool vnet_header_;
  int peer_ = -1;
  VnetHeader last_header_;
  std::unique_ptr<Device> device_;
};

TapQueueOptions Options(uint32_t pool_packets, bool offload) {
  return {.pool_packets = pool_packets, .vnet_header = offload, .large_frames = offload};
}

INSTANTIATE_TEST_SUITE_P(TapQueue, DeviceConformance,
                         testing::Values(ConformanceCase{"Plain",
                                                         [](const auto& o) {
                                                           return std::make_unique<SocketFixture>(
                                                               Options(o.pool_packets, false));
                                                         }},
                                         ConformanceCase{"Offload",
                                                         [](const auto& o) {
                                                           return std::make_unique<SocketFixture>(
                                                               Options(o.pool_packets, true));
                                                         }}),
                         ConformanceName());

Frame TcpFrame(size_t payload) {
  Frame frame(14 + 20 + 20 + payload);
  for (size_t i = 54; i < frame.size(); ++i) frame[i] = static_cast<uint8_t>(i * 31);
  StoreBe16(&frame[12], 0x0800);
  frame[14] = 0x45;
  frame[14 + 20 + 12] = 0x50;
  return frame;
}

TEST(TapQueueOffload, LargeFramesComeAsChains) {
  SocketFixture fixture(Options(512, true));
  const VnetHeader header{.flags = VnetHeader::kNeedsChecksum,
                          .gso_type = VnetHeader::kGsoTcpV4,
                          .hdr_len = 54,
                          .gso_size = 1460,
                          .csum_start = 34,
                          .csum_offset = 16};
  for (const size_t payload : {size_t{1461}, size_t{20000}, size_t{65495}}) {
    const Frame frame = TcpFrame(payload);
    ASSERT_TRUE(fixture.PeerSendWith(header, frame));
    std::array<PacketBuf, 2> burst;
    ASSERT_EQ(fixture.device().queue(0).ReceiveBurst(kNow, burst), 1u);
    EXPECT_EQ(FrameOf(burst[0]), frame);
    EXPECT_EQ(burst[0]->segment_size, 1460);
    EXPECT_EQ(burst[0]->segment_count, (payload + 1459) / 1460);
    EXPECT_EQ(burst[0]->l4_checksum, ChecksumState::kGood);
  }
}

TEST(TapQueueOffload, LargePacketsGoInOnePiece) {
  SocketFixture fixture(Options(512, true));
  DeviceQueue& queue = fixture.device().queue(0);
  const Frame frame = TcpFrame(30000);
  std::array<PacketBuf, 1> burst;
  ASSERT_EQ(queue.AllocateBurst(burst), 1u);
  PacketBuf packet = PacketFromBytes(frame, *burst[0]->pool);
  packet->l3_offset = 14;
  packet->l4_offset = 34;
  packet->payload_offset = 54;
  packet->l4_protocol = 6;
  packet->segment_size = 1460;
  packet->l3_checksum = packet->l4_checksum = ChecksumState::kPartial;
  burst[0] = std::move(packet);
  ASSERT_EQ(queue.TransmitBurst(kNow, burst), 1u);
  std::optional<Frame> received = fixture.PeerReceive();
  ASSERT_TRUE(received.has_value());
  Frame expected = frame;
  std::copy_n(received->begin() + 24, 2, expected.begin() + 24);  // the header's checksum
  EXPECT_EQ(*received, expected);
  EXPECT_EQ(fixture.last_header().flags, VnetHeader::kNeedsChecksum);
  EXPECT_EQ(fixture.last_header().gso_type, VnetHeader::kGsoTcpV4);
  EXPECT_EQ(fixture.last_header().gso_size, 1460);
}

TEST(TapQueueOffload, WhatCannotBeAFrameIsDroppedAndCounted) {
  SocketFixture fixture(Options(512, true));
  DeviceQueue& queue = fixture.device().queue(0);
  ASSERT_TRUE(fixture.PeerSendWith({}, Frame(13, 0)));
  ASSERT_TRUE(fixture.PeerSendWith({.gso_type = 3}, TcpFrame(100)));
  ASSERT_TRUE(fixture.PeerSend(MakeFrame(1, 60)));
  std::array<PacketBuf, 4> burst;
  EXPECT_EQ(queue.ReceiveBurst(kNow, burst), 1u);
  EXPECT_EQ(FrameOf(burst[0]), MakeFrame(1, 60));
  EXPECT_EQ(queue.stats().rx_dropped, 2u);
}

}  // namespace
}  // namespace corelane::driver
