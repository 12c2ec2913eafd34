// The bridge between real threads, in real time: worth most under TSan.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/bridge/bridge_test_fixture.h"
#include "runtime/bridge/udp_socket.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;

// Accepts until the listener is closed, and echoes.
template <class Listener>
auto EchoServer(Listener listener) -> asio::awaitable<void, typename Listener::executor_type> {
  using Executor = typename Listener::executor_type;
  asio::use_awaitable_t<Executor> token;
  error_code ec;
  auto await = asio::redirect_error(token, ec);
  for (;;) {
    auto stream = co_await listener.async_accept(await);
    if (ec) co_return;
    asio::co_spawn(listener.get_executor(), EchoStream(std::move(stream)), asio::detached);
  }
}

TEST_F(BridgeThreadsTest, ServerOnTheBridgeClientInTheWorker) {
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  const auto sent = RandomBytes(300000, 1);
  std::vector<uint8_t> got;
  TcpStream client(worker().get_executor(), pair_->client);
  auto done = asio::co_spawn(worker().get_executor(), Converse(client, Server(), sent, got),
                             asio::use_future);
  done.get();
  EXPECT_EQ(got, sent);
  DestroyWorker();  // before client, which belongs to its thread
}

TEST_F(BridgeThreadsTest, ServerInTheWorkerClientOnTheBridge) {
  auto listening = asio::post(
      worker().get_executor(), asio::use_future([&] {
        TcpListener listener(worker().get_executor(), pair_->server, Server());
        asio::co_spawn(worker().get_executor(), EchoServer(std::move(listener)), asio::detached);
      }));
  listening.get();
  const auto sent = RandomBytes(300000, 2);
  std::vector<uint8_t> got;
  IoStream client(io_.get_executor(), *client_bridge_);
  asio::co_spawn(io_, Converse(client, Server(), sent, got), asio::use_future).get();
  EXPECT_EQ(got, sent);
}

TEST_F(BridgeThreadsTest, ManyConnectionsFromAThreadPool) {
  using Strand = asio::strand<asio::thread_pool::executor_type>;
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  constexpr size_t kConnections = 64;
  asio::thread_pool pool(4);
  const auto sent = RandomBytes(30000, 3);
  std::vector<std::vector<uint8_t>> got(kConnections);
  std::vector<std::unique_ptr<BasicBridgeTcpStream<Strand>>> streams;
  std::vector<std::future<void>> done;
  for (size_t i = 0; i < kConnections; ++i) {
    const Strand strand = asio::make_strand(pool);
    streams.push_back(std::make_unique<BasicBridgeTcpStream<Strand>>(strand, *client_bridge_));
    done.push_back(
        asio::co_spawn(strand, Converse(*streams[i], Server(), sent, got[i]), asio::use_future));
  }
  for (size_t i = 0; i < kConnections; ++i) {
    done[i].get();
    EXPECT_EQ(got[i], sent);
  }
  pool.join();
  streams.clear();
}

