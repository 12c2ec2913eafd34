// net_memif: a wire between two processes. This program is both: main() is the test, or, with
// --peer, what the test starts to be its other end, which does what it is told over a socket.

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "driver/conformance.h"
#include "driver/dpdk/conformance_devices.h"
#include "driver/dpdk/test_socket.h"
#include "driver/dpdk/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace corelane::driver {
namespace {

using dpdk::Cat;

// Messages: a letter, and a frame where there is one.
enum : uint8_t { kReady = 'r', kSend = 's', kReceive = 'g', kYes = 'y', kNo = 'n' };

void Tell(int fd, uint8_t what, const Frame& frame = {}) {
  Frame message = frame;
  message.insert(message.begin(), what);
  // A peer that is gone is found out when it is asked.
  std::ignore = send(fd, message.data(), message.size(), MSG_NOSIGNAL);
}

std::optional<std::pair<uint8_t, Frame>> Hear(int fd) {
  Frame message(4096);
  const ssize_t n = recv(fd, message.data(), message.size(), 0);
  if (n <= 0) return std::nullopt;
  return std::pair(message[0], Frame(message.begin() + 1, message.begin() + n));
}

[[noreturn]] void RunPeer(const std::string& uri, int fd) {
  const std::unique_ptr<Device> device = OpenTestDevice(uri);
  if (device == nullptr) std::_Exit(1);
  DeviceQueue& queue = device->queue(0);
  Tell(fd, kReady);
  while (const auto message = Hear(fd)) {
    std::array<PacketBuf, 1> burst;
    if (message->first == kSend) {
      if (queue.AllocateBurst(burst) == 1) {
        const Frame& frame = message->second;
        std::copy(frame.begin(), frame.end(), burst[0].Append(frame.size()));
      }
      Tell(fd, burst[0] && queue.TransmitBurst(Instant(), burst) == 1 ? kYes : kNo);
    } else if (queue.ReceiveBurst(Instant(), burst) == 1) {
      Tell(fd, kYes, FrameOf(burst[0]));
    } else {
      Tell(fd, kNo);
    }
  }
  std::_Exit(0);  // as it is: the listener does not end well
}

// The process at the other end.
class Peer {
 public:
  explicit Peer(const std::string& uri) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    fd_ = fds[0];
    pid_ = fork();
    if (pid_ == 0) {
      close(fds[0]);
      const std::string fd = Cat(fds[1]);
      execl("/proc/self/exe", "memif_test", "--peer", uri.c_str(), fd.c_str(), nullptr);
      _exit(127);
    }
    close(fds[1]);
    const auto ready = Hear(fd_);
    EXPECT_TRUE(ready && ready->first == kReady);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    close(fd_);  // which ends it
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    EXPECT_EQ(status, 0);
  }

  std::optional<Frame> Ask(uint8_t what, const Frame& frame = {}) {
    Tell(fd_, what, frame);
    auto answer = Hear(fd_);
    if (!answer || answer->first != kYes) return std::nullopt;
    return std::move(answer->second);
  }

 private:
  int fd_;
  pid_t pid_;
};

// The peer listens: memif's listener cannot be ended within a process.
class MemifFixture final : public DeviceFixture {
 public:
  explicit MemifFixture(const ConformanceOptions& options)
      : peer_(std::make_unique<Peer>(Uri("net_memif0,role=server", options))),
        device_(OpenTestDevice(Uri("net_memif1,role=client", options))) {
    EXPECT_TRUE(LinkComesUp("net_memif1"));
    // The client's first look gives the other side room to send.
    std::array<PacketBuf, 1> burst;
    EXPECT_EQ(device_->queue(0).ReceiveBurst(now(), burst), 0u);
  }

  Device& device() override { return *device_; }
  bool PeerSend(const Frame& frame) override { return peer_->Ask(kSend, frame).has_value(); }
  std::optional<Frame> PeerReceive() override { return peer_->Ask(kReceive); }
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override { peer_.reset(); }
  bool outlives_peer() const override { return false; }

 private:
  std::string Uri(std::string_view device, const ConformanceOptions& options) const {
    int log_size = 0;
    while (1u << log_size < options.depth) ++log_size;
    return Cat("dpdk:", device, ",id=0,socket=", socket_.path(), ",rsize=", log_size,
               ",pool=", options.pool_packets);
  }

  dpdk::TestSocket socket_;
  std::unique_ptr<Peer> peer_;
  std::unique_ptr<Device> device_;
};

std::unique_ptr<DeviceFixture> MakeMemif(const ConformanceOptions& options) {
  return std::make_unique<MemifFixture>(options);
}

INSTANTIATE_TEST_SUITE_P(Dpdk, DeviceConformance,
                         ::testing::Values(ConformanceCase{"net_memif", &MakeMemif}),
                         ConformanceName());

}  // namespace
}  // namespace corelane::driver

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--peer") {
    corelane::driver::RunPeer(argv[2], std::atoi(argv[3]));
  }
  testing::InitGoogleMock(&argc, argv);
  if (const int status = corelane::driver::UseHugepagesIfAsked(); status >= 0) return status;
  return RUN_ALL_TESTS();
}
