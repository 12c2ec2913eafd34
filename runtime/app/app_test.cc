#include "runtime/app/app.h"

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
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "driver/ring/ring.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/metrics/metrics.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/tcp_stream.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
using Task = asio::awaitable<T, WorkerExecutor>;
constexpr asio::use_awaitable_t<WorkerExecutor> kAwait;

constexpr size_t kLanes = 2;

AppConfig ConfigOf(int host, const std::optional<Vlan>& vlan = std::nullopt) {
  AppConfig config;
  config.addresses = {{IpAddress(Ipv4Address(10, 0, 0, static_cast<uint8_t>(host))), 24},
                      {IpAddress(Ipv6Address(0xfd00ull << 48, static_cast<uint64_t>(host))), 64}};
  config.lanes = kLanes;
  config.vlan = vlan;
  return config;
}

// Answers each byte after a while, until the client closes.
Task<void> Echo(TcpStream stream, Duration pause) {
  std::array<char, 1000> buffer;
  SteadyTimer timer(stream.get_executor());
  for (;;) {
    error_code error;
    const size_t n =
        co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(kAwait, error));
    if (error) co_return;
    if (pause > Duration::zero()) {
      timer.expires_after(pause);
      co_await timer.async_wait(kAwait);
    }
    const auto bytes = asio::buffer(buffer, n);
    co_await asio::async_write(stream, bytes, asio::redirect_error(kAwait, error));
    if (error) co_return;
  }
}

class AppTest : public ::testing::Test {
 protected:
  AppTest() {
    driver::RingOptions options;
    options.threads = true;
    options.queues = kLanes;
    ring_ = driver::MakeRingPair(options);
  }

