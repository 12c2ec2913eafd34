// Other people's protocols over our sockets, and Asio's own objects beside them.

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <memory>
#include <string>
#include <vector>

#include "runtime/beast.h"
#include "runtime/steady_timer.h"
#include "runtime/system.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"
#include "runtime/test_certificate.h"
#include "runtime/test_util.h"
#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using std::chrono::milliseconds;
using std::chrono::seconds;

static_assert(beast::is_async_read_stream<TcpStream>::value);
static_assert(beast::is_async_write_stream<TcpStream>::value);
static_assert(beast::is_async_stream<TcpStream>::value);
static_assert(beast::is_async_stream<BasicTcpStream<asio::any_io_executor>>::value);
static_assert(std::is_same_v<beast::lowest_layer_type<ssl::stream<TcpStream>>, TcpStream>);
static_assert(std::is_nothrow_move_constructible_v<TcpStream>);
static_assert(!std::is_copy_constructible_v<TcpStream>);

class InteropTest : public testing::Test {
 protected:
  // Connects a stream of the client to one of the server.
  void Connect(TcpStream& client, TcpStream& server) {
    TcpListener listener(executor(), pair_.server, pair_.ServerEndpoint(80));
    tasks_.Add([&]() -> Task<> { co_await listener.async_accept(server, kAwait); });
    tasks_.Add([&]() -> Task<> {
      const Endpoint to = pair_.ServerEndpoint(80);
      co_await client.async_connect(to, kAwait);
    });
    ASSERT_TRUE(tasks_.Finish());
  }
  WorkerExecutor executor() { return pair_.worker.get_executor(); }

  TestPair pair_;
  Tasks tasks_{pair_.worker};
  TcpStream client_{executor(), pair_.client};
  TcpStream server_{executor(), pair_.server};
};

TEST_F(InteropTest, BeastHttp) {
  Connect(client_, server_);
  tasks_.Add([&]() -> Task<> {
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    co_await http::async_read(server_, buffer, request, kAwait);
    EXPECT_EQ(request.target(), "/page");
    http::response<http::string_body> response(http::status::ok, 11);
    response.body() = std::string(100000, 'b');
    response.prepare_payload();
    co_await http::async_write(server_, response, kAwait);
    server_.shutdown(TcpStream::shutdown_send);
  });
  tasks_.Add([&]() -> Task<> {
    http::request<http::empty_body> request(http::verb::get, "/page", 11);
    request.set(http::field::host, "server");
    co_await http::async_write(client_, request, kAwait);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    co_await http::async_read(client_, buffer, response, kAwait);
    EXPECT_EQ(response.result(), http::status::ok);
    EXPECT_EQ(response.body(), std::string(100000, 'b'));
  });
  EXPECT_TRUE(tasks_.Finish());
}

TEST_F(InteropTest, BeastWebSocket) {
  Connect(client_, server_);
  beast::websocket::stream<TcpStream> server(std::move(server_));
  beast::websocket::stream<TcpStream> client(std::move(client_));
  tasks_.Add([&]() -> Task<> {
    co_await server.async_accept(kAwait);
    beast::flat_buffer buffer;
    co_await server.async_read(buffer, kAwait);
    co_await server.async_write(buffer.data(), kAwait);
    buffer.clear();
    boost::system::error_code ec;
    auto token = asio::redirect_error(kAwait, ec);
    co_await server.async_read(buffer, token);
    EXPECT_EQ(ec, beast::websocket::error::closed);
  });
  tasks_.Add([&]() -> Task<> {
    co_await client.async_handshake("server", "/", kAwait);
    const std::string text = "hello";
    co_await client.async_write(asio::buffer(text), kAwait);
    beast::flat_buffer buffer;
    co_await client.async_read(buffer, kAwait);
    EXPECT_EQ(beast::buffers_to_string(buffer.data()), text);
    co_await client.async_close(beast::websocket::close_code::normal, kAwait);
  });
  EXPECT_TRUE(tasks_.Finish());
}

TEST_F(InteropTest, AsioSsl) {
  Connect(client_, server_);
  ssl::context server_context(ssl::context::tls_server);
  UseSelfSignedCertificate(server_context);
  ssl::context client_context(ssl::context::tls_client);
  ssl::stream<TcpStream> server(std::move(server_), server_context);
  ssl::stream<TcpStream> client(std::move(client_), client_context);
  const std::string sent(300000, 's');
  std::string got(sent.size(), ' ');
  tasks_.Add([&]() -> Task<> {
    co_await server.async_handshake(ssl::stream_base::server, kAwait);
    co_await asio::async_write(server, asio::buffer(sent), kAwait);
    boost::system::error_code ec;
    auto token = asio::redirect_error(kAwait, ec);
    std::array<char, 1> more;
    co_await server.async_read_some(asio::buffer(more), token);
    EXPECT_EQ(ec, asio::error::eof);
    co_await server.async_shutdown(kAwait);
  });
  tasks_.Add([&]() -> Task<> {
    co_await client.async_handshake(ssl::stream_base::client, kAwait);
    co_await asio::async_read(client, asio::buffer(got), kAwait);
    co_await client.async_shutdown(kAwait);
    client.lowest_layer().close();
  });
  EXPECT_TRUE(tasks_.Finish());
  EXPECT_EQ(got, sent);
}

