#include "arp/neighbor_cache.h"
#include "benchmark/benchmark.h"

namespace corelane::arp {
namespace {

constexpr Instant kNow{std::chrono::seconds(1)};

NeighborHandle Resolve(NeighborCache& cache, const IpAddress& address) {
  NeighborHandle handle;
  cache.Lookup(0, address, kNow, handle);
  cache.OnAdvertisement(0, address, MacAddress(2, 0, 0, 0, 0, 2), true, true, false, kNow);
  return handle;
}

void BM_Find(benchmark::State& state) {
  NeighborCache cache(NeighborConfig(), Random(1), kNow);
  NeighborHandle handle = Resolve(cache, Ipv4Address(10, 0, 0, 2));
  for (auto _ : state) {
    benchmark::DoNotOptimize(handle);
    benchmark::DoNotOptimize(cache.Find(handle, kNow));
  }
}
BENCHMARK(BM_Find);

void BM_Confirm(benchmark::State& state) {
  NeighborCache cache(NeighborConfig(), Random(1), kNow);
  NeighborHandle handle = Resolve(cache, Ipv4Address(10, 0, 0, 2));
  for (auto _ : state) {
    benchmark::DoNotOptimize(handle);
    cache.Confirm(handle, kNow);
  }
}
BENCHMARK(BM_Confirm);

void BM_Lookup(benchmark::State& state) {
  NeighborCache cache(NeighborConfig(), Random(1), kNow);
  for (uint32_t i = 0; i < 500; ++i) Resolve(cache, Ipv4Address(0x0a000000 + i));
  NeighborHandle handle;
  uint32_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.Lookup(0, Ipv4Address(0x0a000000 + i), kNow, handle));
    i = i == 499 ? 0 : i + 1;
  }
}
BENCHMARK(BM_Lookup);

}  // namespace
}  // namespace corelane::arp
