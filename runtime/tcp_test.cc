// TcpStream and TcpListener: connecting, reading, writing, ending.

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/random.h"
#include "runtime/tcp_test_fixture.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::vector<uint8_t> RandomBytes(size_t n, uint64_t seed) {
  Random random(seed);
  std::vector<uint8_t> bytes(n);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random.Next64());
  return bytes;
}

INSTANTIATE_TEST_SUITE_P(Versions, TcpTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "IPv6" : "IPv4"; });

TEST_P(TcpTest, MegabyteBothWays) {
  Connect();
  const auto up = RandomBytes(1 << 20, 1);
  const auto down = RandomBytes(1 << 20, 2);
  std::vector<uint8_t> got_up(up.size());
  std::vector<uint8_t> got_down(down.size());
  tasks_.Add([&]() -> Task<> { co_await asio::async_write(client_, asio::buffer(up), kAwait); });
  tasks_.Add([&]() -> Task<> { co_await asio::async_write(server_, asio::buffer(down), kAwait); });
  tasks_.Add([&]() -> Task<> { co_await asio::async_read(server_, asio::buffer(got_up), kAwait); });
  tasks_.Add(
      [&]() -> Task<> { co_await asio::async_read(client_, asio::buffer(got_down), kAwait); });
  ASSERT_TRUE(tasks_.Finish());
  EXPECT_EQ(got_up, up);
  EXPECT_EQ(got_down, down);
}

TEST_P(TcpTest, EndpointsAndOptions) {
  Connect();
  EXPECT_EQ(client_.remote_endpoint(), Server());
  EXPECT_EQ(server_.local_endpoint(), Server());
  EXPECT_EQ(server_.remote_endpoint(), client_.local_endpoint());
  EXPECT_TRUE(client_.is_open());
  client_.set_option(asio::ip::tcp::no_delay(true));
  EXPECT_TRUE(client_.options().no_delay);
  asio::ip::tcp::no_delay option;
  client_.get_option(option);
  EXPECT_TRUE(option.value());
  client_.set_option(asio::socket_base::keep_alive(true));
  EXPECT_TRUE(client_.options().keepalive);
  client_.set_option(asio::socket_base::receive_buffer_size(9999));
  EXPECT_EQ(client_.options().receive_buffer_max, 9999u);
  client_.close();
  EXPECT_FALSE(client_.is_open());
  error_code ec;
  client_.remote_endpoint(ec);
  EXPECT_EQ(ec, asio::error::bad_descriptor);
  EXPECT_THROW(client_.local_endpoint(), boost::system::system_error);
}

TEST_P(TcpTest, OptionsSetBeforeConnecting) {
  client_.set_option(asio::socket_base::send_buffer_size(5000));
  Connect();
  const auto much = RandomBytes(20000, 1);
  size_t written = 0;
  client_.async_write_some(asio::buffer(much), [&](error_code, size_t n) { written = n; });
  EXPECT_TRUE(pair_.worker.RunUntil([&] { return written > 0; }));
  EXPECT_EQ(written, 5000u);
}

TEST_P(TcpTest, NothingListens) {
  std::optional<error_code> ended;
  client_.async_connect(Server(), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::connection_refused);
  EXPECT_FALSE(client_.is_open());
  // The stream may try again.
  Connect();
}

TEST_P(TcpTest, ConnectTimesOut) {
  // A neighbor that is there, but never answers: its frames fall into an unread port of the ring.
  const Endpoint nobody{*IpAddress::Parse(GetParam() ? "fd00::99" : "10.0.0.99"), 80};
  ConnectOptions options;
  options.timeout = milliseconds(50);
  const Instant start = pair_.clock.Now();
  std::optional<error_code> ended;
  client_.async_connect(nobody, options, Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::timed_out);
  EXPECT_GE(pair_.clock.Now() - start, milliseconds(50));
  EXPECT_LT(pair_.clock.Now() - start, milliseconds(52));
  EXPECT_FALSE(client_.is_open());
}

TEST_P(TcpTest, NobodyThere) {
  const Endpoint nobody{*IpAddress::Parse(GetParam() ? "fd00::99" : "10.0.0.99"), 80};
  std::optional<error_code> ended;
  client_.async_connect(nobody, Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::host_unreachable);
}

TEST_P(TcpTest, NoRoute) {
  const Endpoint far{*IpAddress::Parse(GetParam() ? "fd99::1" : "192.0.2.1"), 80};
  std::optional<error_code> ended;
  client_.async_connect(far, Into(ended));
  EXPECT_FALSE(ended);  // not inside
  EXPECT_EQ(Ended(ended), asio::error::network_unreachable);
}

