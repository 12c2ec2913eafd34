// The tap device against the kernel, in a user and network namespace of its own: main() starts this
// program again inside of one.

#include "driver/tap/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/ip_address.h"
#include "driver/conformance.h"
#include "driver/kernel_port.h"
#include "driver/tap/test_namespace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr Instant kNow{std::chrono::seconds(1)};

class TapFixture final : public DeviceFixture {
 public:
  TapFixture(const ConformanceOptions& options, bool offload)
      : device_(*MakeTapDevice(
            {.name = "conform0", .offload = offload, .pool_packets = options.pool_packets})),
        port_(std::make_unique<KernelPort>("conform0")) {}

  Device& device() override { return *device_; }
  bool PeerSend(const Frame& frame) override { return port_->Send(frame); }
  std::optional<Frame> PeerReceive() override { return port_->Receive(); }
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override { port_.reset(); }
  // The kernel takes a frame or drops it, but never asks to wait.
  bool can_be_full() const override { return false; }

 private:
  std::unique_ptr<Device> device_;
  std::unique_ptr<KernelPort> port_;
};

INSTANTIATE_TEST_SUITE_P(
    Tap, DeviceConformance,
    testing::Values(
        ConformanceCase{"Plain",
                        [](const auto& o) { return std::make_unique<TapFixture>(o, false); }},
        ConformanceCase{"Offload",
                        [](const auto& o) { return std::make_unique<TapFixture>(o, true); }}),
    ConformanceName());

ifreq Ask(const std::string& name, unsigned long what) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(ioctl(fd, what, &request), 0) << std::strerror(errno);
  close(fd);
  return request;
}

TEST(Tap, BringsTheInterfaceUpWithTheMtu) {
  const auto device = OpenDevice("tap:t0,mtu=1400,queues=2");
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ((*device)->info().queues, 2);
  EXPECT_EQ((*device)->info().mtu, 1400);
  EXPECT_EQ((*device)->info().name, "tap:t0");
  EXPECT_EQ(Ask("t0", SIOCGIFMTU).ifr_mtu, 1400);
  EXPECT_NE(Ask("t0", SIOCGIFFLAGS).ifr_flags & IFF_UP, 0);
}

TEST(Tap, TheStackHasAnAddressOfItsOwn) {
  const auto mac_of = [](const char* uri) {
    const auto device = OpenDevice(uri);
    EXPECT_TRUE(device.ok()) << device.status();
    const ifreq kernel = Ask("t0", SIOCGIFHWADDR);
    EXPECT_NE((*device)->info().mac,
              MacAddress::FromBytes(reinterpret_cast<const uint8_t*>(kernel.ifr_hwaddr.sa_data)));
    return (*device)->info().mac;
  };
  EXPECT_EQ(mac_of("tap:t0"), mac_of("tap:t0,queues=2"));
  EXPECT_EQ(mac_of("tap:t0,mac=02:00:00:00:00:77"), MacAddress(2, 0, 0, 0, 0, 0x77));
}

TEST(Tap, GoesWithItsDeviceUnlessItPersists) {
  ASSERT_TRUE(OpenDevice("tap:t1").ok());
  EXPECT_EQ(if_nametoindex("t1"), 0u);
  ASSERT_TRUE(OpenDevice("tap:t1,persist=1").ok());
  EXPECT_NE(if_nametoindex("t1"), 0u);
  EXPECT_TRUE(OpenDevice("tap:t1").ok());  // taken over
}

TEST(Tap, ErrorsNameWhatIsWrong) {
  const auto error = [](const std::string& uri) {
    const auto device = OpenDevice(uri);
    return device.ok() ? "no error" : std::string(device.status().message());
  };
  EXPECT_THAT(error("tap:"), HasSubstr("names no interface"));
  EXPECT_THAT(error("tap:a2345678901234567"),
              AllOf(HasSubstr("17 bytes"), HasSubstr("at most 15")));
  EXPECT_THAT(error("tap:a/b"), HasSubstr("is no name for an interface"));
  EXPECT_THAT(error("tap:tap%d"), HasSubstr("is no name for an interface"));
  EXPECT_THAT(error("tap:t0,queues=257"), HasSubstr("\"queues\" is \"257\""));
  EXPECT_THAT(error("tap:lo"), AllOf(HasSubstr("\"tap:lo\""), HasSubstr("no TAP interface")));
  const auto first = OpenDevice("tap:t2");
  EXPECT_THAT(error("tap:t2"), AllOf(HasSubstr("\"tap:t2\""), HasSubstr("in use")));
}

// Who may not make interfaces is told what would help.
TEST(Tap, WithoutPermissionTheErrorSaysWhatWouldHelp) {
  int result[2];
  ASSERT_EQ(pipe(result), 0);
  const pid_t child = fork();
  if (child == 0) {
    // Any other user has lost its capabilities.
    std::string message = "setresuid failed";
    if (DropCapabilities()) message = std::string(OpenDevice("tap:t3").status().message());
    [[maybe_unused]] const ssize_t n = write(result[1], message.data(), message.size());
    _exit(0);
  }
  close(result[1]);
  char buffer[512] = {};
  EXPECT_GT(read(result[0], buffer, sizeof(buffer) - 1), 0);
  close(result[0]);
  waitpid(child, nullptr, 0);
  EXPECT_THAT(buffer, AllOf(HasSubstr("\"tap:t3\""), HasSubstr("unshare --user")));
}

