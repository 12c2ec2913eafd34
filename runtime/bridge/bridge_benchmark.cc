// Echo and bulk transfer by an ordinary thread, through the bridge to a worker on another thread,
// and the same over the kernel's loopback. The worker drives both stacks of a ring; its end of the
// conversation is a native socket, or with "Both" on the bridge and the same ordinary thread, too.

#include <benchmark/benchmark.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/bridge/bridge.h"
#include "runtime/bridge/tcp_listener.h"
#include "runtime/bridge/tcp_stream.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Io = asio::io_context::executor_type;
using KernelStream = asio::basic_stream_socket<asio::ip::tcp, Io>;
using KernelAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, Io>;

constexpr uint16_t kPort = 7;

template <class Executor>
using Task = asio::awaitable<void, Executor>;
template <class Executor>
inline constexpr asio::use_awaitable_t<Executor> kAwait;

// --- what every kind of stream does ---

template <class Stream, class Executor = typename Stream::executor_type>
Task<Executor> Echo(Stream stream) {
  std::vector<char> bytes(65536);
  error_code ec;
  auto await = asio::redirect_error(kAwait<Executor>, ec);
  while (!ec) {
    const size_t n = co_await stream.async_read_some(asio::buffer(bytes), await);
    if (!ec) co_await asio::async_write(stream, asio::buffer(bytes, n), await);
  }
}

template <class Stream, class Executor = typename Stream::executor_type>
Task<Executor> Swallow(Stream stream) {
  std::vector<char> bytes(256 << 10);
  error_code ec;
  auto await = asio::redirect_error(kAwait<Executor>, ec);
  while (!ec) co_await stream.async_read_some(asio::buffer(bytes), await);
}

template <class Stream, class Executor = typename Stream::executor_type>
Task<Executor> Pour(Stream stream) {
  const std::vector<char> bytes(256 << 10);
  error_code ec;
  auto await = asio::redirect_error(kAwait<Executor>, ec);
  while (!ec) co_await asio::async_write(stream, asio::buffer(bytes), await);
}

template <class Acceptor, class Serve, class Executor = typename Acceptor::executor_type>
Task<Executor> AcceptAll(Acceptor acceptor, Serve serve) {
  error_code ec;
  auto await = asio::redirect_error(kAwait<Executor>, ec);
  for (;;) {
    auto stream = co_await acceptor.async_accept(await);
    if (ec) co_return;
    asio::co_spawn(acceptor.get_executor(), serve(std::move(stream)), asio::detached);
  }
}

template <class Stream, class To>
Task<Io> Ask(Stream stream, To to, uint64_t& rounds) {
  error_code ec;
  auto await = asio::redirect_error(kAwait<Io>, ec);
  co_await stream.async_connect(to, await);
  std::array<char, 64> bytes{};
  while (!ec) {
    co_await asio::async_write(stream, asio::buffer(bytes), await);
    if (!ec) co_await asio::async_read(stream, asio::buffer(bytes), await);
    ++rounds;
  }
}

template <class Stream, class To>
Task<Io> Read(Stream stream, To to, uint64_t& bytes) {
  error_code ec;
  auto await = asio::redirect_error(kAwait<Io>, ec);
  co_await stream.async_connect(to, await);
  std::vector<char> room(256 << 10);
  while (!ec) bytes += co_await stream.async_read_some(asio::buffer(room), await);
}

template <class Stream, class To>
Task<Io> Write(Stream stream, To to, uint64_t& bytes) {
  error_code ec;
  auto await = asio::redirect_error(kAwait<Io>, ec);
  co_await stream.async_connect(to, await);
  const std::vector<char> data(256 << 10);
  while (!ec) bytes += co_await stream.async_write_some(asio::buffer(data), await);
}

const auto echo = [](auto stream) { return Echo(std::move(stream)); };
const auto swallow = [](auto stream) { return Swallow(std::move(stream)); };
const auto pour = [](auto stream) { return Pour(std::move(stream)); };

// Counts with `io` on this thread.
void CountRounds(benchmark::State& state, asio::io_context& io, uint64_t& rounds) {
  while (rounds < 2000) io.run_one();
  const uint64_t start = rounds;
  for (auto _ : state) {
    const uint64_t target = rounds + 1000;
    while (rounds < target) io.run_one();
  }
  state.SetItemsProcessed(static_cast<int64_t>(rounds - start));
}

void CountBytes(benchmark::State& state, asio::io_context& io, uint64_t& bytes) {
  while (bytes < 100'000'000) io.run_one();
  const uint64_t start = bytes;
  for (auto _ : state) {
    const uint64_t target = bytes + 10'000'000;
    while (bytes < target) io.run_one();
  }
  state.counters["Gbit/s"] =
      benchmark::Counter(static_cast<double>(bytes - start) * 8e-9, benchmark::Counter::kIsRate);
}

// --- through the bridge ---

// A worker with both stacks, on its own thread from the beginning to the end.
class WorkerThread {
 public:
  WorkerThread() {
    std::promise<void> made;
    thread_ = std::thread([this, &made] {
      TestPairOptions options;
      options.real_time = true;
      pair_.emplace(options);
      made.set_value();
      pair_->worker.Run();
      pair_.reset();
    });
    made.get_future().get();
    client_.emplace(pair_->worker, pair_->client);
    server_.emplace(pair_->worker, pair_->server);
  }
  ~WorkerThread() {
    pair_->worker.Stop();
    thread_.join();
  }

