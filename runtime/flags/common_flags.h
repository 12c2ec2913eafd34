// CommonFlags: the flags that every program of this project has.
//
//   --device URI         --address ADDR/LEN    --gateway ADDR    --neighbor ADDR=MAC
//   --vlan ID[:PRIORITY] --listen ADDR:PORT    --seconds S       --capture FILE
//   --help
//
// On `ring`, --listen is the forwarder's kernel address; on `kernel:` the server's own; on other
// devices its port is the one on --address.

#ifndef CORELANE_RUNTIME_FLAGS_COMMON_FLAGS_H_
#define CORELANE_RUNTIME_FLAGS_COMMON_FLAGS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "core/mac_address.h"
#include "core/time.h"
#include "core/vlan.h"
#include "runtime/flags/flag_parser.h"

namespace corelane::runtime {

// A neighbor that is never resolved.
struct StaticNeighbor {
  IpAddress address;
  MacAddress mac;

  friend bool operator==(const StaticNeighbor&, const StaticNeighbor&) = default;
};

// What was given, else the program's defaults, which are what it puts in here before parsing.
struct CommonFlags {
  std::string device;                     // a URI; its plugin says more about it
  std::vector<IpPrefix> addresses;        // unicast, each once
  std::vector<IpAddress> gateways;        // at most one of a family, in reach of an address
  std::vector<StaticNeighbor> neighbors;  // in reach of an address
  std::optional<Vlan> vlan;               // none: frames without a tag
  std::optional<Endpoint> listen;
  std::optional<Duration> seconds;  // none: until a signal
  std::string capture;              // a file name; empty: none

  // The same application on ordinary sockets, without a device.
  bool on_kernel() const { return device.starts_with("kernel:"); }
  std::string_view device_scheme() const {
    return std::string_view(device).substr(0, device.find(':'));
  }
};

// Adds them to a parser. `common` holds the defaults; it must outlive the parser. Addresses,
// gateways and neighbors that are given replace the default ones; default gateways and neighbors
// that the given addresses do not reach are dropped.
void AddCommonFlags(FlagParser& parser, CommonFlags& common);

// What is wrong with addresses, gateways, neighbors, vlan and seconds, each by itself and all
// together, whoever set them; as of the flags.
std::optional<FlagParser::Mistake> CheckCommon(const CommonFlags& common);
// In the network of one of the addresses, or valid on the link only.
bool InReach(const CommonFlags& common, const IpAddress& address);
// One of the addresses.
bool IsOwn(const CommonFlags& common, const IpAddress& address);

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_FLAGS_COMMON_FLAGS_H_
