#include "runtime/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "driver/ring/ring.h"
#include "runtime/testing.h"

namespace corelane::runtime {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;
using ::testing::Pair;

const prometheus::MetricFamily& Find(const Metrics::Families& families, std::string_view name) {
  for (const auto& family : families) {
    if (family.name == name) return family;
  }
  ADD_FAILURE() << name << " is not there";
  static const prometheus::MetricFamily kNone;
  return kNone;
}

// By the label `lane`.
std::map<std::string, double> Up(const Metrics::Families& families) {
  std::map<std::string, double> up;
  for (const auto& metric : Find(families, "corelane_lane_up").metric) {
    up[metric.label.at(0).value] = metric.gauge.value;
  }
  return up;
}

// A worker with a stack, on a thread of its own.
class Lane {
 public:
  Lane() : ring_(driver::MakeRingPair()) {
    stack::Stack& stack = worker_.NewStack(stack::StackOptions());
    EXPECT_TRUE(stack.AddInterface(ring_.a->queue(0), ring_.a->info()).ok());
  }
  ~Lane() { Stop(); }

  void Start() {
    thread_ = std::thread([this] { worker_.Run(); });
  }
  void Stop() {
    if (!thread_.joinable()) return;
    worker_.Stop();
    thread_.join();
  }
  Worker& worker() { return worker_; }

 private:
  driver::RingPair ring_;
  Worker worker_;
  std::thread thread_;
};

class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest() {
    for (Lane& lane : lanes_) metrics_.AddLane(lane.worker());
  }
  void Start() {
    for (Lane& lane : lanes_) lane.Start();
  }

  static MetricsOptions Patient() {
    MetricsOptions options;
    options.limit = std::chrono::minutes(5);  // a sanitizer's thread may be slow to start
    return options;
  }

  std::array<Lane, 3> lanes_;
  Metrics metrics_{Patient()};
};

TEST_F(MetricsTest, AThreadCollectsFromSeveralLanes) {
  Start();
  const Metrics::Families families = metrics_.Collect();
  EXPECT_THAT(Up(families), ElementsAre(Pair("0", 1), Pair("1", 1), Pair("2", 1)));
  EXPECT_EQ(Find(families, "corelane_interface_mtu_bytes").metric.size(), 3u);
}