  // An app that echoes on both lanes, on a thread of its own.
  void StartServer(Duration pause = Duration::zero(), Duration drain = seconds(5)) {
    AppConfig config = ConfigOf(1, vlan_);
    config.drain = drain;
    config.lanes = server_lanes_;
    config.addresses.insert(config.addresses.end(), more_addresses_.begin(), more_addresses_.end());
    server_ = *App::Open(config, std::move(ring_.a));
    thread_ = std::thread([this, pause] {
      status_ = server_->Run([this, pause](WorkerContext& context) -> Task<void> {
        TcpListener listener(context.get_executor(), context.stack());
        listener.listen({IpAddress(Ipv6Address()), 7});
        ready_.fetch_add(1);
        for (;;) {
          error_code error;
          TcpStream stream = co_await listener.async_accept(asio::redirect_error(kAwait, error));
          if (error) co_return;
          accepted_[context.lane()].fetch_add(1);
          asio::co_spawn(context.get_executor(), Echo(std::move(stream), pause), asio::detached);
        }
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

Task<std::string> Ask(WorkerContext& context, const Endpoint& server, std::string question) {
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

TEST_F(AppTest, LanesServeLanes) {
  StartServer();
  std::atomic<int> answers{0};
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    EXPECT_EQ(context.lanes(), kLanes);
    EXPECT_EQ(&context.worker().get_executor().context(), &context.worker());
    for (int i = 0; i < 20; ++i) {
      const Endpoint server{ConfigOf(1).addresses[static_cast<size_t>(i % 2)].address, 7};
      const std::string question(500, static_cast<char>('a' + i));
      const std::string answer = co_await Ask(context, server, question);
      answers += answer == question;
    }
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answers, 40);
  StopServer();
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(accepted_[0] + accepted_[1], 40u);
  EXPECT_GT(accepted_[0], 0u);
  EXPECT_GT(accepted_[1], 0u);
}

// Every connection is accepted by one lane and served by the other, with what it has asked already.
TEST_F(AppTest, ConnectionsMoveToAnotherLane) {
  std::atomic<size_t> moved{0};
  AppConfig config = ConfigOf(1);
  server_ = *App::Open(config, std::move(ring_.a));
  thread_ = std::thread([&] {
    status_ = server_->Run([&](WorkerContext& context) -> Task<void> {
      TcpListener listener(context.get_executor(), context.stack());
      listener.listen({IpAddress(Ipv6Address()), 7});
      ready_.fetch_add(1);
      for (;;) {
        error_code error;
        TcpStream stream = co_await listener.async_accept(asio::redirect_error(kAwait, error));
        if (error) co_return;
        EXPECT_EQ(stream.move_to(context.lane(), [](error_code, TcpStream) {}),
                  asio::error::invalid_argument);
        const size_t other = 1 - context.lane();
        Worker* const here = &context.worker();
        EXPECT_FALSE(stream.move_to(other, [&, here](error_code ec, TcpStream arrived) {
          EXPECT_FALSE(ec) << ec.message();
          const auto executor = arrived.get_executor();
          EXPECT_TRUE(executor.worker().IsRunningHere());
          EXPECT_NE(&executor.worker(), here);
          moved.fetch_add(1);
          asio::co_spawn(executor, Echo(std::move(arrived), Duration::zero()), asio::detached);
        }));
        EXPECT_FALSE(stream.is_open());
        EXPECT_EQ(stream.move_to(other, [](error_code, TcpStream) {}), asio::error::not_connected);
      }
    });
  });
  while (ready_ < kLanes) std::this_thread::yield();
  std::atomic<int> answers{0};
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    for (int i = 0; i < 20; ++i) {
      const Endpoint server{ConfigOf(1).addresses[static_cast<size_t>(i % 2)].address, 7};
      const std::string question(5000, static_cast<char>('a' + i));
      const std::string answer = co_await Ask(context, server, question);
      answers += answer == question;
    }
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answers, 40);
  EXPECT_EQ(moved, 40u);
  StopServer();
  EXPECT_TRUE(status_.ok()) << status_;
}

// Lanes that the device has no queue for are served by those with one, on either side.
TEST_F(AppTest, MoreLanesThanQueues) {
  driver::RingOptions options;
  options.threads = true;
  ring_ = driver::MakeRingPair(options);
  server_lanes_ = 3;
  vlan_ = Vlan{.id = 7, .priority = 3};  // tagged once, not by the carrier again
  StartServer();
  std::atomic<int> answers{0};
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    for (int i = 0; i < 30; ++i) {
      const Endpoint server{ConfigOf(1).addresses[static_cast<size_t>(i % 2)].address, 7};
      const std::string question(5000, static_cast<char>('a' + i % 26));
      const std::string answer = co_await Ask(context, server, question);
      answers += answer == question;
    }
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answers, 60);
  for (size_t i = 0; i < server_lanes_; ++i) EXPECT_GT(accepted_[i], 0u) << "lane " << i;
  EXPECT_GT(server_->lanes().lane(2).counters().carried_out.value(), 0u);
  EXPECT_GT(server_->lanes().lane(0).counters().carried_in.value(), 0u);
  EXPECT_GT(client_->lanes().lane(1).counters().carried_out.value(), 0u);
  StopServer();
  EXPECT_TRUE(status_.ok()) << status_;
}

// What the server has behind it is reached through it, from every lane.
TEST_F(AppTest, RoutesHoldOnAllLanes) {
  more_addresses_ = {*IpPrefix::Parse("10.9.3.1/24"), *IpPrefix::Parse("fd09::1/64")};
  StartServer();
  AppConfig config = ConfigOf(2);
  const IpAddress gateway = ConfigOf(1).addresses[0].address;
  config.routes = {{*IpPrefix::Parse("10.9.0.0/16"), gateway},
                   {*IpPrefix::Parse("fd09::/32"), ConfigOf(1).addresses[1].address}};
  client_ = *App::Open(config, std::move(ring_.b));
  std::atomic<int> answers{0};
  const absl::Status status = client_->Run([&](WorkerContext& context) -> Task<void> {
    for (const IpPrefix& address : more_addresses_) {
      answers += co_await Ask(context, {address.address, 7}, "who is there?") == "who is there?";
    }
    const ip::Route* const route =
        context.stack().network().routes().Lookup(more_addresses_[0].address);
    EXPECT_TRUE(route != nullptr && route->gateway == gateway);
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answers, 2 * static_cast<int>(kLanes));
  StopServer();
}

TEST_F(AppTest, ConnectionsFinishWhenTheAppStops) {
  StartServer(milliseconds(300));
  std::atomic<int> answers{0};
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    const Endpoint server{ConfigOf(1).addresses[0].address, 7};
    if (context.lane() == 0) {
      SteadyTimer timer(context.get_executor());
      timer.expires_after(milliseconds(100));
      co_await timer.async_wait(kAwait);
      server_->Stop();  // the other lane's question is being thought about
      timer.expires_after(milliseconds(20));
      co_await timer.async_wait(kAwait);
      TcpStream late(context.get_executor(), context.stack());
      error_code error;
      co_await late.async_connect(server, asio::redirect_error(kAwait, error));
      EXPECT_EQ(error, asio::error::connection_refused);
    } else {
      const std::string answer = co_await Ask(context, server, "what is it?");
      answers += answer == "what is it?";
    }
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answers, 1);
  StopServer();
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(AppTest, WhatIsLeftAtTheDeadlineIsClosedWithFin) {
  StartServer(Duration::zero(), milliseconds(50));
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    if (context.lane() != 0) co_return;
    TcpStream stream(context.get_executor(), context.stack());
    co_await stream.async_connect({ConfigOf(1).addresses[0].address, 7}, kAwait);
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

TEST_F(AppTest, StopCallbacksRunOnceOnTheirLane) {
  std::atomic<int> calls{0};
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    SteadyTimer timer(context.get_executor());
    timer.expires_after(seconds(60));
    context.OnStop([&] {
      EXPECT_TRUE(context.worker().IsRunningHere());
      EXPECT_TRUE(context.stopping());
      ++calls;
      timer.cancel();
    });
    if (context.lane() == 0) client_->Stop();
    error_code error = asio::error::operation_aborted;
    // The app may have stopped before this lane began.
    if (!context.stopping()) {
      co_await timer.async_wait(asio::redirect_error(kAwait, error));
    }
    EXPECT_EQ(error, asio::error::operation_aborted);
    context.OnStop([&] { ++calls; });
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(calls, 2 * static_cast<int>(kLanes));
}

TEST_F(AppTest, WhatALaneThrowsStopsTheApp) {
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    if (context.lane() == 1) throw std::runtime_error("out of luck");
    SteadyTimer timer(context.get_executor());
    timer.expires_after(seconds(60));
    context.OnStop([&timer] { timer.cancel(); });
    error_code error;
    // The app may have stopped before this lane began.
    if (!context.stopping()) {
      co_await timer.async_wait(asio::redirect_error(kAwait, error));
    }
  });
  EXPECT_EQ(status.message(), "lane 1: out of luck");
}

TEST_F(AppTest, ALaneThatCannotBeSetUpStopsAll) {
  AppConfig config = ConfigOf(2);
  config.cpus = {0, 4000};
  client_ = *App::Open(config, std::move(ring_.b));
  const absl::Status status = client_->Run([](WorkerContext&) -> Task<void> {
    ADD_FAILURE();
    co_return;
  });
  EXPECT_THAT(std::string(status.message()), HasSubstr("cpus: value '4000'"));
}

// What `corelane_lane_up` says of each lane.
std::vector<double> Up(const Metrics::Families& families) {
  std::vector<double> up;
  for (const auto& family : families) {
    if (family.name != "corelane_lane_up") continue;
    for (const auto& metric : family.metric) up.push_back(metric.gauge.value);
  }
  return up;
}

TEST_F(AppTest, AnyLaneShowsWhatAllOfThemCount) {
  StartServer();
  std::array<std::string, kLanes> texts;
  const absl::Status status = RunClient([&](WorkerContext& context) -> Task<void> {
    co_await Ask(context, {ConfigOf(1).addresses[0].address, 7}, "hello");
    const Metrics metrics(context.metrics());
    const Metrics::Families families = co_await metrics.async_collect(kAwait);
    EXPECT_TRUE(context.worker().IsRunningHere());
    EXPECT_THAT(Up(families), ElementsAre(1, 1));
    texts[context.lane()] = ToText(families);
  });
  EXPECT_TRUE(status.ok()) << status;
  for (const std::string& text : texts) {
    EXPECT_THAT(text, HasSubstr("corelane_tcp_active_opens_total{lane=\"0\",stack=\"0\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("corelane_tcp_active_opens_total{lane=\"1\",stack=\"0\"} "));
    EXPECT_THAT(text, HasSubstr("corelane_lane_forwarded_packets_total{lane=\"1\",stack=\"0\"}"));
  }
  StopServer();
}

// Those who ask, on the lanes and on another thread, do so from before the lanes are there until
// they are gone.
TEST_F(AppTest, LanesComeAndGoWhileTheyAreMeasured) {
  AppConfig config = ConfigOf(2);
  config.drain = Duration::zero();
  client_ = *App::Open(config, std::move(ring_.b));
  const Metrics metrics(client_->metrics());
  EXPECT_THAT(Up(metrics.Collect()), ElementsAre(0, 0));
  std::atomic<bool> over{false};
  std::atomic<int> collections{0};
  std::atomic<int> seen_up{0};
  std::thread outside([&] {
    while (!over) seen_up += Up(metrics.Collect()) == std::vector<double>{1, 1};
  });
  const absl::Status status = client_->Run([&](WorkerContext& context) -> Task<void> {
    const auto forever = [&metrics, &collections]() -> Task<void> {
      for (;;) {
        co_await metrics.async_collect(kAwait);
        ++collections;
      }
    };
    for (int i = 0; i < 8; ++i) asio::co_spawn(context.get_executor(), forever, asio::detached);
    SteadyTimer timer(context.get_executor());
    while (collections < 100 || seen_up < 3) {
      timer.expires_after(milliseconds(1));
      co_await timer.async_wait(kAwait);
    }
    client_->Stop();
  });
  over = true;
  outside.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(Up(metrics.Collect()), ElementsAre(0, 0));
}

TEST_F(AppTest, OpeningNamesWhatIsWrong) {
  AppConfig config = ConfigOf(2);
  config.device = "nosuch:x";
  EXPECT_THAT(std::string(App::Open(config).status().message()),
              HasSubstr("device: value 'nosuch:x': "));
}

}  // namespace
}  // namespace corelane::runtime
