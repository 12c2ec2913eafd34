// What the tests of DPDK's virtual devices share: how a device is opened, a fixture whose peer is
// the kernel, and how a test is run once more with hugepages.

#ifndef CORELANE_DRIVER_DPDK_CONFORMANCE_DEVICES_H_
#define CORELANE_DRIVER_DPDK_CONFORMANCE_DEVICES_H_

#include <memory>
#include <optional>
#include <string>

#include "driver/conformance.h"
#include "driver/device.h"
#include "driver/kernel_port.h"

namespace corelane::driver {

// Of a URI; a test failure and null where it does not open.
std::unique_ptr<Device> OpenTestDevice(const std::string& uri);

// A device that is one side of a kernel's interface; the test has the other.
class KernelFixture : public DeviceFixture {
 public:
  KernelFixture(const std::string& uri, const std::string& interface)
      : device_(OpenTestDevice(uri)), port_(std::make_unique<KernelPort>(interface)) {}

  Device& device() override { return *device_; }
  bool PeerSend(const Frame& frame) override { return port_->Send(frame); }
  std::optional<Frame> PeerReceive() override { return port_->Receive(); }
  void DestroyDevice() override { device_.reset(); }
  void DestroyPeer() override { port_.reset(); }
  bool can_be_full() const override { return false; }

 private:
  std::unique_ptr<Device> device_;
  std::unique_ptr<KernelPort> port_;
};

// Two interfaces joined by a wire, unless they are there.
void MakeVeth(const std::string& a, const std::string& b);

// Two sides agree on a wire in threads of the driver's own: whether the port of this name has a
// link, after a while at most.
bool LinkComesUp(const std::string& port);

// Call in main() before the tests run. With CORELANE_TEST_HUGEPAGES in the environment the
// program's EAL has its memory in hugepages; otherwise the first URI starts it. -1: go on. Where
// the machine has too few hugepages it prints that and returns the status for main() to return: a
// skip.
int UseHugepagesIfAsked();

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_DPDK_CONFORMANCE_DEVICES_H_
