// The whole server over the kernel's sockets on loopback.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "examples/demo_app.h"
#include "http/ask_demo.h"
#include "http/client.h"
#include "http/serve.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using Socket = asio::basic_stream_socket<Tcp, Executor>;

class KernelServerTest : public ::testing::Test {
 protected:
  KernelServerTest() { examples::AddDemoRoutes(router_, stats_); }

  // Runs the server, and `client` beside it, to their common end.
  template <class Client>
  void Run(Client client) {
    Server<Acceptor> server(Acceptor(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
                            router_, options_);
    const Tcp::endpoint endpoint = server.acceptor().local_endpoint();
    bool ended = false;
    asio::co_spawn(context_, server.Run(), [&](std::exception_ptr) { ended = true; });
    asio::co_spawn(context_, client(endpoint, server), [&](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      server.Stop();
    });
    context_.run();
    EXPECT_TRUE(ended);
    EXPECT_EQ(server.connections(), 0u);
  }

  asio::io_context context_{1};
  NoStats stats_;
  Router router_;
  ServerOptions options_;
};

asio::awaitable<void, Executor> AskAll(Tcp::endpoint endpoint, Executor executor) {
  asio::use_awaitable_t<Executor> await;
  Socket socket(executor);
  co_await socket.async_connect(endpoint, await);
  co_await AskDemo(socket, "localhost", 5'000'000);
}

TEST_F(KernelServerTest, ServesAndStops) {
  Run([this](Tcp::endpoint endpoint, Server<Acceptor>&) {
    return AskAll(endpoint, context_.get_executor());
  });
}

asio::awaitable<void, Executor> AskWithTwo(Tcp::endpoint endpoint, Server<Acceptor>& server) {
  asio::use_awaitable_t<Executor> await;
  const Executor executor = server.acceptor().get_executor();
  const ClientRequest hello("GET", "/hello", "localhost");
  Socket first(executor);
  co_await first.async_connect(endpoint, await);
  ResponseReader reader;
  const ClientResponse served = co_await AsyncRequest(first, reader, hello);
  EXPECT_EQ(served.status, 200);
  Socket second(executor);
  co_await second.async_connect(endpoint, await);
  ResponseReader second_reader;
  const ClientResponse refused = co_await AsyncRequest(second, second_reader, hello);
  EXPECT_TRUE(refused.error);
  EXPECT_EQ(server.stats().refused_connections, 1u);
  const ClientResponse again = co_await AsyncRequest(first, reader, hello);
  EXPECT_EQ(again.status, 200);
}

TEST_F(KernelServerTest, RefusesConnectionsBeyondTheLimit) {
  options_.max_connections = 1;
  Run([](Tcp::endpoint endpoint, Server<Acceptor>& server) {
    return AskWithTwo(endpoint, server);
  });
}

TEST_F(KernelServerTest, ADestroyedContextLeaksNothing) {
  Server<Acceptor> server(Acceptor(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
                          router_, options_);
  Socket client(context_);
  client.connect(server.acceptor().local_endpoint());
  asio::write(client, asio::buffer(std::string("GET /api/events HTTP/1.1\r\nHost: a\r\n\r\n")));
  asio::co_spawn(context_, server.Run(), asio::detached);
  char byte = 0;
  bool received = false;
  client.async_read_some(asio::buffer(&byte, 1),
                         [&](const boost::system::error_code& error, size_t) {
                           EXPECT_FALSE(error);
                           received = true;
                           context_.stop();
                         });
  context_.run();
  EXPECT_TRUE(received);
  EXPECT_EQ(server.connections(), 1u);  // Under ASan, its end with the context must be clean.
}

}  // namespace
}  // namespace corelane::http
