// net_virtio_user and the vhost that it speaks to over a socket, both in this process.

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "core/bytes.h"
#include "core/checksum.h"
#include "driver/conformance.h"
#include "driver/dpdk/conformance_devices.h"
#include "driver/dpdk/test_socket.h"
#include "driver/dpdk/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;

class VirtioFixture final : public PeerDeviceFixture {
 public:
  VirtioFixture(std::unique_ptr<dpdk::TestSocket> socket, std::unique_ptr<Device> device,
                std::unique_ptr<Device> peer)
      : PeerDeviceFixture(std::move(device), std::move(peer)), socket_(std::move(socket)) {}
  ~VirtioFixture() override { DestroyDevice(); }

 private:
  std::unique_ptr<dpdk::TestSocket> socket_;
};

// Without a fixture.
struct TwoDevices {
  TwoDevices() {
    std::signal(SIGPIPE, SIG_IGN);
    vhost = OpenTestDevice(Cat("dpdk:net_vhost0,iface=", socket.path()));
    virtio = OpenTestDevice(Cat("dpdk:net_virtio_user0,path=", socket.path()));
    EXPECT_TRUE(LinkComesUp("net_vhost0"));
  }
  ~TwoDevices() { virtio.reset(); }

  dpdk::TestSocket socket;
  std::unique_ptr<Device> vhost;
  std::unique_ptr<Device> virtio;
};

// Null: nothing comes.
PacketBuf ReceiveOne(Device& device) {
  std::array<PacketBuf, 1> burst;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (device.queue(0).ReceiveBurst(Instant(), burst) == 0) {
    if (std::chrono::steady_clock::now() > deadline) break;
  }
  return std::move(burst[0]);
}

std::unique_ptr<DeviceFixture> MakeVirtio(const ConformanceOptions& options) {
  auto socket = std::make_unique<dpdk::TestSocket>();
  const std::string pool = Cat(",pool=", options.pool_packets);
  // The driver writes to the other side when that is gone already.
  std::signal(SIGPIPE, SIG_IGN);
  auto vhost = OpenTestDevice(Cat("dpdk:net_vhost0,iface=", socket->path(), pool));
  auto virtio = OpenTestDevice(Cat("dpdk:net_virtio_user0,path=", socket->path(), pool));
  EXPECT_TRUE(LinkComesUp("net_vhost0"));
  return std::make_unique<VirtioFixture>(std::move(socket), std::move(virtio), std::move(vhost));
}

// An IPv4 frame with a TCP segment, whose checksum is only begun: RFC 9293 §3.1's pseudo-header.
PacketBuf Partial(Device& device) {
  constexpr uint16_t kTcpLength = 20 + 100;
  std::array<PacketBuf, 1> burst;
  EXPECT_EQ(device.queue(0).AllocateBurst(burst), 1u);
  PacketBuf packet = std::move(burst[0]);
  uint8_t* const frame = packet.Append(34 + kTcpLength);
  std::iota(frame, frame + 34 + kTcpLength, uint8_t{1});
  StoreBe16(frame + 12, 0x0800);
  frame[14] = 0x45;
  StoreBe16(frame + 16, 20 + kTcpLength);
  StoreBe16(frame + 20, 0x4000);
  frame[23] = 6;
  StoreBe16(frame + 24, 0);
  const uint16_t ip = static_cast<uint16_t>(~SumBytes({frame + 14, 20}).raw());
  std::memcpy(frame + 24, &ip, sizeof ip);
  frame[46] = 0x50;
  const uint16_t pseudo =
      (SumBytes({frame + 26, 8}) + Sum16::OfWord(6) + Sum16::OfWord(kTcpLength)).raw();
  std::memcpy(frame + 50, &pseudo, sizeof pseudo);
  packet->l3_offset = 14;
  packet->l4_offset = 34;
  packet->payload_offset = 54;
  packet->l4_protocol = 6;
  packet->l4_checksum = ChecksumState::kPartial;
  return packet;
}

// Between two machines on one host nobody computes checksums: they say so to each other.
TEST(NetVirtio, FramesComeWithoutTheirChecksumsAndAreGood) {
  const TwoDevices wire;
  for (const auto& [from, to] : {std::pair(wire.vhost.get(), wire.virtio.get()),
                                 std::pair(wire.virtio.get(), wire.vhost.get())}) {
    SCOPED_TRACE(from->info().name);
    ASSERT_TRUE(from->info().capabilities.tx_checksum_l4);
    ASSERT_TRUE(to->info().capabilities.rx_checksum);
    PacketBuf sent = Partial(*from);
    const Frame frame = FrameOf(sent);
    ASSERT_EQ(from->queue(0).TransmitBurst(Instant(), {&sent, 1}), 1u);
    const PacketBuf received = ReceiveOne(*to);
    ASSERT_TRUE(received);
    EXPECT_EQ(FrameOf(received), frame);
    EXPECT_EQ(received->l4_checksum, ChecksumState::kGood);
    EXPECT_EQ(received->l3_checksum, ChecksumState::kNone);
  }
}

// As the stack does it: a tag is left to a device that says that it inserts them.
void Tag(PacketBuf& packet, const Device& device) {
  if (device.info().capabilities.vlan_insert) {
    packet->flags |= PacketHead::kHasVlan;
    packet->vlan_tci = 7;
    return;
  }
  uint8_t* const frame = packet.Prepend(4);
  std::memmove(frame, frame + 4, 12);
  StoreBe16(frame + 12, 0x8100);
  StoreBe16(frame + 14, 7);
}

// What a full ring refuses goes out later, as it was.
TEST(NetVirtio, ATaggedFrameIsTaggedOnce) {
  const TwoDevices wire;
  DeviceQueue& queue = wire.virtio->queue(0);
  const Frame frame = MakeFrame(1, 100);
  std::array<PacketBuf, 8> burst;
  size_t taken = burst.size();
  while (taken == burst.size()) {
    ASSERT_EQ(queue.AllocateBurst(burst), burst.size());
    for (PacketBuf& packet : burst) {
      std::copy(frame.begin(), frame.end(), packet.Append(frame.size()));
      Tag(packet, *wire.virtio);
    }
    taken = queue.TransmitBurst(Instant(), burst);
  }
  while (taken < burst.size()) {
    const PacketBuf received = ReceiveOne(*wire.vhost);
    ASSERT_TRUE(received);
    taken += queue.TransmitBurst(Instant(), std::span(burst).subspan(taken));
  }
  Frame tagged = frame;
  const std::array<uint8_t, 4> tag = {0x81, 0x00, 0, 7};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  const uint64_t left = queue.stats().tx_packets - wire.vhost->queue(0).stats().rx_packets;
  for (uint64_t i = 0; i < left; ++i) {
    const PacketBuf received = ReceiveOne(*wire.vhost);
    ASSERT_TRUE(received);
    Frame whole = FrameOf(received);
    if ((received->flags & PacketHead::kHasVlan) != 0) {
      EXPECT_EQ(received->vlan_tci, 7);
      whole.insert(whole.begin() + 12, tag.begin(), tag.end());
    }
    ASSERT_EQ(whole, tagged) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Dpdk, DeviceConformance,
                         ::testing::Values(ConformanceCase{"net_virtio_user", &MakeVirtio}),
                         ConformanceName());

}  // namespace
}  // namespace corelane::driver

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (const int status = corelane::driver::UseHugepagesIfAsked(); status >= 0) return status;
  return RUN_ALL_TESTS();
}
