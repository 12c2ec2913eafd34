// What the bridge's tests share.
//
// BridgeTest: both ends on bridges, worker and io_context taking turns on the test's thread, in
// virtual time. BridgeThreadsTest: worker, io_context and the test each on a thread of their own,
// in real time.

#ifndef CORELANE_RUNTIME_BRIDGE_BRIDGE_TEST_FIXTURE_H_
#define CORELANE_RUNTIME_BRIDGE_BRIDGE_TEST_FIXTURE_H_

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/random.h"
#include "runtime/bridge/bridge.h"
#include "runtime/bridge/tcp_listener.h"
#include "runtime/bridge/tcp_stream.h"
#include "runtime/testing.h"

namespace corelane::runtime {

using IoExecutor = boost::asio::io_context::executor_type;
using IoStream = BasicBridgeTcpStream<IoExecutor>;
using IoListener = BasicBridgeTcpListener<IoExecutor>;

inline std::vector<uint8_t> RandomBytes(size_t n, uint64_t seed) {
  Random random(seed);
  std::vector<uint8_t> bytes(n);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random.Next64());
  return bytes;
}

class BridgeTest : public testing::Test {
 protected:
  Endpoint Server(uint16_t port = 80) const { return pair_->ServerEndpoint(port); }
  // A neighbor that never answers.
  static Endpoint Nobody() { return *Endpoint::Parse("10.0.0.99:80"); }

  // Lets the worker and the io_context do what they have to, for a millisecond of virtual time.
  void Step() {
    if (pair_) pair_->worker.RunFor(std::chrono::milliseconds(1));
    io_->restart();
    io_->poll();
  }
  template <class Predicate>
  bool RunUntil(Predicate&& done, int milliseconds = 10000) {
    for (int i = 0; i < milliseconds && !done(); ++i) Step();
    return done();
  }
  void RunFor(int milliseconds) {
    for (int i = 0; i < milliseconds; ++i) Step();
  }
  // Until the operation's error is there.
  error_code Ended(std::optional<error_code>& ended) {
    EXPECT_TRUE(RunUntil([&] { return ended.has_value(); }));
    return std::exchange(ended, std::nullopt).value_or(error_code());
  }
  static auto Into(std::optional<error_code>& ended) {
    return [&ended](error_code ec, auto&&...) {
      EXPECT_FALSE(ended);
      ended = ec;
    };
  }
  // client_ and server_ are connected then.
  void Connect() {
    IoListener listener(io_->get_executor(), *server_bridge_, Server());
    bool accepted = false;
    listener.async_accept([&](error_code ec, IoStream stream) {
      EXPECT_FALSE(ec);
      server_ = std::move(stream);
      accepted = true;
    });
    std::optional<error_code> connected;
    client_.async_connect(Server(), Into(connected));
    EXPECT_EQ(Ended(connected), error_code());
    ASSERT_TRUE(RunUntil([&] { return accepted; }));
  }

  std::unique_ptr<TestPair> pair_ = std::make_unique<TestPair>(Options());
  std::unique_ptr<Bridge> client_bridge_ = std::make_unique<Bridge>(pair_->worker, pair_->client);
  std::unique_ptr<Bridge> server_bridge_ = std::make_unique<Bridge>(pair_->worker, pair_->server);
  std::unique_ptr<boost::asio::io_context> io_ = std::make_unique<boost::asio::io_context>(1);
  IoStream client_{io_->get_executor(), *client_bridge_};
  IoStream server_{io_->get_executor(), *server_bridge_};
  std::array<char, 100> bytes_{};

 private:
  static TestPairOptions Options() {
    TestPairOptions options;
    options.stack.tcp.send_buffer = options.stack.tcp.send_buffer_max = 64 << 10;
    options.stack.tcp.receive_buffer = options.stack.tcp.receive_buffer_max = 64 << 10;
    return options;
  }
};

class BridgeThreadsTest : public testing::Test {
 protected:
  BridgeThreadsTest() {
    std::promise<void> made;
    // Stacks and packets belong to the worker's thread from the beginning to the end.
    worker_thread_ = std::thread([this, &made] {
      TestPairOptions options;
      options.real_time = true;
      pair_.emplace(options);
      made.set_value();
      worker().Run();
      pair_.reset();
    });
    made.get_future().get();
    client_bridge_ = std::make_unique<Bridge>(worker(), pair_->client);
    server_bridge_ = std::make_unique<Bridge>(worker(), pair_->server);
    io_thread_ = std::thread([this] { io_.run(); });
  }
  ~BridgeThreadsTest() override {
    DestroyWorker();
    io_.stop();
    io_thread_.join();
  }
  Worker& worker() { return pair_->worker; }
  Endpoint Server(uint16_t port = 80) const { return pair_->ServerEndpoint(port); }
  void DestroyWorker() {
    if (!worker_thread_.joinable()) return;
    worker().Stop();
    worker_thread_.join();
  }

  std::optional<TestPair> pair_;
  std::unique_ptr<Bridge> client_bridge_;
  std::unique_ptr<Bridge> server_bridge_;
  boost::asio::io_context io_{1};

 private:
  boost::asio::executor_work_guard<IoExecutor> work_{io_.get_executor()};
  std::thread worker_thread_;
  std::thread io_thread_;
};

// --- echo, for any stream ---

template <class Stream>
auto EchoStream(Stream stream) -> boost::asio::awaitable<void, typename Stream::executor_type> {
  const boost::asio::use_awaitable_t<typename Stream::executor_type> token;
  std::vector<char> bytes(16384);
  error_code ec;
  auto await = boost::asio::redirect_error(token, ec);
  for (;;) {
    const size_t n = co_await stream.async_read_some(boost::asio::buffer(bytes), await);
    if (ec) co_return;
    size_t done = 0;
    while (done < n) {
      const auto rest = boost::asio::buffer(bytes.data() + done, n - done);
      done += co_await stream.async_write_some(rest, await);
      if (ec) co_return;
    }
  }
}

// Sends `sent` and reads as many bytes back.
template <class Stream>
auto Converse(Stream& stream, Endpoint to, const std::vector<uint8_t>& sent,
              std::vector<uint8_t>& got)
    -> boost::asio::awaitable<void, typename Stream::executor_type> {
  const boost::asio::use_awaitable_t<typename Stream::executor_type> token;
  co_await stream.async_connect(to, token);
  got.resize(sent.size());
  for (size_t done = 0; done < sent.size();) {
    const auto piece =
        boost::asio::buffer(sent.data() + done, std::min<size_t>(10000, sent.size() - done));
    const size_t n = co_await stream.async_write_some(piece, token);
    for (size_t back = 0; back < n;) {
      const auto room = boost::asio::buffer(got.data() + done + back, n - back);
      back += co_await stream.async_read_some(room, token);
    }
    done += n;
  }
  stream.shutdown(Stream::shutdown_send);
  std::array<char, 1> more;
  error_code ec;
  auto await = boost::asio::redirect_error(token, ec);
  co_await stream.async_read_some(boost::asio::buffer(more), await);
  EXPECT_EQ(ec, boost::asio::error::eof);
}

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_BRIDGE_BRIDGE_TEST_FIXTURE_H_
