#include "bench/inproc.h"

#include "core/check.h"
#include "core/random.h"
#include "driver/registry.h"

namespace corelane::bench {

BulkPattern::BulkPattern() : bytes_(2 * kPeriod) {
  Random random(42);
  for (size_t i = 0; i < kPeriod; ++i)
    bytes_[i] = bytes_[i + kPeriod] = static_cast<uint8_t>(random.Next64());
}

Lane::Lane(const InprocOptions& options, size_t index, Instant now) {
  std::string uri = options.device;
  if (uri == "ring") {
    uri = "ring:lane" + std::to_string(index) + ",mtu=" + std::to_string(options.mtu);
    if (!options.csum) uri += ",csum=1";
  }
  for (int i = 0; i < 2; ++i) {
    auto device = driver::OpenDevice(uri);
    if (!device.ok()) {
      std::fprintf(stderr, "inproc: %s\n", std::string(device.status().message()).c_str());
      std::exit(2);
    }
    devices_[i] = *std::move(device);
    stack::StackOptions stack_options;
    stack_options.seed = 7 + index * 2 + static_cast<size_t>(i);
    stack_options.batch = options.batch;
    stack_options.tcp.no_delay = options.mode != "bulk";
    stacks_[i] = std::make_unique<stack::Stack>(stack_options, now);
    stack::InterfaceOptions interface;
    interface.addresses = {{Ipv4Address(10, 0, 0, static_cast<uint8_t>(i + 1)), 24}};
    CL_CHECK(stacks_[i]->AddInterface(devices_[i]->queue(0), devices_[i]->info(), interface).ok());
  }
}

Lane::~Lane() = default;

Endpoint Lane::server_endpoint() const { return {Ipv4Address(10, 0, 0, 2), 80}; }

uint64_t Lane::frames(int end) const { return devices_[end]->queue(0).stats().tx_packets; }

}  // namespace corelane::bench
