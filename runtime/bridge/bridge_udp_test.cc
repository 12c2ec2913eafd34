// BasicBridgeUdpSocket.

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/bridge/bridge_test_fixture.h"
#include "runtime/bridge/udp_socket.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using IoUdp = BasicBridgeUdpSocket<IoExecutor>;

TEST_F(BridgeTest, DatagramsThereAndBack) {
  IoUdp server(io_->get_executor(), *server_bridge_, Server(53));
  IoUdp client(io_->get_executor(), *client_bridge_);
  EXPECT_EQ(server.local_endpoint(), Server(53));
  std::array<char, 2000> room;
  Endpoint from;
  size_t received = 0;
  server.async_receive_from(asio::buffer(room), from, [&](error_code ec, size_t n) {
    EXPECT_FALSE(ec);
    received = n;
    server.async_send_to(asio::buffer(room, n), from, [](error_code ec, size_t n) {
      EXPECT_FALSE(ec);
      EXPECT_EQ(n, 1000u);
    });
  });
  // In pieces.
  const std::string text(500, 'a');
  const std::string more(500, 'b');
  const std::array<asio::const_buffer, 3> pieces = {asio::buffer(text), asio::const_buffer(),
                                                    asio::buffer(more)};
  std::optional<error_code> sent;
  client.async_send_to(pieces, Server(53), Into(sent));
  EXPECT_EQ(Ended(sent), error_code());
  std::string answer(1000, ' ');
  Endpoint sender;
  std::optional<error_code> got;
  client.async_receive_from(asio::buffer(answer), sender, Into(got));
  EXPECT_EQ(Ended(got), error_code());
  EXPECT_EQ(received, 1000u);
  EXPECT_EQ(from.port, client.local_endpoint().port);
  EXPECT_EQ(sender, Server(53));
  EXPECT_EQ(answer, text + more);
}

TEST_F(BridgeTest, ConnectedUdpSeesErrors) {
  IoUdp client(io_->get_executor(), *client_bridge_);
  error_code ec;
  client.connect(Server(99), ec);
  EXPECT_FALSE(ec);
  EXPECT_EQ(client.remote_endpoint(), Server(99));
  std::optional<error_code> sent;
  client.async_send(asio::buffer("x", 1), Into(sent));
  EXPECT_EQ(Ended(sent), error_code());
  std::optional<error_code> got;
  client.async_receive(asio::buffer(bytes_), Into(got));
  EXPECT_EQ(Ended(got), asio::error::connection_refused);
}

TEST_F(BridgeTest, UdpSetupSaysWhy) {
  IoUdp first(io_->get_executor(), *server_bridge_, Server(53));
  IoUdp second(io_->get_executor(), *server_bridge_);
  error_code ec;
  second.bind(Server(53), ec);
  EXPECT_EQ(ec, asio::error::address_in_use);
  EXPECT_THROW(second.bind(*Endpoint::Parse("192.0.2.1:53")), boost::system::system_error);
  std::optional<error_code> ended;
  second.async_bind(Server(54), Into(ended));
  EXPECT_EQ(Ended(ended), error_code());
  EXPECT_EQ(second.local_endpoint(), Server(54));
  second.async_send(asio::buffer("x", 1), Into(ended));
  EXPECT_EQ(Ended(ended), boost::system::errc::destination_address_required);
  const std::vector<char> long_one(70000);
  second.async_send_to(asio::buffer(long_one), Server(53), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::message_size);
}

TEST_F(BridgeTest, UdpOperationsEnd) {
  IoUdp socket(io_->get_executor(), *client_bridge_);
  std::optional<error_code> ended;
  asio::cancellation_signal signal;
  socket.async_receive(asio::buffer(bytes_),
                       asio::bind_cancellation_slot(signal.slot(), Into(ended)));
  RunFor(1);
  signal.emit(asio::cancellation_type::total);
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  socket.async_receive(asio::buffer(bytes_), Into(ended));
  socket.cancel();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  socket.async_receive(asio::buffer(bytes_), Into(ended));
  RunFor(1);
  socket.close();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  socket.async_send_to(asio::buffer(bytes_), Server(53), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::bad_descriptor);
  RunFor(1);
  EXPECT_EQ(pair_->client.udp().sockets(), 0u);
}

// What a slow reader leaves is bounded by the socket's queue; the rest is dropped and counted.
TEST_F(BridgeTest, UdpQueueIsBounded) {
  udp::UdpOptions options;
  options.receive_packets = 10;
  IoUdp server(io_->get_executor(), *server_bridge_, Server(53), options);
  IoUdp client(io_->get_executor(), *client_bridge_);
  for (char i = 0; i < 100; ++i) {
    std::optional<error_code> sent;
    client.async_send_to(asio::buffer(&i, 1), Server(53), Into(sent));
    EXPECT_EQ(Ended(sent), error_code());
  }
  RunFor(10);
  for (char i = 0; i < 10; ++i) {
    std::optional<error_code> got;
    server.async_receive(asio::buffer(bytes_), Into(got));
    EXPECT_EQ(Ended(got), error_code());
    EXPECT_EQ(bytes_[0], i);
  }
  std::optional<error_code> none;
  server.async_receive(asio::buffer(bytes_), Into(none));
  RunFor(10);
  EXPECT_FALSE(none);
  server.close();
  RunFor(1);
}

}  // namespace
}  // namespace corelane::runtime
