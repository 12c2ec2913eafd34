#include "examples/stack_setup.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "driver/capture.h"
#include "driver/registry.h"
#include "runtime/system.h"

namespace corelane::examples {
namespace {

// Added to our monotonic time it gives the time since 1970.
Duration WallOffset() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Duration>(wall) - RealClock().Now().time_since_epoch();
}

// The first host address of the network that `own` has not.
IpPrefix Neighbor(const IpPrefix& own) {
  const IpAddress network = own.Masked().address;
  for (uint32_t host = 1;; ++host) {
    const IpAddress address =
        own.address.is_v4()
            ? IpAddress(Ipv4Address(network.v4().value() + host))
            : IpAddress(Ipv6Address(network.v6().high(), network.v6().low() + host));
    if (!(address == own.address)) return {address, own.length};
  }
}

// A stack on the lane's device.
absl::Status OpenStack(Lane& lane, const stack::InterfaceOptions& interface,
                       runtime::Worker& worker) {
  stack::StackOptions options;
  options.seed = runtime::RandomSeed();
  options.tcp.no_delay = true;
  lane.stack = &worker.NewStack(options);
  return lane.stack->AddInterface(lane.device->queue(0), lane.device->info(), interface);
}

}  // namespace

runtime::CommonFlags ServerDefaults() {
  runtime::CommonFlags flags;
  flags.device = "ring:";
  flags.addresses = {*IpPrefix::Parse("10.77.0.2/24"), *IpPrefix::Parse("fd77::2/64")};
  flags.listen = *Endpoint::Parse("127.0.0.1:8080");
  return flags;
}

IpAddress ServerAddress(const runtime::CommonFlags& flags) {
  const auto v4 = std::find_if(flags.addresses.begin(), flags.addresses.end(),
                               [](const IpPrefix& p) { return p.address.is_v4(); });
  return v4 != flags.addresses.end() ? v4->address : flags.addresses.front().address;
}

std::optional<int> OpenLanes(const runtime::FlagParser& parser, const runtime::CommonFlags& flags,
                             runtime::Worker& worker, Lanes& lanes,
                             const std::optional<driver::FaultOptions>& faults) {
  const auto refused = [&](const absl::Status& status) {
    // kernel: is no device, but these programs know it.
    const bool unknown_scheme = absl::IsNotFound(status);
    return parser.Reject("--device", flags.device,
                         std::string(status.message()) + (unknown_scheme ? ", and kernel:" : ""));
  };
  std::string uri = flags.device;
  if (uri == "ring" || uri == "ring:") uri = "ring:demo,depth=256";
  auto device = driver::OpenDevice(uri);
  if (!device.ok()) return refused(device.status());
  lanes.server.device = *std::move(device);
  if (!flags.capture.empty()) {
    auto captured = driver::CaptureTo(std::move(lanes.server.device), flags.capture, WallOffset());
    if (!captured.ok()) {
      return parser.Reject("--capture", flags.capture,
                           std::string(captured.status().message()) +
                               ": expected a file that can be written, in a folder that exists");
    }
    lanes.server.device = *std::move(captured);
  }
  if (faults) lanes.server.device = driver::InjectFaults(std::move(lanes.server.device), *faults);
  stack::InterfaceOptions interface;
  interface.addresses = flags.addresses;
  interface.gateways = flags.gateways;
  interface.vlan = flags.vlan;
  for (const runtime::StaticNeighbor& n : flags.neighbors) {
    interface.neighbors.emplace_back(n.address, n.mac);
  }
  absl::Status status = OpenStack(lanes.server, interface, worker);
  if (!status.ok()) return refused(status);
  if (flags.device_scheme() != "ring") return std::nullopt;
  auto other_end = driver::OpenDevice(uri);
  if (!other_end.ok()) return refused(other_end.status());
  lanes.forwarder.device = *std::move(other_end);
  stack::InterfaceOptions other;
  other.vlan = flags.vlan;
  for (const IpPrefix& address : flags.addresses) other.addresses.push_back(Neighbor(address));
  status = OpenStack(lanes.forwarder, other, worker);
  if (!status.ok()) return refused(status);
  return std::nullopt;
}

int RejectListen(const runtime::FlagParser& parser, const Endpoint& at,
                 const boost::system::error_code& error) {
  const int other = at.port == 65535 ? 8081 : at.port + 1;
  return parser.Reject("--listen", at.ToString(),
                       "cannot listen there (" + error.message() +
                           "): expected a free address of this machine, such as --listen "
                           "127.0.0.1:" +
                           std::to_string(other));
}

}  // namespace corelane::examples
