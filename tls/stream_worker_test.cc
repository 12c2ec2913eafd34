// Streams over our own sockets: two stacks on one worker, in virtual time.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>

#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/testing.h"
#include "tls/acceptor.h"
#include "tls/engine_pair.h"
#include "tls/stream.h"

namespace corelane::tls {
namespace {

namespace asio = boost::asio;
using runtime::TcpListener;
using runtime::TcpStream;
using runtime::WorkerExecutor;
using TlsStream = Stream<TcpStream>;

constexpr asio::use_awaitable_t<WorkerExecutor> kAwait;

class WorkerStreamTest : public ::testing::Test {
 protected:
  using Task = asio::awaitable<void, WorkerExecutor>;

  WorkerExecutor executor() { return pair_.worker.get_executor(); }

  void Spawn(Task task) {
    ++running_;
    asio::co_spawn(executor(), std::move(task), [this](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      --running_;
    });
  }
  void Finish() {
    ASSERT_TRUE(pair_.worker.RunUntil([&] { return running_ == 0; }, std::chrono::minutes(10)));
  }

  // Sends all back to each of `count` clients.
  Task Echo(int count) {
    for (int i = 0; i < count; ++i) {
      Spawn(EchoOne(co_await acceptor_.async_accept(kAwait)));
    }
  }
  static Task EchoOne(TlsStream stream) {
    std::string buffer(100'000, '\0');
    error_code end;
    for (;;) {
      const size_t size =
          co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(kAwait, end));
      if (end) break;
      co_await asio::async_write(stream, asio::buffer(buffer, size), kAwait);
    }
    EXPECT_EQ(end, asio::error::eof);
    co_await stream.async_shutdown(kAwait);
  }

  Task Ask(size_t size, std::string& subject) {
    TcpStream socket(executor(), pair_.client);
    co_await socket.async_connect(pair_.ServerEndpoint(443), kAwait);
    TlsStream stream(std::move(socket), client_context_, "server.test");
    co_await stream.async_handshake(kAwait);
    subject = stream.engine().PeerSubject();
    const std::string text(size, 'x');
    std::string answer(size, '\0');
    bool ended = false;
    asio::async_write(stream, asio::buffer(text), [&](error_code ec, size_t) {
      EXPECT_FALSE(ec) << ec.message();
      stream.async_shutdown([&](error_code ec) { ended = !ec; });
    });
    co_await asio::async_read(stream, asio::buffer(answer), kAwait);
    char byte = 0;
    error_code end;
    co_await stream.async_read_some(asio::buffer(&byte, 1), asio::redirect_error(kAwait, end));
    EXPECT_EQ(end, asio::error::eof);
    EXPECT_TRUE(ended);
    EXPECT_TRUE(answer == text);
  }

  // Half of the clients before the certificate changes, half afterwards.
  Task AskAndReload(int count, std::string* subjects) {
    for (int i = 0; i < count; ++i) {
      if (i == count / 2) {
        settings_.server.identities = {
            settings_.ca.Issue({.common_name = "renewed", .names = {"server.test"}})};
        EXPECT_TRUE(server_context_.Reload(settings_.server).ok());
        EXPECT_TRUE(client_context_.Reload(settings_.client).ok());
      }
      Spawn(Ask(100'000, subjects[i]));
      co_await asio::post(executor(), kAwait);
    }
  }

  TestSettings settings_;
  ServerContext server_context_ = settings_.Server();
  ClientContext client_context_ = settings_.Client();
  runtime::TestPair pair_;
  Acceptor<TcpListener> acceptor_{TcpListener(executor(), pair_.server, pair_.ServerEndpoint(443)),
                                  server_context_};
  int running_ = 0;
};

TEST_F(WorkerStreamTest, EchoesMegabytes) {
  std::string subject;
  Spawn(Echo(1));
  Spawn(Ask(2'000'000, subject));
  Finish();
  EXPECT_EQ(subject, "CN=test");
}

TEST_F(WorkerStreamTest, ServesManyAndReloadsMeanwhile) {
  constexpr int kClients = 20;
  std::string subjects[kClients];
  Spawn(Echo(kClients));
  Spawn(AskAndReload(kClients, subjects));
  Finish();
  EXPECT_EQ(subjects[kClients - 1], "CN=renewed");
}

}  // namespace
}  // namespace corelane::tls
