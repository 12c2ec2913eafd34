#include "stack/rebalancer.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "core/check.h"

namespace corelane::stack {
namespace {

// The lanes' loads while moves are planned.
class Plan {
 public:
  Plan(const RebalanceOptions& options, std::span<const LaneShare> lanes,
       std::span<const BucketLoad> buckets, const std::vector<bool>& left_alone)
      : options_(options),
        buckets_(buckets.begin(), buckets.end()),
        stuck_(left_alone),
        sources_(lanes.size()) {
    for (size_t i = 0; i < lanes.size(); ++i) {
      loads_.push_back(lanes[i].fixed);
      sources_[i].held = lanes[i].held;
    }
    for (const BucketLoad& bucket : buckets_) {
      CL_CHECK(bucket.lane < loads_.size());
      loads_[bucket.lane] += bucket.packets;
    }
  }

  uint64_t total() const { return std::accumulate(loads_.begin(), loads_.end(), uint64_t{0}); }

  // The best moves, one after the other.
  void Run() {
    while (moves_.size() < kMaxMoves && Next()) {
    }
  }
  // A lane that the moves relieve of so little that it would hardly be felt.
  std::optional<size_t> NotWorthIt() const {
    for (size_t lane = 0; lane < sources_.size(); ++lane) {
      const Source& source = sources_[lane];
      if (source.moved > 0 && source.moved < options_.worth * source.excess) return lane;
    }
    return std::nullopt;
  }
  // At most as many as are allowed.
  std::vector<BucketMove> Moves() const {
    return {moves_.begin(),
            moves_.begin() + static_cast<ptrdiff_t>(std::min(moves_.size(), options_.max_moves))};
  }

 private:
  std::optional<size_t> Busiest() const {
    std::optional<size_t> busiest;
    for (size_t i = 0; i < loads_.size(); ++i) {
      if (!stuck_[i] && (!busiest || loads_[i] > loads_[*busiest])) busiest = i;
    }
    return busiest;
  }
  // Of the lanes that can share.
  double Mean() const {
    uint64_t sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < loads_.size(); ++i) {
      if (stuck_[i]) continue;
      sum += loads_[i];
      ++n;
    }
    return static_cast<double>(sum) / static_cast<double>(n);
  }
  // False: no lane that could be relieved has too much.
  bool Next() {
    for (;;) {
      const std::optional<size_t> busiest = Busiest();
      if (!busiest) return false;
      const double limit = (moves_.empty() ? options_.start : options_.stop) * Mean();
      if (static_cast<double>(loads_[*busiest]) <= limit) return false;
      const auto idlest =
          static_cast<size_t>(std::min_element(loads_.begin(), loads_.end()) - loads_.begin());
      std::optional<size_t> bucket = Best(*busiest, idlest, /*lasting=*/false);
      if (!bucket && sources_[*busiest].held < options_.max_held) {
        bucket = Best(*busiest, idlest, /*lasting=*/true);
      }
      if (bucket) {
        Apply(*bucket, idlest);
        return true;
      }
      // An elephant, or what is on its way already: the others still share the rest.
      stuck_[*busiest] = true;
    }
  }
  // The bucket whose move leaves the busier one of the two lanes with the least.
  std::optional<size_t> Best(size_t from, size_t to, bool lasting) const {
    std::optional<size_t> best;
    uint64_t best_peak = loads_[from];
    const double excess = static_cast<double>(loads_[from]) - Mean();
    for (size_t i = 0; i < buckets_.size(); ++i) {
      const BucketLoad& bucket = buckets_[i];
      if (bucket.lane != from || bucket.pinned || bucket.packets == 0) continue;
      if (bucket.lasting != lasting) continue;
      const uint64_t left = loads_[from] - bucket.packets;
      const uint64_t brought = loads_[to] + bucket.packets;
      if (std::max(left, brought) >= best_peak) continue;
      // The other lane becomes the busier one: only for much less than there was.
      if (brought > left && static_cast<double>(loads_[from] - brought) < excess / 2) continue;
      best = i;
      best_peak = std::max(left, brought);
    }
    return best;
  }
  void Apply(size_t bucket, size_t to) {
    BucketLoad& moved = buckets_[bucket];
    Source& source = sources_[moved.lane];
    if (source.moved == 0) source.excess = static_cast<double>(loads_[moved.lane]) - Mean();
    source.moved += static_cast<double>(moved.packets);
    if (moved.lasting) ++source.held;
    moves_.push_back({bucket, static_cast<uint8_t>(to)});
    loads_[moved.lane] -= moved.packets;
    loads_[to] += moved.packets;
    moved.lane = static_cast<uint8_t>(to);
    moved.pinned = true;
  }

  // A lane that is relieved.
  struct Source {
    double excess = 0;  // what it had beyond the mean
    double moved = 0;
    size_t held = 0;  // buckets that left it, and left flows that last
  };
  // Bounds the work: all that is not reached is for the next look.
  static constexpr size_t kMaxMoves = 512;

  const RebalanceOptions& options_;
  std::vector<BucketLoad> buckets_;
  std::vector<uint64_t> loads_;
  std::vector<bool> stuck_;
  std::vector<Source> sources_;
  std::vector<BucketMove> moves_;
};

}  // namespace

std::vector<BucketMove> PlanMoves(const RebalanceOptions& options, std::span<const LaneShare> lanes,
                                  std::span<const BucketLoad> buckets) {
  if (lanes.size() < 2) return {};
  std::vector<bool> left_alone(lanes.size());
  for (size_t i = 0; i < lanes.size(); ++i) left_alone[i] = lanes[i].rests;
  for (;;) {
    Plan plan(options, lanes, buckets, left_alone);
    if (plan.total() < std::max<uint64_t>(options.min_packets, 1)) return {};
    plan.Run();
    const std::optional<size_t> lane = plan.NotWorthIt();
    if (!lane) return plan.Moves();
    left_alone[*lane] = true;
  }
}

}  // namespace corelane::stack
