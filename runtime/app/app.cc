#include "runtime/app/app.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <thread>

#include "driver/capture.h"
#include "driver/registry.h"
#include "runtime/steady_timer.h"
#include "runtime/system.h"
#include "stack/carried_queue.h"

namespace corelane::runtime {
namespace {

// How long closed connections may take to be acknowledged, at most.
constexpr Duration kLinger = std::chrono::seconds(1);

// The NUMA node of a CPU as the kernel shows it; -1: there are none.
int NumaNodeOf(size_t cpu) {
  const std::filesystem::path at = "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(at, error)) {
    int node = -1;
    if (std::sscanf(entry.path().filename().c_str(), "node%d", &node) == 1) return node;
  }
  return -1;
}

Duration WallOffset() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Duration>(wall) - RealClock().Now().time_since_epoch();
}

absl::Status Named(std::string_view field, std::string_view value, const absl::Status& status) {
  return absl::Status(status.code(), std::string(field) + ": value '" + std::string(value) +
                                         "': " + std::string(status.message()));
}

// The device's own way of spreading packets where it can be used as it is, else ours.
stack::LaneGroupOptions GroupOptions(const AppConfig& config, driver::Device& device) {
  stack::LaneGroupOptions options;
  options.lanes = config.lanes;
  options.queues = std::min<size_t>(device.info().queues, config.lanes);
  options.rebalance.interval = config.rebalance;
  const auto rss = device.rss();
  if (!rss || rss->key.size() < Toeplitz::kKeySize || !std::has_single_bit(rss->table.size())) {
    return options;
  }
  for (const uint16_t queue : rss->table) {
    if (queue >= config.lanes) return options;
  }
  std::copy_n(rss->key.begin(), Toeplitz::kKeySize, options.key.begin());
  options.trust_flow_hash = device.info().capabilities.flow_hash;
  // A device's table knows its queues only: lanes beyond them would have no flows.
  if (options.queues < config.lanes) return options;
  options.table.assign(rss->table.begin(), rss->table.end());
  options.redirect = [&device](std::span<const uint8_t> lanes) {
    // One that cannot leaves packets where they were: they are forwarded.
    static_cast<void>(device.SetRssTable(std::vector<uint16_t>(lanes.begin(), lanes.end())));
  };
  return options;
}

}  // namespace

// --- WorkerContext ---

WorkerContext::WorkerContext(const AppConfig& config, size_t lane, Worker& worker,
                             stack::Stack& stack, driver::DeviceQueue& queue, Log& log,
                             MetricsSource& metrics)
    : config_(config),
      lane_(lane),
      lanes_(config.lanes),
      cpu_(config.cpus.empty() ? -1 : static_cast<int>(config.cpus[lane])),
      numa_node_(config.cpus.empty() ? -1 : NumaNodeOf(config.cpus[lane])),
      worker_(worker),
      stack_(stack),
      queue_(queue),
      log_(log),
      metrics_(metrics) {}

void WorkerContext::OnStop(std::function<void()> callback) {
  if (stopping_) {
    callback();
  } else {
    on_stop_.push_back(std::move(callback));
  }
}

// --- App ---

// What lives on a lane's thread. The stack outlives the worker.
struct App::Lane {
  size_t index;
  Log log;
  std::unique_ptr<stack::CarriedQueue> carried;  // where the device has no queue for the lane
  std::unique_ptr<stack::Stack> stack;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<WorkerContext> context;
  std::unique_ptr<boost::asio::basic_signal_set<WorkerExecutor>> signals;
  std::unique_ptr<SteadyTimer> timer;
  bool returned = false;  // the lane's coroutine
};

App::App(const AppConfig& config, std::unique_ptr<driver::Device> device)
    : config_(config),
      log_("app"),
      device_(std::move(device)),
      group_(std::make_unique<stack::LaneGroup>(GroupOptions(config, *device_))),
      secret_seed_(RandomSeed()),
      lingering_(config.lanes),
      workers_(config.lanes),
      all_(std::make_unique<std::barrier<>>(static_cast<ptrdiff_t>(config.lanes))) {
  for (size_t i = 0; i < config.lanes; ++i) metrics_.AddLane();
  metrics_.AddDevice(*device_);
}

App::~App() = default;

