// BasicBridgeTcpStream and BasicBridgeTcpListener: connecting, reading, writing, ending.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/bridge/bridge_test_fixture.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

static_assert(boost::beast::is_async_stream<IoStream>::value);
static_assert(boost::beast::is_async_stream<BridgeTcpStream>::value);
static_assert(
    boost::beast::is_async_stream<BasicBridgeTcpStream<asio::thread_pool::executor_type>>::value);
static_assert(std::is_nothrow_move_constructible_v<IoStream>);
static_assert(!std::is_copy_constructible_v<IoStream>);
static_assert(std::is_convertible_v<IoStream&&, BridgeTcpStream>);

TEST_F(BridgeTest, MegabyteBothWays) {
  Connect();
  const auto up = RandomBytes(1 << 20, 1);
  const auto down = RandomBytes(1 << 20, 2);
  std::vector<uint8_t> got_up(up.size());
  std::vector<uint8_t> got_down(down.size());
  int done = 0;
  const auto count = [&](error_code ec, size_t) {
    EXPECT_FALSE(ec);
    ++done;
  };
  asio::async_write(client_, asio::buffer(up), count);
  asio::async_write(server_, asio::buffer(down), count);
  asio::async_read(client_, asio::buffer(got_down), count);
  asio::async_read(server_, asio::buffer(got_up), count);
  ASSERT_TRUE(RunUntil([&] { return done == 4; }));
  EXPECT_EQ(got_up, up);
  EXPECT_EQ(got_down, down);
}

TEST_F(BridgeTest, EndpointsAndOptions) {
  EXPECT_FALSE(client_.is_open());
  client_.set_option(asio::ip::tcp::no_delay(true));
  Connect();
  EXPECT_TRUE(client_.is_open());
  EXPECT_EQ(client_.remote_endpoint(), Server());
  EXPECT_EQ(server_.local_endpoint(), Server());
  EXPECT_EQ(server_.remote_endpoint(), client_.local_endpoint());
  asio::ip::tcp::no_delay option;
  client_.get_option(option);
  EXPECT_TRUE(option.value());
  EXPECT_FALSE(server_.options().no_delay);
  client_.set_option(asio::socket_base::keep_alive(true));
  RunFor(1);
  bool found = false;
  pair_->client.tcp().ForEachSocket([&](const stack::TcpSocket& socket) {
    found = true;
    EXPECT_TRUE(socket.options().no_delay);
    EXPECT_TRUE(socket.options().keepalive);
  });
  EXPECT_TRUE(found);
  client_.close();
  EXPECT_FALSE(client_.is_open());
  error_code ec;
  client_.remote_endpoint(ec);
  EXPECT_EQ(ec, asio::error::bad_descriptor);
  EXPECT_THROW(client_.local_endpoint(), boost::system::system_error);
}

TEST_F(BridgeTest, OptionsSetWhileConnecting) {
  IoListener listener(io_->get_executor(), *server_bridge_, Server());
  std::optional<error_code> connected;
  client_.async_connect(Server(), Into(connected));
  pair_->worker.RunUntil([turns = 0]() mutable { return turns++ == 1; });
  ASSERT_EQ(pair_->client.tcp().sockets(), 1u);
  client_.set_option(asio::ip::tcp::no_delay(true));
  EXPECT_EQ(Ended(connected), error_code());
  EXPECT_TRUE(client_.options().no_delay);
  pair_->client.tcp().ForEachSocket(
      [](const stack::TcpSocket& socket) { EXPECT_TRUE(socket.options().no_delay); });
}

TEST_F(BridgeTest, ConnectFailsAndMayBeTriedAgain) {
  std::optional<error_code> ended;
  client_.async_connect(Server(), Into(ended));
  EXPECT_TRUE(client_.is_open());
  std::optional<error_code> second;
  client_.async_connect(Server(), Into(second));
  EXPECT_EQ(Ended(second), asio::error::already_started);
  EXPECT_EQ(Ended(ended), asio::error::connection_refused);
  EXPECT_FALSE(client_.is_open());
  client_.async_connect(*Endpoint::Parse("192.0.2.1:80"), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::network_unreachable);
  client_.async_read_some(asio::buffer(bytes_), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::bad_descriptor);
  Connect();
  client_.async_connect(Server(), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::already_connected);
}

