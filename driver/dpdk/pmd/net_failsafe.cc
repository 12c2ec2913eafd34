// net_failsafe: one port over several that may come and go, a NIC's and a slower one's for when it
// is away. Untested on hardware.
//
//   dpdk:net_failsafe0,dev=0000:41:00.0+net_tap0;iface=x
//
// The sub-devices in the order of preference, with '+' between them and ';' for the commas of their
// arguments.

#include <algorithm>

#include "driver/dpdk/pmd.h"
#include "driver/dpdk/text.h"

namespace corelane::driver::dpdk {
namespace {

// "dev(0000:41:00.0)" and "dev(net_tap0,iface=x)": options without a value.
absl::StatusOr<std::vector<DeviceOption>> Arguments(const PmdRequest& request) {
  std::vector<DeviceOption> options;
  for (const DeviceOption& option : request.options) {
    if (option.key != "dev") {
      options.push_back(option);
      continue;
    }
    for (const std::string_view device : Split(option.value, '+')) {
      std::string arguments(device);
      std::replace(arguments.begin(), arguments.end(), ';', ',');
      options.push_back({.key = Cat("dev(", arguments, ")"), .value = ""});
    }
  }
  if (!HasOption(request.options, "dev")) {
    return absl::InvalidArgumentError(Cat("dpdk:", request.name,
                                          ": dev: missing: expected its devices, "
                                          "dev=0000:41:00.0+net_tap0;iface=x"));
  }
  if (request.mac) AddOption(options, "mac", request.mac->ToString());
  return options;
}

const RegisterPmd kRegister({.driver = "net_failsafe",
                             .usage = "net_failsafeN,dev=DEVICE[;key=value]...[+DEVICE...]"
                                      "[,hotplug_poll=MS]",
                             .arguments = &Arguments,
                             .max_queues = 16,
                             .mac_is_argument = true});

}  // namespace
}  // namespace corelane::driver::dpdk
