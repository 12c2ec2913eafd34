// The device registry: which plugin opens a device URI.
//
// A plugin is a Bazel target with alwayslink that holds one RegisterDevice object; a program can
// open what it links and carries nothing else:
//
//   const RegisterDevice kRegister("ring", "ring:NAME[,depth=N]...", &OpenRing);
//
//   absl::StatusOr<std::unique_ptr<Device>> device = OpenDevice("ring:a", {});

#ifndef CORELANE_DRIVER_REGISTRY_H_
#define CORELANE_DRIVER_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/mac_address.h"
#include "core/time.h"
#include "core/toeplitz.h"
#include "driver/device.h"
#include "driver/uri.h"

namespace corelane::driver {

// What the program would like; a URI's own options go before these.
struct OpenOptions {
  uint16_t queues = 1;
  uint16_t mtu = 1500;
  uint32_t pool_packets = 8192;   // packets of each queue's pool; their memory comes when needed
  std::optional<MacAddress> mac;  // none: the device's own choice
  // For devices that spread packets over their queues: others ignore them, and software does it.
  std::optional<Toeplitz::Key> rss_key;  // none: the device's own
  RssPorts rss_ports;                    // as far as the device can
  // Added to an Instant's time gives the time since 1970: for devices that write files.
  Duration wall_offset{0};
};

using OpenFunction = absl::StatusOr<std::unique_ptr<Device>> (*)(const DeviceUri& uri,
                                                                 const OpenOptions& options);

// Makes a scheme known before main() runs.
class RegisterDevice {
 public:
  // `usage` is one line for people: the form of the URI. Both texts must be literals. A scheme that
  // is registered twice is a mistake in the program.
  RegisterDevice(std::string_view scheme, std::string_view usage, OpenFunction open);
};

// Opens the device that `uri` names. Errors name the URI, the part and what would be right; an
// unknown scheme's error is NotFound and lists the schemes that are linked in.
absl::StatusOr<std::unique_ptr<Device>> OpenDevice(std::string_view uri,
                                                   const OpenOptions& options = {});

// The usage lines of all plugins that are linked in, sorted.
std::vector<std::string> DeviceUsages();

// Takes the options that every plugin shares: queues, mtu, mac, pool.
OpenOptions TakeCommonOptions(OptionReader& reader, const OpenOptions& standard,
                              uint16_t max_queues, uint16_t max_mtu);

// Bytes of one packet's room, headroom included, in which a frame of this MTU is linear.
size_t DataRoomFor(uint16_t mtu);

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_REGISTRY_H_