TEST_F(BridgeTest, ConnectTimesOut) {
  ConnectOptions options;
  options.timeout = milliseconds(50);
  const Instant start = pair_->clock.Now();
  std::optional<error_code> ended;
  client_.async_connect(Nobody(), options, Into(ended));
  client_.async_read_some(asio::buffer(bytes_),
                          [](error_code ec, size_t) { EXPECT_EQ(ec, asio::error::not_connected); });
  EXPECT_EQ(Ended(ended), asio::error::timed_out);
  EXPECT_GE(pair_->clock.Now() - start, milliseconds(50));
  EXPECT_FALSE(client_.is_open());
  EXPECT_EQ(pair_->client.tcp().sockets(), 0u);
}

TEST_F(BridgeTest, ListenSaysWhy) {
  IoListener first(io_->get_executor(), *server_bridge_, Server());
  EXPECT_TRUE(first.is_open());
  EXPECT_EQ(first.local_endpoint(), Server());
  IoListener second(io_->get_executor(), *server_bridge_);
  error_code ec;
  second.listen(Server(), ListenOptions(), ec);
  EXPECT_EQ(ec, asio::error::address_in_use);
  try {
    second.listen(Server());
    FAIL();
  } catch (const boost::system::system_error& e) {
    EXPECT_NE(std::string(e.what()).find(Server().ToString()), std::string::npos) << e.what();
  }
  second.listen({Server().address, 0});
  EXPECT_NE(second.local_endpoint().port, 0);
  second.listen(Server(81), ListenOptions(), ec);
  EXPECT_EQ(ec, asio::error::already_open);
  std::optional<error_code> ended;
  second.close();
  EXPECT_FALSE(second.is_open());
  second.async_listen(Server(82), ListenOptions(), Into(ended));
  EXPECT_EQ(Ended(ended), error_code());
  EXPECT_EQ(second.local_endpoint(), Server(82));
}

TEST_F(BridgeTest, NothingCompletesInside) {
  Connect();
  server_.async_write_some(asio::buffer("x", 1), [](error_code, size_t) {});
  RunFor(5);
  std::optional<error_code> ended;
  bool inside = false;
  asio::post(*io_, [&] {
    client_.async_read_some(asio::buffer(bytes_), Into(ended));
    pair_->worker.RunFor(milliseconds(1));
    inside |= ended.has_value();
    client_.async_read_some(asio::mutable_buffer(), [&](error_code ec, size_t) {
      EXPECT_FALSE(ec);
      inside |= !ended.has_value();
    });
    client_.async_write_some(asio::const_buffer(), [](error_code ec, size_t) { EXPECT_FALSE(ec); });
    inside |= ended.has_value();
  });
  EXPECT_EQ(Ended(ended), error_code());
  RunFor(2);
  EXPECT_FALSE(inside);
}

TEST_F(BridgeTest, HalfClose) {
  Connect();
  const std::string question = "how are you?";
  std::string asked;
  std::string answer;
  std::optional<error_code> wrote;
  asio::async_write(client_, asio::buffer(question), Into(wrote));
  client_.shutdown(IoStream::shutdown_send);  // behind the write, which has not begun
  std::optional<error_code> late;
  client_.async_write_some(asio::buffer(question), Into(late));
  EXPECT_EQ(Ended(late), asio::error::broken_pipe);
  EXPECT_EQ(Ended(wrote), error_code());
  std::optional<error_code> read;
  asio::async_read(server_, asio::dynamic_buffer(asked), Into(read));
  EXPECT_EQ(Ended(read), asio::error::eof);
  EXPECT_EQ(asked, question);
  asio::async_write(server_, asio::buffer("fine", 4), Into(wrote));
  EXPECT_EQ(Ended(wrote), error_code());
  server_.close();
  asio::async_read(client_, asio::dynamic_buffer(answer), Into(read));
  EXPECT_EQ(Ended(read), asio::error::eof);
  EXPECT_EQ(answer, "fine");
}

TEST_F(BridgeTest, ShutdownReceiveEndsReads) {
  Connect();
  std::optional<error_code> ended;
  client_.async_read_some(asio::buffer(bytes_), Into(ended));
  RunFor(2);
  EXPECT_FALSE(ended);
  client_.shutdown(IoStream::shutdown_receive);
  EXPECT_EQ(Ended(ended), asio::error::eof);
  client_.async_read_some(asio::buffer(bytes_), Into(ended));
  EXPECT_EQ(Ended(ended), asio::error::eof);
  IoStream fresh(io_->get_executor(), *client_bridge_);
  error_code ec;
  fresh.shutdown(IoStream::shutdown_both, ec);
  EXPECT_EQ(ec, asio::error::not_connected);
}

