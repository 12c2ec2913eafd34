// Timers as connections use them: many armed, most re-armed or cancelled, few expiring.

#include <vector>

#include "benchmark/benchmark.h"
#include "core/random.h"
#include "core/timer_wheel.h"

namespace corelane {
namespace {

constexpr Instant kStart{std::chrono::seconds(1)};

Duration RandomDelay(Random& random) {
  return Duration(static_cast<int64_t>(random.Below(400'000'000)));
}

// Re-arms timers among `armed` ones: each a cancel and an arm.
void BM_Rearm(benchmark::State& state) {
  std::vector<TimerNode> nodes(static_cast<size_t>(state.range(0)));
  TimerWheel wheel(kStart);
  Random random(1);
  for (TimerNode& node : nodes) wheel.Arm(node, kStart + RandomDelay(random));
  size_t i = 0;
  for (auto _ : state) {
    wheel.Arm(nodes[i], kStart + RandomDelay(random));
    if (++i == nodes.size()) i = 0;
  }
}

void BM_ArmCancel(benchmark::State& state) {
  TimerWheel wheel(kStart);
  TimerNode other;
  TimerNode node;
  wheel.Arm(other, kStart + std::chrono::seconds(5));
  for (auto _ : state) {
    wheel.Arm(node, kStart + std::chrono::milliseconds(200));
    wheel.Cancel(node);
  }
}

// A turn in which nothing is due.
void BM_AdvanceIdle(benchmark::State& state) {
  std::vector<TimerNode> nodes(10000);
  TimerWheel wheel(kStart);
  Random random(1);
  for (TimerNode& node : nodes)
    wheel.Arm(node, kStart + std::chrono::hours(1000) + RandomDelay(random));
  Instant now = kStart;
  for (auto _ : state) {
    now += Duration(1000);
    benchmark::DoNotOptimize(wheel.Advance(now, [](TimerNode&) {}));
  }
}

// The whole life of a timer that expires, cascades included: every timer re-arms itself.
void BM_Expire(benchmark::State& state) {
  std::vector<TimerNode> nodes(static_cast<size_t>(state.range(0)));
  TimerWheel wheel(kStart);
  Random random(1);
  for (TimerNode& node : nodes) wheel.Arm(node, kStart + RandomDelay(random));
  Instant now = kStart;
  int64_t fired = 0;
  for (auto _ : state) {
    now += Duration(100'000);
    fired += static_cast<int64_t>(
        wheel.Advance(now, [&](TimerNode& node) { wheel.Arm(node, now + RandomDelay(random)); }));
  }
  state.SetItemsProcessed(fired);
}

BENCHMARK(BM_Rearm)->Arg(100)->Arg(10000);
BENCHMARK(BM_ArmCancel);
BENCHMARK(BM_AdvanceIdle);
BENCHMARK(BM_Expire)->Arg(1000)->Arg(100000);

}  // namespace
}  // namespace corelane
