// usage: hop [key=value]...; see docs/performance.md. How long a cache line takes to the other CPU
// and back: two threads that wait for each other, spinning. It is what this machine asks for
// anything that one core tells another. The last line of stdout is one JSON object.

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <thread>

#include "bench/options.h"
#include "runtime/flags/flag_parser.h"

namespace corelane::bench {
namespace {

using Clock = std::chrono::steady_clock;

void PinTo(size_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// One writer each.
struct Wire {
  static constexpr uint64_t kOver = ~uint64_t{0};
  alignas(128) std::atomic<uint64_t> question{0};
  alignas(128) std::atomic<uint64_t> answer{0};
};

void Answer(Wire& wire) {
  PinTo(1);
  for (uint64_t next = 1;; ++next) {
    uint64_t seen;
    do {
      seen = wire.question.load(std::memory_order_acquire);
    } while (seen < next);
    if (seen == Wire::kOver) return;
    wire.answer.store(next, std::memory_order_release);
  }
}

int Main(int argc, const char* const* argv) {
  double secs = 1;
  runtime::FlagParser parser("hop", "How long a cache line takes to the other CPU and back.");
  parser.AddKey("secs", runtime::Number(&secs, 0.01, 3600), "how long to measure");
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  if (std::thread::hardware_concurrency() < 2) {
    std::fprintf(stderr, "hop: it takes two CPUs, and there is one\n");
    return 1;
  }
  Wire wire;
  std::thread other([&wire] { Answer(wire); });
  PinTo(0);
  uint64_t hops = 0;
  const Clock::time_point begin = Clock::now();
  std::chrono::duration<double> elapsed{};
  while (elapsed.count() < secs) {
    for (int i = 0; i < 1000; ++i) {
      wire.question.store(++hops, std::memory_order_release);
      while (wire.answer.load(std::memory_order_acquire) != hops) {
      }
    }
    elapsed = Clock::now() - begin;
  }
  wire.question.store(Wire::kOver, std::memory_order_release);
  other.join();
  std::printf(
      "{\"mode\":\"hop\",\"secs\":%g,\"hops\":%llu,\"round_trip_ns\":%.1f,\"adds_per_ns\":%.1f}\n",
      secs, static_cast<unsigned long long>(hops),
      elapsed.count() * 1e9 / static_cast<double>(hops), AdditionsPerNanosecond());
  return 0;
}

}  // namespace
}  // namespace corelane::bench

int main(int argc, char** argv) { return corelane::bench::Main(argc, argv); }
