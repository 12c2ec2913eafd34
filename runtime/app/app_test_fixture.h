// Two Apps on the two ends of a ring.

#ifndef CORELANE_RUNTIME_APP_APP_TEST_FIXTURE_H_
#define CORELANE_RUNTIME_APP_APP_TEST_FIXTURE_H_

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "driver/ring/ring.h"
#include "gtest/gtest.h"
#include "runtime/app/app.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"

namespace corelane::runtime {

namespace asio = boost::asio;
using boost::system::error_code;

template <class T>
using Task = asio::awaitable<T, WorkerExecutor>;
inline constexpr asio::use_awaitable_t<WorkerExecutor> kAwait;

inline constexpr size_t kLanes = 2;

inline AppConfig ConfigOf(int host, const std::optional<Vlan>& vlan = std::nullopt) {
  AppConfig config;
  config.addresses = {{IpAddress(Ipv4Address(10, 0, 0, static_cast<uint8_t>(host))), 24},
                      {IpAddress(Ipv6Address(0xfd00ull << 48, static_cast<uint64_t>(host))), 64}};
  config.lanes = kLanes;
  config.vlan = vlan;
  return config;
}

// Answers what it reads until the client closes.
inline Task<void> Echo(TcpStream stream) {
  std::array<char, 1000> buffer;
  for (;;) {
    error_code error;
    const size_t n =
        co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(kAwait, error));
    if (error) co_return;
    const auto bytes = asio::buffer(buffer, n);
    co_await asio::async_write(stream, bytes, asio::redirect_error(kAwait, error));
    if (error) co_return;
  }
}

class AppTest : public ::testing::Test {
 protected:
  // Listens on port 7 of the lane, and hands over what comes until the listener closes.
  template <class OnStream>
  Task<void> AcceptAll(WorkerContext& context, OnStream on_stream) {
    TcpListener listener(context.get_executor(), context.stack());
    listener.listen({IpAddress(Ipv6Address()), 7});
    ready_.fetch_add(1);
    for (;;) {
      error_code error;
      TcpStream stream = co_await listener.async_accept(asio::redirect_error(kAwait, error));
      if (error) co_return;
      on_stream(std::move(stream));
    }
  }
  AppTest() {
    driver::RingOptions options;
    options.threads = true;
    options.queues = kLanes;
    ring_ = driver::MakeRingPair(options);
  }

  // An app that echoes on both lanes, on a thread of its own.
  void StartServer(Duration drain = std::chrono::seconds(5)) {
    AppConfig config = ConfigOf(1, vlan_);
    config.drain = drain;
    config.lanes = server_lanes_;
    config.addresses.insert(config.addresses.end(), more_addresses_.begin(), more_addresses_.end());
    server_ = *App::Open(config, std::move(ring_.a));
    thread_ = std::thread([this] {
      status_ = server_->Run([this](WorkerContext& context) -> Task<void> {
        co_await AcceptAll(context, [&](TcpStream stream) {
          accepted_[context.lane()].fetch_add(1);
          asio::co_spawn(context.get_executor(), Echo(std::move(stream)), asio::detached);
        });
      });
    });
    while (ready_ < server_lanes_) std::this_thread::yield();
  }
  absl::Status RunClient(App::LaneMain main) {
    client_ = *App::Open(ConfigOf(2, vlan_), std::move(ring_.b));
    return client_->Run(std::move(main));
  }
  void StopServer() {
    server_->Stop();
    thread_.join();
  }

  driver::RingPair ring_;
  std::unique_ptr<App> server_;
  std::unique_ptr<App> client_;
  std::thread thread_;
  absl::Status status_;
  std::atomic<size_t> ready_{0};
  size_t server_lanes_ = kLanes;
  std::vector<IpPrefix> more_addresses_;  // of the server
  std::optional<Vlan> vlan_;
  std::array<std::atomic<size_t>, kLanes + 1> accepted_{};
};

inline Task<std::string> Ask(WorkerContext& context, const Endpoint& server, std::string question) {
  TcpStream stream(context.get_executor(), context.stack());
  co_await stream.async_connect(server, kAwait);
  const auto bytes = asio::buffer(question);
  co_await asio::async_write(stream, bytes, kAwait);
  std::string answer;
  std::array<char, 1000> buffer;
  while (answer.size() < question.size()) {
    const size_t n = co_await stream.async_read_some(asio::buffer(buffer), kAwait);
    answer.append(buffer.data(), n);
  }
  co_return answer;
}

// Until what another thread or lane does is there to be seen.
template <class Predicate>
Task<void> WaitUntil(WorkerContext& context, Predicate seen) {
  SteadyTimer timer(context.get_executor());
  while (!seen()) {
    timer.expires_after(std::chrono::milliseconds(1));
    co_await timer.async_wait(kAwait);
  }
}

// Never answers before the app stops, and then hears of it.
inline Task<void> WaitForStop(WorkerContext& context) {
  SteadyTimer timer(context.get_executor());
  timer.expires_after(std::chrono::hours(1));
  context.OnStop([&timer] { timer.cancel(); });
  error_code error;
  // The app may have stopped before this lane began.
  if (!context.stopping()) co_await timer.async_wait(asio::redirect_error(kAwait, error));
}

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_APP_APP_TEST_FIXTURE_H_
