// Lcores: the threads that DPDK knows.
//
//   for (const LcoreInfo& lcore : Lcores()) ...
//   absl::StatusOr<LcoreTask> task = LcoreTask::Launch(1, [] { return Work(); });
//   int result = task->Wait();
//
// A thread that is none can do all that an lcore can but for one thing: it has no cache of a
// mempool, so that each of its mbufs costs an atomic operation on the pool. A thread that EAL did
// not create becomes an lcore with ThisThreadAsLcore.

#ifndef CORELANE_DRIVER_DPDK_LCORE_H_
#define CORELANE_DRIVER_DPDK_LCORE_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace corelane::driver::dpdk {

struct LcoreInfo {
  unsigned id = 0;
  bool is_main = false;   // the thread that started the EAL
  bool is_ours = false;   // registered, not created by EAL: nothing can be launched on it
  unsigned socket = 0;    // NUMA node
  std::vector<int> cpus;  // that it may run on, ascending
};

// Every lcore, registered threads included, by id. Callable from any thread while an EAL runs.
std::vector<LcoreInfo> Lcores();

// The calling thread's lcore; none: EAL does not know it.
std::optional<unsigned> ThisLcore();

// A function that runs on an lcore which EAL created. Move-only; the destructor waits for its end.
class LcoreTask {
 public:
  // Launched by the thread that started the EAL. NotFound: EAL has no such lcore;
  // InvalidArgument: it is the caller's own, or a registered thread; FailedPrecondition: it runs
  // something already.
  static absl::StatusOr<LcoreTask> Launch(unsigned lcore, std::function<int()> function);
  LcoreTask(LcoreTask&& other) noexcept = default;
  LcoreTask& operator=(LcoreTask&& other) noexcept {
    std::swap(run_, other.run_);
    return *this;
  }
  ~LcoreTask() {
    if (run_ != nullptr) Wait();
  }

  // What the function returned, once it has. Once only.
  int Wait();
  unsigned lcore() const;

 private:
  struct Run;
  struct DeleteRun {
    void operator()(Run* run) const;
  };
  explicit LcoreTask(std::unique_ptr<Run, DeleteRun> run) : run_(std::move(run)) {}

  std::unique_ptr<Run, DeleteRun> run_;
};

// Makes the thread that it is created on an lcore, until it is destroyed: on the same thread, and
// before the EAL ends.
class ThisThreadAsLcore {
 public:
  // AlreadyExists: the thread is one; ResourceExhausted: there are as many as DPDK can have, or
  // other processes share this one's memory, for whom the new lcore would be unknown.
  static absl::StatusOr<ThisThreadAsLcore> Register();
  ThisThreadAsLcore(ThisThreadAsLcore&& other) noexcept
      : owns_(std::exchange(other.owns_, false)) {}
  ThisThreadAsLcore& operator=(ThisThreadAsLcore&& other) noexcept {
    std::swap(owns_, other.owns_);
    return *this;
  }
  ~ThisThreadAsLcore();

 private:
  explicit ThisThreadAsLcore(bool owns) : owns_(owns) {}

  bool owns_;
};

// The same until the thread ends, where it is no lcore yet and can become one. Cheap when repeated:
// what polls a queue calls it.
void BecomeLcore();

// Binds the calling thread to `cpus`, of which there is at least one, and tells EAL.
absl::Status SetAffinity(std::span<const int> cpus);

}  // namespace corelane::driver::dpdk

#endif  // CORELANE_DRIVER_DPDK_LCORE_H_