TEST_F(BridgeThreadsTest, ThreadsThatBlock) {
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      BridgeTcpStream stream(io_.get_executor(), *client_bridge_);
      stream.async_connect(Server(), asio::use_future).get();
      std::string text = "thread " + std::to_string(t);
      std::string got(text.size(), ' ');
      for (int i = 0; i < 50; ++i) {
        asio::async_write(stream, asio::buffer(text), asio::use_future).get();
        EXPECT_EQ(asio::async_read(stream, asio::buffer(got), asio::use_future).get(), text.size());
        EXPECT_EQ(got, text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(BridgeThreadsTest, AStreamWandersBetweenThreads) {
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  asio::thread_pool pool(2);
  BridgeTcpStream stream(pool.get_executor(), *client_bridge_);
  stream.async_connect(Server(), asio::use_future).get();
  for (int i = 0; i < 20; ++i) {
    std::thread([&] {
      BridgeTcpStream here =
          i % 2 == 0
              ? BridgeTcpStream(asio::any_io_executor(io_.get_executor()), std::move(stream))
              : BridgeTcpStream(asio::any_io_executor(pool.get_executor()), std::move(stream));
      std::array<char, 3> bytes = {'a', 'b', static_cast<char>(i)};
      asio::async_write(here, asio::buffer(bytes), asio::use_future).get();
      bytes = {};
      asio::async_read(here, asio::buffer(bytes), asio::use_future).get();
      EXPECT_EQ(bytes[2], static_cast<char>(i));
      stream = std::move(here);
    }).join();
  }
  stream.close();
  pool.join();
}

TEST_F(BridgeThreadsTest, UdpEcho) {
  BasicBridgeUdpSocket server(io_.get_executor(), *server_bridge_, Server(7));
  BasicBridgeUdpSocket client(io_.get_executor(), *client_bridge_);
  client.connect(Server(7));
  std::array<char, 100> room;
  Endpoint from;
  std::function<void()> serve = [&] {
    server.async_receive_from(asio::buffer(room), from, [&](error_code ec, size_t n) {
      if (ec) return;
      server.async_send_to(asio::buffer(room, n), from, [&](error_code, size_t) { serve(); });
    });
  };
  asio::post(io_, serve);
  for (int i = 0; i < 200; ++i) {
    std::string text = "datagram " + std::to_string(i);
    std::string got(100, ' ');
    client.async_send(asio::buffer(text), asio::use_future).get();
    got.resize(client.async_receive(asio::buffer(got), asio::use_future).get());
    EXPECT_EQ(got, text);
  }
  asio::post(io_, asio::use_future([&] { server.close(); })).get();
}

// --- wake-ups ---

// Keeps its worker awake.
class Busy : public Pollable {
 public:
  bool Poll(Instant) override { return true; }
};

TEST_F(BridgeThreadsTest, ABusyWorkerIsNeverWoken) {
  Busy busy;
  asio::post(worker().get_executor(), asio::use_future([&] { worker().AddPollable(busy); })).get();
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  const uint64_t before = worker().inbox()->wakes();
  const auto sent = RandomBytes(300000, 4);
  std::vector<uint8_t> got;
  asio::thread_pool pool(1);
  BasicBridgeTcpStream client(pool.get_executor(), *client_bridge_);
  asio::co_spawn(pool, Converse(client, Server(), sent, got), asio::use_future).get();
  EXPECT_EQ(got, sent);
  EXPECT_EQ(worker().inbox()->wakes(), before);
  DestroyWorker();  // before `busy`
  pool.join();
  client.close();
}

TEST_F(BridgeThreadsTest, ASleepingWorkerIsWoken) {
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  BridgeTcpStream stream(io_.get_executor(), *client_bridge_);
  stream.async_connect(Server(), asio::use_future).get();
  for (int i = 0; i < 20; ++i) {
    // What the test waits for is the worker's sleep itself.
    const uint64_t sleeps = worker().counters().sleeps.value();
    while (worker().counters().sleeps.value() == sleeps) std::this_thread::yield();
    char byte = 'x';
    asio::async_write(stream, asio::buffer(&byte, 1), asio::use_future).get();
    asio::async_read(stream, asio::buffer(&byte, 1), asio::use_future).get();
  }
  EXPECT_GT(worker().inbox()->wakes(), 0u);
  stream.close();
}

// --- ends that race ---

TEST_F(BridgeThreadsTest, CancellationsRaceWithCompletions) {
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  asio::thread_pool pool(1);
  const auto run = [&]() -> asio::awaitable<void> {
    BridgeTcpStream stream(pool.get_executor(), *client_bridge_);
    co_await stream.async_connect(Server(), asio::use_awaitable);
    std::array<char, 64> bytes{};
    size_t owed = 0;
    for (int i = 0; i < 500; ++i) {
      error_code ec;
      auto await = asio::redirect_error(asio::use_awaitable, ec);
      owed += co_await stream.async_write_some(asio::buffer(bytes), await);
      EXPECT_FALSE(ec);
      // Cancelled by a handler that runs at some point while the echo is on its way.
      asio::cancellation_signal signal;
      asio::post(pool, [&signal] { signal.emit(asio::cancellation_type::total); });
      auto slotted = asio::bind_cancellation_slot(signal.slot(), await);
      owed -= co_await stream.async_read_some(asio::buffer(bytes), slotted);
      EXPECT_TRUE(!ec || ec == asio::error::operation_aborted) << ec.message();
      // The poster has run before its signal goes.
      co_await asio::post(pool, asio::use_awaitable);
    }
    // Not a byte was lost to a cancelled read.
    while (owed > 0) {
      owed -= co_await stream.async_read_some(asio::buffer(bytes), asio::use_awaitable);
    }
  };
  asio::co_spawn(pool, run, asio::use_future).get();
  pool.join();
}

// Streams on contexts that stop and go at any point of their conversations.
TEST_F(BridgeThreadsTest, ContextsGoWhileTheWorkerCompletes) {
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  const auto sent = RandomBytes(100000, 5);
  for (int i = 0; i < 200; ++i) {
    std::vector<uint8_t> got;
    std::optional<asio::io_context> context(std::in_place, 1);
    auto stream = std::make_unique<IoStream>(context->get_executor(), *client_bridge_);
    asio::co_spawn(*context, Converse(*stream, Server(), sent, got), asio::detached);
    for (int handlers = 0; handlers < i / 2; ++handlers) context->run_one();
    const bool context_first = i % 2 == 1;
    if (context_first) context.reset();
    if (i % 3 == 0) {
      std::thread([&] { stream.reset(); }).join();
    } else {
      stream.reset();
    }
    if (!context_first) context->stop();
  }
}

TEST_F(BridgeThreadsTest, ListenersCloseWhileTheirUsersLookAtThem) {
  std::promise<error_code> ended;
  IoListener listener(io_.get_executor(), *server_bridge_, Server());
  listener.async_accept([&](error_code ec, const IoStream&) { ended.set_value(ec); });
  asio::post(worker().get_executor(), [this] { worker().CloseListeners(); });
  // The worker finds the mutex taken more often than not, and comes back.
  while (listener.is_open()) {
  }
  EXPECT_EQ(ended.get_future().get(), asio::error::operation_aborted);
}

template <class End>
void ConverseUntil(const Endpoint& to, const Bridge& bridge, End&& end) {
  asio::thread_pool pool(2);
  std::atomic<int> rounds{0};
  std::vector<std::future<void>> done;
  for (int i = 0; i < 8; ++i) {
    // Until its connection fails.
    const auto run = [&]() -> asio::awaitable<void> {
      BridgeTcpStream stream(co_await asio::this_coro::executor, bridge);
      error_code ec;
      auto await = asio::redirect_error(asio::use_awaitable, ec);
      co_await stream.async_connect(to, await);
      std::array<char, 64> bytes{};
      while (!ec) {
        co_await asio::async_write(stream, asio::buffer(bytes), await);
        if (!ec) co_await asio::async_read(stream, asio::buffer(bytes), await);
        ++rounds;
      }
      co_await stream.async_read_some(asio::buffer(bytes), await);
      EXPECT_TRUE(ec);
    };
    done.push_back(asio::co_spawn(asio::make_strand(pool), run, asio::use_future));
  }
  while (rounds < 200) std::this_thread::yield();
  end();
  for (auto& one : done) one.get();
  pool.join();
}

TEST_F(BridgeThreadsTest, WorkerGoesWhileThreadsUseIt) {
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  ConverseUntil(Server(), *client_bridge_, [this] { DestroyWorker(); });
}

TEST_F(BridgeThreadsTest, BridgesGoWhileThreadsUseThem) {
  asio::co_spawn(io_, EchoServer(IoListener(io_.get_executor(), *server_bridge_, Server())),
                 asio::detached);
  ConverseUntil(Server(), *client_bridge_, [this] { server_bridge_.reset(); });
}

}  // namespace
}  // namespace corelane::runtime
