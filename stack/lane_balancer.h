// LaneBalancer: moves buckets of the flows' table from busy lanes to idle ones.
//
//   each lane counts: packets and flows of every bucket        (LaneLoad, one writer each)
//   lane 0 looks, at times:  counters -> PlanMoves() -> Steering::MoveBucket() -> device's table
//                            no flow left where a bucket was -> Steering::ForgetPrevious()
//
// Flows that exist stay where they are: packets of a bucket that moved go to the lane that had it
// before, when the new one does not know them (steering.h). So a move takes effect with the flows
// that begin after it, and until then the lane measures what it did before. What makes it settle
// all the same:
//
// - Load must be uneven at two looks in a row: a moment's burst is no reason to move anything.
// - What a bucket still has where it was counts where it is going: no unevenness is mended twice.
// - A bucket stays put until all of its older flows are gone.
// - Buckets whose flows last go after those whose flows come and go, and of each lane at most
//   RebalanceOptions::max_held at a time (rebalancer.h). A flow lasts that began before the last
//   look; a bucket's do where those are most of them.
// - A lane that was relieved rests for some looks.
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

  // Looks after one that relieved a lane, at which nothing more leaves it.
  static constexpr int kRest = 3;

  // Of the group's options. The group outlives it.
  LaneBalancer(LaneGroup& group, Instant now);

  Instant next() const { return next_; }
  // Looks once, and sets next().
  void Look(Instant now);

 private:
  void ReadLoads();
  // That the lane has now.
  uint64_t Flows(size_t lane, size_t bucket) const;
  // Buckets that nobody has to ask for where they were.
  std::vector<size_t> FindDrained(const Steering& steering, Instant now);
  std::vector<BucketMove> Plan(const Steering& steering) const;

  struct Load {
    uint64_t seen = 0;     // the counter at the last look
    uint64_t packets = 0;  // since the one before it
    uint64_t seen_begun = 0;
    uint64_t begun = 0;  // flows, since the one before it
  };

  LaneGroup& group_;
  const RebalanceOptions options_;
  const size_t buckets_;
  Instant next_;
  bool uneven_ = false;      // at the last look
  std::vector<Load> loads_;  // lane by lane
  std::vector<int> rests_;   // each lane's looks of rest that are left
  // Since when nothing is left where the bucket was; kNever: not yet.
  std::vector<Instant> drained_;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_LANE_BALANCER_H_