TEST_P(TcpTest, ConnectCancelled) {
  const Endpoint nobody{*IpAddress::Parse(GetParam() ? "fd00::99" : "10.0.0.99"), 80};
  std::optional<error_code> ended;
  client_.async_connect(nobody, Into(ended));
  client_.cancel();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  asio::cancellation_signal signal;
  client_.async_connect(nobody, asio::bind_cancellation_slot(signal.slot(), Into(ended)));
  pair_.worker.RunFor(milliseconds(1));
  EXPECT_FALSE(ended);
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
}

TEST_P(TcpTest, ConnectFromAChosenPort) {
  TcpListener listener = Listen();
  ConnectOptions options;
  options.local_port = 12345;
  std::optional<error_code> ended;
  client_.async_connect(Server(), options, Into(ended));
  EXPECT_FALSE(Ended(ended));
  EXPECT_EQ(client_.local_endpoint().port, 12345);
  client_.async_connect(Server(), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::already_connected);
  TcpStream second(executor(), pair_.client);
  second.async_connect(Server(), options, Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::address_in_use);
  options.local_address = *IpAddress::Parse("198.51.100.1");
  second.async_connect(Server(), options, Into(ended));
  EXPECT_EQ(Ended(ended), boost::system::errc::address_not_available);
}

TEST_P(TcpTest, AcceptIntoAStream) {
  TcpListener listener = Listen();
  std::optional<error_code> accepted;
  std::optional<error_code> connected;
  listener.async_accept(server_, Into(accepted));
  client_.async_connect(Server(), Into(connected));
  EXPECT_FALSE(Ended(connected));
  EXPECT_FALSE(Ended(accepted));
  EXPECT_EQ(server_.remote_endpoint(), client_.local_endpoint());
  listener.async_accept(server_, Into(accepted));
  EXPECT_EQ(Ended(accepted), asio::error::already_open);
}

TEST_P(TcpTest, AcceptCancelled) {
  TcpListener listener = Listen();
  std::optional<error_code> ended;
  listener.async_accept(Into(ended));
  listener.cancel();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  asio::cancellation_signal signal;
  listener.async_accept(asio::bind_cancellation_slot(signal.slot(), Into(ended)));
  signal.emit(asio::cancellation_type::total);
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  listener.async_accept(Into(ended));
  listener.close();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  listener.async_accept(Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::bad_descriptor);
  // The port is free again.
  EXPECT_TRUE(Listen().is_open());
}

TEST_P(TcpTest, ListenSaysWhy) {
  TcpListener first = Listen();
  EXPECT_EQ(first.local_endpoint(), Server());
  TcpListener second(executor(), pair_.server);
  error_code ec;
  second.listen(Server(), ListenOptions(), ec);
  EXPECT_EQ(ec, asio::error::address_in_use);
  second.listen(*Endpoint::Parse("192.0.2.1:80"), ListenOptions(), ec);
  EXPECT_EQ(ec, boost::system::errc::address_not_available);
  try {
    second.listen(Server());
    FAIL();
  } catch (const boost::system::system_error& e) {
    EXPECT_NE(std::string(e.what()).find(Server().ToString()), std::string::npos) << e.what();
  }
  second.listen({Server().address, 0});
  EXPECT_NE(second.local_endpoint().port, 0);
}

TEST_P(TcpTest, AcceptsWhatCameBeforeTheCall) {
  TcpListener listener = Listen();
  std::optional<error_code> ended;
  client_.async_connect(Server(), Into(ended));
  EXPECT_FALSE(Ended(ended));
  pair_.worker.RunFor(seconds(1));
  listener.async_accept(server_, Into(ended));
  EXPECT_FALSE(Ended(ended));
}

TEST_P(TcpTest, CloseAbortsPendingOperations) {
  Connect();
  std::optional<error_code> read1;
  std::optional<error_code> read2;
  client_.async_read_some(asio::buffer(bytes_), Into(read1));
  client_.async_read_some(asio::buffer(bytes_), Into(read2));
  pair_.worker.RunFor(milliseconds(1));
  client_.close();
  EXPECT_FALSE(read1);
  EXPECT_EQ(Ended(read1), asio::error::operation_aborted);
  EXPECT_EQ(Ended(read2), asio::error::operation_aborted);
  client_.async_read_some(asio::buffer(bytes_), Into(read1));
  EXPECT_EQ(Ended(read1), asio::error::bad_descriptor);
  // The peer sees an orderly end.
  server_.async_read_some(asio::buffer(bytes_), Into(read1));
  EXPECT_EQ(Ended(read1), asio::error::eof);
}

