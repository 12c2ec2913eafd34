// App: a whole program on many cores from one configuration.
//
//   asio::awaitable<void, runtime::WorkerExecutor> Serve(runtime::WorkerContext& context) {
//     runtime::TcpListener listener(context.get_executor(), context.stack());
//     listener.listen({IpAddress(Ipv6Address()), 80});           // on every lane
//     for (;;) { ... co_await listener.async_accept(...) ... }   // ends when the app stops
//   }
//
//   auto app = runtime::App::Open(config);
//   absl::Status status = (*app)->Run(Serve);
//
// Run() gives every lane a thread, a queue of the device, a stack and a worker, and runs the
// coroutine on each. It returns when all of them have returned, or after a stop: SIGINT, SIGTERM or
// Stop(). Then
//
//   listeners close -> OnStop() callbacks -> connections finish, for config.drain at most
//     -> what is left is closed: FIN -> stacks, device
//
// A second signal ends it at once. What a lane's coroutine throws, or a handler or a callback on
// its worker, stops the app, and is Run()'s status.
//
// Threading: Open(), Run() and the destructor on one thread, which is lane 0's in between; Stop()
// on any. Signals are waited for on a thread of their own.

#ifndef CORELANE_RUNTIME_APP_APP_H_
#define CORELANE_RUNTIME_APP_APP_H_

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/time.h"
#include "driver/device.h"
#include "runtime/app/config.h"
#include "runtime/app/lifecycle.h"
#include "runtime/app/log.h"
#include "runtime/metrics_source.h"
#include "runtime/worker.h"
#include "stack/lane_group.h"
#include "stack/stack.h"

namespace corelane::runtime {

class App;

// What a lane's coroutine has. Lives as long as the lane's worker.
class WorkerContext {
 public:
  size_t lane() const { return lane_; }
  size_t lanes() const { return lanes_; }
  // Where the lane is bound to; -1: nowhere.
  int cpu() const { return cpu_; }
  // Of the CPU; -1: not bound, or a machine without.
  int numa_node() const { return numa_node_; }
  Worker& worker() const { return worker_; }
  stack::Stack& stack() const { return stack_; }
  driver::DeviceQueue& queue() const { return queue_; }
  WorkerExecutor get_executor() const { return worker_.get_executor(); }
  const AppConfig& config() const { return config_; }
  Log& log() const { return log_; }
  // All lanes and the device: Metrics(context.metrics()), on any lane or thread, for as long as the
  // app lives.
  MetricsSource& metrics() const { return metrics_; }
  // The app ends: nothing new should begin.
  bool stopping() const { return stopping_; }
  // Called once on this lane when the app stops, also where there is no time to drain; at once if
  // it does already. Forgotten, uncalled, when the lane's coroutine ends before: the callback may
  // use what lives in the coroutine.
  void OnStop(std::function<void()> callback);

 private:
  friend class App;
  WorkerContext(const AppConfig& config, size_t lane, Worker& worker, stack::Stack& stack,
                driver::DeviceQueue& queue, Log& log, MetricsSource& metrics);

  const AppConfig& config_;
  size_t lane_;
  size_t lanes_;
  int cpu_;
  int numa_node_;
  Worker& worker_;
  stack::Stack& stack_;
  driver::DeviceQueue& queue_;
  Log& log_;
  MetricsSource& metrics_;
  bool stopping_ = false;
  std::vector<std::function<void()>> on_stop_;
};

class App {
 public:
  using LaneMain = std::function<boost::asio::awaitable<void, WorkerExecutor>(WorkerContext&)>;

  // Opens the device. Errors name the field, the value and what would be right.
  static absl::StatusOr<std::unique_ptr<App>> Open(const AppConfig& config);
  // On a device that is open already; for tests.
  static absl::StatusOr<std::unique_ptr<App>> Open(const AppConfig& config,
                                                   std::unique_ptr<driver::Device> device);
  ~App();

  // Once.
  absl::Status Run(LaneMain main);
  void Stop();

  const AppConfig& config() const { return config_; }
  driver::Device& device() { return *device_; }
  stack::LaneGroup& lanes() { return *group_; }
  // What the contexts of the lanes have. Lanes are down before Run() and after it.
  MetricsSource& metrics() { return metrics_; }

 private:
  struct Lane;

  App(const AppConfig& config, std::unique_ptr<driver::Device> device);
  void OnSignal(int number, size_t count);
  // False: it threw; the app has failed, and ends.
  template <class F>
  bool Guard(const Lane& lane, F&& step);
  void RunLane(size_t index, const LaneMain& main);
  absl::Status SetUp(Lane& lane);
  // Until over() or `end`.
  template <class Predicate>
  void RunTurns(Lane& lane, Predicate&& over, Instant end);
  boost::asio::awaitable<void, WorkerExecutor> RunMain(Lane& lane, const LaneMain& main);
  void Serve(Lane& lane, const LaneMain& main);
  void BeginStop(Lane& lane);
  void FinishConnections(Lane& lane);
  // After the worker is gone: closed sockets still owe their FINs.
  void Linger(Lane& lane);

  const AppConfig config_;
  Log log_;
  std::unique_ptr<driver::Device> device_;
  std::unique_ptr<stack::LaneGroup> group_;  // packets on their way belong to the device's pools
  MetricsSource metrics_;
  uint64_t secret_seed_;
  Lifecycle lifecycle_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_APP_APP_H_
