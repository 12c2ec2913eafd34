// TimerWheel: any number of timers with O(1) arm and cancel, without allocation.
//
// Time is cut into ticks of 2^10 ns, and a tick's 54-bit number into nine digits of base 64. A
// timer whose tick first differs from the current one in digit L lies in slot [L][that digit]:
// slots of level 0 span one tick, those of level 8 2^58 ns, and together they reach every Instant.
// As time passes the beginning of a slot, its timers move to lower levels; a bitmap per level finds
// the next slot that is not empty, so that idle time costs nothing however long it is.
//
//   TimerNode retransmit;
//   wheel.Arm(retransmit, now + rto);
//   wheel.Advance(now, [&](TimerNode& expired) { ... });

#ifndef CORELANE_CORE_TIMER_WHEEL_H_
#define CORELANE_CORE_TIMER_WHEEL_H_

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/check.h"
#include "core/time.h"

namespace corelane {

namespace internal {
struct TimerLink {
  TimerLink* previous = nullptr;
  TimerLink* next = nullptr;
};
}  // namespace internal

// One timer, a member of what it belongs to. Must be disarmed before it is destroyed (or its wheel
// be gone).
class TimerNode : private internal::TimerLink {
 public:
  TimerNode() = default;
  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;
  ~TimerNode() { CL_DCHECK(!armed()); }

  bool armed() const { return next != nullptr; }
  // When it is due, or was last; kNever before it was first armed.
  Instant deadline() const { return deadline_; }

 private:
  friend class TimerWheel;

  Instant deadline_ = kNever;
};
static_assert(sizeof(TimerNode) == 24);

// Belongs to one core.
class TimerWheel {
 public:
  explicit TimerWheel(Instant start);
  // Disarms what is still armed.
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms or re-arms. A deadline that has passed fires at the next Advance(); kNever disarms.
  void Arm(TimerNode& node, Instant deadline);
  // A no-op when not armed.
  void Cancel(TimerNode& node) {
    if (node.armed()) Unlink(&node);
  }

  // Calls fire(TimerNode&) for each timer with deadline <= now, disarmed before; returns how many.
  // Earlier ticks first, but within a tick in no particular order. `fire` may arm and cancel any
  // timer of the wheel and destroy disarmed ones; what it arms for a time that has passed fires at
  // the next Advance(). A `now` earlier than before changes nothing.
  template <class F>
  size_t Advance(Instant now, F&& fire) {
    if (level_mask_ == 0) {
      SkipTo(now);
      return 0;
    }
    if (now < earliest_) return 0;
    Collect(now);
    size_t fired = 0;
    internal::TimerLink* root = &slots_[kFiringSlot];
    while (root->next != root) {
      auto* node = static_cast<TimerNode*>(root->next);
      Unlink(node);
      ++fired;
      fire(*node);
    }
    return fired;
  }

  // Never later than the earliest deadline; kNever when nothing is armed. Exact when few timers are
  // near; else it may be the moment when timers change their slot, so that Advance() fires none.
  Instant NextDeadline() const;

  // False: Advance() would fire nothing at `now`. Cheaper than NextDeadline(); true may be a false
  // alarm after a Cancel().
  bool MayBeDue(Instant now) const { return level_mask_ != 0 && now >= earliest_; }

  bool empty() const { return level_mask_ == 0; }

 private:
  static constexpr int kTickBits = 10;
  static constexpr int kDigitBits = 6;
  static constexpr int kSlotsPerLevel = 1 << kDigitBits;
  static constexpr int kLevels = 9;
  static_assert(kTickBits + kDigitBits * kLevels == 64);
  static constexpr int kWheelSlots = kLevels * kSlotsPerLevel;
  static constexpr int kFiringSlot = kWheelSlots;  // timers that Advance() is about to fire

  // Unsigned ticks, in the order of signed Instants.
  static uint64_t TickOf(Instant t) {
    const auto ns = static_cast<uint64_t>(t.time_since_epoch().count());
    return (ns ^ (uint64_t{1} << 63)) >> kTickBits;
  }
  static Instant BeginOf(uint64_t tick) {
    const uint64_t ns = (tick << kTickBits) ^ (uint64_t{1} << 63);
    return Instant(Duration(static_cast<int64_t>(ns)));
  }

  // The first tick of a slot that is not behind the current tick.
  uint64_t FirstTick(int level, int slot) const {
    const int shift = level * kDigitBits;
    const uint64_t above = tick_ >> shift >> kDigitBits << kDigitBits;
    return (above | static_cast<uint64_t>(slot)) << shift;
  }
  void Place(TimerNode* node);
  void PushBack(int slot, TimerNode* node) {
    internal::TimerLink* root = &slots_[slot];
    node->next = root;
    node->previous = root->previous;
    root->previous->next = node;
    root->previous = node;
  }
  void Unlink(TimerNode* node) {
    internal::TimerLink* previous = node->previous;
    internal::TimerLink* next = node->next;
    previous->next = next;
    next->previous = previous;
    node->next = node->previous = nullptr;
    if (previous == next) MarkEmpty(static_cast<int>(next - slots_));  // Only the root is left.
  }
  void MarkEmpty(int slot) {
    if (slot == kFiringSlot) return;
    const int level = slot / kSlotsPerLevel;
    bitmap_[level] &= ~(uint64_t{1} << slot % kSlotsPerLevel);
    if (bitmap_[level] == 0) level_mask_ &= ~(1u << level);
  }
  void SkipTo(Instant now) {
    const uint64_t tick = TickOf(now);
    if (tick > tick_) tick_ = tick;
  }
  // Moves every expired timer to the firing slot.
  void Collect(Instant now);
  void CollectSlot(int slot);
  void CollectDue(int slot, Instant now);
  void Cascade(int slot);

  uint64_t tick_;            // every timer of an earlier tick has fired
  Instant earliest_;         // no deadline is earlier, unless nothing is armed
  uint32_t level_mask_ = 0;  // bit L: bitmap_[L] != 0
  uint64_t bitmap_[kLevels] = {};
  internal::TimerLink slots_[kWheelSlots + 1];
};

}  // namespace corelane

#endif  // CORELANE_CORE_TIMER_WHEEL_H_
