#include "stack/lane_balancer.h"

namespace corelane::stack {

LaneBalancer::LaneBalancer(LaneGroup& group, Instant now)
    : group_(group),
      options_(group.options().rebalance),
      buckets_(group.steering().table().size()),
      next_(now + options_.interval),
      loads_(group.lanes() * buckets_),
      drained_(buckets_, kNever) {}

void LaneBalancer::Look(Instant now) {
  next_ = now + options_.interval;
  ReadLoads();
  const Steering steering = group_.steering();
  const std::vector<size_t> drained = FindDrained(steering, now);
  std::vector<BucketMove> moves = Plan(steering);
  const bool uneven = !moves.empty();
  if (!uneven_) moves.clear();
  uneven_ = uneven;
  if (drained.empty() && moves.empty()) return;
  std::vector<uint8_t> table;
  group_.ChangeSteering([&](Steering& s) {
    for (const size_t bucket : drained) s.ForgetPrevious(bucket);
    for (const BucketMove& move : moves) s.MoveBucket(move.bucket, move.lane);
    table.assign(s.table().begin(), s.table().end());
  });
  if (moves.empty()) return;
  group_.lane(0).counters().bucket_moves.Increment(moves.size());
  if (group_.options().redirect) group_.options().redirect(table);
}

void LaneBalancer::ReadLoads() {
  for (size_t lane = 0; lane < group_.lanes(); ++lane) {
    for (size_t bucket = 0; bucket < buckets_; ++bucket) {
      Load& load = loads_[lane * buckets_ + bucket];
      const uint64_t packets = group_.lane(lane).load(bucket).packets.value();
      load.packets = packets - load.seen;
      load.seen = packets;
    }
  }
}

std::vector<size_t> LaneBalancer::FindDrained(const Steering& steering, Instant now) {
  std::vector<size_t> drained;
  for (size_t bucket = 0; bucket < buckets_; ++bucket) {
    const auto previous = steering.Previous(bucket);
    if (!previous || group_.lane(*previous).load(bucket).flows.value() != 0) {
      drained_[bucket] = kNever;
    } else if (drained_[bucket] == kNever) {
      drained_[bucket] = now;
    } else if (now - drained_[bucket] >= kLinger) {
      drained.push_back(bucket);
    }
  }
  return drained;
}

std::vector<BucketMove> LaneBalancer::Plan(const Steering& steering) const {
  std::vector<BucketLoad> buckets(buckets_);
  std::vector<uint64_t> fixed(group_.lanes());
  for (size_t bucket = 0; bucket < buckets_; ++bucket) {
    const uint8_t home = steering.table()[bucket];
    for (size_t lane = 0; lane < group_.lanes(); ++lane) {
      const uint64_t packets = loads_[lane * buckets_ + bucket].packets;
      if (lane == home) {
        buckets[bucket] = {packets, home, steering.Previous(bucket).has_value()};
      } else {
        fixed[lane] += packets;
      }
    }
  }
  return PlanMoves(options_, fixed, buckets);
}

}  // namespace corelane::stack
