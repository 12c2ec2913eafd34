// net_virtio: a virtual machine's NIC, on its PCI bus (untested on hardware), and the same device
// in user space, net_virtio_user, whose other side is a vhost: the kernel's or a process's.

#include "driver/dpdk/pmd.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

constexpr PciId kIds[] = {{0x1af4, 0x1000}, {0x1af4, 0x1041}};

absl::StatusOr<std::vector<DeviceOption>> UserArguments(const PmdRequest& request) {
  std::vector<DeviceOption> options = request.options;
  if (!HasOption(options, "path")) {
    return absl::InvalidArgumentError(Cat("dpdk:", request.name,
                                          ": path: missing: expected a vhost, path=/dev/vhost-net "
                                          "or the socket of a process"));
  }
  AddOption(options, "queues", Cat(request.queues));
  if (request.mac) AddOption(options, "mac", request.mac->ToString());
  // Without a control queue the other side serves one queue only.
  if (request.queues > 1) AddOption(options, "cq", "1");
  return options;
}

const RegisterPmd kPci({.driver = "net_virtio",
                        .usage = "PCI-ADDRESS[,vectorized=0]: virtio",
                        .max_queues = 8,
                        .rx_interrupts = true,
                        .pci = kIds,
                        .needs = "is it bound to vfio-pci or uio_pci_generic?"});

// No receive interrupts: with them DPDK 22.11's driver now and then touches a port that is closed.
Pmd User(std::string_view driver) {
  return {.driver = driver,
          .usage = "net_virtio_userN,path=PATH[,queue_size=256][,packed_vq=0][,server=0]",
          .arguments = &UserArguments,
          .max_queues = 8,
          .mac_is_argument = true};
}
const RegisterPmd kUser(User("net_virtio_user"));
const RegisterPmd kShort(User("virtio_user"));

}  // namespace
}  // namespace corelane::driver::dpdk
