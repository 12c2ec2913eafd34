// The client against our own server over the kernel's loopback, plain and under TLS.

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "http/client/client.h"
#include "http/client/engine_test_fixture.h"
#include "http/client/kernel_connector.h"
#include "http/client/test_routes.h"
#include "http/serve.h"
#include "tls/acceptor.h"
#include "tls/test_certificates.h"

namespace corelane::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using PlainAcceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using TlsAcceptor = tls::Acceptor<PlainAcceptor, asio::basic_stream_socket<Tcp, Executor>>;
using KernelClient = Client<KernelConnector<Executor>>;
using Await = asio::use_awaitable_t<Executor>;
template <class T = void>
using Co = asio::awaitable<T, Executor>;

class KernelClientTest : public ::testing::Test {
 protected:
  KernelClientTest() {
    testing::AddTestRoutes(router_);
    client_options_.tls.ca = ca_.pem();
    client_options_.retry.max = 0;
  }

  PlainAcceptor Listen() {
    PlainAcceptor acceptor(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    port_ = acceptor.local_endpoint().port();
    return acceptor;
  }
  TlsAcceptor ListenTls(const std::string& name) {
    tls::ServerOptions options;
    options.identities.push_back(ca_.Issue({.names = {name}}));
    options.alpn = {"http/1.1"};
    return TlsAcceptor(Listen(), *tls::ServerContext::Create(options));
  }
  std::string UrlOf(std::string_view path, std::string_view scheme = "http") {
    return std::string(scheme) + "://localhost:" + std::to_string(port_) + std::string(path);
  }

  // Runs the server, and `ask` beside it, to their common end.
  template <class Acceptor, class Ask>
  void Run(Acceptor acceptor, Ask ask) {
    ServerOptions server_options;
    server_options.max_content_bytes = 64 << 20;
    Server<Acceptor> server(std::move(acceptor), router_, server_options);
    bool ended = false;
    asio::co_spawn(context_, server.Run(), [&](std::exception_ptr) { ended = true; });
    client_.emplace(context_.get_executor(), KernelConnector<Executor>(context_.get_executor()),
                    client_options_);
    asio::co_spawn(context_, ask(*client_), [&](std::exception_ptr failure) {
      EXPECT_EQ(failure, nullptr);
      client_->Close();
      server.Stop();
    });
    context_.run();
    EXPECT_TRUE(ended);
  }

  asio::io_context context_{1};
  Router router_;
  tls::TestCa ca_;
  uint16_t port_ = 0;
  ClientOptions client_options_;
  std::optional<KernelClient> client_;
};

Co<std::string> Fetch(KernelClient& client, OutgoingRequest request) {
  Await await;
  auto response = co_await client.Send(std::move(request), await);
  EXPECT_EQ(response.status(), 200);
  co_return co_await response.ReadAll(64 << 20, await);
}

TEST_F(KernelClientTest, AsksAndReads) {
  Run(Listen(), [this](KernelClient& client) -> Co<> {
    for (const size_t size : {size_t{0}, size_t{10}, size_t{5'000'000}}) {
      OutgoingRequest request = OutgoingRequest::Get(UrlOf("/bytes/" + std::to_string(size)));
      const std::string body = co_await Fetch(client, std::move(request));
      EXPECT_EQ(body.size(), size);
    }
    EXPECT_EQ(client.stats().dials, 1u);
  });
}

TEST_F(KernelClientTest, AsksUnderTls) {
  Run(ListenTls("localhost"), [this](KernelClient& client) -> Co<> {
    for (int i = 0; i < 3; ++i) {
      OutgoingRequest request = OutgoingRequest::Get(UrlOf("/bytes/1000000", "https"));
      const std::string body = co_await Fetch(client, std::move(request));
      EXPECT_EQ(body.size(), 1'000'000u);
    }
    EXPECT_EQ(client.stats().dials, 1u);
    EXPECT_EQ(client.stats().reused, 2u);
  });
}

TEST_F(KernelClientTest, RefusesACertificateForAnother) {
  Run(ListenTls("elsewhere.example"), [this](KernelClient& client) -> Co<> {
    Await await;
    error_code error;
    OutgoingRequest request = OutgoingRequest::Get(UrlOf("/hello", "https"));
    const auto response =
        co_await client.Send(std::move(request), asio::redirect_error(await, error));
    EXPECT_EQ(error, ClientError::kTls);
  });
}

TEST_F(KernelClientTest, RefusesToDoWithoutTheProtocolThatWasAskedFor) {
  Run(ListenTls("localhost"), [this](KernelClient& client) -> Co<> {
    Await await;
    OutgoingRequest request = OutgoingRequest::Get(UrlOf("/hello", "https"));
    request.Version(HttpVersion::kHttp2);
    const auto token = asio::as_tuple(await);
    auto [error, response] = co_await client.Send(std::move(request), token);
    EXPECT_TRUE(error == ClientError::kNoProtocol || error == ClientError::kTls)
        << response.failure().message();
  });
}

TEST_F(KernelClientTest, StreamsABodyThereAndBack) {
  Run(Listen(), [this](KernelClient& client) -> Co<> {
    std::vector<std::string> pieces;
    std::string all;
    for (int i = 0; i < 300; ++i) {
      pieces.push_back(std::string(10'007, static_cast<char>('a' + i % 26)));
      all += pieces.back();
    }
    const auto source = std::make_shared<testing::PieceSource>(pieces);
    OutgoingRequest request = OutgoingRequest::Post(UrlOf("/echo"));
    request.Stream(source);
    const std::string body = co_await Fetch(client, std::move(request));
    EXPECT_TRUE(body == all);
  });
}

Co<> FetchSome(KernelClient& client, std::string url, int count, int& done) {
  for (int i = 0; i < count; ++i) {
    OutgoingRequest request = OutgoingRequest::Get(url);
    const std::string body = co_await Fetch(client, std::move(request));
    EXPECT_EQ(body.size(), 10'000u);
    ++done;
  }
}

TEST_F(KernelClientTest, SharesAFewConnectionsAmongMany) {
  client_options_.pool.max_per_host = 4;
  int done = 0;
  Run(Listen(), [&](KernelClient& client) -> Co<> {
    Await await;
    for (int i = 0; i < 20; ++i) {
      asio::co_spawn(context_, FetchSome(client, UrlOf("/bytes/10000"), 50, done), asio::detached);
    }
    while (done < 1000) co_await asio::post(context_.get_executor(), await);
    EXPECT_LE(client.stats().dials, 4u);
  });
  EXPECT_EQ(done, 1000);
}

TEST_F(KernelClientTest, ARefusedConnectionNamesItsAddress) {
  Run(Listen(), [this](KernelClient& client) -> Co<> {
    Await await;
    PlainAcceptor closed(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const std::string where = "127.0.0.1:" + std::to_string(closed.local_endpoint().port());
    closed.close();
    const auto token = asio::as_tuple(await);
    OutgoingRequest request = OutgoingRequest::Get("http://" + where);
    auto [error, response] = co_await client.Send(std::move(request), token);
    EXPECT_EQ(error, ClientError::kConnect);
    EXPECT_EQ(response.failure().message(),
              "connect to " + where + " [" + where +
                  "]: no connection could be made (Connection refused)");
    EXPECT_EQ(response.failure().cause, asio::error::connection_refused);
  });
}

TEST_F(KernelClientTest, ManyAtOnceFindOutWhatTheServerSpeaks) {
  client_options_.pool.max_per_host = 4;
  int done = 0;
  Run(ListenTls("localhost"), [&](KernelClient& client) -> Co<> {
    Await await;
    for (int i = 0; i < 20; ++i) {
      asio::co_spawn(context_, FetchSome(client, UrlOf("/bytes/10000", "https"), 10, done),
                     asio::detached);
    }
    while (done < 200) co_await asio::post(context_.get_executor(), await);
    EXPECT_EQ(client.stats().dials, 4u);
  });
}

// --- A proxy ---

using KernelSocket = asio::basic_stream_socket<Tcp, Executor>;

Co<> Splice(KernelSocket& from, KernelSocket& to) {
  Await await;
  std::string bytes(65536, '\0');
  error_code error;
  auto token = asio::redirect_error(await, error);
  for (;;) {
    const auto room = asio::buffer(bytes);
    const size_t size = co_await from.async_read_some(room, token);
    if (error) break;
    const auto piece = asio::buffer(bytes.data(), size);
    co_await asio::async_write(to, piece, token);
    if (error) break;
  }
  to.shutdown(asio::socket_base::shutdown_send, error);
}

// Opens one tunnel to whatever port was asked for on this machine.
Co<> ServeTunnel(PlainAcceptor& acceptor, std::string& asked) {
  Await await;
  KernelSocket client(co_await acceptor.async_accept(await));
  char byte = 0;
  const auto one = asio::buffer(&byte, 1);
  while (!asked.ends_with("\r\n\r\n")) {
    co_await client.async_read_some(one, await);
    asked.push_back(byte);
  }
  const size_t colon = asked.find(':');
  const auto port = static_cast<uint16_t>(std::stoi(asked.substr(colon + 1)));
  KernelSocket server(acceptor.get_executor());
  const Tcp::endpoint to(asio::ip::address_v4::loopback(), port);
  co_await server.async_connect(to, await);
  const std::string answer = "HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n";
  const auto bytes = asio::buffer(answer);
  co_await asio::async_write(client, bytes, await);
  int open = 2;
  asio::co_spawn(acceptor.get_executor(), Splice(client, server),
                 [&](std::exception_ptr) { --open; });
  asio::co_spawn(acceptor.get_executor(), Splice(server, client),
                 [&](std::exception_ptr) { --open; });
  while (open > 0) co_await asio::post(acceptor.get_executor(), await);
}

TEST_F(KernelClientTest, AsksThroughATunnel) {
  PlainAcceptor proxy(context_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  client_options_.proxy.for_https =
      Url::Parse("http://user:pass@127.0.0.1:" + std::to_string(proxy.local_endpoint().port()));
  std::string asked;
  Run(ListenTls("localhost"), [&](KernelClient& client) -> Co<> {
    asio::co_spawn(context_, ServeTunnel(proxy, asked), asio::detached);
    for (int i = 0; i < 2; ++i) {
      OutgoingRequest request = OutgoingRequest::Get(UrlOf("/bytes/1000000", "https"));
      const std::string body = co_await Fetch(client, std::move(request));
      EXPECT_EQ(body.size(), 1'000'000u);
    }
    EXPECT_EQ(client.stats().dials, 1u);
  });
  EXPECT_TRUE(asked.starts_with("CONNECT localhost:" + std::to_string(port_) + " HTTP/1.1\r\n"));
  EXPECT_NE(asked.find("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"), std::string::npos);
}

// As the header's example has it, with Asio's own defaults.
asio::awaitable<void> AskWithDefaults(std::string url, std::string& page) {
  auto executor = co_await asio::this_coro::executor;
  Client<KernelConnector<>> client(executor, KernelConnector<>(executor));
  OutgoingRequest request = OutgoingRequest::Get(url);
  auto response = co_await client.Send(std::move(request), asio::use_awaitable);
  page = co_await response.ReadAll(1 << 20, asio::use_awaitable);
}

TEST_F(KernelClientTest, WorksOnAnyExecutor) {
  std::string page;
  Run(Listen(), [&](KernelClient&) -> Co<> {
    Await await;
    co_await asio::co_spawn(context_.get_executor(), AskWithDefaults(UrlOf("/hello"), page), await);
  });
  EXPECT_EQ(page, "hello\n");
}

// Sends half of a response.
Co<> SendHalf(PlainAcceptor& acceptor,
              std::optional<asio::basic_stream_socket<Tcp, Executor>>& to) {
  Await await;
  to.emplace(co_await acceptor.async_accept(await));
  std::string bytes(1000, '\0');
  co_await to->async_read_some(asio::buffer(bytes), await);
  const std::string half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello";
  co_await asio::async_write(*to, asio::buffer(half), await);
}

TEST_F(KernelClientTest, AResetInMidBodyIsReported) {
  PlainAcceptor acceptor = Listen();
  std::optional<asio::basic_stream_socket<Tcp, Executor>> socket;
  KernelClient client(context_.get_executor(), KernelConnector<Executor>(context_.get_executor()),
                      client_options_);
  asio::co_spawn(context_, SendHalf(acceptor, socket), asio::detached);
  bool done = false;
  const auto ask = [&]() -> Co<> {
    Await await;
    OutgoingRequest request =
        OutgoingRequest::Get("http://127.0.0.1:" + std::to_string(port_) + "/");
    auto response = co_await client.Send(std::move(request), await);
    std::string bytes(100, '\0');
    const auto buffer = asio::buffer(bytes);
    const size_t size = co_await response.Read(buffer, await);
    EXPECT_EQ(bytes.substr(0, size), "hello");
    socket->set_option(asio::socket_base::linger(true, 0));
    socket->close();
    const auto token = asio::as_tuple(await);
    auto [error, more] = co_await response.Read(buffer, token);
    EXPECT_EQ(error, ClientError::kTruncated);
    EXPECT_EQ(response.failure().cause, asio::error::connection_reset);
    client.Close();
    done = true;
  };
  asio::co_spawn(context_, ask(), asio::detached);
  context_.run();
  EXPECT_TRUE(done);
}

TEST_F(KernelClientTest, ADestroyedContextLeaksNothing) {
  auto context = std::make_unique<asio::io_context>(1);
  PlainAcceptor acceptor(*context, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto client = std::make_unique<KernelClient>(context->get_executor(),
                                               KernelConnector<Executor>(context->get_executor()));
  const std::string url =
      "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
  for (int i = 0; i < 3; ++i) {
    client->Send(OutgoingRequest::Get(url), [](error_code, KernelClient::Response) { FAIL(); });
  }
  context->poll();
  acceptor.close();
  client.reset();
  context.reset();
}

}  // namespace
}  // namespace corelane::http
