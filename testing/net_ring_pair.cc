#include "testing/net_ring_pair.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "driver/dpdk/eal.h"
#include "driver/registry.h"

namespace corelane::testing {
namespace {

template <class T>
T OrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::fprintf(stderr, "NetRingPair: %s\n", value.status().ToString().c_str());
    std::abort();
  }
  return *std::move(value);
}

// Unless the program has started one.
void StartEalOnce() {
  if (driver::dpdk::Eal::IsRunning()) return;
  static const driver::dpdk::Eal eal = OrDie(driver::dpdk::EalBuilder()
                                                 .Memory(driver::dpdk::Hugepages::kNever)
                                                 .MemoryMegabytes(256)
                                                 .Start());
}

}  // namespace

NetRingPair::NetRingPair(const NetRingOptions& options) {
  StartEalOnce();
  static int pairs = 0;
  const std::string uri = "dpdk:net_ring,wire=pair" + std::to_string(++pairs) +
                          ",queues=" + std::to_string(options.queues) +
                          ",depth=" + std::to_string(options.depth) +
                          ",pool=" + std::to_string(options.pool_packets);
  for (auto& end : ends_) end = OrDie(driver::OpenDevice(uri));
}

NetRingPair::~NetRingPair() = default;

}  // namespace corelane::testing
