// usage: served_kernel: the server of `served` on Linux's sockets: one thread, epoll. Ends with its
// parent. See bench/served.py.

#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <unordered_map>
#include <vector>

#include "bench/kernel_socket.h"
#include "bench/peer_protocol.h"

namespace corelane::bench {
namespace {

class Server {
 public:
  void Listen(uint16_t port) {
    Fd fd = TcpSocketFd();
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    CL_CHECK(bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    CL_CHECK(listen(fd.get(), 4096) == 0);
    epoll_.Add(fd.get(), EPOLLIN, static_cast<uint64_t>(fd.get()));
    listeners_.emplace(fd.get(), port);
    fds_.emplace(fd.get(), std::move(fd));
  }

  void Run() {
    epoll_event events[64];
    for (;;) {
      const int n = epoll_.Wait(events, 64, -1);
      for (int i = 0; i < n; ++i) {
        const int fd = static_cast<int>(events[i].data.u64);
        if (const auto listener = listeners_.find(fd); listener != listeners_.end()) {
          Accept(fd, listener->second);
        } else if (!Serve(fd, ports_[fd])) {
          ports_.erase(fd);
          fds_.erase(fd);
        }
      }
    }
  }

 private:
  void Accept(int listener, uint16_t port) {
    for (;;) {
      Fd fd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.get() < 0) return;
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const bool source = port == kSourcePort;
      epoll_.Add(fd.get(), source ? EPOLLOUT : EPOLLIN, static_cast<uint64_t>(fd.get()));
      ports_[fd.get()] = port;
      fds_.emplace(fd.get(), std::move(fd));
    }
  }

  // False: the connection is done with.
  bool Serve(int fd, uint16_t port) {
    if (port == kSourcePort) {
      return send(fd, buffer_.data(), buffer_.size(), MSG_NOSIGNAL) > 0 || errno == EAGAIN;
    }
    const size_t most = port == kSinkPort ? buffer_.size() : 2048;
    const ssize_t n = recv(fd, buffer_.data(), most, 0);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    if (port == kSinkPort) return true;
    // Answers are small: a socket that has no room for one has a peer that does not read.
    return send(fd, buffer_.data(), static_cast<size_t>(n), MSG_NOSIGNAL) == n && port == kEchoPort;
  }

  Epoll epoll_;
  std::unordered_map<int, Fd> fds_;
  std::unordered_map<int, uint16_t> listeners_;
  std::unordered_map<int, uint16_t> ports_;
  std::vector<char> buffer_ = std::vector<char>(kServedChunk);
};

}  // namespace
}  // namespace corelane::bench

int main() {
  using namespace corelane::bench;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Server server;
  for (const uint16_t port : {kSinkPort, kEchoPort, kAnswerPort, kSourcePort}) server.Listen(port);
  std::puts("ready");
  std::fflush(stdout);
  server.Run();
}
