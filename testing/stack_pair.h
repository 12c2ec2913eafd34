// StackPair: two stacks joined by a ring, ready for a test in one line.
//
//   testing::StackPair net;                                   // 10.0.0.1 and 10.0.0.2, fd00::1 and
//   fd00::2 auto* socket = net.a().tcp().Connect({net.address(1), 80}, {}, error); net.RunUntil([&]
//   { return socket->connected(); });

#ifndef CORELANE_TESTING_STACK_PAIR_H_
#define CORELANE_TESTING_STACK_PAIR_H_

#include <functional>
#include <memory>

#include "core/time.h"
#include "driver/ring/ring.h"
#include "stack/stack.h"

namespace corelane::testing {

struct StackPairOptions {
  StackPairOptions() {}

  driver::RingOptions ring;
  stack::StackOptions a;
  stack::StackOptions b;
};

// Both on this thread, in virtual time; packets take no time, so only timers move the clock.
class StackPair {
 public:
  explicit StackPair(const StackPairOptions& options = StackPairOptions());
  ~StackPair();

  stack::Stack& a() { return *stacks_[0]; }
  stack::Stack& b() { return *stacks_[1]; }
  stack::Stack& end(int i) { return *stacks_[i]; }
  IpAddress address(int i) const;  // IPv4
  IpAddress address_v6(int i) const;
  driver::Device& device(int i) { return i == 0 ? *ring_.a : *ring_.b; }
  ManualClock& clock() { return clock_; }

  // One turn of both.
  bool Poll();
  // Turns until `done`, moving the clock to the next deadline when nothing is to do. False: `limit`
  // of virtual time passed.
  bool RunUntil(const std::function<bool()>& done, Duration limit = std::chrono::minutes(10));
  void RunFor(Duration d) {
    RunUntil([] { return false; }, d);
  }

 private:
  ManualClock clock_;
  driver::RingPair ring_;
  std::unique_ptr<stack::Stack> stacks_[2];
};

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_STACK_PAIR_H_