absl::StatusOr<std::unique_ptr<App>> App::Open(const AppConfig& config) {
  if (absl::Status status = Validate(config); !status.ok()) return status;
  driver::OpenOptions options;
  options.queues = static_cast<uint16_t>(config.lanes);
  options.wall_offset = WallOffset();
  auto device = driver::OpenDevice(config.device, options);
  if (!device.ok()) return Named("device", config.device, device.status());
  if (!config.capture.empty()) {
    device = driver::CaptureTo(*std::move(device), config.capture, options.wall_offset);
    if (!device.ok()) return Named("capture", config.capture, device.status());
  }
  return Open(config, *std::move(device));
}

absl::StatusOr<std::unique_ptr<App>> App::Open(const AppConfig& config,
                                               std::unique_ptr<driver::Device> device) {
  if (absl::Status status = Validate(config); !status.ok()) return status;
  return std::unique_ptr<App>(new App(config, std::move(device)));
}

void App::Fail(absl::Status status) {
  {
    std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = std::move(status);
  }
  Stop();
}

void App::Stop() {
  stopped_ = true;
  WakeLanes();
}

void App::StopNow() {
  stopped_ = aborted_ = true;
  WakeLanes();
}

// Ends the run that each of them is in.
void App::WakeLanes() {
  std::lock_guard lock(mutex_);
  for (Worker* const worker : workers_) {
    if (worker != nullptr) worker->Stop();
  }
}

absl::Status App::Run(LaneMain main) {
  log_.Info("starting", {{"device", device_->info().name},
                         {"lanes", std::to_string(config_.lanes)},
                         {"mac", device_->info().mac.ToString()}});
  std::vector<std::thread> threads;
  for (size_t i = 1; i < config_.lanes; ++i) {
    threads.emplace_back([this, i, &main] { RunLane(i, main); });
  }
  RunLane(0, main);
  for (std::thread& thread : threads) thread.join();
  log_.Info("stopped", {{"status", status_.ok() ? "ok" : std::string(status_.message())}});
  return status_;
}

void App::RunLane(size_t index, const LaneMain& main) {
  Lane lane{.index = index, .log = Log("lane", index)};
  if (absl::Status status = SetUp(lane); !status.ok()) {
    failed_to_start_ = true;
    Fail(std::move(status));
  }
  // Nobody begins before all can be reached, nor when one of them could not be set up.
  all_->arrive_and_wait();
  if (!failed_to_start_) Serve(lane, main);
  {
    std::lock_guard lock(mutex_);
    workers_[index] = nullptr;
  }
  lane.timer.reset();
  lane.signals.reset();
  lane.worker.reset();
  lane.context.reset();
  if (!failed_to_start_) Linger(lane);
  lane.stack.reset();
  // The others' packets are on their way home.
  all_->arrive_and_wait();
}

absl::Status App::SetUp(Lane& lane) {
  if (!config_.cpus.empty()) {
    if (absl::Status status = PinThisThread(config_.cpus[lane.index]); !status.ok()) {
      return Named("cpus", std::to_string(config_.cpus[lane.index]), status);
    }
  }
  stack::StackOptions options = config_.stack;
  options.seed = RandomSeed();
  options.secret_seed = secret_seed_;
  options.batch = config_.batch;
  lane.stack =
      std::make_unique<stack::Stack>(options, RealClock().Now(), &group_->lane(lane.index));
  stack::InterfaceOptions interface;
  interface.addresses = config_.addresses;
  interface.gateways = config_.gateways;
  for (const StaticRoute& route : config_.routes) {
    interface.routes.emplace_back(route.prefix, route.gateway);
  }
  interface.vlan = config_.vlan;
  for (const StaticNeighbor& n : config_.neighbors) {
    interface.neighbors.emplace_back(n.address, n.mac);
  }
  const bool carried = lane.index >= device_->info().queues;
  if (carried) {
    lane.carried =
        std::make_unique<stack::CarriedQueue>(group_->lane(lane.index), device_->info(), 0);
  }
  driver::DeviceQueue& queue = carried ? *lane.carried : device_->queue(lane.index);
  const driver::DeviceInfo& info = carried ? lane.carried->info() : device_->info();
  if (absl::Status status = lane.stack->AddInterface(queue, info, interface); !status.ok()) {
    return Named("address", config_.addresses.front().ToString(), status);
  }
  WorkerOptions worker;
  worker.idle_spin = config_.busy_poll ? Duration::max() : config_.idle_spin;
  lane.worker = std::make_unique<Worker>(worker);
  lane.worker->AttachStack(*lane.stack);
  lane.context.reset(
      new WorkerContext(config_, lane.index, *lane.worker, *lane.stack, queue, lane.log, metrics_));
  metrics_.SetWorker(lane.index, *lane.worker);
  std::lock_guard lock(mutex_);
  workers_[lane.index] = lane.worker.get();
  return absl::OkStatus();
}

