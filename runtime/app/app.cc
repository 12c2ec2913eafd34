#include "runtime/app/app.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <thread>

#include "driver/capture.h"
#include "driver/registry.h"
#include "runtime/app/signal_watch.h"
#include "runtime/steady_timer.h"
#include "runtime/system.h"
#include "stack/carried_queue.h"

namespace corelane::runtime {
namespace {

using Phase = Lifecycle::Phase;

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

std::string HexOf(std::span<const uint8_t> bytes) {
  std::string out;
  for (const uint8_t byte : bytes) {
    for (const int digit : {byte >> 4, byte & 15}) out += "0123456789abcdef"[digit];
  }
  return out;
}

absl::Status Named(std::string_view field, std::string_view value, const absl::Status& status) {
  return absl::Status(status.code(), std::string(field) + ": value '" + std::string(value) +
                                         "': " + std::string(status.message()));
}

// A device spreads packets by one key only, and may not take every one.
absl::Status CheckKey(const AppConfig& config, const driver::Device& device) {
  const auto rss = device.rss();
  if (!config.rss_key || !rss || rss->key.size() < Toeplitz::kKeySize ||
      std::equal(config.rss_key->begin(), config.rss_key->end(), rss->key.begin())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("rss_key: " + device.info().name +
                                    " keeps its own: expected no key, or that one: " +
                                    HexOf(std::span(rss->key).first(Toeplitz::kKeySize)));
}

absl::Status StatusOf(size_t lane, const std::exception_ptr& thrown) {
  const std::string who = "lane " + std::to_string(lane) + ": ";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return absl::InternalError(who + e.what());
  } catch (...) {
    return absl::InternalError(who + "threw what is no std::exception");
  }
}

// The device's own way of spreading packets where it can be used as it is, else ours.
stack::LaneGroupOptions GroupOptions(const AppConfig& config, driver::Device& device) {
  stack::LaneGroupOptions options;
  options.lanes = config.lanes;
  options.queues = std::min<size_t>(device.info().queues, config.lanes);
  options.rebalance.interval = config.rebalance;
  options.key = config.rss_key.value_or(options.key);
  options.ports = config.rss_hash;
  const auto rss = device.rss();
  if (!rss || rss->key.size() < Toeplitz::kKeySize || !std::has_single_bit(rss->table.size())) {
    return options;
  }
  for (const uint16_t queue : rss->table) {
    if (queue >= config.lanes) return options;
  }
  std::copy_n(rss->key.begin(), Toeplitz::kKeySize, options.key.begin());
  options.ports = rss->ports;
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
  std::unique_ptr<SteadyTimer> timer;
  bool returned = false;  // the lane's coroutine
};

App::App(const AppConfig& config, std::unique_ptr<driver::Device> device)
    : config_(config),
      log_("app"),
      device_(std::move(device)),
      group_(std::make_unique<stack::LaneGroup>(GroupOptions(config, *device_))),
      secret_seed_(RandomSeed()),
      lifecycle_(config.lanes) {
  for (size_t i = 0; i < config.lanes; ++i) metrics_.AddLane();
  metrics_.AddDevice(*device_);
}

App::~App() = default;

absl::StatusOr<std::unique_ptr<App>> App::Open(const AppConfig& config) {
  if (absl::Status status = Validate(config); !status.ok()) return status;
  driver::OpenOptions options;
  options.queues = static_cast<uint16_t>(config.lanes);
  options.wall_offset = WallOffset();
  options.rss_key = config.rss_key;
  options.rss_ports = config.rss_hash;
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
  if (absl::Status status = CheckKey(config, *device); !status.ok()) return status;
  return std::unique_ptr<App>(new App(config, std::move(device)));
}

void App::Stop() { lifecycle_.Stop(); }

absl::Status App::Run(LaneMain main) {
  log_.Info("starting", {{"device", device_->info().name},
                         {"lanes", std::to_string(config_.lanes)},
                         {"mac", device_->info().mac.ToString()}});
  std::optional<SignalWatch> signals;
  std::vector<std::thread> threads;
  try {
    signals.emplace([this](int number, size_t count) { OnSignal(number, count); });
    for (size_t i = 1; i < config_.lanes; ++i) {
      threads.emplace_back([this, i, &main] { RunLane(i, main); });
    }
  } catch (const std::exception& e) {
    lifecycle_.Fail(
        absl::InternalError("lanes: value '" + std::to_string(config_.lanes) +
                            "': expected as many threads as the system has: " + e.what()));
    lifecycle_.Without(config_.lanes - 1 - threads.size());
  }
  RunLane(0, main);
  for (std::thread& thread : threads) thread.join();
  const absl::Status status = lifecycle_.status();
  log_.Info("stopped", {{"status", status.ok() ? "ok" : std::string(status.message())}});
  return status;
}

void App::OnSignal(int number, size_t count) {
  log_.Info("signal", {{"number", std::to_string(number)}});
  if (count == 1) {
    lifecycle_.Stop();
  } else {
    lifecycle_.Abort();
  }
}

template <class F>
bool App::Guard(const Lane& lane, F&& step) {
  try {
    std::forward<F>(step)();
    return true;
  } catch (...) {
    lifecycle_.Fail(StatusOf(lane.index, std::current_exception()));
    return false;
  }
}

void App::RunLane(size_t index, const LaneMain& main) {
  Lane lane{.index = index, .log = Log("lane", index)};
  Guard(lane, [&] {
    if (absl::Status status = SetUp(lane); !status.ok()) lifecycle_.Fail(std::move(status));
  });
  const bool serves = lifecycle_.Start(index, lane.worker.get());
  if (serves) {
    // Where it throws there is no coroutine.
    if (!Guard(lane, [&] { Serve(lane, main); })) lane.returned = true;
    Guard(lane, [&] { BeginStop(lane); });
    Guard(lane, [&] { FinishConnections(lane); });
  }
  lifecycle_.ForgetWorker(index);
  lane.timer.reset();
  lane.worker.reset();
  lane.context.reset();
  if (serves) Linger(lane);
  lane.stack.reset();
  // The others' packets are on their way home.
  lifecycle_.Leave();
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
    return status;
  }
  WorkerOptions worker;
  worker.idle_spin = config_.busy_poll ? Duration::max() : config_.idle_spin;
  lane.worker = std::make_unique<Worker>(worker);
  lane.worker->AttachStack(*lane.stack);
  lane.context.reset(
      new WorkerContext(config_, lane.index, *lane.worker, *lane.stack, queue, lane.log, metrics_));
  metrics_.SetWorker(lane.index, *lane.worker);
  return absl::OkStatus();
}

// What a handler throws fails the app, but the lane goes on: to an end in good order.
template <class Predicate>
void App::RunTurns(Lane& lane, Predicate&& over, Instant end) {
  // A run may end early: each change of the phase wakes all lanes.
  while (!over() && lane.worker->now() < end) {
    const Duration at_most = std::min<Duration>(end - lane.worker->now(), std::chrono::hours(1));
    Guard(lane, [&] { lane.worker->RunUntil(over, at_most); });
  }
}

boost::asio::awaitable<void, WorkerExecutor> App::RunMain(Lane& lane, const LaneMain& main) {
  // Callbacks may use what the coroutine had.
  struct ForgetCallbacks {
    ~ForgetCallbacks() { const auto forgotten = std::exchange(context.on_stop_, {}); }
    WorkerContext& context;
  };
  const ForgetCallbacks forget{*lane.context};
  co_await main(*lane.context);
}

void App::Serve(Lane& lane, const LaneMain& main) {
  lane.log.Info("serving", {{"cpu", std::to_string(lane.context->cpu())},
                            {"numa_node", std::to_string(lane.context->numa_node())}});
  if (lane.index == 0 && config_.seconds) {
    lane.timer = std::make_unique<SteadyTimer>(lane.worker->get_executor());
    lane.timer->expires_after(*config_.seconds);
    lane.timer->async_wait([this](const boost::system::error_code& error) {
      if (!error) lifecycle_.Stop();
    });
  }
  boost::asio::co_spawn(lane.worker->get_executor(), RunMain(lane, main),
                        [this, &lane](const std::exception_ptr& thrown) {
                          lane.returned = true;
                          if (thrown) lifecycle_.Fail(StatusOf(lane.index, thrown));
                          lifecycle_.Returned();
                        });
  // Until all have returned: every lane answers for the others, lane 0 for their neighbors at
  // least.
  RunTurns(lane, [this] { return lifecycle_.phase() != Phase::kServing; }, kNever);
}

void App::BeginStop(Lane& lane) {
  bool begun = false;
  boost::asio::post(lane.worker->get_executor(), [&] {
    begun = true;
    WorkerContext& context = *lane.context;
    context.stopping_ = true;
    lane.worker->CloseListeners();
    // One by one: a callback may end the coroutine, and with it what the others would use.
    while (!context.on_stop_.empty()) {
      const std::function<void()> callback = std::move(context.on_stop_.front());
      context.on_stop_.erase(context.on_stop_.begin());
      Guard(lane, callback);
    }
  });
  RunTurns(lane, [&] { return begun; }, kNever);
}

void App::FinishConnections(Lane& lane) {
  const stack::TcpLayer& tcp = lane.stack->tcp();
  const auto done = [&] { return lane.returned && tcp.sockets() == 0; };
  const auto over = [&] {
    lifecycle_.Report(lane.index, Phase::kDraining, done(), tcp.moved_away());
    return lifecycle_.phase() > Phase::kDraining;
  };
  RunTurns(lane, over, lane.worker->now() + config_.drain);
  lifecycle_.TimeOver(Phase::kDraining);
  lane.log.Info("drained", {{"connections_left", std::to_string(tcp.sockets())},
                            {"complete", done() ? "true" : "false"}});
}

void App::Linger(Lane& lane) {
  const RealClock clock;
  const Instant end = clock.Now() + config_.linger;
  stack::TcpLayer& tcp = lane.stack->tcp();
  for (;;) {
    const Instant now = clock.Now();
    const bool progress = lane.stack->Poll(now);
    // Connections that came too late for a worker to take them.
    while (const auto arrival = tcp.TakeArrival()) {
      if (arrival->socket != nullptr) arrival->socket->Release();
    }
    // The last word may be with the lane that sends for this one.
    const bool said = !lane.stack->HasOutput() && group_->lane(lane.index).on_loan() == 0;
    lifecycle_.Report(lane.index, Phase::kClosing, said && tcp.orphans() == 0, tcp.moved_away());
    // As long as another lane has something to send, too.
    if (now >= end) lifecycle_.TimeOver(Phase::kClosing);
    if (lifecycle_.phase() == Phase::kOver) return;
    if (!progress) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

}  // namespace corelane::runtime
