#include "stack/lane_balancer.h"

#include <algorithm>
#include <optional>

namespace corelane::stack {

LaneBalancer::LaneBalancer(LaneGroup& group, Instant now)
    : group_(group),
      options_(group.options().rebalance),
      buckets_(group.steering().table().size()),
      next_(now + options_.interval),
      loads_(group.lanes() * buckets_),
      rests_(group.lanes()),
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
  for (int& rest : rests_) rest = std::max(rest - 1, 0);
  for (const BucketMove& move : moves) rests_[steering.table()[move.bucket]] = kRest;
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
      const uint64_t begun = group_.lane(lane).load(bucket).begun.value();
      load.begun = begun - load.seen_begun;
      load.seen_begun = begun;
    }
  }
}

uint64_t LaneBalancer::Flows(size_t lane, size_t bucket) const {
  return group_.lane(lane).load(bucket).flows.value();
}

std::vector<size_t> LaneBalancer::FindDrained(const Steering& steering, Instant now) {
  std::vector<size_t> drained;
  for (size_t bucket = 0; bucket < buckets_; ++bucket) {
    const auto previous = steering.Previous(bucket);
    if (!previous || Flows(*previous, bucket) != 0) {
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
  std::vector<LaneShare> lanes(group_.lanes());
  for (size_t lane = 0; lane < lanes.size(); ++lane) lanes[lane].rests = rests_[lane] > 0;
  for (size_t bucket = 0; bucket < buckets_; ++bucket) {
    const uint8_t home = steering.table()[bucket];
    const std::optional<size_t> previous = steering.Previous(bucket);
    BucketLoad& load = buckets[bucket];
    load.lane = home;
    load.pinned = previous.has_value();
    load.lasting = Flows(home, bucket) > loads_[home * buckets_ + bucket].begun;
    if (previous && Flows(*previous, bucket) > 0) ++lanes[*previous].held;
    for (size_t lane = 0; lane < lanes.size(); ++lane) {
      const uint64_t packets = loads_[lane * buckets_ + bucket].packets;
      (lane == home || lane == previous ? load.packets : lanes[lane].fixed) += packets;
    }
  }
  return PlanMoves(options_, lanes, buckets);
}

}  // namespace corelane::stack
