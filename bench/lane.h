// Lane: two stacks joined by two devices, for inproc.

#ifndef CORELANE_BENCH_LANE_H_
#define CORELANE_BENCH_LANE_H_

#include <barrier>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "bench/options.h"
#include "core/time.h"
#include "driver/device.h"
#include "stack/stack.h"

namespace corelane::bench {

// End 0 is the client, which sends.
class Lane {
 public:
  Lane() = default;
  ~Lane();

  // Errors say what is wrong with the device.
  absl::Status Open(const Options& options, size_t index, Instant now);

  stack::Stack& client() { return *stacks_[0]; }
  stack::Stack& server() { return *stacks_[1]; }
  Endpoint server_endpoint() const { return {Ipv4Address(10, 0, 0, 2), 80}; }

  // Totals since the beginning, without what the application counts.
  Result Totals();

 private:
  std::unique_ptr<driver::Device> devices_[2];
  std::unique_ptr<stack::Stack> stacks_[2];
};

// When a lane's warm-up is over. crr goes on until every client port has been used, so that what is
// measured reopens connections in TIME-WAIT.
class WarmUp {
 public:
  WarmUp(const Options& options, Instant now);
  bool Over(Instant now, uint64_t transactions) const {
    return now >= at_most_ || (now >= at_least_ && transactions >= transactions_);
  }

 private:
  Instant at_least_;
  Instant at_most_;
  uint64_t transactions_ = 0;
};

// Where all lanes wait for each other before they measure.
using StartLine = std::barrier<>;

// Thread: the lane's own, on which everything of it is made and destroyed.
Result RunPoll(const Options& options, Lane& lane, StartLine& start);
Result RunAsio(const Options& options, Lane& lane, StartLine& start);

// after - before, with the time between.
Result Difference(const Result& after, const Result& before, Duration time);

}  // namespace corelane::bench

#endif  // CORELANE_BENCH_LANE_H_