// --- IPv4 and UDP with the kernel, by hand ---

constexpr uint32_t kKernelIp = 0x0a090001;
constexpr uint32_t kOurIp = 0x0a090002;

void SetAddress(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  address->sin_family = AF_INET;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  address->sin_addr.s_addr = htonl(kKernelIp);
  EXPECT_EQ(ioctl(fd, SIOCSIFADDR, &request), 0);
  address->sin_addr.s_addr = htonl(0xffffff00);
  EXPECT_EQ(ioctl(fd, SIOCSIFNETMASK, &request), 0);
  close(fd);
}

// A UDP frame to the kernel whose checksum holds the pseudo-header's sum only.
PacketBuf UdpPacket(Device& device, const MacAddress& kernel, std::string_view payload) {
  std::array<PacketBuf, 1> burst;
  EXPECT_EQ(device.queue(0).AllocateBurst(burst), 1u);
  PacketBuf packet = std::move(burst[0]);
  const auto udp_length = static_cast<uint16_t>(8 + payload.size());
  uint8_t* eth = packet.Append(14 + 20 + udp_length);
  std::fill_n(eth, packet.size(), uint8_t{0});
  kernel.CopyTo(eth);
  device.info().mac.CopyTo(eth + 6);
  StoreBe16(eth + 12, 0x0800);
  uint8_t* ip = eth + 14;
  ip[0] = 0x45;
  StoreBe16(ip + 2, static_cast<uint16_t>(20 + udp_length));
  ip[8] = 64;
  ip[9] = 17;
  StoreBe32(ip + 12, kOurIp);
  StoreBe32(ip + 16, kKernelIp);
  SumBytes({ip, 20}).StoreComplement(ip + 10);
  uint8_t* udp = ip + 20;
  StoreBe16(udp, 5000);
  StoreBe16(udp + 2, 7000);
  StoreBe16(udp + 4, udp_length);
  const Sum16 sum = PseudoHeaderSum(Ipv4Address(kOurIp), Ipv4Address(kKernelIp), 17, udp_length);
  const uint16_t raw = sum.raw();
  std::memcpy(udp + 6, &raw, 2);
  std::copy(payload.begin(), payload.end(), udp + 8);
  packet->l3_offset = 14;
  packet->l4_offset = 34;
  packet->payload_offset = 42;
  packet->l4_protocol = 17;
  packet->l4_checksum = ChecksumState::kPartial;
  return packet;
}

TEST(TapOffload, TheKernelCompletesAndTrustsChecksums) {
  auto device = OpenDevice("tap:t4,offload=1");
  ASSERT_TRUE(device.ok()) << device.status();
  const Capabilities& has = (*device)->info().capabilities;
  if (!has.tx_checksum_l4) return;  // a kernel without virtio-net headers
  EXPECT_TRUE(has.tso && has.lro && has.rx_checksum);
  SetAddress("t4");
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(7000);
  ASSERT_EQ(bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const ifreq hardware = Ask("t4", SIOCGIFHWADDR);
  const auto kernel =
      MacAddress::FromBytes(reinterpret_cast<const uint8_t*>(hardware.ifr_hwaddr.sa_data));

  std::array<PacketBuf, 1> burst{UdpPacket(**device, kernel, "hello, kernel")};
  ASSERT_EQ((*device)->queue(0).TransmitBurst(kNow, burst), 1u);
  EXPECT_EQ((*device)->queue(0).stats().tx_packets, 1u);
  pollfd ready{.fd = socket_fd, .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&ready, 1, 10000), 1);
  char text[64] = {};
  sockaddr_in from{};
  socklen_t length = sizeof(from);
  EXPECT_EQ(recvfrom(socket_fd, text, sizeof(text), 0, reinterpret_cast<sockaddr*>(&from), &length),
            13);
  EXPECT_STREQ(text, "hello, kernel");

  // Its answer follows the question of who has our address: both come unasked-for checksums done.
  EXPECT_EQ(sendto(socket_fd, "back", 4, 0, reinterpret_cast<sockaddr*>(&from), length), 4);
  bool asked = false;
  while (!asked) {
    const std::optional<WakeSource> wake = (*device)->queue(0).ArmWake();
    ASSERT_TRUE(wake.has_value());
    pollfd readable{.fd = wake->fd, .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&readable, 1, 10000), 1);
    while ((*device)->queue(0).ReceiveBurst(kNow, burst) == 1) {
      if (LoadBe16(burst[0].data() + 12) == 0x0806) asked = true;
      burst[0].Reset();
    }
  }
  close(socket_fd);
}

}  // namespace
}  // namespace corelane::driver

int main(int argc, char** argv) {
  if (const int status = corelane::driver::EnterTestNamespace(argc, argv); status >= 0) {
    return status;
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
