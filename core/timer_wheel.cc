#include "core/timer_wheel.h"

#include <algorithm>

namespace corelane {
namespace {

// NextDeadline() looks at no more timers than these.
constexpr int kExactWithin = 16;

}  // namespace

TimerWheel::TimerWheel(Instant start) : tick_(TickOf(start)), earliest_(kNever) {
  for (internal::TimerLink& root : slots_) root.previous = root.next = &root;
}

TimerWheel::~TimerWheel() {
  for (internal::TimerLink& root : slots_) {
    while (root.next != &root) Unlink(static_cast<TimerNode*>(root.next));
  }
}

void TimerWheel::Arm(TimerNode& node, Instant deadline) {
  Cancel(node);
  node.deadline_ = deadline;
  if (deadline == kNever) return;
  earliest_ = level_mask_ == 0 ? deadline : std::min(earliest_, deadline);
  Place(&node);
}

void TimerWheel::Place(TimerNode* node) {
  const uint64_t tick = std::max(TickOf(node->deadline_), tick_);
  const uint64_t difference = tick ^ tick_;
  const int level = difference == 0 ? 0 : (63 - std::countl_zero(difference)) / kDigitBits;
  const int slot = static_cast<int>(tick >> (level * kDigitBits)) & (kSlotsPerLevel - 1);
  bitmap_[level] |= uint64_t{1} << slot;
  level_mask_ |= 1u << level;
  PushBack(level * kSlotsPerLevel + slot, node);
}

void TimerWheel::Collect(Instant now) {
  const uint64_t now_tick = TickOf(now);
  // Timers of a level precede those of all levels above, and those of a slot precede those of all
  // later slots: the first slot of the first level comes next.
  while (level_mask_ != 0) {
    const int level = std::countr_zero(level_mask_);
    const int slot = std::countr_zero(bitmap_[level]);
    const uint64_t first = FirstTick(level, slot);
    if (first > now_tick) break;
    tick_ = first;
    if (level > 0) {
      Cascade(level * kSlotsPerLevel + slot);
    } else if (first < now_tick) {
      CollectSlot(slot);
    } else {
      CollectDue(slot, now);
      break;
    }
  }
  tick_ = std::max(tick_, now_tick);
  earliest_ = NextDeadline();
}

void TimerWheel::CollectSlot(int slot) {
  internal::TimerLink* root = &slots_[slot];
  internal::TimerLink* firing = &slots_[kFiringSlot];
  root->next->previous = firing->previous;
  firing->previous->next = root->next;
  root->previous->next = firing;
  firing->previous = root->previous;
  root->previous = root->next = root;
  MarkEmpty(slot);
}

void TimerWheel::CollectDue(int slot, Instant now) {
  internal::TimerLink* root = &slots_[slot];
  for (internal::TimerLink* link = root->next; link != root;) {
    auto* node = static_cast<TimerNode*>(link);
    link = link->next;
    if (node->deadline_ > now) continue;
    Unlink(node);
    PushBack(kFiringSlot, node);
  }
}

void TimerWheel::Cascade(int slot) {
  internal::TimerLink* root = &slots_[slot];
  while (root->next != root) {
    auto* node = static_cast<TimerNode*>(root->next);
    Unlink(node);
    Place(node);
  }
}

Instant TimerWheel::NextDeadline() const {
  if (level_mask_ == 0) return kNever;
  const int level = std::countr_zero(level_mask_);
  const int slot = std::countr_zero(bitmap_[level]);
  const uint64_t first = FirstTick(level, slot);
  const internal::TimerLink* root = &slots_[level * kSlotsPerLevel + slot];
  Instant earliest = kNever;
  int seen = 0;
  for (const internal::TimerLink* link = root->next; link != root; link = link->next) {
    // Timers that were late when they were armed lie in the current tick, but before it in time.
    if (++seen > kExactWithin && first != tick_) return std::max(BeginOf(first), earliest_);
    earliest = std::min(earliest, static_cast<const TimerNode*>(link)->deadline_);
  }
  return earliest;
}

}  // namespace corelane
