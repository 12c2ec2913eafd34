#include "testing/sim_network.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/siphash.h"

namespace corelane::testing {

SimNetwork::SimNetwork(uint64_t seed, size_t capture_frames)
    : random_(seed), capture_(capture_frames) {}

SimNetwork::~SimNetwork() { DestroyHosts(); }

int SimNetwork::AddHost(stack::StackOptions options) {
  options.seed = random_.Next64();
  hosts_.push_back(std::make_unique<stack::Stack>(options, clock_.Now()));
  return static_cast<int>(hosts_.size()) - 1;
}

SimLink& SimNetwork::Connect(int a, int b, const SimLinkOptions& options) {
  const auto index = static_cast<uint32_t>(links_.size());
  links_.push_back(std::make_unique<SimLink>(index, options, random_.Next64(),
                                             [this](const SimFrame& f) { return OnFrame(f); }));
  SimLink& link = *links_.back();
  for (int end = 0; end < 2; ++end) {
    stack::InterfaceOptions interface;
    interface.addresses = {{link.address(end, false), 24}, {link.address(end, true), 64}};
    driver::Device& device = link.device(end);
    CL_CHECK(host(end == 0 ? a : b).AddInterface(device.queue(0), device.info(), interface).ok());
  }
  return link;
}

bool SimNetwork::OnFrame(const SimFrame& frame) {
  ++frames_;
  capture_.Add(frame.at, frame.bytes);
  const SipKey key{trace_hash_, frame.link * 2 + static_cast<uint64_t>(frame.from)};
  trace_hash_ =
      SipHash13(key, frame.bytes) ^ static_cast<uint64_t>(frame.at.time_since_epoch().count());
  return !filter || filter(frame);
}

Instant SimNetwork::NextEvent() const {
  // A stack with output that its device does not take says "now": look again soon.
  constexpr Duration kRetry = std::chrono::microseconds(200);
  Instant next = wakes_.empty() ? kNever : *wakes_.begin();
  for (const auto& link : links_) next = std::min(next, link->NextEvent());
  for (const auto& host : hosts_) {
    const Instant deadline = host->NextDeadline();
    next = std::min(next, deadline <= clock_.Now() ? clock_.Now() + kRetry : deadline);
  }
  return std::max(next, clock_.Now() + std::chrono::microseconds(1));
}

bool SimNetwork::Step(Instant limit) {
  bool busy = false;
  for (const auto& host : hosts_) busy = host->Poll(clock_.Now()) || busy;
  if (check_invariants_) CheckInvariants();
  if (busy) return true;
  if (clock_.Now() >= limit) return false;
  const Instant next = std::min(NextEvent(), limit);
  wakes_.erase(wakes_.begin(), wakes_.upper_bound(next));
  clock_.AdvanceTo(next);
  return true;
}

bool SimNetwork::RunUntil(const std::function<bool()>& done, Duration limit) {
  const Instant end = clock_.Now() + limit;
  do {
    if (done()) return true;
  } while (Step(end));
  return done();
}

void SimNetwork::CheckInvariants() const {
  for (const auto& host : hosts_) {
    if (host->tcp().sockets() == 0) continue;
    host->tcp().ForEachSocket(
        [](const stack::TcpSocket& socket) { socket.connection().CheckInvariants(); });
  }
}

std::string SimNetwork::SaveCapture(const std::string& name) const {
  const std::string path = TestOutputPath(name);
  const absl::Status status = capture_.Write(path);
  return status.ok() ? path : std::string(status.message());
}

void SimNetwork::DestroyHosts() { hosts_.clear(); }

}  // namespace corelane::testing
