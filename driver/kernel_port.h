// KernelPort: how a test speaks with a device through an interface of the kernel.

#ifndef CORELANE_DRIVER_KERNEL_PORT_H_
#define CORELANE_DRIVER_KERNEL_PORT_H_

#include <optional>
#include <string>

#include "driver/conformance.h"

namespace corelane::driver {

// A packet socket on an interface: what it sends the interface's other side receives.
class KernelPort {
 public:
  explicit KernelPort(const std::string& interface);
  ~KernelPort();
  KernelPort(const KernelPort&) = delete;
  KernelPort& operator=(const KernelPort&) = delete;

  bool Send(const Frame& frame);
  // The next frame that came to the interface; never one that left by it.
  std::optional<Frame> Receive();

 private:
  int fd_;
};

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_KERNEL_PORT_H_
