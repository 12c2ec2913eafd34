// How an App ends: in good order, when something fails, at once.

#include <pthread.h>

#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/app/app.h"
#include "runtime/app/app_test_fixture.h"
#include "runtime/worker.h"

namespace corelane::runtime {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

// A time that a test never has is there to be waited for in vain.
class AppStopTest : public AppTest {
 protected:
  absl::Status RunAlone(App::LaneMain main, Duration drain = hours(1)) {
    AppConfig config = ConfigOf(2);
    config.drain = drain;
    config.linger = hours(1);
    client_ = *App::Open(config, std::move(ring_.b));
    return client_->Run(std::move(main));
  }
  const Endpoint server_endpoint_{ConfigOf(1).addresses[0].address, 7};
};

TEST_F(AppStopTest, ConnectionsFinishWhenTheAppStops) {
  std::atomic<bool> asked{false};
  std::atomic<bool> refused{false};
  AppConfig config = ConfigOf(1);
  config.drain = hours(1);
  server_ = *App::Open(config, std::move(ring_.a));
  // Thinks about a question until the other lane's client was refused.
  const auto think = [&](WorkerContext& context, TcpStream stream) -> Task<void> {
    std::array<char, 100> question;
    error_code error;
    const auto space = asio::buffer(question);
    const size_t n = co_await stream.async_read_some(space, asio::redirect_error(kAwait, error));
    if (error) co_return;  // one that came just before the listener closed
    asked = true;
    co_await WaitUntil(context, [&] { return refused.load(); });
    const auto answer = asio::buffer(question, n);
    co_await asio::async_write(stream, answer, asio::redirect_error(kAwait, error));
  };
  thread_ = std::thread([&] {
    status_ = server_->Run([&](WorkerContext& context) -> Task<void> {
      co_await AcceptAll(context, [&](TcpStream stream) {
        asio::co_spawn(context.get_executor(), think(context, std::move(stream)), asio::detached);
      });
    });
  });
  while (ready_ < kLanes) std::this_thread::yield();
  std::string answer;
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    if (context.lane() != 0) {
      answer = co_await Ask(context, server_endpoint_, "what is it?");
      co_return;
    }
    co_await WaitUntil(context, [&] { return asked.load(); });
    server_->Stop();
    while (!refused) {
      TcpStream late(context.get_executor(), context.stack());
      error_code error;
      co_await late.async_connect(server_endpoint_, asio::redirect_error(kAwait, error));
      if (error) {
        EXPECT_EQ(error, asio::error::connection_refused);
      }
      refused = static_cast<bool>(error);
    }
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answer, "what is it?");
  StopServer();
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(AppStopTest, WhatIsLeftAtTheDeadlineIsClosedWithFin) {
  StartServer(milliseconds(50));
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    if (context.lane() != 0) co_return;
    TcpStream stream(context.get_executor(), context.stack());
    co_await stream.async_connect(server_endpoint_, kAwait);
    std::array<char, 10> buffer{};
    const auto hello = asio::buffer(buffer, 5);
    co_await asio::async_write(stream, hello, kAwait);
    co_await stream.async_read_some(asio::buffer(buffer), kAwait);
    server_->Stop();
    error_code error;
    co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(kAwait, error));
    EXPECT_EQ(error, asio::error::eof) << error.message();
  });
  EXPECT_TRUE(status.ok()) << status;
  StopServer();
}