void App::WatchSignals(Lane& lane) {
  lane.signals->async_wait([this, &lane](const boost::system::error_code& error, int signal) {
    if (error) return;
    log_.Info("signal", {{"number", std::to_string(signal)}});
    if (lane.context->stopping()) {
      StopNow();
    } else {
      Stop();
      WatchSignals(lane);
    }
  });
}

void App::Serve(Lane& lane, const LaneMain& main) {
  lane.log.Info("serving", {{"cpu", std::to_string(lane.context->cpu())},
                            {"numa_node", std::to_string(lane.context->numa_node())}});
  if (lane.index == 0) {
    lane.signals = std::make_unique<boost::asio::basic_signal_set<WorkerExecutor>>(
        lane.worker->get_executor(), SIGINT, SIGTERM);
    WatchSignals(lane);
    if (config_.seconds) {
      lane.timer = std::make_unique<SteadyTimer>(lane.worker->get_executor());
      lane.timer->expires_after(*config_.seconds);
      lane.timer->async_wait([this](const boost::system::error_code& error) {
        if (!error) Stop();
      });
    }
  }
  boost::asio::co_spawn(
      lane.worker->get_executor(), main(*lane.context),
      [this, &lane](const std::exception_ptr& thrown) {
        lane.returned = true;
        if (++returned_ == config_.lanes) WakeLanes();
        if (!thrown) return;
        try {
          std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
          Fail(absl::InternalError("lane " + std::to_string(lane.index) + ": " + e.what()));
        } catch (...) {
          Fail(absl::InternalError("lane " + std::to_string(lane.index) +
                                   ": threw what is no std::exception"));
        }
      });
  // Until all have returned: every lane answers for the others, lane 0 for their neighbors at
  // least.
  const auto over = [&] { return stopped_ || returned_ == config_.lanes; };
  while (!over()) lane.worker->RunUntil(over, std::chrono::hours(1));
  if (!stopped_) return;
  BeginStop(lane);
  FinishConnections(lane);
}

void App::BeginStop(Lane& lane) {
  lane.context->stopping_ = true;
  boost::asio::post(lane.worker->get_executor(), [&lane] {
    lane.worker->CloseListeners();
    for (const auto& callback : std::exchange(lane.context->on_stop_, {})) callback();
  });
}

void App::FinishConnections(Lane& lane) {
  const Instant end = lane.worker->now() + config_.drain;
  bool finished = false;
  const auto look = [&] {
    if (!finished && lane.returned && lane.stack->tcp().sockets() == 0) {
      finished = true;
      if (++finished_ == config_.lanes) WakeLanes();
    }
    return aborted_ || finished_ == config_.lanes;
  };
  // A run may end early: whoever stops the app wakes all lanes.
  while (!look() && lane.worker->now() < end) {
    lane.worker->RunUntil(look, end - lane.worker->now());
  }
  lane.log.Info("drained", {{"connections_left", std::to_string(lane.stack->tcp().sockets())},
                            {"complete", finished ? "true" : "false"}});
}

void App::Linger(Lane& lane) {
  const RealClock clock;
  const Instant end = clock.Now() + kLinger;
  bool done = false;
  // As long as another lane has something to send, too.
  while (lingering_ > 0) {
    const Instant now = clock.Now();
    if (now >= end) return;
    if (!lane.stack->Poll(now)) std::this_thread::sleep_for(std::chrono::microseconds(100));
    // The last word may be with the lane that sends for this one.
    const bool said = !lane.stack->HasOutput() && group_->lane(lane.index).on_loan() == 0;
    if (!done && said && lane.stack->tcp().orphans() == 0) {
      done = true;
      --lingering_;
    }
  }
}

}  // namespace corelane::runtime
