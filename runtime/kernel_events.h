// KernelEvents: what a worker sleeps on, and what drives Asio's own objects (kernel sockets,
// timers, signals, resolvers) that are constructed on a worker's executor.
//
// Asio's objects look for a scheduler and a reactor in the execution context of their executor, and
// where they find none they make a scheduler with a hidden thread, whose completions would then run
// beside the worker's. asio::ssl::stream and beast::websocket::stream own timers, so constructing
// one is enough. Therefore a worker registers a scheduler without a thread before anything else
// can, polls it, and sleeps inside it. This is the one place that knows Asio's insides, and so the
// one that asserts Boost's version.

#ifndef CORELANE_RUNTIME_KERNEL_EVENTS_H_
#define CORELANE_RUNTIME_KERNEL_EVENTS_H_

#include <cstddef>
#include <memory>

#include "core/time.h"

namespace corelane::runtime {

class Worker;

// Belongs to the worker's thread.
class KernelEvents {
 public:
  // Nothing but execution_context has been constructed of `worker` yet.
  explicit KernelEvents(Worker& worker);
  ~KernelEvents();
  KernelEvents(const KernelEvents&) = delete;
  KernelEvents& operator=(const KernelEvents&) = delete;

  // Lets go of the watched descriptors: before the context's services are gone.
  void Close();

  // Runs what is ready without waiting; returns how many handlers of Asio's objects ran.
  size_t Poll();

  // The next Sleep() ends when `fd` is readable. The fd stays the caller's, and stays open.
  void Watch(int fd);
  // Waits for a watched descriptor, an event of Asio's own objects, or `deadline` on
  // CLOCK_MONOTONIC. True: a handler of Asio's objects ran; there may be more.
  bool Sleep(Instant deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_KERNEL_EVENTS_H_