TEST_P(TcpTest, BlockedWriteIsAborted) {
  Connect();
  const auto much = RandomBytes(16 << 20, 1);
  std::optional<error_code> ended;
  asio::async_write(client_, asio::buffer(much), Into(ended));
  pair_.worker.RunFor(milliseconds(100));
  EXPECT_FALSE(ended);  // nobody reads
  client_.cancel();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  EXPECT_TRUE(client_.is_open());
}

TEST_P(TcpTest, SlotCancelsOneOperationOnly) {
  Connect();
  asio::cancellation_signal signal;
  std::optional<error_code> first;
  std::optional<error_code> second;
  client_.async_read_some(asio::buffer(bytes_),
                          asio::bind_cancellation_slot(signal.slot(), Into(first)));
  client_.async_read_some(asio::buffer(bytes_), Into(second));
  pair_.worker.RunFor(milliseconds(1));
  signal.emit(asio::cancellation_type::partial);
  EXPECT_EQ(Ended(first), asio::error::operation_aborted);
  EXPECT_FALSE(signal.slot().has_handler());
  EXPECT_FALSE(second);
  std::optional<error_code> written;
  server_.async_write_some(asio::buffer("x", 1), Into(written));
  EXPECT_FALSE(Ended(second));
}

TEST_P(TcpTest, SlotOfACompletedOperationDoesNothing) {
  Connect();
  asio::cancellation_signal signal;
  std::optional<error_code> ended;
  client_.async_read_some(asio::buffer(bytes_),
                          asio::bind_cancellation_slot(signal.slot(), Into(ended)));
  client_.close();
  signal.emit(asio::cancellation_type::total);  // complete, but not called yet
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  signal.emit(asio::cancellation_type::total);
}

TEST_P(TcpTest, HalfClose) {
  Connect();
  std::string question;
  std::string answer;
  tasks_.Add([&]() -> Task<> {
    const std::string text = "how are you?";
    co_await asio::async_write(client_, asio::buffer(text), kAwait);
    client_.shutdown(TcpStream::shutdown_send);
    error_code ec;
    auto token = asio::redirect_error(kAwait, ec);
    const std::string more = "more";
    co_await client_.async_write_some(asio::buffer(more), token);
    EXPECT_EQ(ec, asio::error::broken_pipe);
    co_await asio::async_read(client_, asio::dynamic_buffer(answer), token);
    EXPECT_EQ(ec, asio::error::eof);
  });
  tasks_.Add([&]() -> Task<> {
    error_code ec;
    auto token = asio::redirect_error(kAwait, ec);
    co_await asio::async_read(server_, asio::dynamic_buffer(question), token);
    EXPECT_EQ(ec, asio::error::eof);
    const std::string text = "fine";
    co_await asio::async_write(server_, asio::buffer(text), kAwait);
    server_.close();
  });
  ASSERT_TRUE(tasks_.Finish());
  EXPECT_EQ(question, "how are you?");
  EXPECT_EQ(answer, "fine");
}

TEST_P(TcpTest, ShutdownReceiveEndsReads) {
  Connect();
  std::optional<error_code> ended;
  client_.async_read_some(asio::buffer(bytes_), Into(ended));
  client_.shutdown(TcpStream::shutdown_receive);
  EXPECT_EQ(Ended(ended), asio::error::eof);
  TcpStream fresh(executor(), pair_.client);
  error_code ec;
  fresh.shutdown(TcpStream::shutdown_both, ec);
  EXPECT_EQ(ec, asio::error::not_connected);
}

TEST_P(TcpTest, ResetIsSeenAsReset) {
  Connect();
  std::optional<error_code> read;
  std::optional<error_code> own;
  server_.async_read_some(asio::buffer(bytes_), Into(read));
  client_.async_read_some(asio::buffer(bytes_), Into(own));
  pair_.worker.RunFor(milliseconds(1));
  client_.reset();
  EXPECT_EQ(Ended(own), asio::error::operation_aborted);
  EXPECT_EQ(Ended(read), asio::error::connection_reset);
  std::optional<error_code> write;
  server_.async_write_some(asio::buffer("x", 1), Into(write));
  EXPECT_EQ(Ended(write), asio::error::connection_reset);
}

