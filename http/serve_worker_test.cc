// The server and the client on our own sockets: two stacks over a ring, in virtual time.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <string>

#include "examples/demo_app.h"
#include "http/ask_demo.h"
#include "http/client.h"
#include "http/serve.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/testing.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using runtime::TcpListener;
using runtime::TcpStream;
using runtime::WorkerExecutor;
using std::chrono::seconds;

class WorkerServerTest : public ::testing::Test {
 protected:
  WorkerServerTest() {
    examples::AddDemoRoutes(router_, stats_);
    asio::co_spawn(executor(), server_.Run(), [this](std::exception_ptr) { server_ended_ = true; });
  }

  WorkerExecutor executor() { return pair_.worker.get_executor(); }

  // Lets `client` run to its end, then the server.
  void Finish(asio::awaitable<void, WorkerExecutor> client) {
    bool ended = false;
    asio::co_spawn(executor(), std::move(client), [&](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      ended = true;
    });
    ASSERT_TRUE(pair_.worker.RunUntil([&] { return ended; }, std::chrono::minutes(10)));
    asio::post(executor(), [this] { server_.Stop(); });
    ASSERT_TRUE(pair_.worker.RunUntil([&] { return server_ended_; }, std::chrono::minutes(1)));
    EXPECT_EQ(server_.connections(), 0u);
  }

  asio::awaitable<void, WorkerExecutor> AskAll() {
    asio::use_awaitable_t<WorkerExecutor> await;
    TcpStream stream(executor(), pair_.client);
    co_await stream.async_connect(pair_.ServerEndpoint(80), await);
    co_await AskDemo(stream, "server", 3'000'000);
  }

  // Half a head, then silence: the server must answer and close in its own time.
  asio::awaitable<void, WorkerExecutor> Drip() {
    asio::use_awaitable_t<WorkerExecutor> await;
    TcpStream stream(executor(), pair_.client);
    co_await stream.async_connect(pair_.ServerEndpoint(80), await);
    const Instant before = pair_.worker.now();
    const std::string half = "GET /hello HTTP/1.1\r\n";
    co_await asio::async_write(stream, asio::buffer(half), await);
    std::string answer(1000, '\0');
    const size_t size = co_await stream.async_read_some(asio::buffer(answer), await);
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 408") << size;
    EXPECT_GE(pair_.worker.now() - before, seconds(10));
    EXPECT_LT(pair_.worker.now() - before, seconds(12));
  }

  NoStats stats_;
  Router router_;
  runtime::TestPair pair_;
  Server<TcpListener> server_{TcpListener(executor(), pair_.server, pair_.ServerEndpoint(80)),
                              router_, ServerOptions()};
  bool server_ended_ = false;
};

TEST_F(WorkerServerTest, ServesAndStops) { Finish(AskAll()); }
TEST_F(WorkerServerTest, DeadlinesGoByTheWorkersTime) { Finish(Drip()); }

}  // namespace
}  // namespace corelane::http
