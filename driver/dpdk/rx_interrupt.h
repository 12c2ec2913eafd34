// RxInterrupt: what an idle worker sleeps on until a receive queue has a packet.
//
// There are two kinds. A NIC has an event of each queue that is armed, fires once, and is to be
// acknowledged: DPDK keeps it in an epoll instance, which is the descriptor here. (Untested on
// hardware; tested over virtio_user.) Of net_tap the descriptor is the one that packets are read
// from, readable as long as there are some: it needs no arming. Belongs to the queue's thread.

#ifndef CORELANE_DRIVER_DPDK_RX_INTERRUPT_H_
#define CORELANE_DRIVER_DPDK_RX_INTERRUPT_H_

#include <cstdint>
#include <optional>
#include <utility>

namespace corelane::driver::dpdk {

class RxInterrupt {
 public:
  // Of a started port with rx_interrupts. None: the queue has no interrupt.
  static std::optional<RxInterrupt> Open(uint16_t port, uint16_t queue);
  RxInterrupt(RxInterrupt&& other) noexcept
      : port_(other.port_),
        queue_(other.queue_),
        fd_(other.fd_),
        epoll_(std::exchange(other.epoll_, -1)),
        armed_(other.armed_) {}
  RxInterrupt& operator=(RxInterrupt&&) = delete;
  ~RxInterrupt();

  // Readable once something arrives after Arm(), or is there already at that time, where the
  // driver can tell: look once more after it.
  int fd() const { return fd_; }
  // False: it cannot be armed; don't sleep on it.
  bool Arm();
  // Before the queue is polled again. Does nothing unless it is armed.
  void Disarm() {
    if (armed_) [[unlikely]] {
      DisarmSlow();
    }
  }

 private:
  RxInterrupt(uint16_t port, uint16_t queue, int fd, int epoll)
      : port_(port), queue_(queue), fd_(fd), epoll_(epoll) {}
  void DisarmSlow();

  uint16_t port_;
  uint16_t queue_;
  int fd_;
  int epoll_;  // ours; -1: fd_ is the driver's own and needs no arming
  bool armed_ = false;
};

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_RX_INTERRUPT_H_
