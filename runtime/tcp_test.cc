#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <vector>

#include "core/allocation_counter.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using Await = asio::use_awaitable_t<WorkerExecutor>;
constexpr Await kAwait;
template <class T = void>
using Task = asio::awaitable<T, WorkerExecutor>;

Task<> EchoOnce(TcpStream stream) {
  std::vector<char> bytes(4096);
  for (;;) {
    boost::system::error_code ec;
    auto token = asio::redirect_error(kAwait, ec);
    const size_t n = co_await stream.async_read_some(asio::buffer(bytes), token);
    if (ec) co_return;
    co_await asio::async_write(stream, asio::buffer(bytes, n), kAwait);
  }
}

Task<> EchoServer(TcpListener& listener) {
  for (;;) {
    TcpStream stream = co_await listener.async_accept(kAwait);
    asio::co_spawn(co_await asio::this_coro::executor, EchoOnce(std::move(stream)), asio::detached);
  }
}

TEST(TcpStream, Echoes) {
  TestPair pair;
  TcpListener listener(pair.worker.get_executor(), pair.server, pair.ServerEndpoint(7));
  asio::co_spawn(pair.worker.get_executor(), EchoServer(listener), asio::detached);
  std::string answer(5, ' ');
  bool done = false;
  const auto client = [&]() -> Task<> {
    TcpStream stream(pair.worker.get_executor(), pair.client);
    const Endpoint to = pair.ServerEndpoint(7);
    co_await stream.async_connect(to, kAwait);
    const auto hello = asio::buffer("hello", 5);
    co_await asio::async_write(stream, hello, kAwait);
    const size_t n = co_await stream.async_read_some(asio::buffer(answer), kAwait);
    EXPECT_EQ(n, 5u);
    done = true;
  };
  asio::co_spawn(pair.worker.get_executor(), client, asio::detached);
  EXPECT_TRUE(pair.worker.RunUntil([&] { return done; }));
  EXPECT_EQ(answer, "hello");
}

}  // namespace
}  // namespace corelane::runtime
