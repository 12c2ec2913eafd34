#include "runtime/app/config.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "runtime/flags/flag_parser.h"
#include "runtime/flags/value.h"
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
  if (IsOwn(config, route.gateway)) {
    return Wrong("route", text, "another host's address as its gateway, none of address");
  }
  if (!InReach(config, route.gateway)) {
    return Wrong("route", text, "a gateway in the network of an address");
  }
  for (size_t i = 0; i < index; ++i) {
    if (config.routes[i].prefix != route.prefix) continue;
    return Wrong("route", text, "each prefix once; there is " + config.routes[i].ToString());
  }
  return absl::OkStatus();
}

absl::Status ValidateLanes(const AppConfig& config) {
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
  return absl::OkStatus();
}

absl::Status ValidateTimes(const AppConfig& config) {
  const std::pair<const char*, Duration> times[] = {{"idle_spin", config.idle_spin},
                                                    {"drain", config.drain},
                                                    {"rebalance", config.rebalance},
                                                    {"linger", config.linger}};
  for (const auto& [field, time] : times) {
    if (time >= Duration::zero() && time <= AppConfig::kMaxTime) continue;
    return Wrong(field, PrintDecimal(std::chrono::duration<double>(time).count()),
                 "seconds from 0 to 3600, such as 0.5");
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
  if (const auto mistake = CheckCommon(config)) {
    return absl::InvalidArgumentError(InTermsOfFields(mistake->ToString()));
  }
  if (config.neighbors.size() > AppConfig::kMaxNeighbors) {
    return Wrong("neighbor", std::to_string(config.neighbors.size()) + " of them",
                 "at most " + std::to_string(AppConfig::kMaxNeighbors));
  }
  for (size_t i = 0; i < config.routes.size(); ++i) {
    if (absl::Status status = ValidateRoute(config, i); !status.ok()) return status;
  }
  if (absl::Status status = ValidateLanes(config); !status.ok()) return status;
  if (config.batch < 1 || config.batch > AppConfig::kMaxBatch) {
    return Wrong("batch", std::to_string(config.batch), "an integer from 1 to 256");
  }
  return ValidateTimes(config);
}

}  // namespace corelane::runtime