TEST_F(MetricsTest, ThreadsCollectAtTheSameTimeAndCountersGrow) {
  Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      double last = 0;
      for (int i = 0; i < 25; ++i) {
        const Metrics::Families families = metrics_.Collect();
        const double turns =
            Find(families, "corelane_worker_turns_total").metric.at(1).counter.value;
        EXPECT_GT(turns, last);
        last = turns;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(MetricsTest, ACoroutineOnALaneCollects) {
  Start();
  Worker& own = lanes_[1].worker();
  std::promise<std::map<std::string, double>> result;
  const auto task = [&]() -> asio::awaitable<void, WorkerExecutor> {
    constexpr asio::use_awaitable_t<WorkerExecutor> kAwait;
    for (int i = 0; i < 20; ++i) {
      const Metrics::Families families = co_await metrics_.async_collect(kAwait);
      EXPECT_TRUE(own.IsRunningHere());
      EXPECT_EQ(Up(families).size(), 3u);
      if (i == 19) result.set_value(Up(families));
    }
  };
  asio::co_spawn(own.get_executor(), task, [](std::exception_ptr e) { EXPECT_FALSE(e); });
  EXPECT_THAT(result.get_future().get(), ElementsAre(Pair("0", 1), Pair("1", 1), Pair("2", 1)));
}

TEST_F(MetricsTest, AFutureAndAnIoContextCollect) {
  Start();
  EXPECT_EQ(Up(metrics_.async_collect(asio::use_future).get()).size(), 3u);
  asio::io_context context;
  bool done = false;
  metrics_.async_collect(asio::bind_executor(
      context, [&](boost::system::error_code error, const Metrics::Families& families) {
        EXPECT_FALSE(error);
        EXPECT_EQ(Up(families).size(), 3u);
        EXPECT_TRUE(context.get_executor().running_in_this_thread());
        done = true;
      }));
  EXPECT_FALSE(done);
  context.run();  // the operation counts as its work
  EXPECT_TRUE(done);
}

TEST_F(MetricsTest, OnALanesOwnThreadCollectReadsThatLaneAtOnce) {
  Start();
  std::promise<std::map<std::string, double>> result;
  asio::post(lanes_[0].worker().get_executor(), [&] { result.set_value(Up(metrics_.Collect())); });
  EXPECT_THAT(result.get_future().get(), ElementsAre(Pair("0", 1), Pair("1", 1), Pair("2", 1)));
}

TEST_F(MetricsTest, ALaneThatDoesNotRunIsDown) {
  lanes_[0].Start();
  lanes_[2].Start();
  MetricsOptions impatient;
  impatient.limit = std::chrono::milliseconds(1);
  Metrics metrics(impatient);
  metrics.AddLane(lanes_[1].worker());
  LaneOptions named;
  named.name = "named";
  metrics.AddLane(lanes_[1].worker(), named);
  const Metrics::Families families = metrics.Collect();
  EXPECT_THAT(Up(families), ElementsAre(Pair("0", 0), Pair("named", 0)));
  EXPECT_EQ(Find(families, "corelane_worker_turns_total").metric.size(), 2u);
  EXPECT_EQ(Find(families, "corelane_tcp_sockets").metric.size(), 0u);
}

TEST_F(MetricsTest, CancellationGivesWhatThereIs) {
  lanes_[0].Start();
  lanes_[2].Start();
  asio::io_context context;
  asio::cancellation_signal signal;
  std::optional<boost::system::error_code> ended;
  Metrics::Families families;
  metrics_.async_collect(asio::bind_cancellation_slot(
      signal.slot(),
      asio::bind_executor(context, [&](boost::system::error_code error, Metrics::Families got) {
        ended = error;
        families = std::move(got);
      })));
  // Lanes answer in the order of their posts: these came after the operation's.
  for (const size_t i : {0, 2}) {
    for (int turn = 0; turn < 5; ++turn) {
      asio::post(lanes_[i].worker().get_executor(), asio::use_future).get();
    }
  }
  signal.emit(asio::cancellation_type::total);
  EXPECT_FALSE(ended.has_value());
  context.run();
  EXPECT_EQ(ended, asio::error::operation_aborted);
  EXPECT_THAT(Up(families), ElementsAre(Pair("0", 1), Pair("1", 0), Pair("2", 1)));
}

TEST_F(MetricsTest, AWorkerThatGoesAnswersForNobody) {
  auto going = std::make_unique<Worker>();
  Metrics metrics;
  metrics.AddLane(*going);
  bool called = false;
  auto alive = std::make_shared<int>(0);
  metrics.async_collect(asio::bind_executor(
      going->get_executor(),
      [&called, alive](boost::system::error_code, const Metrics::Families&) { called = true; }));
  going.reset();
  EXPECT_FALSE(called);
  EXPECT_EQ(alive.use_count(), 1);
}

// Its turns have been, whether it is there or not.
TEST_F(MetricsTest, AWorkerThatGoesLeavesItsCounters) {
  lanes_[0].Start();
  auto going = std::make_unique<Worker>();
  going->RunFor(std::chrono::milliseconds(1));
  Metrics metrics(Patient());
  metrics.AddLane(lanes_[0].worker());
  metrics.AddLane(*going);
  asio::io_context context;
  Metrics::Families families;
  metrics.async_collect(
      asio::bind_executor(context, [&](boost::system::error_code error, Metrics::Families got) {
        EXPECT_FALSE(error);
        families = std::move(got);
      }));
  going.reset();
  context.run();
  for (const Metrics::Families& seen : {families, metrics.Collect()}) {
    EXPECT_THAT(Up(seen), ElementsAre(Pair("0", 1), Pair("1", 0)));
    EXPECT_GT(Find(seen, "corelane_worker_turns_total").metric.at(1).counter.value, 0);
  }
}

// The last answer comes when the lane that asked is gone already.
TEST(Metrics, OneWhoWaitsMayGo) {
  auto asking = std::make_unique<Worker>();
  auto late = std::make_unique<Worker>();
  Metrics metrics;
  metrics.AddLane(*asking);
  metrics.AddLane(*late);
  bool called = false;
  const auto alive = std::make_shared<int>(0);
  const auto task = [&, alive]() -> asio::awaitable<void, WorkerExecutor> {
    const std::shared_ptr<int> held = alive;
    co_await metrics.async_collect(asio::use_awaitable_t<WorkerExecutor>());
    called = true;
  };
  asio::co_spawn(asking->get_executor(), task, asio::detached);
  asking->RunFor(std::chrono::milliseconds(1));
  EXPECT_GT(alive.use_count(), 2);
  asking.reset();
  EXPECT_EQ(alive.use_count(), 2) << "held by more than this and `task`";
  late->RunFor(std::chrono::milliseconds(1));
  EXPECT_FALSE(called);
}

// Collects by a coroutine on executor(*context) from a lane that answers when `context` is gone.
template <class Context, class ToExecutor>
void WaitsWhenItsContextGoes(std::unique_ptr<Context> context, ToExecutor executor) {
  auto late = std::make_unique<Worker>();
  Metrics metrics;
  metrics.AddLane(*late);
  bool called = false;
  const auto alive = std::make_shared<int>(0);
  const auto task = [&, alive]() -> asio::awaitable<void> {
    const std::shared_ptr<int> held = alive;
    co_await metrics.async_collect(asio::use_awaitable);
    called = true;
  };
  asio::co_spawn(executor(*context), task, asio::detached);
  if constexpr (std::is_same_v<Context, Worker>) {
    context->RunFor(std::chrono::milliseconds(1));
  } else {
    context->poll();
  }
  EXPECT_GT(alive.use_count(), 2);
  context.reset();
  EXPECT_EQ(alive.use_count(), 2) << "held by more than this and `task`";
  late->RunFor(std::chrono::milliseconds(1));
  EXPECT_FALSE(called);
}

TEST(Metrics, AnyExecutorsContextMayGo) {
  const auto plain = [](auto& context) -> asio::any_io_executor { return context.get_executor(); };
  const auto strand = [](auto& context) { return asio::make_strand(context.get_executor()); };
  WaitsWhenItsContextGoes(std::make_unique<Worker>(), plain);
  WaitsWhenItsContextGoes(std::make_unique<Worker>(), strand);
  WaitsWhenItsContextGoes(std::make_unique<asio::io_context>(), plain);
  WaitsWhenItsContextGoes(std::make_unique<asio::io_context>(), strand);
}

// Contexts go while a lane's answer is on its way to them.
TEST_F(MetricsTest, ContextsGoWhileLanesAnswer) {
  Start();
  const auto alive = std::make_shared<int>(0);
  int called = 0;
  for (int i = 0; i < 200; ++i) {
    auto context = std::make_unique<asio::io_context>();
    const auto collect = [&](auto executor) {
      metrics_.async_collect(asio::bind_executor(
          executor, [&called, alive](auto, const Metrics::Families&) { ++called; }));
    };
    collect(context->get_executor());
    collect(asio::make_strand(*context));
    if (i % 2 == 1) context->poll();
    context.reset();
    EXPECT_EQ(alive.use_count(), 1) << "held by more than this";
  }
  EXPECT_LE(called, 400);
}

// A lane with sockets, whose turns the test gives it.
class LaneReadTest : public ::testing::Test {
 protected:
  LaneReadTest() {
    metrics_.AddLane(pair_.worker);
    stack::TcpSetupError error{};
    EXPECT_NE(pair_.server.tcp().Listen(pair_.ServerEndpoint(80), 10000, error), nullptr);
    Connect(2000);
    // The first SYNs found no neighbor yet, and few of them may wait for it.
    pair_.worker.RunFor(std::chrono::seconds(3));
  }
  void Connect(int sockets) {
    for (int i = 0; i < sockets; ++i) {
      stack::TcpSetupError error{};
      ASSERT_NE(pair_.client.tcp().Connect(pair_.ServerEndpoint(80), {}, error), nullptr);
    }
  }
  void Turns(int n) {
    pair_.worker.RunUntil([&] { return n-- == 0; });
  }
  // Of these, requests are the only ones here.
  uint64_t handlers() { return pair_.worker.counters().handlers.value(); }
  // Begins a collection, which writes how many of the client's sockets it has seen.
  void Begin(std::optional<double>& sockets) {
    metrics_.async_collect(asio::bind_executor(
        context_, [&sockets](boost::system::error_code, const Metrics::Families& families) {
          double sum = 0;
          for (const auto& metric : Find(families, "corelane_tcp_sockets").metric) {
            const bool clients =
                std::any_of(metric.label.begin(), metric.label.end(),
                            [](const auto& l) { return l.name == "stack" && l.value == "0"; });
            if (clients) sum += metric.gauge.value;
          }
          sockets = sum;
        }));
  }
  void Finish() {
    Turns(200);
    context_.restart();
    context_.poll();
  }

  TestPair pair_;
  Metrics metrics_;
  asio::io_context context_;
};

TEST_F(LaneReadTest, ManyAskersCostNoMoreThanOne) {
  const uint64_t at_first = handlers();
  std::optional<double> one;
  Begin(one);
  Finish();
  EXPECT_EQ(one, 2000);
  const uint64_t steps = handlers() - at_first;
  EXPECT_GT(steps, 3u);
  std::array<std::optional<double>, 20> many;
  for (auto& sockets : many) Begin(sockets);
  const uint64_t before = handlers();
  Turns(1);
  EXPECT_EQ(handlers() - before, 1u);
  Finish();
  EXPECT_LT(handlers() - before, 2 * steps + many.size());
  for (const auto& sockets : many) EXPECT_EQ(sockets, 2000);
}

TEST_F(LaneReadTest, WhoAsksDuringAReadingGetsTheNext) {
  std::optional<double> first;
  Begin(first);
  Turns(2);
  Connect(40);  // the table stays as large
  std::optional<double> second;
  Begin(second);
  Finish();
  EXPECT_TRUE(first.has_value());
  EXPECT_EQ(second, 2040);
}

TEST_F(LaneReadTest, ALaneThatDoesNotRunGathersNoRequests) {
  MetricsOptions impatient;
  impatient.limit = Duration::zero();
  Metrics asking(impatient);
  asking.AddLane(pair_.worker);
  for (int i = 0; i < 50; ++i) EXPECT_THAT(Up(asking.Collect()), ElementsAre(Pair("0", 0)));
  const uint64_t before = handlers();
  Turns(20);
  EXPECT_EQ(handlers() - before, 1u);  // it finds that nobody waits
}

TEST(Metrics, OfASourceWhoseLanesAreStillToCome) {
  MetricsSource source;
  source.AddLane();
  source.AddLane();
  Metrics metrics(source);
  EXPECT_THAT(Up(metrics.Collect()), ElementsAre(Pair("0", 0), Pair("1", 0)));
  bool called = false;
  Worker worker;
  source.SetWorker(1, worker);
  metrics.async_collect(asio::bind_executor(
      worker.get_executor(), [&](boost::system::error_code error, const Metrics::Families& seen) {
        EXPECT_FALSE(error);
        EXPECT_THAT(Up(seen), ElementsAre(Pair("0", 0), Pair("1", 1)));
        called = true;
      }));
  EXPECT_TRUE(worker.RunUntil([&] { return called; }));
}

TEST(Metrics, OfNothing) {
  const Metrics metrics;
  EXPECT_THAT(Up(metrics.Collect()), ElementsAre());
  asio::io_context context;
  bool done = false;
  metrics.async_collect(
      asio::bind_executor(context, [&](boost::system::error_code error, const Metrics::Families&) {
        EXPECT_FALSE(error);
        done = true;
      }));
  EXPECT_FALSE(done);
  context.run();
  EXPECT_TRUE(done);
}

// Counts, and has a link.
class CountingDevice final : public driver::Device {
 public:
  CountingDevice() { info_.name = "counting:x"; }
  const driver::DeviceInfo& info() const override { return info_; }
  driver::DeviceQueue& queue(size_t) override { return ring_.a->queue(0); }
  std::optional<driver::LinkStatus> link() const override { return driver::LinkStatus{true, 800}; }
  void ReadCounters(driver::CounterSink& sink) const override {
    sink.OnCounter("rx_good_packets", 3);
    sink.OnCounter("tx_good_packets", 4);
  }

 private:
  driver::RingPair ring_ = driver::MakeRingPair();
  driver::DeviceInfo info_;
};

TEST(Metrics, DevicesSayWhatTheyCount) {
  const CountingDevice device;
  const CountingDevice same;
  Metrics metrics;
  metrics.AddDevice(device);
  metrics.AddDevice(same);
  const std::string text = ToText(metrics.Collect());
  EXPECT_THAT(text, ::testing::HasSubstr("corelane_port_xstats_total{device=\"counting:x\","
                                         "counter=\"tx_good_packets\"} 4\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("corelane_port_link_speed_bytes_per_second{device="
                                         "\"counting:x#1\"} 100\n"));
}

}  // namespace
}  // namespace corelane::runtime
