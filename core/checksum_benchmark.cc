// The checksum against its floor: what memcpy costs for the same bytes.

#include <cstring>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/checksum.h"

namespace corelane {
namespace {

using internal::ChecksumKernel;

void Run(benchmark::State& state, auto&& body) {
  const auto n = static_cast<size_t>(state.range(0));
  std::vector<uint8_t> from(n + 64, 0xa5);
  std::vector<uint8_t> to(n + 64);
  for (auto _ : state) {
    benchmark::ClobberMemory();
    body(to.data(), std::span<const uint8_t>(from.data() + 2, n));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * n));
}

void BM_SumBytes(benchmark::State& state, ChecksumKernel kernel) {
  if (!internal::SetChecksumKernel(kernel)) return state.SkipWithError("not on this processor");
  Run(state,
      [](uint8_t*, std::span<const uint8_t> from) { benchmark::DoNotOptimize(SumBytes(from)); });
  internal::SetChecksumKernel(ChecksumKernel::kBest);
}

void BM_CopyAndSum(benchmark::State& state, ChecksumKernel kernel) {
  if (!internal::SetChecksumKernel(kernel)) return state.SkipWithError("not on this processor");
  Run(state, [](uint8_t* to, std::span<const uint8_t> from) {
    benchmark::DoNotOptimize(CopyAndSum(to, from));
  });
  internal::SetChecksumKernel(ChecksumKernel::kBest);
}

void BM_Memcpy(benchmark::State& state) {
  Run(state, [](uint8_t* to, std::span<const uint8_t> from) {
    std::memcpy(to, from.data(), from.size());
    benchmark::DoNotOptimize(to);
  });
}

void BM_PseudoHeader(benchmark::State& state) {
  IpAddress src = Ipv4Address(10, 0, 0, 1);
  IpAddress dst = Ipv4Address(10, 0, 0, 2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(src);
    benchmark::DoNotOptimize(dst);
    benchmark::DoNotOptimize(PseudoHeaderSum(src, dst, 6, 1468));
  }
}

void Sizes(benchmark::internal::Benchmark* b) {
  for (const int n : {20, 64, 128, 256, 1448, 4096, 16384, 262144}) b->Arg(n);
}

BENCHMARK_CAPTURE(BM_SumBytes, best, ChecksumKernel::kBest)->Apply(Sizes);
BENCHMARK_CAPTURE(BM_SumBytes, sse, ChecksumKernel::kSse)->Arg(1448);
BENCHMARK_CAPTURE(BM_CopyAndSum, best, ChecksumKernel::kBest)->Apply(Sizes);
BENCHMARK_CAPTURE(BM_CopyAndSum, sse, ChecksumKernel::kSse)->Arg(1448);
BENCHMARK(BM_Memcpy)->Apply(Sizes);
BENCHMARK(BM_PseudoHeader);

}  // namespace
}  // namespace corelane
