// Which buckets of the flows' table should change lanes: a pure policy.
//
//   std::vector<BucketMove> moves = PlanMoves(options, lanes, buckets);
//
// It moves little, and only what is worth it: nothing while the busiest lane is near the mean; then
// from the busiest lane to the least busy one what brings the two nearest to each other, a few
// buckets at a time. A bucket is moved whole. One that would only carry the trouble to the other
// lane stays where it is, and its lane is relieved of the others.
//
// Flows do not move with their bucket. So buckets whose flows come and go are moved first: they are
// felt at once. One whose flows last relieves nobody until those end, and may cost two lanes what
// it cost one as long as packets arrive at the one and belong to the other: such buckets are moved
// where the others are not enough, and of each lane only so many until their flows have ended.

#ifndef CORELANE_STACK_REBALANCER_H_
#define CORELANE_STACK_REBALANCER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/time.h"

namespace corelane::stack {

struct RebalanceOptions {
  RebalanceOptions() {}

  // How often lane 0 looks. Zero: never, the table stays as it is.
  Duration interval{0};
  // Looks with fewer packets than this say nothing.
  uint64_t min_packets = 10'000;
  // A lane with more than `start` times the mean of the lanes is relieved until it has no more than
  // `stop` times.
  double start = 1.25;
  double stop = 1.05;
  // All that a lane could be relieved of must be at least this share of what it has beyond the
  // mean.
  double worth = 0.05;
  size_t max_moves = 32;  // at one look
  // Buckets of one lane at a time whose flows that last stay behind.
  size_t max_held = 16;
};

struct LaneShare {
  // Load that no move changes, such as that of flows that were moved by themselves.
  uint64_t fixed = 0;
  size_t held = 0;     // buckets that left the lane, and whose flows it still has
  bool rests = false;  // nothing leaves it for now
};

struct BucketLoad {
  // Since the last look, or a mean of several; on the bucket's own lane, and on the one that had it
  // before: what is there still will come.
  uint64_t packets = 0;
  uint8_t lane = 0;
  bool pinned = false;   // it moved a while ago, and flows of it are still where it was
  bool lasting = false;  // most of its flows are older than the last look
};

struct BucketMove {
  size_t bucket = 0;
  uint8_t lane = 0;

  friend bool operator==(const BucketMove&, const BucketMove&) = default;
};

// buckets[i].lane < lanes.size(). The moves are of different buckets.
std::vector<BucketMove> PlanMoves(const RebalanceOptions& options, std::span<const LaneShare> lanes,
                                  std::span<const BucketLoad> buckets);

}  // namespace corelane::stack

#endif  // CORELANE_STACK_REBALANCER_H_
