#include "runtime/udp_socket.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>
#include <optional>
#include <string>

#include "runtime/test_util.h"
#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class UdpSocketTest : public testing::TestWithParam<bool> {
 protected:
  Endpoint Server(uint16_t port) const {
    return GetParam() ? pair_.ServerEndpoint6(port) : pair_.ServerEndpoint(port);
  }

  TestPair pair_;
  Tasks tasks_{pair_.worker};
};

TEST_P(UdpSocketTest, Echoes) {
  tasks_.Add([this]() -> Task<> {
    UdpSocket socket(pair_.worker.get_executor(), pair_.server, Server(7));
    std::string bytes(2000, ' ');
    for (int i = 0; i < 10; ++i) {
      Endpoint from;
      const size_t n = co_await socket.async_receive_from(asio::buffer(bytes), from, kAwait);
      co_await socket.async_send_to(asio::buffer(bytes, n), from, kAwait);
    }
  });
  tasks_.Add([this]() -> Task<> {
    UdpSocket socket(pair_.worker.get_executor(), pair_.client);
    socket.connect(Server(7));
    EXPECT_EQ(socket.remote_endpoint(), Server(7));
    std::string answer(2000, ' ');
    for (size_t i = 0; i < 10; ++i) {
      const std::string head = "datagram ";
      const std::string tail = std::to_string(i);
      const std::array<asio::const_buffer, 2> pieces = {asio::buffer(head), asio::buffer(tail)};
      const size_t sent = co_await socket.async_send(pieces, kAwait);
      EXPECT_EQ(sent, head.size() + tail.size());
      const size_t n = co_await socket.async_receive(asio::buffer(answer), kAwait);
      EXPECT_EQ(answer.substr(0, n), head + tail);
    }
  });
  EXPECT_TRUE(tasks_.Finish());
}

TEST_P(UdpSocketTest, EmptyDatagramAndTooLongOne) {
  tasks_.Add([this]() -> Task<> {
    UdpSocket server(pair_.worker.get_executor(), pair_.server, Server(9));
    UdpSocket client(pair_.worker.get_executor(), pair_.client);
    const std::string nothing;
    std::string bytes(4, ' ');
    Endpoint from;
    co_await client.async_send_to(asio::buffer(nothing), Server(9), kAwait);
    size_t n = co_await server.async_receive_from(asio::buffer(bytes), from, kAwait);
    EXPECT_EQ(n, 0u);
    const std::string text = "abcdefgh";
    co_await client.async_send_to(asio::buffer(text), Server(9), kAwait);
    n = co_await server.async_receive_from(asio::buffer(bytes), from, kAwait);
    EXPECT_EQ(n, 4u);
    EXPECT_EQ(bytes, "abcd");
    const std::string huge(70000, 'x');
    error_code ec;
    auto token = asio::redirect_error(kAwait, ec);
    co_await client.async_send_to(asio::buffer(huge), Server(9), token);
    EXPECT_EQ(ec, asio::error::message_size);
  });
  EXPECT_TRUE(tasks_.Finish());
}

TEST_P(UdpSocketTest, PortUnreachableRefusesTheNextReceive) {
  tasks_.Add([this]() -> Task<> {
    UdpSocket client(pair_.worker.get_executor(), pair_.client);
    client.connect(Server(99));
    const std::string text = "anybody?";
    co_await client.async_send(asio::buffer(text), kAwait);
    std::string bytes(4, ' ');
    error_code ec;
    auto token = asio::redirect_error(kAwait, ec);
    co_await client.async_receive(asio::buffer(bytes), token);
    EXPECT_EQ(ec, asio::error::connection_refused);
  });
  EXPECT_TRUE(tasks_.Finish());
}

TEST_P(UdpSocketTest, CloseAndCancelAbort) {
  UdpSocket socket(pair_.worker.get_executor(), pair_.server, Server(7));
  std::string bytes(4, ' ');
  std::optional<error_code> ended;
  socket.async_receive(asio::buffer(bytes), [&](error_code ec, size_t) { ended = ec; });
  socket.cancel();
  EXPECT_FALSE(ended);
  EXPECT_TRUE(pair_.worker.RunUntil([&] { return ended.has_value(); }));
  EXPECT_EQ(*ended, asio::error::operation_aborted);
  ended.reset();
  socket.async_receive(asio::buffer(bytes), [&](error_code ec, size_t) { ended = ec; });
  socket.close();
  EXPECT_TRUE(pair_.worker.RunUntil([&] { return ended.has_value(); }));
  EXPECT_EQ(*ended, asio::error::operation_aborted);
  ended.reset();
  socket.async_receive(asio::buffer(bytes), [&](error_code ec, size_t) { ended = ec; });
  EXPECT_TRUE(pair_.worker.RunUntil([&] { return ended.has_value(); }));
  EXPECT_EQ(*ended, asio::error::bad_descriptor);
}

TEST_P(UdpSocketTest, BindSaysWhy) {
  UdpSocket first(pair_.worker.get_executor(), pair_.server, Server(7));
  UdpSocket second(pair_.worker.get_executor(), pair_.server);
  error_code ec;
  second.bind(Server(7), ec);
  EXPECT_EQ(ec, asio::error::address_in_use);
  // The server's address is not the client's.
  EXPECT_THROW(UdpSocket(pair_.worker.get_executor(), pair_.client, Server(7)),
               boost::system::system_error);
}

TEST_P(UdpSocketTest, PendingAtTheEndOfTheWorker) {
  std::optional<UdpSocket> outlives;
  {
    TestPair pair;
    const Endpoint at = GetParam() ? pair.ServerEndpoint6(7) : pair.ServerEndpoint(7);
    outlives.emplace(pair.worker.get_executor(), pair.server, at);
    static std::string bytes(4, ' ');
    outlives->async_receive(asio::buffer(bytes),
                            [](error_code, size_t) { FAIL() << "called after its worker's end"; });
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, UdpSocketTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "IPv6" : "IPv4"; });

}  // namespace
}  // namespace corelane::runtime
