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

}  // namespace

absl::Status Validate(const AppConfig& config) {
  if (config.device.empty()) return Wrong("device", "", "a URI such as tap:NAME or dpdk:NAME");
  if (config.on_kernel()) {
    return Wrong("device", config.device, "a device that carries frames, such as tap:NAME");
  }
  if (config.addresses.empty()) {
    return absl::InvalidArgumentError("address: none given: expected at least one ADDR/LEN");
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