TEST_F(BridgeTest, ResetIsSeenAsReset) {
  Connect();
  std::optional<error_code> read;
  std::optional<error_code> own;
  server_.async_read_some(asio::buffer(bytes_), Into(read));
  client_.async_read_some(asio::buffer(bytes_), Into(own));
  RunFor(1);
  client_.reset();
  EXPECT_EQ(Ended(own), asio::error::operation_aborted);
  EXPECT_EQ(Ended(read), asio::error::connection_reset);
  std::optional<error_code> write;
  server_.async_write_some(asio::buffer("x", 1), Into(write));
  EXPECT_EQ(Ended(write), asio::error::connection_reset);
}

TEST_F(BridgeTest, DestroyedStreamDeliversAndCloses) {
  Connect();
  const auto sent = RandomBytes(50000, 1);
  std::optional<error_code> ended;
  {
    const IoStream gone = [&] {
      IoStream stream = std::move(client_);
      asio::async_write(stream, asio::buffer(sent), Into(ended));
      EXPECT_EQ(Ended(ended), error_code());
      return stream;
    }();
  }
  std::vector<uint8_t> got(60000);
  size_t n = 0;
  asio::async_read(server_, asio::buffer(got), [&](error_code ec, size_t size) {
    ended = ec;
    n = size;
  });
  EXPECT_EQ(Ended(ended), asio::error::eof);
  got.resize(n);
  EXPECT_EQ(got, sent);
  server_.close();
  pair_->worker.RunFor(std::chrono::minutes(5));
  EXPECT_EQ(pair_->client.tcp().sockets(), 0u);
  EXPECT_EQ(pair_->server.tcp().sockets(), 0u);
  EXPECT_EQ(pair_->client.tcp().orphans(), 0u);
}

// --- backpressure: the buffers of the stacks are all there is between the two ends ---

constexpr size_t kBuffers = 128 << 10;  // 64 KiB to send, 64 KiB received

TEST_F(BridgeTest, SlowReaderStallsItsPeer) {
  Connect();
  const auto much = RandomBytes(4 << 20, 1);
  size_t written = 0;
  std::optional<error_code> ended;
  std::function<void(error_code, size_t)> more = [&](error_code ec, size_t n) {
    EXPECT_FALSE(ec);
    written += n;
    if (written == much.size()) {
      ended = ec;
    } else {
      client_.async_write_some(asio::buffer(much) + written, more);
    }
  };
  more({}, 0);
  RunFor(200);
  const size_t stalled = written;
  EXPECT_GT(stalled, size_t{60} << 10);
  EXPECT_LE(stalled, kBuffers);
  RunFor(2000);
  EXPECT_EQ(written, stalled);
  // A reader that takes some lets as much in.
  std::vector<uint8_t> got(much.size());
  size_t read = 0;
  std::optional<error_code> some;
  for (int i = 0; i < 10; ++i) {
    server_.async_read_some(asio::buffer(got.data() + read, 10000), [&](error_code ec, size_t n) {
      read += n;
      some = ec;
    });
    EXPECT_EQ(Ended(some), error_code());
  }
  RunFor(200);
  EXPECT_EQ(read, 100000u);
  EXPECT_GT(written, stalled);
  EXPECT_LE(written, read + kBuffers);
  asio::async_read(server_, asio::buffer(got) + read, Into(some));
  EXPECT_EQ(Ended(some), error_code());
  EXPECT_TRUE(ended);
  EXPECT_EQ(got, much);
}

