// TcpStream and TcpListener: handlers, their allocators and executors, and the end of the worker.

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/allocation_counter.h"
#include "runtime/tcp_test_fixture.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

INSTANTIATE_TEST_SUITE_P(Versions, TcpTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "IPv6" : "IPv4"; });

// --- handlers ---

// Counts what it hands out.
template <class T>
struct CountingAllocator {
  using value_type = T;
  explicit CountingAllocator(int* live) : live(live) {}
  template <class U>
  CountingAllocator(const CountingAllocator<U>& other) : live(other.live) {}
  T* allocate(size_t n) {
    ++*live;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, size_t n) {
    --*live;
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const CountingAllocator&, const CountingAllocator&) = default;
  int* live;
};

TEST_P(TcpTest, AssociatedAllocatorIsUsedAndFreedBeforeTheCall) {
  Connect();
  int live = 0;
  std::optional<error_code> ended;
  int live_in_call = -1;
  client_.async_read_some(
      asio::buffer(bytes_),
      asio::bind_allocator(CountingAllocator<void*>(&live), [&](error_code ec, size_t) {
        live_in_call = live;
        ended = ec;
      }));
  EXPECT_EQ(live, 1);
  client_.cancel();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  EXPECT_EQ(live_in_call, 0);
}

TEST_P(TcpTest, AssociatedExecutorGetsTheCall) {
  Connect();
  asio::io_context other;
  std::optional<error_code> ended;
  std::thread::id called_on;
  client_.async_read_some(asio::buffer(bytes_),
                          asio::bind_executor(other, [&](error_code ec, size_t n) {
                            called_on = std::this_thread::get_id();
                            EXPECT_EQ(n, 5u);
                            ended = ec;
                          }));
  // Runs as long as the operation is pending: it counts as outstanding work.
  std::thread thread([&] { other.run(); });
  std::optional<error_code> written;
  server_.async_write_some(asio::buffer("hello", 5), Into(written));
  EXPECT_FALSE(Ended(written));
  pair_.worker.RunFor(milliseconds(10));
  const std::thread::id expected = thread.get_id();
  thread.join();
  ASSERT_TRUE(ended);
  EXPECT_FALSE(*ended);
  EXPECT_EQ(called_on, expected);
}

TEST_P(TcpTest, FuturesFromAnotherThread) {
  TcpListener listener = Listen();
  std::thread other([&] {
    std::future<void> connected = asio::co_spawn(
        executor(), [&]() -> Task<> { co_await client_.async_connect(Server(), kAwait); },
        asio::use_future);
    connected.get();
    pair_.worker.Stop();
  });
  std::optional<error_code> ended;
  listener.async_accept(server_, Into(ended));
  pair_.worker.Run();
  other.join();
  EXPECT_TRUE(client_.is_open());
}

TEST_P(TcpTest, StreamWithADefaultToken) {
  using Stream = Await::as_default_on_t<TcpStream>;
  Connect();
  Stream stream(std::move(client_));
  tasks_.Add([&]() -> Task<> {
    const std::string text = "default";
    co_await asio::async_write(stream, asio::buffer(text));
  });
  tasks_.Add([&]() -> Task<> {
    const size_t n = co_await asio::async_read(server_, asio::buffer(bytes_, 7), kAwait);
    EXPECT_EQ(n, 7u);
  });
  ASSERT_TRUE(tasks_.Finish());
}

// --- the end of the worker ---

