// What a frame costs to cross the ring: taken from the pool, sent, received, given back.

#include <vector>

#include "benchmark/benchmark.h"
#include "core/time.h"
#include "driver/ring/ring.h"

namespace corelane::driver {
namespace {

constexpr Instant kNow{std::chrono::seconds(1)};

// range(0): the burst; range(1): whether the receiver copies (both ends are on this thread).
void BM_Cross(benchmark::State& state) {
  const RingPair pair = MakeRingPair({.threads = state.range(1) != 0});
  DeviceQueue& a = pair.a->queue(0);
  DeviceQueue& b = pair.b->queue(0);
  std::vector<PacketBuf> burst(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    a.AllocateBurst(burst);
    for (PacketBuf& packet : burst) packet.Append(1514);
    a.TransmitBurst(kNow, burst);
    benchmark::DoNotOptimize(b.ReceiveBurst(kNow, burst));
    for (PacketBuf& packet : burst) packet.Reset();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Cross)->ArgNames({"burst", "copy"})->ArgsProduct({{1, 8, 32, 128}, {0, 1}});

// The ring alone: the same packets go back and forth.
void BM_BackAndForth(benchmark::State& state) {
  const RingPair pair = MakeRingPair();
  DeviceQueue* from = &pair.a->queue(0);
  DeviceQueue* to = &pair.b->queue(0);
  std::vector<PacketBuf> burst(static_cast<size_t>(state.range(0)));
  from->AllocateBurst(burst);
  for (PacketBuf& packet : burst) packet.Append(1514);
  for (auto _ : state) {
    from->TransmitBurst(kNow, burst);
    to->ReceiveBurst(kNow, burst);
    std::swap(from, to);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BackAndForth)->Arg(1)->Arg(8)->Arg(32)->Arg(128);

}  // namespace
}  // namespace corelane::driver
