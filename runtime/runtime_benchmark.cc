// A 64-byte echo between two stacks on one worker, by coroutines: what a round trip costs, and how
// much processor an idle worker takes.

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <array>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "core/allocation_counter.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/test_util.h"
#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using Bytes = std::array<char, 64>;

Task<> Serve(TcpStream stream) {
  Bytes bytes;
  for (;;) {
    co_await asio::async_read(stream, asio::buffer(bytes), kAwait);
    co_await asio::async_write(stream, asio::buffer(bytes), kAwait);
  }
}

Task<> Accept(TcpListener& listener) {
  for (;;) {
    TcpStream stream = co_await listener.async_accept(kAwait);
    asio::co_spawn(listener.get_executor(), Serve(std::move(stream)), asio::detached);
  }
}

Task<> Ask(TestPair& pair, uint64_t& rounds) {
  TcpStream stream(pair.worker.get_executor(), pair.client);
  const Endpoint to = pair.ServerEndpoint(7);
  co_await stream.async_connect(to, kAwait);
  Bytes bytes{};
  for (;;) {
    co_await asio::async_write(stream, asio::buffer(bytes), kAwait);
    co_await asio::async_read(stream, asio::buffer(bytes), kAwait);
    ++rounds;
  }
}

// Arg: connections.
void BM_Echo(benchmark::State& state) {
  TestPairOptions options;
  options.real_time = true;
  TestPair pair(options);
  TcpListener listener(pair.worker.get_executor(), pair.server, pair.ServerEndpoint(7));
  uint64_t rounds = 0;
  asio::co_spawn(pair.worker.get_executor(), Accept(listener), asio::detached);
  for (int i = 0; i < state.range(0); ++i) {
    asio::co_spawn(pair.worker.get_executor(), Ask(pair, rounds), asio::detached);
  }
  pair.worker.RunUntil([&] { return rounds >= 10000; });
  const uint64_t allocations = AllocationsOnThisThread();
  const uint64_t start = rounds;
  for (auto _ : state) {
    const uint64_t target = rounds + 1000;
    pair.worker.RunUntil([&] { return rounds >= target; });
  }
  const auto done = static_cast<double>(rounds - start);
  state.SetItemsProcessed(static_cast<int64_t>(done));
  state.counters["ns_per_round_trip"] =
      benchmark::Counter(done * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["allocations_per_round_trip"] =
      static_cast<double>(AllocationsOnThisThread() - allocations) / done;
}
BENCHMARK(BM_Echo)->Arg(1)->Arg(16)->Arg(64);

// The same in Asio's own terms: what an awaited, already complete operation costs.
void BM_Post(benchmark::State& state) {
  Worker worker;
  uint64_t rounds = 0;
  const auto loop = [&]() -> Task<> {
    SteadyTimer timer(worker.get_executor());
    for (;;) {
      co_await timer.async_wait(kAwait);
      ++rounds;
    }
  };
  asio::co_spawn(worker.get_executor(), loop, asio::detached);
  for (auto _ : state) {
    const uint64_t target = rounds + 10000;
    worker.RunUntil([&] { return rounds >= target; });
  }
  state.SetItemsProcessed(static_cast<int64_t>(rounds));
}
BENCHMARK(BM_Post);

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto in = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return in(usage.ru_utime) + in(usage.ru_stime);
}

// A server with a hundred open connections and nothing to do, for a second.
void BM_Idle(benchmark::State& state) {
  TestPairOptions options;
  options.real_time = true;
  TestPair pair(options);
  TcpListener listener(pair.worker.get_executor(), pair.server, pair.ServerEndpoint(7));
  asio::co_spawn(pair.worker.get_executor(), Accept(listener), asio::detached);
  std::vector<std::unique_ptr<TcpStream>> streams;
  size_t connected = 0;
  for (int i = 0; i < 100; ++i) {
    streams.push_back(std::make_unique<TcpStream>(pair.worker.get_executor(), pair.client));
    streams.back()->async_connect(pair.ServerEndpoint(7),
                                  [&](boost::system::error_code) { ++connected; });
  }
  pair.worker.RunUntil([&] { return connected == 100; });
  const uint64_t sleeps = pair.worker.counters().sleeps.value();
  double seconds = 0;
  double cpu = 0;
  for (auto _ : state) {
    const double before = CpuSeconds();
    pair.worker.RunFor(std::chrono::seconds(1));
    cpu += CpuSeconds() - before;
    seconds += 1;
  }
  state.counters["percent_of_a_core"] = 100 * cpu / seconds;
  state.counters["sleeps_per_second"] =
      static_cast<double>(pair.worker.counters().sleeps.value() - sleeps) / seconds;
}
BENCHMARK(BM_Idle)->Iterations(3)->UseRealTime();

// A post from another thread to a worker that sleeps, and back: how soon it wakes.
void BM_Wake(benchmark::State& state) {
  Worker worker;
  std::thread thread([&] { worker.Run(); });
  for (auto _ : state) {
    state.PauseTiming();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // until it sleeps, too
    state.ResumeTiming();
    std::promise<void> done;
    asio::post(worker.get_executor(), [&] { done.set_value(); });
    done.get_future().get();
  }
  worker.Stop();
  thread.join();
}
BENCHMARK(BM_Wake)->Iterations(500)->UseRealTime();

}  // namespace
}  // namespace corelane::runtime