TEST_P(TcpTest, UnreadBytesTurnCloseIntoAReset) {
  Connect();
  std::optional<error_code> ended;
  client_.async_write_some(asio::buffer("unread", 6), Into(ended));
  EXPECT_FALSE(Ended(ended));
  pair_.worker.RunFor(milliseconds(10));
  server_.close();
  client_.async_read_some(asio::buffer(bytes_), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::connection_reset);
}

TEST_P(TcpTest, DestroyedStreamDeliversAndCloses) {
  Connect();
  const auto sent = RandomBytes(100000, 1);
  std::optional<error_code> ended;
  {
    TcpStream gone = std::move(client_);
    asio::async_write(gone, asio::buffer(sent, 50000), Into(ended));
    EXPECT_FALSE(Ended(ended));
  }
  std::vector<uint8_t> got(60000);
  size_t n = 0;
  asio::async_read(server_, asio::buffer(got), [&](error_code ec, size_t size) {
    ended = ec;
    n = size;
  });
  EXPECT_EQ(Ended(ended), asio::error::eof);
  ASSERT_EQ(n, 50000u);
  EXPECT_TRUE(std::equal(got.begin(), got.begin() + 50000, sent.begin()));
  server_.close();
  pair_.worker.RunFor(minutes(5));
  EXPECT_EQ(pair_.client.tcp().sockets(), 0u);
  EXPECT_EQ(pair_.server.tcp().sockets(), 0u);
  EXPECT_EQ(pair_.client.tcp().orphans(), 0u);
}

TEST_P(TcpTest, MovesWithOperationsPending) {
  Connect();
  std::optional<error_code> ended;
  client_.async_read_some(asio::buffer(bytes_), Into(ended));
  pair_.worker.RunFor(milliseconds(1));
  TcpStream moved(std::move(client_));
  EXPECT_FALSE(client_.is_open());
  EXPECT_TRUE(moved.is_open());
  std::optional<error_code> written;
  server_.async_write_some(asio::buffer("abc", 3), Into(written));
  EXPECT_FALSE(Ended(ended));
  EXPECT_EQ(std::string(bytes_.data(), 3), "abc");
  client_ = std::move(moved);
  EXPECT_TRUE(client_.is_open());
}

TEST_P(TcpTest, EmptyBuffersCompleteAtOnce) {
  Connect();
  std::optional<error_code> ended;
  client_.async_read_some(asio::mutable_buffer(), Into(ended));
  EXPECT_FALSE(ended);
  EXPECT_FALSE(Ended(ended));
  client_.async_write_some(asio::const_buffer(), Into(ended));
  EXPECT_FALSE(Ended(ended));
}

TEST_P(TcpTest, ScattersAndGathers) {
  Connect();
  std::vector<std::string> pieces;
  std::string all;
  for (int i = 0; i < 30; ++i) {
    pieces.push_back(std::string(i % 5, static_cast<char>('a' + i % 26)));
    all += pieces.back();
  }
  std::vector<asio::const_buffer> out;
  for (const std::string& piece : pieces) out.push_back(asio::buffer(piece));
  std::string left(7, ' ');
  std::string right(all.size() - 7, ' ');
  const std::array<asio::mutable_buffer, 2> in = {asio::buffer(left), asio::buffer(right)};
  tasks_.Add([&]() -> Task<> { co_await asio::async_write(client_, out, kAwait); });
  tasks_.Add([&]() -> Task<> { co_await asio::async_read(server_, in, kAwait); });
  ASSERT_TRUE(tasks_.Finish());
  EXPECT_EQ(left + right, all);
}

TEST_P(TcpTest, LendsPackets) {
  Connect();
  const auto sent = RandomBytes(10000, 3);
  std::vector<uint8_t> got;
  tasks_.Add([&]() -> Task<> {
    co_await asio::async_write(client_, asio::buffer(sent), kAwait);
    client_.close();
  });
  tasks_.Add([&]() -> Task<> {
    for (;;) {
      error_code ec;
      auto token = asio::redirect_error(kAwait, ec);
      PacketBuf packet = co_await server_.async_read_packet(token);
      if (ec) {
        EXPECT_EQ(ec, asio::error::eof);
        co_return;
      }
      const size_t at = got.size();
      got.resize(at + packet.packet_size());
      packet.CopyOut(0, std::span(got).subspan(at));
    }
  });
  ASSERT_TRUE(tasks_.Finish());
  EXPECT_EQ(got, sent);
}

}  // namespace
}  // namespace corelane::runtime