TEST_F(BridgeTest, QueuedOperationsKeepTheirOrder) {
  Connect();
  const auto sent = RandomBytes(100000, 4);
  std::vector<std::array<uint8_t, 1000>> rooms(50);
  std::vector<uint8_t> got;
  size_t reads = 0;
  for (size_t i = 0; i < rooms.size(); ++i) {
    server_.async_read_some(asio::buffer(rooms[i]), [&, i](error_code ec, size_t n) {
      EXPECT_FALSE(ec);
      EXPECT_EQ(i, reads++);
      got.insert(got.end(), rooms[i].begin(), rooms[i].begin() + static_cast<ptrdiff_t>(n));
    });
  }
  // The first fill the send buffer, the others wait for room.
  size_t writes = 0;
  for (size_t at = 0; at < sent.size(); at += 1000) {
    client_.async_write_some(asio::buffer(sent.data() + at, 1000),
                             [&, at](error_code ec, size_t n) {
                               EXPECT_FALSE(ec);
                               EXPECT_GT(n, 0u);
                               EXPECT_EQ(at, 1000 * writes++);
                             });
  }
  ASSERT_TRUE(RunUntil([&] { return reads == rooms.size() && writes == sent.size() / 1000; }));
  EXPECT_TRUE(std::equal(got.begin(), got.end(), sent.begin()));
}

TEST_F(BridgeTest, OneOperationMovesSoMuchAtMost) {
  client_.set_option(asio::socket_base::send_buffer_size(1 << 20));
  Connect();
  const auto much = RandomBytes(1 << 20, 5);
  size_t written = 0;
  client_.async_write_some(asio::buffer(much), [&](error_code, size_t n) { written = n; });
  ASSERT_TRUE(RunUntil([&] { return written > 0; }));
  EXPECT_EQ(written, size_t{256} << 10);
}

// --- handlers ---

template <class T>
struct CountingAllocator {
  using value_type = T;
  explicit CountingAllocator(int* live) : live(live) {}
  template <class U>
  CountingAllocator(const CountingAllocator<U>& other) : live(other.live) {}
  T* allocate(size_t n) {
    ++*live;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, size_t n) {
    --*live;
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const CountingAllocator&, const CountingAllocator&) = default;
  int* live;
};

TEST_F(BridgeTest, AssociatedAllocatorIsUsedAndFreedBeforeTheCall) {
  Connect();
  int live = 0;
  int live_in_call = -1;
  std::optional<error_code> ended;
  client_.async_read_some(
      asio::buffer(bytes_),
      asio::bind_allocator(CountingAllocator<void*>(&live), [&](error_code ec, size_t) {
        live_in_call = live;
        ended = ec;
      }));
  EXPECT_EQ(live, 1);
  client_.cancel();
  EXPECT_EQ(Ended(ended), asio::error::operation_aborted);
  EXPECT_EQ(live_in_call, 0);
}

TEST_F(BridgeTest, AssociatedExecutorGetsTheCallAndStaysAtWork) {
  Connect();
  asio::io_context other;
  std::optional<error_code> ended;
  client_.async_read_some(asio::buffer(bytes_), asio::bind_executor(other, Into(ended)));
  EXPECT_EQ(other.poll(), 0u);
  EXPECT_FALSE(other.stopped());  // the operation is outstanding work, as it is of io_
  io_->restart();
  EXPECT_EQ(io_->poll(), 0u);
  EXPECT_FALSE(io_->stopped());
  std::optional<error_code> wrote;
  server_.async_write_some(asio::buffer("x", 1), Into(wrote));
  EXPECT_EQ(Ended(wrote), error_code());
  RunFor(5);
  EXPECT_FALSE(ended);
  EXPECT_EQ(other.run(), 1u);
  EXPECT_TRUE(ended);
}

TEST_F(BridgeTest, MovesToAnotherExecutor) {
  Connect();
  std::optional<error_code> ended;
  asio::thread_pool pool(1);
  {
    BasicBridgeTcpStream moved(pool.get_executor(), std::move(server_));
    EXPECT_FALSE(server_.is_open());
    EXPECT_TRUE(moved.is_open());
    EXPECT_EQ(moved.get_executor(), pool.get_executor());
    auto read = asio::async_read(moved, asio::buffer(bytes_, 5), asio::use_future);
    asio::async_write(client_, asio::buffer("hello", 5), Into(ended));
    EXPECT_EQ(Ended(ended), error_code());
    RunFor(5);
    EXPECT_EQ(read.get(), 5u);
    // To a wrapper of the same one, as Asio's sockets do, and back.
    BridgeTcpStream any = std::move(moved);
    EXPECT_TRUE(any.is_open());
    server_ = IoStream(io_->get_executor(), std::move(any));
  }
  pool.join();
  server_.async_read_some(asio::buffer(bytes_), Into(ended));
  RunFor(2);
  EXPECT_FALSE(ended);
  client_.close();
  EXPECT_EQ(Ended(ended), asio::error::eof);
}

}  // namespace
}  // namespace corelane::runtime
