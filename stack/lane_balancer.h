// LaneBalancer: moves buckets of the flows' table from busy lanes to idle ones.
//
//   each lane counts: packets and flows of every bucket        (LaneLoad, one writer each)
//   lane 0 looks, at times:  counters -> PlanMoves() -> Steering::MoveBucket() -> the device's
//   table
//                            no flow left where a bucket was -> Steering::ForgetPrevious()
//
// Flows that exist stay where they are: packets of a bucket that moved go to the lane that had it
// before, when the new one does not know them (steering.h). So a move takes effect with the flows
// that begin after it. The bucket stays put until all older ones are gone, and what they cost
// counts for the lane that has them.
//
// Load must be uneven at two looks in a row: a moment's burst is no reason to move anything.
//
// Belongs to lane 0.

#ifndef CORELANE_STACK_LANE_BALANCER_H_
#define CORELANE_STACK_LANE_BALANCER_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/time.h"
#include "stack/lane_group.h"
#include "stack/rebalancer.h"

namespace corelane::stack {

class LaneBalancer {
 public:
  // A bucket is forgotten where it was so long after its last flow: TIME-WAIT is over then.
  static constexpr Duration kLinger = std::chrono::seconds(65);

  // Of the group's options. The group outlives it.
  LaneBalancer(LaneGroup& group, Instant now);

  Instant next() const { return next_; }
  // Looks once, and sets next().
  void Look(Instant now);

 private:
  void ReadLoads();
  // Buckets that nobody has to ask for where they were.
  std::vector<size_t> FindDrained(const Steering& steering, Instant now);
  std::vector<BucketMove> Plan(const Steering& steering) const;

  struct Load {
    uint64_t seen = 0;     // the counter at the last look
    uint64_t packets = 0;  // since the one before it
  };

  LaneGroup& group_;
  const RebalanceOptions options_;
  const size_t buckets_;
  Instant next_;
  bool uneven_ = false;      // at the last look
  std::vector<Load> loads_;  // lane by lane
  std::vector<Instant>
      drained_;  // since when nothing is left where the bucket was; kNever: not yet
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_LANE_BALANCER_H_
