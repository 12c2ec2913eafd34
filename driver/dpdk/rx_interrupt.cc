#include "driver/dpdk/rx_interrupt.h"

#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

namespace corelane::driver::dpdk {

std::optional<RxInterrupt> RxInterrupt::Open(uint16_t port, uint16_t queue) {
  const int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port, queue);
  if (fd < 0) return std::nullopt;
  const int armed = rte_eth_dev_rx_intr_enable(port, queue);
  if (armed == -ENOTSUP) return RxInterrupt(port, queue, fd, -1);
  if (armed != 0) return std::nullopt;
  rte_eth_dev_rx_intr_disable(port, queue);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return std::nullopt;
  if (rte_eth_dev_rx_intr_ctl_q(port, queue, epoll, RTE_INTR_EVENT_ADD, nullptr) != 0) {
    close(epoll);
    return std::nullopt;
  }
  return RxInterrupt(port, queue, epoll, epoll);
}

RxInterrupt::~RxInterrupt() {
  if (epoll_ < 0) return;
  Disarm();
  rte_eth_dev_rx_intr_ctl_q(port_, queue_, epoll_, RTE_INTR_EVENT_DEL, nullptr);
  close(epoll_);
}

bool RxInterrupt::Arm() {
  if (epoll_ < 0 || armed_) return true;
  armed_ = rte_eth_dev_rx_intr_enable(port_, queue_) == 0;
  return armed_;
}

void RxInterrupt::DisarmSlow() {
  armed_ = false;
  rte_eth_dev_rx_intr_disable(port_, queue_);
  // Acknowledges what has fired, as each driver wants it.
  rte_epoll_event event;
  rte_epoll_wait(epoll_, &event, 1, 0);
}

}  // namespace corelane::driver::dpdk
