#include "runtime/app/config.h"

#include <algorithm>
#include <string>

#include "stack/steering.h"

namespace corelane::runtime {
namespace {

absl::Status Wrong(const std::string& field, const std::string& value,
                   const std::string& expected) {
  return absl::InvalidArgumentError(field + ": value '" + value + "': expected " + expected);
}

// Where it is wrong by itself, or beside those before it.
absl::Status ValidateRoute(const AppConfig& config, size_t index) {
  const StaticRoute& route = config.routes[index];
  const std::string text = route.ToString();
  if (route.prefix.address.is_v4() != route.gateway.is_v4()) {
    return Wrong("route", text, "a prefix and a gateway of one family");
  }
  if (route.prefix.length == 0) {
    return Wrong("route", text,
                 "a prefix of 1 bit or more; for all other networks there is gateway");
  }
  if (route.prefix != route.prefix.Masked()) {
    return Wrong("route", text, "a prefix without host bits, " + route.prefix.Masked().ToString());
  }
  const auto is_own = [&](const IpPrefix& own) { return own.address == route.gateway; };
  if (std::ranges::any_of(config.addresses, is_own)) {
    return Wrong("route", text, "another host's address as its gateway, none of address");
  }
  const auto reaches = [&](const IpPrefix& own) { return own.Contains(route.gateway); };
  if (!(route.gateway.is_v6() && route.gateway.IsLinkLocal()) &&
      std::ranges::none_of(config.addresses, reaches)) {
    return Wrong("route", text, "a gateway in the network of an address");
  }
  for (size_t i = 0; i < index; ++i) {
    if (config.routes[i].prefix != route.prefix) continue;
    return Wrong("route", text, "each prefix once; there is " + config.routes[i].ToString());
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<StaticRoute> StaticRoute::Parse(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto prefix = IpPrefix::Parse(text.substr(0, equals));
  const auto gateway = IpAddress::Parse(text.substr(equals + 1));
  if (!prefix || !gateway || gateway->IsUnspecified() || gateway->IsMulticast() ||
      gateway->IsBroadcast() || gateway->IsLoopback()) {
    return std::nullopt;
  }
  return StaticRoute{*prefix, *gateway};
}

std::string StaticRoute::ToString() const { return prefix.ToString() + "=" + gateway.ToString(); }

absl::Status Validate(const AppConfig& config) {
  if (config.device.empty()) return Wrong("device", "", "a URI such as tap:NAME or dpdk:NAME");
  if (config.on_kernel()) {
    return Wrong("device", config.device, "a device that carries frames, such as tap:NAME");
  }
  if (config.addresses.empty()) {
    return absl::InvalidArgumentError("address: none given: expected at least one ADDR/LEN");
  }
  for (size_t i = 0; i < config.routes.size(); ++i) {
    if (absl::Status status = ValidateRoute(config, i); !status.ok()) return status;
  }
  if (config.vlan && !config.vlan->IsValid()) {
    return Wrong("vlan", config.vlan->ToString(),
                 "an id from 1 to 4094 and a priority from 0 to 7");
  }
  if (config.lanes < 1 || config.lanes > stack::kMaxLanes) {
    return Wrong("lanes", std::to_string(config.lanes), "an integer from 1 to 64");
  }
  if (!config.cpus.empty() && config.cpus.size() != config.lanes) {
    return Wrong("cpus", std::to_string(config.cpus.size()) + " of them",
                 "as many as lanes, " + std::to_string(config.lanes) + ", or none");
  }
  for (const size_t cpu : config.cpus) {
    if (std::count(config.cpus.begin(), config.cpus.end(), cpu) > 1) {
      return Wrong("cpus", std::to_string(cpu) + " twice", "a CPU of its own for each lane");
    }
  }
  if (config.batch < 1 || config.batch > 256) {
    return Wrong("batch", std::to_string(config.batch), "an integer from 1 to 256");
  }
  if (config.drain < Duration::zero()) {
    return Wrong("drain", std::to_string(config.drain.count()) + " ns", "0 or more");
  }
  if (config.rebalance < Duration::zero()) {
    return Wrong("rebalance", std::to_string(config.rebalance.count()) + " ns", "0 or more");
  }
  return absl::OkStatus();
}

}  // namespace corelane::runtime
