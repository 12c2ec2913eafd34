#include "testing/stack_pair.h"

#include <algorithm>

#include "core/check.h"

namespace corelane::testing {

StackPair::StackPair(const StackPairOptions& options) : ring_(driver::MakeRingPair(options.ring)) {
  for (int i = 0; i < 2; ++i) {
    stack::StackOptions stack_options = i == 0 ? options.a : options.b;
    stack_options.seed += static_cast<uint64_t>(i);
    stacks_[i] = std::make_unique<stack::Stack>(stack_options, clock_.Now());
    stack::InterfaceOptions interface;
    interface.addresses = {{address(i), 24}, {address_v6(i), 64}};
    CL_CHECK(stacks_[i]->AddInterface(device(i).queue(0), device(i).info(), interface).ok());
  }
}

StackPair::~StackPair() = default;

IpAddress StackPair::address(int i) const {
  return Ipv4Address(10, 0, 0, static_cast<uint8_t>(i + 1));
}

IpAddress StackPair::address_v6(int i) const {
  return Ipv6Address(0xfd00'0000'0000'0000, static_cast<uint64_t>(i + 1));
}

bool StackPair::Poll() {
  const bool a = stacks_[0]->Poll(clock_.Now());
  const bool b = stacks_[1]->Poll(clock_.Now());
  return a || b;
}

bool StackPair::RunUntil(const std::function<bool()>& done, Duration limit) {
  const Instant end = clock_.Now() + limit;
  for (;;) {
    const bool busy = Poll();
    if (done()) return true;
    if (busy) continue;
    const Instant next = std::min(stacks_[0]->NextDeadline(), stacks_[1]->NextDeadline());
    if (next > end) {
      clock_.AdvanceTo(end);
      return done();
    }
    // A device that is full for ever would keep the clock still.
    clock_.AdvanceTo(std::max(next, clock_.Now() + std::chrono::microseconds(1)));
  }
}

}  // namespace corelane::testing