  Endpoint to() const { return pair_->ServerEndpoint(kPort); }
  const Bridge& client() const { return *client_; }
  const Bridge& server() const { return *server_; }
  // A server that lives in the worker.
  template <class ServeStream>
  void Serve(ServeStream serve) {
    const auto executor = pair_->worker.get_executor();
    const auto start = [this, executor, serve] {
      TcpListener listener(executor, pair_->server, to());
      asio::co_spawn(executor, AcceptAll(std::move(listener), serve), asio::detached);
    };
    asio::post(executor, asio::use_future(start)).get();
  }

 private:
  std::optional<TestPair> pair_;
  std::optional<Bridge> client_;
  std::optional<Bridge> server_;
  std::thread thread_;
};

using BridgeStream = BasicBridgeTcpStream<Io>;

// Arg: connections.
void BM_BridgeEcho(benchmark::State& state) {
  WorkerThread worker;
  worker.Serve(echo);
  asio::io_context io(1);
  uint64_t rounds = 0;
  for (int i = 0; i < state.range(0); ++i) {
    BridgeStream stream(io.get_executor(), worker.client());
    asio::co_spawn(io, Ask(std::move(stream), worker.to(), rounds), asio::detached);
  }
  CountRounds(state, io, rounds);
}
BENCHMARK(BM_BridgeEcho)->Arg(1)->Arg(16)->Arg(64)->UseRealTime();

void BM_BridgeEchoBoth(benchmark::State& state) {
  WorkerThread worker;
  asio::io_context io(1);
  BasicBridgeTcpListener listener(io.get_executor(), worker.server(), worker.to());
  asio::co_spawn(io, AcceptAll(std::move(listener), echo), asio::detached);
  uint64_t rounds = 0;
  for (int i = 0; i < state.range(0); ++i) {
    BridgeStream stream(io.get_executor(), worker.client());
    asio::co_spawn(io, Ask(std::move(stream), worker.to(), rounds), asio::detached);
  }
  CountRounds(state, io, rounds);
}
BENCHMARK(BM_BridgeEchoBoth)->Arg(1)->Arg(64)->UseRealTime();

void BM_BridgeRead(benchmark::State& state) {
  WorkerThread worker;
  worker.Serve(pour);
  asio::io_context io(1);
  uint64_t bytes = 0;
  BridgeStream stream(io.get_executor(), worker.client());
  asio::co_spawn(io, Read(std::move(stream), worker.to(), bytes), asio::detached);
  CountBytes(state, io, bytes);
}
BENCHMARK(BM_BridgeRead)->UseRealTime();

void BM_BridgeWrite(benchmark::State& state) {
  WorkerThread worker;
  worker.Serve(swallow);
  asio::io_context io(1);
  uint64_t bytes = 0;
  BridgeStream stream(io.get_executor(), worker.client());
  asio::co_spawn(io, Write(std::move(stream), worker.to(), bytes), asio::detached);
  CountBytes(state, io, bytes);
}
BENCHMARK(BM_BridgeWrite)->UseRealTime();

// --- the kernel's sockets: a server on another thread ---

class KernelServer {
 public:
  template <class ServeStream>
  explicit KernelServer(ServeStream serve) {
    KernelAcceptor acceptor(io_.get_executor(), {asio::ip::address_v4::loopback(), 0});
    to_ = acceptor.local_endpoint();
    asio::co_spawn(io_, AcceptAll(std::move(acceptor), serve), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~KernelServer() {
    io_.stop();
    thread_.join();
  }
  asio::ip::tcp::endpoint to() const { return to_; }

 private:
  asio::io_context io_{1};
  asio::ip::tcp::endpoint to_;
  std::thread thread_;
};

void BM_KernelEcho(benchmark::State& state) {
  KernelServer server(echo);
  asio::io_context io(1);
  uint64_t rounds = 0;
  for (int i = 0; i < state.range(0); ++i) {
    asio::co_spawn(io, Ask(KernelStream(io.get_executor()), server.to(), rounds), asio::detached);
  }
  CountRounds(state, io, rounds);
}
BENCHMARK(BM_KernelEcho)->Arg(1)->Arg(16)->Arg(64)->UseRealTime();

void BM_KernelRead(benchmark::State& state) {
  KernelServer server(pour);
  asio::io_context io(1);
  uint64_t bytes = 0;
  asio::co_spawn(io, Read(KernelStream(io.get_executor()), server.to(), bytes), asio::detached);
  CountBytes(state, io, bytes);
}
BENCHMARK(BM_KernelRead)->UseRealTime();

void BM_KernelWrite(benchmark::State& state) {
  KernelServer server(swallow);
  asio::io_context io(1);
  uint64_t bytes = 0;
  asio::co_spawn(io, Write(KernelStream(io.get_executor()), server.to(), bytes), asio::detached);
  CountBytes(state, io, bytes);
}
BENCHMARK(BM_KernelWrite)->UseRealTime();

}  // namespace
}  // namespace corelane::runtime
