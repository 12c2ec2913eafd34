// The server and the client over two of DPDK's ports, in virtual time.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <string>

#include "core/check.h"
#include "examples/demo_app.h"
#include "http/ask_demo.h"
#include "http/serve.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/worker.h"
#include "testing/net_ring_pair.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using runtime::TcpListener;
using runtime::TcpStream;
using runtime::WorkerExecutor;

class NetRingServerTest : public ::testing::Test {
 protected:
  NetRingServerTest() : worker_(Options()), client_(NewStack(0)), server_(NewStack(1)) {
    examples::AddDemoRoutes(router_, stats_);
  }
  runtime::WorkerOptions Options() {
    runtime::WorkerOptions options;
    options.manual_clock = &clock_;
    return options;
  }
  stack::Stack& NewStack(int end) {
    stack::Stack& stack = worker_.NewStack(stack::StackOptions());
    stack::InterfaceOptions interface;
    interface.addresses = {*IpPrefix::Parse(end == 0 ? "10.0.0.1/24" : "10.0.0.2/24")};
    driver::Device& device = ring_.end(end);
    CL_CHECK(stack.AddInterface(device.queue(0), device.info(), interface).ok());
    return stack;
  }
  static Endpoint ServerEndpoint() { return {*IpAddress::Parse("10.0.0.2"), 80}; }

  asio::awaitable<void, WorkerExecutor> Ask() {
    asio::use_awaitable_t<WorkerExecutor> await;
    TcpStream stream(worker_.get_executor(), client_);
    co_await stream.async_connect(ServerEndpoint(), await);
    co_await AskDemo(stream, "server", 3'000'000);
  }

  ManualClock clock_;
  testing::NetRingPair ring_;
  runtime::Worker worker_;
  stack::Stack& client_;
  stack::Stack& server_;
  NoStats stats_;
  Router router_;
};

TEST_F(NetRingServerTest, ServesManyClients) {
  const auto executor = worker_.get_executor();
  Server<TcpListener> server(TcpListener(executor, server_, ServerEndpoint()), router_,
                             ServerOptions());
  bool server_ended = false;
  asio::co_spawn(executor, server.Run(), [&](std::exception_ptr) { server_ended = true; });
  constexpr int kClients = 8;
  int ended = 0;
  for (int i = 0; i < kClients; ++i) {
    asio::co_spawn(executor, Ask(), [&](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      ++ended;
    });
  }
  ASSERT_TRUE(worker_.RunUntil([&] { return ended == kClients; }, std::chrono::minutes(10)));
  asio::post(executor, [&] { server.Stop(); });
  ASSERT_TRUE(worker_.RunUntil([&] { return server_ended; }, std::chrono::minutes(1)));
  EXPECT_EQ(server.connections(), 0u);
}

}  // namespace
}  // namespace corelane::http
