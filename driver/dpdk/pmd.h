// Pmd: what one of DPDK's poll-mode drivers needs that others do not.
//
// A driver has a small file of its own with one RegisterPmd object; what no adapter names gets the
// fallback, with which any driver works that can do without special treatment.
//
//   const RegisterPmd kTap({.driver = "net_tap", .usage = "net_tapN[,iface=NAME]", ...});
//
// Which adapter is a device's follows from its name: a virtual device's begins with the driver's, a
// NIC on the PCI bus has an id that the kernel shows, and what is on the VMBus is netvsc's. Once
// DPDK has probed a NIC, the driver that it chose decides.

#ifndef CORELANE_DRIVER_DPDK_PMD_H_
#define CORELANE_DRIVER_DPDK_PMD_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/mac_address.h"
#include "core/time.h"
#include "driver/uri.h"

namespace corelane::driver::dpdk {

// What a device URI asks for.
struct PmdRequest {
  std::string name;  // of the virtual device ("net_tap0"), or an address on a bus
  uint16_t queues = 1;
  uint16_t mtu = 1500;
  std::optional<MacAddress> mac;
  std::vector<DeviceOption> options;  // the driver's own
};

// Where a device is found.
enum class Bus : uint8_t { kVdev, kPci, kVmbus };
// By how it is written: "net_tap0"; "0000:41:00.0" or "41:00.0"; a GUID.
Bus BusOf(std::string_view name);

struct PciId {
  uint16_t vendor = 0;
  uint16_t device = 0;

  friend bool operator==(const PciId&, const PciId&) = default;
};

struct Pmd {
  // How the names of its virtual devices begin, or a NIC driver's own name; "": the fallback.
  std::string_view driver;
  std::string_view usage;  // one line for people
  // The driver's arguments, made from the request: queues, for instance, under the names that it
  // has for them. Errors name the option. Null: the options as they are.
  absl::StatusOr<std::vector<DeviceOption>> (*arguments)(const PmdRequest& request) = nullptr;
  // Creates the port by other means than a virtual device with arguments; returns its number.
  absl::StatusOr<uint16_t> (*create)(const PmdRequest& request) = nullptr;
  // After a port that `create` made is closed and gone.
  void (*destroyed)(uint16_t port) = nullptr;
  uint16_t max_queues = 1024;
  // RTE_ETH_..._OFFLOAD_...: of what the driver announces, what it really does.
  uint64_t rx_offloads = ~uint64_t{0};
  uint64_t tx_offloads = ~uint64_t{0};
  // It inserts VLAN tags in hardware. The others do it in software while they are handed a packet,
  // before they know whether they take it, and one that they refuse has been changed.
  bool inserts_vlan = false;
  bool mac_is_argument = false;  // `arguments` deals with it
  bool rx_interrupts = false;    // worth asking for
  // It looks after a link that is down only when it is asked for its state.
  bool link_wants_asking = false;
  uint32_t held = 0;  // mbufs that it may hold of a queue, however few descriptors that has
  // The driver uses of an mbuf's room, without the headroom, a multiple of so many bytes.
  uint32_t room_multiple = 1;
  std::span<const PciId> pci = {};  // the NICs that it drives
  std::string_view needs;           // what a NIC that DPDK does not find may lack
  // An idle worker looks again after so long, where there is no event to wait for.
  Duration nap = std::chrono::microseconds(1800);
};

class RegisterPmd {
 public:
  explicit RegisterPmd(const Pmd& pmd);
};

// The adapter of a device's name, or of a driver's. `sys` is where the kernel shows its devices.
const Pmd& FindPmd(std::string_view name, const std::string& sys = "/sys");
// All adapters' usage lines, sorted.
std::vector<std::string> PmdUsages();

// "key=value,key", as DPDK takes a device's arguments: an option without a value is its key alone.
std::string ToDevargs(const std::vector<DeviceOption>& options);
// Whether an option is there.
bool HasOption(const std::vector<DeviceOption>& options, std::string_view key);
// Adds an option, unless it is there already.
void AddOption(std::vector<DeviceOption>& options, std::string_view key, std::string_view value);

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_PMD_H_