TEST_F(InteropTest, NothingStartsAThread) {
  const size_t before = ThreadCount();
  ASSERT_GE(before, 1u);
  ssl::context context(ssl::context::tls_client);
  ssl::stream<TcpStream> secure(TcpStream(executor(), pair_.client), context);
  beast::websocket::stream<TcpStream> socket(TcpStream(executor(), pair_.client));
  socket.set_option(beast::websocket::stream_base::timeout::suggested(beast::role_type::client));
  asio::steady_timer timer(executor(), milliseconds(1));
  EXPECT_EQ(ThreadCount(), before);
}

// Asio's own timers are driven by the worker, on its thread.
TEST(AsioObjects, TimerFires) {
  Worker worker;
  asio::steady_timer timer(worker.get_executor(), milliseconds(2));
  const auto start = std::chrono::steady_clock::now();
  bool here = false;
  timer.async_wait([&](boost::system::error_code) {
    here = worker.IsRunningHere();
    worker.Stop();
  });
  worker.Run();
  EXPECT_TRUE(here);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(2));
}

TEST(AsioObjects, PendingOnesEndWithTheWorker) {
  auto alive = std::make_shared<int>(0);
  {
    Worker worker;
    // Owned by the coroutine that the worker destroys.
    asio::co_spawn(
        worker.get_executor(),
        [&worker, alive]() -> Task<> {
          asio::steady_timer timer(worker.get_executor(), seconds(1000));
          worker.Stop();
          co_await timer.async_wait(kAwait);
        },
        [](std::exception_ptr) {});
    worker.Run();
    worker.RunFor(milliseconds(1));
    EXPECT_GT(alive.use_count(), 1);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

// What a forwarder does: a kernel's connection carried over ours, in one thread, in real time.
TEST(AsioObjects, KernelSocketsBesideOurs) {
  using Tcp = asio::ip::tcp;
  TestPairOptions options;
  options.real_time = true;
  TestPair pair(options);
  const auto executor = pair.worker.get_executor();
  Tasks tasks(pair.worker);
  Tcp::acceptor acceptor(executor, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  TcpListener listener(executor, pair.server, pair.ServerEndpoint(80));
  tasks.Add([&]() -> Task<> {  // the server: answers in upper case
    TcpStream stream = co_await listener.async_accept(kAwait);
    std::array<char, 100> bytes;
    const size_t n = co_await stream.async_read_some(asio::buffer(bytes), kAwait);
    for (size_t i = 0; i < n; ++i) bytes[i] = static_cast<char>(std::toupper(bytes[i]));
    co_await asio::async_write(stream, asio::buffer(bytes, n), kAwait);
  });
  tasks.Add([&]() -> Task<> {  // the forwarder
    Tcp::socket in = co_await acceptor.async_accept(kAwait);
    TcpStream out(executor, pair.client);
    const Endpoint to = pair.ServerEndpoint(80);
    co_await out.async_connect(to, kAwait);
    std::array<char, 100> bytes;
    size_t n = co_await in.async_read_some(asio::buffer(bytes), kAwait);
    co_await asio::async_write(out, asio::buffer(bytes, n), kAwait);
    n = co_await out.async_read_some(asio::buffer(bytes), kAwait);
    co_await asio::async_write(in, asio::buffer(bytes, n), kAwait);
  });
  std::string answer(5, ' ');
  tasks.Add([&]() -> Task<> {  // a browser
    // Long enough for the worker to fall asleep before.
    SteadyTimer timer(executor, milliseconds(5));
    co_await timer.async_wait(kAwait);
    Tcp::socket socket(executor);
    const Tcp::endpoint to = acceptor.local_endpoint();
    co_await socket.async_connect(to, kAwait);
    const std::string text = "hello";
    co_await asio::async_write(socket, asio::buffer(text), kAwait);
    co_await asio::async_read(socket, asio::buffer(answer), kAwait);
  });
  EXPECT_TRUE(tasks.Finish());
  EXPECT_EQ(answer, "HELLO");
  EXPECT_GE(pair.worker.counters().sleeps.value(), 1u);
}

}  // namespace
}  // namespace corelane::runtime
