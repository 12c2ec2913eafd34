#include "tcp/scoreboard.h"

#include <gtest/gtest.h>

#include <set>

#include "core/random.h"

namespace corelane::tcp {
namespace {

constexpr uint32_t kMss = 10;

SeqRange At(SeqNum base, uint32_t begin, uint32_t end) { return {base + begin, base + end}; }

// The same as a Scoreboard, byte by byte, relative to `base`.
class Model {
 public:
  uint32_t Add(uint32_t begin, uint32_t end) {
    uint32_t newly = 0;
    for (uint32_t i = begin; i < end; ++i) newly += sacked_.insert(i).second ? 1 : 0;
    return newly;
  }
  void Acknowledge(uint32_t una) { sacked_.erase(sacked_.begin(), sacked_.lower_bound(una)); }
  bool Has(uint32_t i) const { return sacked_.contains(i); }
  const std::set<uint32_t>& sacked() const { return sacked_; }
  // RFC 6675 §4, IsLost(), as it is written there.
  bool IsLost(uint32_t seq) const {
    uint32_t bytes = 0;
    int runs = 0;
    uint32_t previous = seq;
    for (auto it = sacked_.upper_bound(seq); it != sacked_.end(); ++it) {
      if (*it != previous + 1 || runs == 0) ++runs;
      previous = *it;
      ++bytes;
    }
    return runs >= Scoreboard::kDupThresh || bytes > (Scoreboard::kDupThresh - 1) * kMss;
  }

 private:
  std::set<uint32_t> sacked_;
};

void ExpectEqual(const Scoreboard& board, const Model& model, SeqNum base, uint32_t una,
                 uint32_t nxt) {
  ASSERT_EQ(board.sacked_bytes(), model.sacked().size());
  ASSERT_EQ(board.empty(), model.sacked().empty());
  SeqNum previous = base + una;
  bool first = true;
  for (const SeqRange& r : board.ranges()) {
    ASSERT_LT(r.begin, r.end);
    ASSERT_TRUE(first ? r.begin >= previous : r.begin > previous);
    for (SeqNum s = r.begin; s < r.end; s += 1) ASSERT_TRUE(model.Has(Distance(base, s)));
    previous = r.end;
    first = false;
  }
  if (!board.empty()) {
    ASSERT_EQ(board.highest(), base + *model.sacked().rbegin() + 1);
  }
  const auto edge = board.LostEdge(kMss);
  for (uint32_t i = una; i < nxt; ++i) {
    if (model.Has(i)) continue;
    ASSERT_EQ(edge.has_value() && base + i < *edge, model.IsLost(i)) << i;
  }
}

void ExpectHoles(const Scoreboard& board, const Model& model, SeqNum base, uint32_t from,
                 uint32_t limit) {
  uint32_t begin = from;
  while (begin < limit && model.Has(begin)) ++begin;
  const auto hole = board.NextHole(base + from, base + limit);
  ASSERT_EQ(hole.has_value(), begin < limit);
  uint32_t unsacked = 0;
  for (uint32_t i = from; i < limit; ++i) unsacked += model.Has(i) ? 0 : 1;
  ASSERT_EQ(board.UnsackedBytes(base + from, base + limit), unsacked);
  if (!hole) return;
  uint32_t end = begin;
  while (end < limit && !model.Has(end)) ++end;
  ASSERT_EQ(*hole, At(base, begin, end));
}

TEST(ScoreboardTest, RandomOperationsAgreeWithAByteModel) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Scoreboard board;
    Model model;
    const SeqNum base(0xffffff80u + static_cast<uint32_t>(random.Below(64)));
    uint32_t una = 0;
    for (int step = 0; step < 120; ++step) {
      const uint32_t nxt = una + 250;
      if (random.Chance(0.85)) {
        const auto begin = una + 1 + static_cast<uint32_t>(random.Below(240));
        const auto end = std::min<uint32_t>(nxt, begin + static_cast<uint32_t>(random.Below(20)));
        ASSERT_EQ(board.Add(At(base, begin, end)), model.Add(begin, end));
      } else {
        una += static_cast<uint32_t>(random.Below(30));
        board.Acknowledge(base + una);
        model.Acknowledge(una);
      }
      ASSERT_NO_FATAL_FAILURE(ExpectEqual(board, model, base, una, una + 250));
      const auto from = una + static_cast<uint32_t>(random.Below(250));
      const auto limit = una + static_cast<uint32_t>(random.Below(250));
      if (from > limit) continue;
      ASSERT_NO_FATAL_FAILURE(ExpectHoles(board, model, base, from, limit));
    }
  }
}

TEST(ScoreboardTest, RangesAreBounded) {
  Scoreboard board;
  const SeqNum base(0);
  for (uint32_t i = 0; i < 1000; ++i) board.Add(At(base, 10 * i + 1, 10 * i + 2));
  EXPECT_EQ(board.ranges().size(), Scoreboard::kMaxRanges);
  // A full board still takes what joins ranges.
  EXPECT_EQ(board.Add(At(base, 2, 11)), 9u);
  EXPECT_EQ(board.ranges().size(), Scoreboard::kMaxRanges - 1);
  board.Clear();
  EXPECT_TRUE(board.empty());
}

TEST(ScoreboardTest, EmptyAndReversedBlocksAreIgnored) {
  Scoreboard board;
  EXPECT_EQ(board.Add(At(SeqNum(0), 5, 5)), 0u);
  EXPECT_EQ(board.Add(At(SeqNum(0), 9, 5)), 0u);
  EXPECT_TRUE(board.empty());
}

}  // namespace
}  // namespace corelane::tcp
