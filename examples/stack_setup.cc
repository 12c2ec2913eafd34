#include "examples/stack_setup.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
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

absl::StatusOr<Lane> OpenLane(const std::string& uri, const std::string& capture,
                              const stack::InterfaceOptions& interface, runtime::Worker& worker) {
  Lane lane;
  auto device = driver::OpenDevice(uri);
  if (!device.ok()) return device.status();
  lane.device = *std::move(device);
  if (!capture.empty()) {
    auto captured = driver::CaptureTo(std::move(lane.device), capture, WallOffset());
    if (!captured.ok()) return captured.status();
    lane.device = *std::move(captured);
  }
  stack::StackOptions options;
  options.seed = runtime::RandomSeed();
  options.tcp.no_delay = true;
  lane.stack = &worker.NewStack(options);
  const absl::Status status =
      lane.stack->AddInterface(lane.device->queue(0), lane.device->info(), interface);
  if (!status.ok()) return status;
  return lane;
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

absl::Status OpenLanes(const runtime::CommonFlags& flags, runtime::Worker& worker, Lanes& lanes) {
  const bool ring = flags.device_scheme() == "ring";
  std::string uri = flags.device;
  if (uri == "ring" || uri == "ring:") uri = "ring:demo,depth=256";
  stack::InterfaceOptions interface;
  interface.addresses = flags.addresses;
  interface.gateways = flags.gateways;
  for (const runtime::StaticNeighbor& n : flags.neighbors) {
    interface.neighbors.emplace_back(n.address, n.mac);
  }
  auto server = OpenLane(uri, flags.capture, interface, worker);
  if (!server.ok()) return server.status();
  lanes.server = *std::move(server);
  if (!ring) return absl::OkStatus();
  stack::InterfaceOptions other;
  for (const IpPrefix& address : flags.addresses) other.addresses.push_back(Neighbor(address));
  auto forwarder = OpenLane(uri, "", other, worker);
  if (!forwarder.ok()) return forwarder.status();
  lanes.forwarder = *std::move(forwarder);
  return absl::OkStatus();
}

}  // namespace corelane::examples
