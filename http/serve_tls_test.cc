// The server under TLS: on our own sockets, in virtual time.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>

#include "examples/demo_app.h"
#include "http/ask_demo.h"
#include "http/serve.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/testing.h"
#include "tls/acceptor.h"
#include "tls/context.h"
#include "tls/stream.h"
#include "tls/test_certificates.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using runtime::TcpListener;
using runtime::TcpStream;
using runtime::WorkerExecutor;
using std::chrono::seconds;
using TlsAcceptor = tls::Acceptor<TcpListener>;
using Awaitable = asio::awaitable<void, WorkerExecutor>;

constexpr asio::use_awaitable_t<WorkerExecutor> kAwait;

class TlsServerTest : public ::testing::Test {
 protected:
  TlsServerTest() {
    examples::AddDemoRoutes(router_, stats_);
    router_.Get("/about", [](const Request& request) {
      const ConnectionInfo& connection = request.connection();
      return Response::Text(connection.remote.address.ToString() +
                            (connection.secure ? " secure" : " plain"));
    });
    asio::co_spawn(executor(), server_.Run(), [this](std::exception_ptr) { ended_ = true; });
  }

  WorkerExecutor executor() { return pair_.worker.get_executor(); }

  tls::ServerContext MakeServerContext() {
    tls::ServerOptions options;
    options.identities.push_back(ca_.Issue({.names = {"server.test"}}));
    options.alpn = {"h2", "http/1.1"};
    return *tls::ServerContext::Create(options);
  }
  tls::ClientContext MakeClientContext() {
    tls::ClientOptions options;
    options.ca = ca_.pem();
    options.alpn = {"http/1.1"};
    return *tls::ClientContext::Create(options);
  }

  void Finish(Awaitable client) {
    bool ended = false;
    asio::co_spawn(executor(), std::move(client), [&](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      ended = true;
    });
    ASSERT_TRUE(pair_.worker.RunUntil([&] { return ended; }, std::chrono::minutes(10)));
    asio::post(executor(), [this] { server_.Stop(); });
    ASSERT_TRUE(pair_.worker.RunUntil([&] { return ended_; }, std::chrono::minutes(1)));
    EXPECT_EQ(server_.connections(), 0u);
  }

  Awaitable AskAll() {
    TcpStream socket(executor(), pair_.client);
    co_await socket.async_connect(pair_.ServerEndpoint(443), kAwait);
    tls::Stream<TcpStream> stream(std::move(socket), client_context_, "server.test");
    co_await AskDemo(stream, "server.test", 2'000'000);
    EXPECT_EQ(stream.engine().alpn(), "http/1.1");
    ResponseReader reader;
    const ClientRequest about("GET", "/about", "server.test");
    const ClientResponse response = co_await AsyncRequest(stream, reader, about);
    EXPECT_TRUE(response.body.ends_with(" secure")) << response.body;
  }

  // A client that never says hello is closed like any idle one.
  Awaitable SayNothing() {
    TcpStream socket(executor(), pair_.client);
    co_await socket.async_connect(pair_.ServerEndpoint(443), kAwait);
    const Instant before = pair_.worker.now();
    char byte = 0;
    boost::system::error_code error;
    const auto buffer = asio::buffer(&byte, 1);
    auto token = asio::redirect_error(kAwait, error);
    co_await socket.async_read_some(buffer, token);
    EXPECT_TRUE(error);
    EXPECT_GE(pair_.worker.now() - before, ServerOptions().idle_timeout);
    EXPECT_LT(pair_.worker.now() - before, ServerOptions().idle_timeout + seconds(5));
  }

  NoStats stats_;
  Router router_;
  tls::TestCa ca_;
  tls::ClientContext client_context_ = MakeClientContext();
  runtime::TestPair pair_;
  Server<TlsAcceptor> server_{
      TlsAcceptor(TcpListener(executor(), pair_.server, pair_.ServerEndpoint(443)),
                  MakeServerContext()),
      router_, ServerOptions()};
  bool ended_ = false;
};

TEST_F(TlsServerTest, ServesAndStops) { Finish(AskAll()); }
TEST_F(TlsServerTest, TheHandshakeHasADeadline) { Finish(SayNothing()); }

}  // namespace
}  // namespace corelane::http