TEST_F(AppStopTest, StopCallbacksRunOnceOnTheirLane) {
  std::atomic<int> calls{0};
  const absl::Status status = RunAlone([&](WorkerContext& context) -> Task<void> {
    context.OnStop([&] {
      EXPECT_TRUE(context.worker().IsRunningHere());
      EXPECT_TRUE(context.stopping());
      ++calls;
    });
    if (context.lane() == 0) client_->Stop();
    co_await WaitForStop(context);
    context.OnStop([&] { ++calls; });
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(calls, 2 * static_cast<int>(kLanes));
}

TEST_F(AppStopTest, StopCallbacksRunWhereThereIsNoTimeToDrain) {
  std::atomic<int> calls{0};
  std::atomic<size_t> ready{0};
  const absl::Status status = RunAlone(
      [&](WorkerContext& context) -> Task<void> {
        TcpListener listener(context.get_executor(), context.stack());
        listener.listen({IpAddress(Ipv6Address()), 7});
        context.OnStop([&] {
          EXPECT_FALSE(listener.is_open());
          ++calls;
        });
        ++ready;
        co_await WaitUntil(context, [&] { return ready == kLanes; });
        if (context.lane() == 0) client_->Stop();
        co_await WaitUntil(context, [] { return false; });
      },
      Duration::zero());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(calls, static_cast<int>(kLanes));
}

TEST_F(AppStopTest, StopCallbacksAreForgottenWithTheirCoroutine) {
  std::atomic<int> calls{0};
  std::atomic<WorkerContext*> ended{nullptr};
  std::atomic<bool> stopping{false};
  const absl::Status status = RunAlone([&](WorkerContext& context) -> Task<void> {
    if (context.lane() == 0) {
      const std::shared_ptr<void> local(nullptr, [&](void*) { ended = &context; });
      context.OnStop([&calls] { ++calls; });
      co_return;
    }
    co_await WaitUntil(context, [&] { return ended.load() != nullptr; });
    client_->Stop();
    co_await WaitUntil(context, [&] {
      asio::post(ended.load()->get_executor(), [&] { stopping = ended.load()->stopping(); });
      return stopping.load();
    });
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(calls, 0);
}

TEST_F(AppStopTest, WhatALaneThrowsStopsTheApp) {
  const absl::Status status = RunAlone([&](WorkerContext& context) -> Task<void> {
    if (context.lane() == 1) throw std::runtime_error("out of luck");
    co_await WaitForStop(context);
  });
  EXPECT_EQ(status.message(), "lane 1: out of luck");
}

// The other lane has nothing to wait for.
TEST_F(AppStopTest, TheLastLaneThrowsAfterTheOthersReturned) {
  std::atomic<bool> gone{false};
  const absl::Status status = RunAlone([&](WorkerContext& context) -> Task<void> {
    if (context.lane() == 0) {
      gone = true;
      co_return;
    }
    co_await WaitUntil(context, [&] { return gone.load(); });
    throw std::runtime_error("late");
  });
  EXPECT_EQ(status.message(), "lane 1: late");
}

TEST_F(AppStopTest, AMainThatThrowsBeforeItIsACoroutineStopsTheApp) {
  const absl::Status status = RunAlone([&](WorkerContext& context) -> Task<void> {
    if (context.lane() == 1) throw 1;
    return WaitForStop(context);
  });
  EXPECT_EQ(status.message(), "lane 1: threw what is no std::exception");
}

TEST_F(AppStopTest, AHandlerThatThrowsStopsTheApp) {
  const absl::Status status = RunAlone([&](WorkerContext& context) -> Task<void> {
    if (context.lane() == 1) {
      asio::post(context.get_executor(), [] { throw std::runtime_error("posted"); });
    }
    co_await WaitForStop(context);
  });
  EXPECT_EQ(status.message(), "lane 1: posted");
}

TEST_F(AppStopTest, AStopCallbackThatThrowsKeepsNoneFromRunning) {
  std::atomic<int> calls{0};
  const absl::Status status = RunAlone([&](WorkerContext& context) -> Task<void> {
    if (context.lane() == 1) {
      context.OnStop([] { throw std::runtime_error("no"); });
      context.OnStop([&] { ++calls; });
      client_->Stop();
    }
    co_await WaitForStop(context);
  });
  EXPECT_EQ(status.message(), "lane 1: no");
  EXPECT_EQ(calls, 1);
}

TEST_F(AppStopTest, WithoutThreadsNothingIsServed) {
  pthread_attr_t standard;
  ASSERT_EQ(pthread_getattr_default_np(&standard), 0);
  pthread_attr_t huge;
  ASSERT_EQ(pthread_attr_init(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 50), 0);  // beyond the address space
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const absl::Status status = RunAlone([](WorkerContext&) -> Task<void> {
    ADD_FAILURE();
    co_return;
  });
  ASSERT_EQ(pthread_setattr_default_np(&standard), 0);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("lanes: value '2': expected as many threads as the system has: "));
}

// Moves a connection to a lane that has nothing left to do.
class AppMoveTest : public AppStopTest {
 protected:
  using Serve = std::function<Task<void>(WorkerContext&, TcpStream)>;

  // serve: what the lane does with a connection.
  void StartMovingServer(Duration drain, Serve serve) {
    AppConfig config = ConfigOf(1);
    config.drain = drain;
    config.linger = hours(1);
    server_ = *App::Open(config, std::move(ring_.a));
    thread_ = std::thread([this, serve] {
      status_ = server_->Run([this, serve](WorkerContext& context) -> Task<void> {
        TcpListener listener(context.get_executor(), context.stack());
        listener.listen({IpAddress(Ipv6Address()), 7});
        asio::co_spawn(context.get_executor(), WaitForWorkersEnd(context), asio::detached);
        ready_.fetch_add(1);
        error_code error;
        TcpStream stream = co_await listener.async_accept(asio::redirect_error(kAwait, error));
        if (!error) co_await serve(context, std::move(stream));
        returned_.fetch_add(1);
      });
    });
    while (ready_ < kLanes) std::this_thread::yield();
  }
  Task<void> WaitForWorkersEnd(WorkerContext& context) {
    const std::shared_ptr<void> local(nullptr,
                                      [this, lane = context.lane()](void*) { gone_[lane] = true; });
    co_await WaitUntil(context, [] { return false; });
  }
  static void MoveAway(WorkerContext& context, TcpStream& stream) {
    EXPECT_FALSE(stream.move_to(1 - context.lane(), [](error_code error, TcpStream arrived) {
      EXPECT_FALSE(error) << error.message();
      const WorkerExecutor executor = arrived.get_executor();
      asio::co_spawn(executor, Echo(std::move(arrived)), asio::detached);
    }));
  }
  std::atomic<int> returned_{0};                  // coroutines of the server's lanes
  std::array<std::atomic<bool>, kLanes> gone_{};  // workers
};

TEST_F(AppMoveTest, AConnectionThatMovesWhileTheAppDrainsIsServed) {
  StartMovingServer(hours(1), [&](WorkerContext& context, TcpStream stream) -> Task<void> {
    server_->Stop();
    co_await WaitUntil(context, [&] { return returned_ == 1; });
    MoveAway(context, stream);
  });
  int answers = 0;
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    if (context.lane() != 0) co_return;
    TcpStream stream(context.get_executor(), context.stack());
    co_await stream.async_connect(server_endpoint_, kAwait);
    std::array<char, 10> buffer{};
    const auto bytes = asio::buffer(buffer);
    for (; answers < 20; ++answers) {
      co_await asio::async_write(stream, bytes, kAwait);
      co_await asio::async_read(stream, bytes, kAwait);
    }
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answers, 20);
  thread_.join();
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(AppMoveTest, AConnectionThatMovesAtTheEndIsClosedWithFin) {
  StartMovingServer(Duration::zero(), [&](WorkerContext& context, TcpStream stream) -> Task<void> {
    context.OnStop([&] {
      while (!gone_[1 - context.lane()]) std::this_thread::yield();
      MoveAway(context, stream);
    });
    server_->Stop();
    co_await WaitUntil(context, [] { return false; });
  });
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    if (context.lane() != 0) co_return;
    TcpStream stream(context.get_executor(), context.stack());
    co_await stream.async_connect(server_endpoint_, kAwait);
    std::array<char, 10> buffer{};
    error_code error;
    co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(kAwait, error));
    EXPECT_EQ(error, asio::error::eof) << error.message();
  });
  EXPECT_TRUE(status.ok()) << status;
  thread_.join();
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(AppStopTest, ASignalDrains) {
  const absl::Status status = RunAlone([](WorkerContext& context) -> Task<void> {
    if (context.lane() == 1) std::raise(SIGTERM);
    co_await WaitForStop(context);
  });
  EXPECT_TRUE(status.ok()) << status;
}

// However soon after the first.
TEST_F(AppStopTest, ASecondSignalEndsTheDrainAtOnce) {
  const absl::Status status = RunAlone([](WorkerContext& context) -> Task<void> {
    if (context.lane() == 1) {
      std::raise(SIGTERM);
      std::raise(SIGINT);
    }
    co_await WaitUntil(context, [] { return false; });
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(AppStopTest, ASecondSignalDoesNotWaitForPeers) {
  driver::RingOptions options;
  options.threads = true;
  driver::RingPair ring = driver::MakeRingPair(options);
  // The peer knows of no signals, and does not close before the app has ended.
  std::atomic<Worker*> peer{nullptr};
  std::thread thread([&] {
    Worker worker;
    stack::Stack& stack = worker.NewStack(stack::StackOptions());
    stack::InterfaceOptions interface;
    interface.addresses = ConfigOf(2).addresses;
    EXPECT_TRUE(stack.AddInterface(ring.b->queue(0), ring.b->info(), interface).ok());
    TcpStream stream(worker.get_executor(), stack);
    std::array<char, 10> buffer{};
    const auto on_read = [](error_code error, size_t) {
      EXPECT_EQ(error, asio::error::eof) << error.message();
      std::raise(SIGTERM);
    };
    peer = &worker;
    while (ready_ == 0) std::this_thread::yield();
    stream.async_connect(server_endpoint_, [&](error_code error) {
      EXPECT_FALSE(error) << error.message();
      stream.async_read_some(asio::buffer(buffer), on_read);
    });
    worker.Run();
  });
  while (peer == nullptr) std::this_thread::yield();
  AppConfig config = ConfigOf(1);
  config.lanes = 1;
  config.drain = Duration::zero();
  config.linger = hours(1);
  server_ = *App::Open(config, std::move(ring.a));
  const absl::Status status = server_->Run([&](WorkerContext& context) -> Task<void> {
    TcpListener listener(context.get_executor(), context.stack());
    listener.listen({IpAddress(Ipv6Address()), 7});
    ready_ = 1;
    const TcpStream accepted = co_await listener.async_accept(kAwait);
    std::raise(SIGTERM);
    co_await WaitUntil(context, [] { return false; });
  });
  EXPECT_TRUE(status.ok()) << status;
  peer.load()->Stop();
  thread.join();
}

}  // namespace
}  // namespace corelane::runtime
