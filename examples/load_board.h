// Board: where the lanes put what they have counted. Any thread.

#ifndef CORELANE_EXAMPLES_LOAD_BOARD_H_
#define CORELANE_EXAMPLES_LOAD_BOARD_H_

#include <algorithm>
#include <mutex>

#include "core/time.h"
#include "examples/loadgen/pacer.h"
#include "examples/loadgen/tally.h"

namespace corelane::load {

class Board {
 public:
  // A lane has ended.
  void AddResult(Pacer& pacer, Instant now) {
    const std::lock_guard lock(mutex_);
    tally_.Merge(pacer.tally());
    measured_ = std::max(measured_, pacer.measured(now));
  }
  // Once a second, each lane.
  void AddRecent(const Recent& recent) {
    const std::lock_guard lock(mutex_);
    recent_.answered += recent.answered;
    recent_.failed += recent.failed;
    recent_.latency.Merge(recent.latency);
  }
  // What came since the last call.
  Recent TakeRecent() {
    const std::lock_guard lock(mutex_);
    Recent taken = recent_;
    recent_.answered = recent_.failed = 0;
    recent_.latency.Reset();
    return taken;
  }

  // After the lanes' end.
  const Tally& tally() const { return tally_; }
  Duration measured() const { return measured_; }

 private:
  std::mutex mutex_;
  Tally tally_;
  Duration measured_{};
  Recent recent_;
};

}  // namespace corelane::load

#endif  // CORELANE_EXAMPLES_LOAD_BOARD_H_
