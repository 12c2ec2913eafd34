// The client on our own sockets and resolver: two stacks over a ring, in virtual time.

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>

#include "http/client/client.h"
#include "http/client/test_routes.h"
#include "http/client/worker_connector.h"
#include "http/serve.h"
#include "runtime/tcp_listener.h"
#include "runtime/testing.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using runtime::WorkerExecutor;
using std::chrono::seconds;
using Await = asio::use_awaitable_t<WorkerExecutor>;
using Co = asio::awaitable<void, WorkerExecutor>;
using WorkerClient = Client<WorkerConnector>;

class WorkerClientTest : public ::testing::Test {
 protected:
  WorkerClientTest() {
    testing::AddTestRoutes(router_);
    asio::co_spawn(executor(), server_.Run(), [this](std::exception_ptr) { server_ended_ = true; });
    ClientOptions options;
    options.retry.max = 0;
    client_.emplace(executor(), WorkerConnector(executor(), pair_.client, Names()), options);
  }

  WorkerExecutor executor() { return pair_.worker.get_executor(); }
  // Two addresses, the first of which nobody has.
  std::shared_ptr<runtime::NameService> Names() {
    runtime::NameServiceOptions options;
    options.hosts = dns::HostsFile::Parse("fd00::99 server\n10.0.0.2 server\n");
    return runtime::NameService::New(pair_.worker, pair_.client, options);
  }

  void Run(Co ask) {
    bool ended = false;
    asio::co_spawn(executor(), std::move(ask), [&](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      client_->Close();
      server_.Stop();
      ended = true;
    });
    ASSERT_TRUE(
        pair_.worker.RunUntil([&] { return ended && server_ended_; }, std::chrono::minutes(10)));
  }

  Co AskTwice(std::string url) {
    Await await;
    for (int i = 0; i < 2; ++i) {
      OutgoingRequest request = OutgoingRequest::Get(url);
      auto response = co_await client_->Send(std::move(request), await);
      EXPECT_EQ(response.status(), 200);
      const std::string body = co_await response.ReadAll(10 << 20, await);
      EXPECT_EQ(body.size(), 3'000'000u);
    }
    EXPECT_EQ(client_->stats().dials, 1u);
  }

  Co AskNobody() {
    Await await;
    const Instant before = pair_.worker.now();
    const auto token = asio::as_tuple(await);
    OutgoingRequest request = OutgoingRequest::Get("http://10.0.0.77/");
    auto [error, response] = co_await client_->Send(std::move(request), token);
    EXPECT_TRUE(error == ClientCondition::kConnectFailed) << error.message();
    EXPECT_LE(pair_.worker.now() - before, seconds(11));
    EXPECT_NE(response.failure().message().find("10.0.0.77:80"), std::string::npos)
        << response.failure().message();
  }

  Router router_;
  runtime::TestPair pair_;
  Server<runtime::TcpListener> server_{
      runtime::TcpListener(executor(), pair_.server, pair_.ServerEndpoint(80)), router_,
      ServerOptions()};
  bool server_ended_ = false;
  std::optional<WorkerClient> client_;
};

TEST_F(WorkerClientTest, AsksAnAddress) { Run(AskTwice("http://10.0.0.2/bytes/3000000")); }

TEST_F(WorkerClientTest, AsksANameWhoseFirstAddressIsDead) {
  Run(AskTwice("http://server/bytes/3000000"));
  EXPECT_LT(pair_.worker.now().time_since_epoch(), seconds(60));
}

TEST_F(WorkerClientTest, NobodyIsThere) { Run(AskNobody()); }

}  // namespace
}  // namespace corelane::http
