// NetRingPair: two ports of DPDK's net_ring joined by a wire, for a test that polls by hand, in one
// line:
//
//   testing::NetRingPair ring;                      // ring.a(), ring.b(): driver::Device
//   stack.AddInterface(ring.a().queue(0), ring.a().info(), options);
//
// The first one of a process starts the EAL in ordinary memory, so that it needs neither hugepages
// nor rights; it ends with the program. Each pair has a wire of its own. What uses the devices goes
// before the pair does.

#ifndef CORELANE_TESTING_NET_RING_PAIR_H_
#define CORELANE_TESTING_NET_RING_PAIR_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "driver/device.h"

namespace corelane::testing {

struct NetRingOptions {
  NetRingOptions() {}

  uint16_t queues = 1;           // of both ports
  uint16_t depth = 256;          // frames in each ring
  uint32_t pool_packets = 4096;  // mbufs of each queue
};

class NetRingPair {
 public:
  explicit NetRingPair(const NetRingOptions& options = NetRingOptions());
  ~NetRingPair();

  driver::Device& a() { return *ends_[0]; }
  driver::Device& b() { return *ends_[1]; }
  driver::Device& end(int i) { return *ends_[i]; }
  // For whom has to own it.
  std::unique_ptr<driver::Device> Take(int i) { return std::move(ends_[i]); }

 private:
  std::unique_ptr<driver::Device> ends_[2];
};

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_NET_RING_PAIR_H_
