#include "examples/metrics_route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <string>

#include "http/client.h"
#include "http/serve.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/testing.h"

namespace corelane::examples {
namespace {

namespace asio = boost::asio;
using ::testing::HasSubstr;

class MetricsRouteTest : public ::testing::Test {
 protected:
  MetricsRouteTest() { metrics_.AddLane(pair_.worker); }

  // What GET /metrics gives, in virtual time.
  http::ClientResponse Get() {
    http::Router router;
    AddMetricsRoute(router, metrics_, pair_.worker);
    runtime::TcpListener listener(pair_.worker.get_executor(), pair_.server,
                                  pair_.ServerEndpoint(80));
    http::Server<runtime::TcpListener> server(std::move(listener), router, http::ServerOptions());
    bool ended = false;
    asio::co_spawn(pair_.worker.get_executor(), server.Run(),
                   [&](std::exception_ptr) { ended = true; });
    std::optional<http::ClientResponse> response;
    asio::co_spawn(pair_.worker.get_executor(), Ask(response), [&](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      server.Stop();
    });
    EXPECT_TRUE(pair_.worker.RunUntil([&] { return ended; }));
    return response.value_or(http::ClientResponse());
  }
  asio::awaitable<void, runtime::WorkerExecutor> Ask(
      std::optional<http::ClientResponse>& response) {
    const asio::use_awaitable_t<runtime::WorkerExecutor> await;
    runtime::TcpStream stream(pair_.worker.get_executor(), pair_.client);
    co_await stream.async_connect(pair_.ServerEndpoint(80), await);
    http::ResponseReader reader;
    const http::ClientRequest request("GET", "/metrics", "server");
    response = co_await http::AsyncRequest(stream, reader, request);
  }

  runtime::TestPair pair_;
  runtime::Metrics metrics_;
};

TEST_F(MetricsRouteTest, TheServersOwnLane) {
  const http::ClientResponse response = Get();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(response.body, HasSubstr("corelane_lane_up{lane=\"0\"} 1\n"));
  // The request's own connection.
  EXPECT_THAT(response.body, HasSubstr("corelane_tcp_connections{lane=\"0\",stack=\"1\",class="
                                       "\"inbound\",port=\"80\"} 1\n"));
}

TEST_F(MetricsRouteTest, ALaneThatHangsDelaysTheAnswerUpToTheLimit) {
  runtime::Worker hangs;
  metrics_.AddLane(hangs);
  const Instant start = pair_.clock.Now();
  const http::ClientResponse response = Get();
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("corelane_lane_up{lane=\"0\"} 1\n"));
  EXPECT_THAT(response.body, HasSubstr("corelane_lane_up{lane=\"1\"} 0\n"));
  EXPECT_GE(pair_.clock.Now() - start, MetricsRouteOptions().limit);
}

}  // namespace
}  // namespace corelane::examples
