// Lifecycle: where the run of an App stands. Whatever ends a phase is decided here, once, for all
// lanes.
//
//   kStarting --all set up--> kServing --Stop(), Fail()--> kDraining
//       |                        |                             |
//       | Fail()                 | all returned                | all done, TimeOver()
//       |                        v                             v
//       |                     kClosing <-----------------------'
//       v                        |
//     kOver <--------------------'  all done, TimeOver()
//
// Stop() while kStarting holds from kServing on; Abort() leads to kOver from anywhere. Every change
// of phase wakes the workers of all lanes.
//
// A lane is done when it says so and no connection is on its way to it. Lanes report at times of
// their own, each of them how many connections it gave away, less those that it was given: where
// all say that they have none, and the sum is 0, there is none anywhere. (A connection that arrived
// after its lane's report would have been counted where it left, and not where it arrived.)
//
// Threading: any, where nothing else is said.

#ifndef CORELANE_RUNTIME_APP_LIFECYCLE_H_
#define CORELANE_RUNTIME_APP_LIFECYCLE_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "runtime/worker.h"

namespace corelane::runtime {

class Lifecycle {
 public:
  // In this order.
  enum class Phase : uint8_t {
    kStarting,  // lanes are set up
    kServing,   // their coroutines run
    kDraining,  // connections finish
    kClosing,   // what is left is closed; peers acknowledge it
    kOver,      // every lane goes as soon as it can
  };

  explicit Lifecycle(size_t lanes) : lanes_(lanes), slots_(lanes) {}
  Lifecycle(const Lifecycle&) = delete;
  Lifecycle& operator=(const Lifecycle&) = delete;

  Phase phase() const { return phase_.load(std::memory_order_acquire); }
  // What Fail() was first called with.
  absl::Status status() const;

  void Stop();
  void Fail(absl::Status status);
  void Abort();
  // So many lanes will never come.
  void Without(size_t lanes);

  // --- the lane's thread ---
  // The lane is set up, or has called Fail(); null: it has no worker. Waits for all others. False:
  // there is nothing to serve.
  bool Start(size_t lane, Worker* worker);
  // The lane's coroutine has returned, or has thrown: then after Fail().
  void Returned();
  // Of kDraining and kClosing. done: the lane has nothing left to do in that phase; moved_away: how
  // many connections it has given away, less those it was given. For every turn: it costs nothing
  // where nothing has changed.
  void Report(size_t lane, Phase phase, bool done, int64_t moved_away);
  // Nobody waits any longer for that phase's end.
  void TimeOver(Phase phase);
  // The worker is about to be destroyed.
  void ForgetWorker(size_t lane);
  // The lane has nothing left that another might need. Waits for all others.
  void Leave();

 private:
  // Written by the lane's thread alone, with the mutex held; read by it without.
  struct Slot {
    Worker* worker = nullptr;
    Phase phase = Phase::kStarting;  // that the rest was said of
    bool done = false;
    int64_t moved_away = 0;
  };

  // With the mutex held.
  void Enter(Phase phase);
  void RequestStop();
  void CountStarted(size_t lanes);
  bool AllDone(Phase phase) const;

  const size_t lanes_;
  std::atomic<Phase> phase_{Phase::kStarting};  // changed with the mutex held
  mutable std::mutex mutex_;                    // of what follows
  std::condition_variable changed_;
  std::vector<Slot> slots_;  // by lane
  size_t started_ = 0;
  size_t returned_ = 0;
  size_t left_ = 0;
  bool stop_requested_ = false;
  absl::Status status_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_APP_LIFECYCLE_H_
