// Shutdown: ends a program at SIGINT or SIGTERM, and when its --seconds are over.

#ifndef CORELANE_EXAMPLES_SHUTDOWN_H_
#define CORELANE_EXAMPLES_SHUTDOWN_H_

#include <boost/asio/signal_set.hpp>
#include <functional>
#include <optional>

#include "core/time.h"
#include "runtime/steady_timer.h"
#include "runtime/worker.h"

namespace corelane::examples {

// The time runs from here. Belongs to the worker's thread, and is destroyed before the worker.
class Shutdown {
 public:
  // `stop` begins the end, and is called once; a second signal stops the worker at once.
  Shutdown(runtime::Worker& worker, std::optional<Duration> seconds, std::function<void()> stop);

 private:
  void WaitForSignal();
  void Begin();

  runtime::Worker& worker_;
  std::function<void()> stop_;
  boost::asio::basic_signal_set<runtime::WorkerExecutor> signals_;
  runtime::SteadyTimer timer_;
  bool stopping_ = false;
};

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_SHUTDOWN_H_
