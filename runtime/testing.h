// TestPair: two stacks joined by a ring, on one worker in virtual time, in one line:
//
//   TestPair pair;                                    // client 10.0.0.1, fd00::1; server .2, ::2
//   TcpListener listener(pair.worker.get_executor(), pair.server, pair.ServerEndpoint(80));
//   TcpStream stream(pair.worker.get_executor(), pair.client);
//   ...
//   ASSERT_TRUE(pair.worker.RunUntil([&] { return done; }));

#ifndef CORELANE_RUNTIME_TESTING_H_
#define CORELANE_RUNTIME_TESTING_H_

#include <cstdint>

#include "core/check.h"
#include "core/ip_address.h"
#include "core/time.h"
#include "driver/ring/ring.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::runtime {

struct TestPairOptions {
  TestPairOptions() {}

  bool real_time = false;
  driver::RingOptions ring;
  stack::StackOptions stack;
  WorkerOptions worker;
};

struct TestPair {
  explicit TestPair(const TestPairOptions& options = TestPairOptions())
      : ring(driver::MakeRingPair(options.ring)),
        worker(WithClock(options)),
        client(worker.NewStack(options.stack)),
        server(worker.NewStack(options.stack)) {
    Join(client, *ring.a, 1);
    Join(server, *ring.b, 2);
  }

  Endpoint ServerEndpoint(uint16_t port) const { return {*IpAddress::Parse("10.0.0.2"), port}; }
  Endpoint ServerEndpoint6(uint16_t port) const { return {*IpAddress::Parse("fd00::2"), port}; }

  ManualClock clock;
  driver::RingPair ring;
  Worker worker;
  stack::Stack& client;
  stack::Stack& server;

 private:
  WorkerOptions WithClock(const TestPairOptions& options) {
    WorkerOptions with = options.worker;
    if (!options.real_time) with.manual_clock = &clock;
    return with;
  }
  static void Join(stack::Stack& stack, driver::Device& device, int host) {
    stack::InterfaceOptions interface;
    const std::string suffix = std::to_string(host);
    interface.addresses.push_back(*IpPrefix::Parse("10.0.0." + suffix + "/24"));
    interface.addresses.push_back(*IpPrefix::Parse("fd00::" + suffix + "/64"));
    CL_CHECK(stack.AddInterface(device.queue(0), device.info(), interface).ok());
  }
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_TESTING_H_
