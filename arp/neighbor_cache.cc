#include "arp/neighbor_cache.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/check.h"

namespace corelane::arp {
namespace {

// RFC 4861 §6.3.4: the reachable time is drawn anew every few hours.
constexpr Duration kRedrawInterval = std::chrono::hours(2);

}  // namespace

NeighborCache::NeighborCache(const NeighborConfig& config, Random random, Instant now)
    : config_(config), random_(random), timers_(now) {
  CL_CHECK(config.max_entries > 0 && config.max_incomplete > 0);
  for (uint64_t& word : hash_key_.words) word = random_.Next64();
  buckets_.assign(std::bit_ceil(config.max_entries), kNone);
  DrawReachableTime(now);
}

NeighborCache::~NeighborCache() {
  for (size_t i = 0; i < created_; ++i) timers_.Cancel(At(static_cast<uint32_t>(i)).timer);
}

const MacAddress* NeighborCache::Lookup(uint16_t interface, const IpAddress& address, Instant now,
                                        NeighborHandle& handle) {
  Neighbor* entry = FindEntry(interface, address);
  if (entry == nullptr) {
    entry = Create(interface, address, true, now);
    if (entry == nullptr) {
      handle = {};
      return nullptr;
    }
    StartIncomplete(*entry, now);
  }
  handle = {entry, entry->generation};
  entry->in_use = true;
  switch (StateOf(*entry, now)) {
    case NeighborState::kStale:
      // RFC 4861 §7.3.3: the first packet to a STALE neighbor is sent, and starts the delay.
      StartDelay(*entry, now);
      return &entry->mac;
    case NeighborState::kIncomplete:
    case NeighborState::kFailed:
    case NeighborState::kFree:
      return nullptr;
    case NeighborState::kReachable:
    case NeighborState::kDelay:
    case NeighborState::kProbe:
    case NeighborState::kStatic:
      break;
  }
  return &entry->mac;
}

void NeighborCache::Resolve(uint16_t interface, const IpAddress& address, Instant now) {
  NeighborHandle handle;
  Lookup(interface, address, now, handle);
  if (handle.entry == nullptr) return;
  Neighbor& entry = *handle.entry;
  entry.asked = true;
  if (entry.state == NeighborState::kDelay) {
    StartProbe(entry, now);
  } else if (entry.state == NeighborState::kReachable || entry.state == NeighborState::kStatic) {
    entry.changed = ++changes_;
    entry.asked = false;
    ++pressing_changes_;
  }
}

void NeighborCache::Hold(const NeighborHandle& handle, PacketBuf packet, Instant now) {
  (void)now;
  Neighbor* entry = handle.entry;
  if (entry == nullptr || entry->generation != handle.generation ||
      pending_count_ >= config_.max_pending || config_.max_pending_per_entry == 0) {
    ++stats_.pending_dropped;
    return;
  }
  if (entry->pending.size() >= config_.max_pending_per_entry) {
    // RFC 4861 §7.2.2, RFC 1122 §2.3.2.2: the latest packets are kept.
    entry->pending.PopFront();
    --pending_count_;
    ++stats_.pending_dropped;
  }
  entry->pending.PushBack(std::move(packet));
  ++pending_count_;
  // Resolved or failed meanwhile: Poll() hands it out at once.
  if (entry->state != NeighborState::kIncomplete) SetOutput(*entry);
}

void NeighborCache::OnAdvertisement(uint16_t interface, const IpAddress& address,
                                    const std::optional<MacAddress>& mac, bool solicited,
                                    bool override_flag, bool is_router, Instant now) {
  Neighbor* entry = FindEntry(interface, address);
  // RFC 4861 §7.2.5: without an entry there is nothing to update, and none is created.
  if (entry == nullptr || entry->state == NeighborState::kStatic ||
      entry->state == NeighborState::kFailed) {
    ++stats_.ignored;
    return;
  }
  if (mac && (mac->IsMulticast() || mac->IsZero())) {  // Nobody's own address.
    ++stats_.ignored;
    return;
  }
  if (entry->state == NeighborState::kIncomplete) {
    if (!mac) {
      ++stats_.ignored;
      return;
    }
    SetMac(*entry, *mac);
    entry->is_router = is_router;
    if (solicited) {
      BecomeReachable(*entry, now);
    } else {
      BecomeStale(*entry);
    }
    if (!entry->pending.empty()) SetOutput(*entry);
    return;
  }
  const bool differs = mac && *mac != entry->mac;
  if (differs && !override_flag) {
    // §7.2.5 (I): an entry that was believed is doubted, nothing else.
    if (StateOf(*entry, now) == NeighborState::kReachable) {
      BecomeStale(*entry);
    } else {
      ++stats_.ignored;
    }
    return;
  }
  // §7.2.5 (II).
  entry->is_router = is_router;
  if (differs) SetMac(*entry, *mac);
  if (solicited) {
    BecomeReachable(*entry, now);
  } else if (differs) {
    BecomeStale(*entry);
  } else {
    ++stats_.ignored;
  }
}

void NeighborCache::OnSolicitation(uint16_t interface, const IpAddress& address,
                                   const MacAddress& mac, Instant now) {
  if (mac.IsMulticast() || mac.IsZero() || address.IsMulticast() || address.IsUnspecified()) return;
  Neighbor* entry = FindEntry(interface, address);
  if (entry == nullptr) {
    entry = Create(interface, address, false, now);
    if (entry == nullptr) return;
    entry->mac = mac;
    BecomeStale(*entry);
    return;
  }
  if (entry->state == NeighborState::kStatic) return;
  const bool unresolved =
      entry->state == NeighborState::kIncomplete || entry->state == NeighborState::kFailed;
  // RFC 4861 §7.2.3: a different address makes the entry STALE, the same one changes nothing.
  if (!unresolved && entry->mac == mac) return;
  SetMac(*entry, mac);
  BecomeStale(*entry);
  if (!entry->pending.empty()) SetOutput(*entry);
}

bool NeighborCache::IsUnresolved(uint16_t interface, const IpAddress& address) const {
  const Neighbor* const entry = FindEntry(interface, address);
  return entry != nullptr && entry->state == NeighborState::kIncomplete;
}

bool NeighborCache::IsAwaited(uint16_t interface, const IpAddress& address) const {
  const Neighbor* entry = FindEntry(interface, address);
  return entry != nullptr &&
         (entry->state == NeighborState::kIncomplete || entry->state == NeighborState::kProbe);
}

void NeighborCache::OnTimer(Instant now) {
  timers_.Advance(
      now, [&](TimerNode& node) { OnEntryTimer(*static_cast<NeighborTimer&>(node).entry, now); });
}

void NeighborCache::OnEntryTimer(Neighbor& entry, Instant now) {
  switch (entry.state) {
    case NeighborState::kIncomplete:
      // RFC 4861 §7.2.2, §7.3.3.
      if (entry.solicitations >= config_.max_multicast_solicit) return Fail(entry, now);
      return Solicit(entry, now);
    case NeighborState::kDelay:
      return StartProbe(entry, now);
    case NeighborState::kProbe:
      if (entry.solicitations >= config_.max_unicast_solicit) return Fail(entry, now);
      return Solicit(entry, now);
    case NeighborState::kFailed:
      return Release(entry);
    case NeighborState::kFree:
    case NeighborState::kReachable:
    case NeighborState::kStale:
    case NeighborState::kStatic:
      return;
  }
}

bool NeighborCache::Poll(NeighborOutput& output) {
  while (!outputs_.empty()) {
    Neighbor& entry = outputs_.front();
    output.interface = entry.interface;
    output.address = entry.address;
    output.mac = entry.mac;
    if (entry.solicit_due) {
      entry.solicit_due = false;
      output.kind = entry.state == NeighborState::kProbe ? NeighborOutput::Kind::kSolicitUnicast
                                                         : NeighborOutput::Kind::kSolicitMulticast;
      output.packet.Reset();
      return true;
    }
    if (entry.state != NeighborState::kIncomplete && !entry.pending.empty()) {
      output.kind = entry.state == NeighborState::kFailed ? NeighborOutput::Kind::kUnreachable
                                                          : NeighborOutput::Kind::kTransmit;
      output.packet = entry.pending.PopFront();
      --pending_count_;
      return true;
    }
    entry.output.Unlink();
  }
  return false;
}

bool NeighborCache::AddStatic(uint16_t interface, const IpAddress& address, const MacAddress& mac) {
  Neighbor* entry = FindEntry(interface, address);
  if (entry == nullptr) entry = Create(interface, address, true, Instant::min());
  if (entry == nullptr) return false;
  EnterState(*entry, NeighborState::kStatic);
  entry->mac = mac;
  entry->changed = ++changes_;
  ++pressing_changes_;
  entry->usable_until = kNever;
  if (!entry->pending.empty()) SetOutput(*entry);
  return true;
}

bool NeighborCache::Remove(uint16_t interface, const IpAddress& address) {
  Neighbor* entry = FindEntry(interface, address);
  if (entry == nullptr) return false;
  Release(*entry);
  return true;
}

void NeighborCache::Flush(uint16_t interface) {
  for (size_t i = 0; i < created_; ++i) {
    Neighbor& entry = At(static_cast<uint32_t>(i));
    if (entry.interface == interface && entry.state != NeighborState::kFree &&
        entry.state != NeighborState::kStatic)
      Release(entry);
  }
}

void NeighborCache::set_base_reachable_time(Duration base, Instant now) {
  if (base == config_.base_reachable_time) return;
  config_.base_reachable_time = base;
  DrawReachableTime(now);
}

const Neighbor* NeighborCache::Get(uint16_t interface, const IpAddress& address) const {
  return FindEntry(interface, address);
}

// --- the table ---

uint32_t NeighborCache::Bucket(uint16_t interface, const IpAddress& address) const {
  return FlowHash(hash_key_, address, interface, IpAddress(), 0) &
         static_cast<uint32_t>(buckets_.size() - 1);
}

Neighbor* NeighborCache::FindEntry(uint16_t interface, const IpAddress& address) const {
  for (uint32_t i = buckets_[Bucket(interface, address)]; i != kNone;) {
    Neighbor& entry = At(i);
    if (entry.address == address && entry.interface == interface) return &entry;
    i = entry.next_in_bucket;
  }
  return nullptr;
}

Neighbor* NeighborCache::Create(uint16_t interface, const IpAddress& address, bool for_us,
                                Instant now) {
  Neighbor* entry = TakeFree();
  if (entry == nullptr && EvictFor(for_us, now)) entry = TakeFree();
  if (entry == nullptr) {
    ++stats_.table_full;
    return nullptr;
  }
  entry->interface = interface;
  entry->address = address;
  entry->mac = MacAddress();
  entry->is_router = false;
  entry->in_use = entry->asked = false;
  uint32_t& bucket = buckets_[Bucket(interface, address)];
  entry->next_in_bucket = bucket;
  bucket = entry->index;
  ++size_;
  ++stats_.created;
  return entry;
}

Neighbor* NeighborCache::TakeFree() {
  if (Neighbor* entry = free_.PopFront(); entry != nullptr) return entry;
  if (created_ == config_.max_entries) return nullptr;
  if (created_ % kSlab == 0) slabs_.push_back(std::make_unique<Neighbor[]>(kSlab));
  Neighbor& entry = At(static_cast<uint32_t>(created_));
  entry.index = static_cast<uint32_t>(created_++);
  entry.timer.entry = &entry;
  return &entry;
}

// Gives the entry up that is missed least. What a stranger's request asks for (for_us false) never
// costs an entry that is known to be reachable.
bool NeighborCache::EvictFor(bool for_us, Instant now) {
  while (!reachable_.empty() && now >= reachable_.front().reachable_until)
    BecomeStale(reachable_.front());
  Neighbor* victim = nullptr;
  if (!stale_.empty()) {
    victim = &stale_.front();
  } else if (for_us && !unsure_.empty()) {
    victim = &unsure_.front();
  } else if (for_us && !reachable_.empty()) {
    victim = &reachable_.front();
  } else if (for_us && !incomplete_.empty()) {
    victim = &incomplete_.front();
  }
  if (victim == nullptr) return false;
  ++stats_.evicted;
  Release(*victim);
  return true;
}

void NeighborCache::Release(Neighbor& entry) {
  EnterState(entry, NeighborState::kFree);
  DropPending(entry);
  entry.output.Unlink();
  ++entry.generation;
  uint32_t* link = &buckets_[Bucket(entry.interface, entry.address)];
  while (*link != entry.index) link = &At(*link).next_in_bucket;
  *link = entry.next_in_bucket;
  --size_;
  free_.PushBack(entry);
}

void NeighborCache::DropPending(Neighbor& entry) {
  stats_.pending_dropped += entry.pending.size();
  pending_count_ -= entry.pending.size();
  entry.pending.Clear();
}

// --- states ---

void NeighborCache::EnterState(Neighbor& entry, NeighborState state) {
  if (entry.state == NeighborState::kIncomplete) --incomplete_count_;
  if (state == NeighborState::kIncomplete) ++incomplete_count_;
  entry.state = state;
  entry.order.Unlink();
  timers_.Cancel(entry.timer);
  entry.usable_until = Instant::min();
  entry.solicitations = 0;
  entry.solicit_due = false;
}

// Before the state that comes with it.
void NeighborCache::SetMac(Neighbor& entry, const MacAddress& mac) {
  const bool unresolved =
      entry.state == NeighborState::kIncomplete || entry.state == NeighborState::kFailed;
  const bool moved = entry.in_use && !entry.mac.IsZero() && !(entry.mac == mac);
  if (moved || (unresolved && entry.asked)) ++pressing_changes_;
  if (unresolved) entry.asked = false;
  entry.mac = mac;
}

void NeighborCache::StartIncomplete(Neighbor& entry, Instant now) {
  if (incomplete_count_ >= config_.max_incomplete) {
    ++stats_.evicted;
    Release(incomplete_.front());
  }
  EnterState(entry, NeighborState::kIncomplete);
  incomplete_.PushBack(entry);
  Solicit(entry, now);
}

void NeighborCache::BecomeReachable(Neighbor& entry, Instant now) {
  if (now >= redraw_at_) DrawReachableTime(now);
  EnterState(entry, NeighborState::kReachable);
  entry.reachable_until = entry.usable_until = now + reachable_time_;
  entry.changed = ++changes_;
  if (entry.asked) ++pressing_changes_;
  entry.asked = false;
  reachable_.PushBack(entry);
}

void NeighborCache::BecomeStale(Neighbor& entry) {
  EnterState(entry, NeighborState::kStale);
  entry.changed = ++changes_;
  stale_.PushBack(entry);
}

void NeighborCache::StartDelay(Neighbor& entry, Instant now) {
  EnterState(entry, NeighborState::kDelay);
  entry.usable_until = now + config_.delay_first_probe;
  timers_.Arm(entry.timer, entry.usable_until);
  unsure_.PushBack(entry);
}

void NeighborCache::StartProbe(Neighbor& entry, Instant now) {
  EnterState(entry, NeighborState::kProbe);
  entry.usable_until = kNever;  // Until the timer or an answer says otherwise.
  unsure_.PushBack(entry);
  Solicit(entry, now);
}

void NeighborCache::Fail(Neighbor& entry, Instant now) {
  ++stats_.failed;
  EnterState(entry, NeighborState::kFailed);
  timers_.Arm(entry.timer, now + config_.failure_hold);
  stale_.PushFront(entry);
  if (!entry.pending.empty()) SetOutput(entry);
}

void NeighborCache::Solicit(Neighbor& entry, Instant now) {
  ++entry.solicitations;
  entry.solicit_due = true;
  timers_.Arm(entry.timer, now + config_.retrans_timer);
  SetOutput(entry);
}

void NeighborCache::ConfirmSlow(Neighbor& entry, Instant now) {
  switch (entry.state) {
    case NeighborState::kReachable:
    case NeighborState::kStale:
    case NeighborState::kDelay:
    case NeighborState::kProbe:
      return BecomeReachable(entry, now);
    case NeighborState::kFree:
    case NeighborState::kIncomplete:
    case NeighborState::kFailed:
    case NeighborState::kStatic:
      return;
  }
}

void NeighborCache::SetOutput(Neighbor& entry) {
  if (!entry.output.linked()) outputs_.PushBack(entry);
}

void NeighborCache::DrawReachableTime(Instant now) {
  // RFC 4861 §6.3.2: uniform between 0.5 and 1.5 times the base.
  const Duration base = config_.base_reachable_time;
  reachable_time_ =
      base / 2 + Duration(static_cast<int64_t>(random_.Below(static_cast<uint64_t>(base.count()))));
  half_reachable_ = reachable_time_ / 2;
  redraw_at_ = now + kRedrawInterval;
}

}  // namespace corelane::arp