TEST(TcpEnd, DestroysEverythingPending) {
  auto alive = std::make_shared<int>(0);
  std::optional<TcpStream> outlives;
  std::optional<TcpListener> listener;
  std::array<char, 100> bytes;
  const auto fail = [alive](error_code, auto&&...) { FAIL() << "called after its worker's end"; };
  {
    TestPair pair;
    const auto executor = pair.worker.get_executor();
    listener.emplace(executor, pair.server, pair.ServerEndpoint(80));
    Tasks tasks(pair.worker);
    // Coroutines that own streams, one waiting to read, one to connect, one on a timer.
    tasks.Add([&listener, alive]() -> Task<> {
      TcpStream stream = co_await listener->async_accept(kAwait);
      std::array<char, 10> buffer;
      co_await stream.async_read_some(asio::buffer(buffer), kAwait);
    });
    tasks.Add([&pair, alive]() -> Task<> {
      TcpStream stream(pair.worker.get_executor(), pair.client);
      const Endpoint nobody = *Endpoint::Parse("10.0.0.99:1");
      ConnectOptions options;
      options.timeout = seconds(1);
      co_await stream.async_connect(nobody, options, kAwait);
    });
    tasks.Add([&pair, alive]() -> Task<> {
      SteadyTimer timer(pair.worker.get_executor(), seconds(100));
      co_await timer.async_wait(kAwait);
    });
    outlives.emplace(executor, pair.client);
    bool connected = false;
    outlives->async_connect(pair.ServerEndpoint(80), [&](error_code ec) { connected = !ec; });
    ASSERT_TRUE(pair.worker.RunUntil([&] { return connected; }));
    pair.worker.RunFor(milliseconds(1));
    outlives->async_read_some(asio::buffer(bytes), fail);
    listener->async_accept(fail);
    EXPECT_EQ(tasks.open(), 3u);
    EXPECT_GT(alive.use_count(), 4);
  }
  EXPECT_EQ(alive.use_count(), 2);  // here and in `fail`
}

TEST(TcpEnd, AcceptedButNotHandedOver) {
  TestPair pair;
  TcpListener listener(pair.worker.get_executor(), pair.server, pair.ServerEndpoint(80));
  TcpStream client(pair.worker.get_executor(), pair.client);
  bool connected = false;
  client.async_connect(pair.ServerEndpoint(80), [&](error_code ec) { connected = !ec; });
  ASSERT_TRUE(pair.worker.RunUntil([&] { return connected; }));
  pair.worker.RunFor(milliseconds(1));
  // Completes at once, and is destroyed before its handler is called.
  listener.async_accept([](error_code, TcpStream) { FAIL() << "called after its worker's end"; });
}

// --- memory ---

TEST(TcpMemory, AnEchoAllocatesNothing) {
  if (!AllocationCounterActive()) GTEST_SKIP() << "the sanitizer's allocator is not counted";
  TestPair pair;
  TcpListener listener(pair.worker.get_executor(), pair.server, pair.ServerEndpoint(7));
  Tasks tasks(pair.worker);
  uint64_t allocations = 1;
  tasks.Add([&]() -> Task<> {
    TcpStream stream = co_await listener.async_accept(kAwait);
    std::array<char, 64> bytes;
    for (;;) {
      const size_t n = co_await stream.async_read_some(asio::buffer(bytes), kAwait);
      co_await asio::async_write(stream, asio::buffer(bytes, n), kAwait);
      if (bytes[0] == 'q') co_return;
    }
  });
  tasks.Add([&]() -> Task<> {
    TcpStream stream(pair.worker.get_executor(), pair.client);
    const Endpoint to = pair.ServerEndpoint(7);
    co_await stream.async_connect(to, kAwait);
    std::array<char, 64> bytes{};
    uint64_t before = 0;
    for (int i = 0; i < 2000; ++i) {
      if (i == 1000) {
        before = AllocationsOnThisThread();
        // The counter counts: this one, too.
        const auto one = std::make_unique<int>(1);
        EXPECT_EQ(AllocationsOnThisThread(), before + 1);
        before = AllocationsOnThisThread();
      }
      if (i == 1999) allocations = AllocationsOnThisThread() - before;
      bytes[0] = i == 1999 ? 'q' : 'e';
      co_await asio::async_write(stream, asio::buffer(bytes), kAwait);
      co_await asio::async_read(stream, asio::buffer(bytes), kAwait);
    }
  });
  ASSERT_TRUE(tasks.Finish());
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace corelane::runtime
