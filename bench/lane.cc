#include "bench/lane.h"

#include <algorithm>
#include <chrono>

#include "core/allocation_counter.h"
#include "driver/registry.h"

namespace corelane::bench {
namespace {

std::string UriOf(const Options& options, size_t index) {
  const std::string lane = "lane" + std::to_string(index);
  if (options.device == "dpdk:net_ring") return options.device + ",wire=" + lane;
  if (options.device != "ring") return options.device;
  std::string uri = "ring:" + lane + ",mtu=" + std::to_string(options.mtu);
  if (!options.csum) uri += ",csum=1";
  return uri;
}

}  // namespace

absl::Status Lane::Open(const Options& options, size_t index, Instant now) {
  const std::string uri = UriOf(options, index);
  driver::OpenOptions open;
  open.mtu = static_cast<uint16_t>(options.mtu);
  for (size_t i = 0; i < 2; ++i) {
    auto device = driver::OpenDevice(uri, open);
    if (!device.ok()) return device.status();
    devices_[i] = *std::move(device);
  }
  for (size_t i = 0; i < 2; ++i) {
    stack::StackOptions stack_options;
    stack_options.seed = 7 + index * 2 + i;
    stack_options.batch = options.batch;
    stacks_[i] = std::make_unique<stack::Stack>(stack_options, now);
    stack::InterfaceOptions interface;
    interface.addresses = {{Ipv4Address(10, 0, 0, static_cast<uint8_t>(i + 1)), 24}};
    const absl::Status status =
        stacks_[i]->AddInterface(devices_[i]->queue(0), devices_[i]->info(), interface);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

Lane::~Lane() = default;

Result Lane::Totals() {
  Result r;
  r.frames_fwd = devices_[0]->queue(0).stats().tx_packets;
  r.frames_back = devices_[1]->queue(0).stats().tx_packets;
  for (const auto& s : stacks_) {
    r.resets += s->tcp().counters().resets_in.value();
    r.retransmits += s->tcp().counters().retransmitted_segments.value();
    r.time_wait += s->tcp().time_wait();
  }
  r.allocs = AllocationsOnThisThread();
  r.cpu_seconds = ThreadCpuSeconds();
  return r;
}

WarmUp::WarmUp(const Options& options, Instant now) {
  const auto seconds = [](double s) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
  };
  at_least_ = now + seconds(std::clamp(options.secs * 0.5, 0.02, 0.2));
  at_most_ = now + seconds(std::clamp(options.secs * 2, 0.2, 3.0));
  if (options.crr()) {
    const stack::StackOptions ports;
    transactions_ = (ports.last_ephemeral_port - ports.first_ephemeral_port + 1u) * 5 / 4;
  }
}

Result Difference(const Result& after, const Result& before, Duration time) {
  Result r;
  r.seconds = std::chrono::duration<double>(time).count();
  r.cpu_seconds = after.cpu_seconds - before.cpu_seconds;
  r.bytes = after.bytes - before.bytes;
  r.transactions = after.transactions - before.transactions;
  r.frames_fwd = after.frames_fwd - before.frames_fwd;
  r.frames_back = after.frames_back - before.frames_back;
  r.allocs = after.allocs - before.allocs;
  r.errors = after.errors;  // none is excused
  r.resets = after.resets;
  r.time_wait = after.time_wait;
  r.retransmits = after.retransmits - before.retransmits;
  return r;
}

}  // namespace corelane::bench
