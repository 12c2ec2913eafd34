// The hashes of a flow: FlowHash for tables, SipHash for secrets, Toeplitz for queues.

#include <array>

#include "benchmark/benchmark.h"
#include "core/flow_hash.h"
#include "core/ip_address.h"
#include "core/siphash.h"
#include "core/toeplitz.h"

namespace corelane {
namespace {

IpAddress Address(benchmark::State& state, uint8_t last) {
  if (state.range(0) == 4) return Ipv4Address(10, 0, 0, last);
  return Ipv6Address(0x2001'0db8'0000'0000, last);
}

template <class Hash>
void Run(benchmark::State& state, Hash&& hash) {
  IpAddress local = Address(state, 1);
  IpAddress remote = Address(state, 2);
  uint16_t port = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(local);
    benchmark::DoNotOptimize(remote);
    benchmark::DoNotOptimize(hash(local, uint16_t{80}, remote, ++port));
  }
}

void BM_FlowHash(benchmark::State& state) {
  const FlowHashKey key = FlowHashKey::FromSeed(1);
  Run(state, [&](const auto&... tuple) { return FlowHash(key, tuple...); });
}

void BM_Toeplitz(benchmark::State& state) {
  const Toeplitz toeplitz(Toeplitz::kMicrosoftKey);
  Run(state, [&](const auto&... tuple) { return toeplitz.Hash(tuple...); });
}

template <uint64_t (*kHash)(const SipKey&, std::span<const uint8_t>)>
void BM_SipHash(benchmark::State& state) {
  const SipKey key{1, 2};
  std::array<uint8_t, 64> bytes = {};
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    benchmark::DoNotOptimize(
        kHash(key, std::span(bytes).first(static_cast<size_t>(state.range(0)))));
  }
}

BENCHMARK(BM_FlowHash)->Arg(4)->Arg(6);
BENCHMARK(BM_Toeplitz)->Arg(4)->Arg(6);
BENCHMARK_TEMPLATE(BM_SipHash, SipHash24)->Arg(12)->Arg(36);
BENCHMARK_TEMPLATE(BM_SipHash, SipHash13)->Arg(12)->Arg(36);

}  // namespace
}  // namespace corelane
