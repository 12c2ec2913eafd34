#include "runtime/app/app.h"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/app/app_test_fixture.h"
#include "runtime/metrics/metrics.h"

namespace corelane::runtime {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
      co_await AcceptAll(context, [&](TcpStream stream) {
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
          asio::co_spawn(executor, Echo(std::move(arrived)), asio::detached);
        }));
        EXPECT_FALSE(stream.is_open());
        EXPECT_EQ(stream.move_to(other, [](error_code, TcpStream) {}), asio::error::not_connected);
      });
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

// A card that hashes TCP's ports only, by a key that cannot be changed.
class StubbornDevice final : public driver::Device {
 public:
  explicit StubbornDevice(std::unique_ptr<driver::Device> inner) : inner_(std::move(inner)) {}
  const driver::DeviceInfo& info() const override { return inner_->info(); }
  driver::DeviceQueue& queue(size_t index) override { return inner_->queue(index); }
  std::optional<driver::RssInfo> rss() const override {
    return driver::RssInfo{.key = {Toeplitz::kMicrosoftKey.begin(), Toeplitz::kMicrosoftKey.end()},
                           .table = {0, 1, 0, 1},
                           .ports = {.tcp = true, .udp = false}};
  }

 private:
  std::unique_ptr<driver::Device> inner_;
};

TEST_F(AppTest, FlowsAreSpreadAsConfiguredOrAsTheDeviceDoesIt) {
  AppConfig config = ConfigOf(1);
  config.rss_key.emplace().fill(0x6c);
  config.rss_hash = {.tcp = false, .udp = false};
  const auto app = App::Open(config, std::move(ring_.a));
  ASSERT_TRUE(app.ok()) << app.status();
  EXPECT_EQ((*app)->lanes().options().key, *config.rss_key);
  EXPECT_EQ((*app)->lanes().options().ports, config.rss_hash);

  config = ConfigOf(2);
  const auto device = App::Open(config, std::make_unique<StubbornDevice>(std::move(ring_.b)));
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ((*device)->lanes().options().key, Toeplitz::kMicrosoftKey);
  EXPECT_EQ((*device)->lanes().options().ports, (driver::RssPorts{.tcp = true, .udp = false}));
}

TEST_F(AppTest, ADeviceThatKeepsItsKeyIsNamed) {
  AppConfig config = ConfigOf(1);
  config.rss_key = Toeplitz::kSymmetricKey;
  const auto app = App::Open(config, std::make_unique<StubbornDevice>(std::move(ring_.a)));
  EXPECT_EQ(app.status().message(),
            "rss_key: ring:pair keeps its own: expected no key, or that one: "
            "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
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

TEST_F(AppTest, AStackHasRoomForAllNeighbors) {
  AppConfig config = ConfigOf(2);
  config.addresses = {*IpPrefix::Parse("10.0.0.2/16")};
  for (uint32_t i = 0; i < AppConfig::kMaxNeighbors; ++i) {
    config.neighbors.push_back({Ipv4Address(0x0a000100 + i), MacAddress(2, 0, 0, 0, 0, 1)});
  }
  client_ = *App::Open(config, std::move(ring_.b));
  const absl::Status status = client_->Run([](WorkerContext&) -> Task<void> { co_return; });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(AppTest, OpeningNamesWhatIsWrong) {
  AppConfig config = ConfigOf(2);
  config.device = "nosuch:x";
  EXPECT_THAT(std::string(App::Open(config).status().message()),
              HasSubstr("device: value 'nosuch:x': "));
}

}  // namespace
}  // namespace corelane::runtime
