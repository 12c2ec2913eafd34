// Non-blocking sockets of Linux and epoll, for the programs of `served`.

#ifndef CORELANE_BENCH_KERNEL_SOCKET_H_
#define CORELANE_BENCH_KERNEL_SOCKET_H_

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "core/check.h"

namespace corelane::bench {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

inline Fd TcpSocketFd() {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  CL_CHECK(fd.get() >= 0);
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

class Epoll {
 public:
  Epoll() : fd_(epoll_create1(EPOLL_CLOEXEC)) { CL_CHECK(fd_.get() >= 0); }
  void Add(int fd, uint32_t events, uint64_t data) { Control(EPOLL_CTL_ADD, fd, events, data); }
  void Change(int fd, uint32_t events, uint64_t data) { Control(EPOLL_CTL_MOD, fd, events, data); }
  // Up to `n` events; how many there are.
  int Wait(epoll_event* events, int n, int timeout_ms) {
    const int got = epoll_wait(fd_.get(), events, n, timeout_ms);
    return got > 0 ? got : 0;
  }

 private:
  void Control(int what, int fd, uint32_t events, uint64_t data) {
    epoll_event event{.events = events, .data = {.u64 = data}};
    CL_CHECK(epoll_ctl(fd_.get(), what, fd, &event) == 0);
  }
  Fd fd_;
};

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_KERNEL_SOCKET_H_
