#include "driver/kernel_port.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace corelane::driver {

KernelPort::KernelPort(const std::string& interface)
    : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << interface;
  const int large = 1 << 22;
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof(large));
}

KernelPort::~KernelPort() { close(fd_); }

bool KernelPort::Send(const Frame& frame) {
  return send(fd_, frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
}

std::optional<Frame> KernelPort::Receive() {
  while (true) {
    Frame frame(70000);
    sockaddr_ll from{};
    socklen_t length = sizeof(from);
    const ssize_t n =
        recvfrom(fd_, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (n < 0) return std::nullopt;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    frame.resize(static_cast<size_t>(n));
    return frame;
  }
}

}  // namespace corelane::driver
