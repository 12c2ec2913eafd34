// The neighbor cache of one stack: which MAC address an on-link IP address has, by ARP or neighbor
// discovery, with the states of RFC 4861 §7.3.2.
//
//            Lookup                 advertisement, solicited
//   (none) ---------> INCOMPLETE --------------------------> REACHABLE <---------+
//                         | 3 requests unanswered              | 15..45 s        | confirmed:
//                         v                                    v                 | solicited
//                       FAILED <--- 3 unanswered --- PROBE   STALE               | advertisement,
//                                                      ^       | Lookup          | or Confirm()
//                                                      | 5 s   v                 |
//                                                      +---- DELAY --------------+
//
// Sans-IO. Inputs: Lookup and Hold (something to send), OnAdvertisement, OnSolicitation, Confirm,
// OnTimer, each with `now`. Outputs, polled until Poll() says false after any input: solicitations
// to send, packets whose neighbor is resolved, packets whose neighbor does not answer.
//
//   const MacAddress* mac = cache.Find(path.neighbor, now);                        // a few ns
//   if (mac == nullptr) mac = cache.Lookup(interface, next_hop, now, path.neighbor);
//   if (mac == nullptr) cache.Hold(path.neighbor, std::move(packet), now);
//
// Messages that nobody asked for never create an entry; static entries never change. Belongs to one
// core.

#ifndef CORELANE_ARP_NEIGHBOR_CACHE_H_
#define CORELANE_ARP_NEIGHBOR_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/flow_hash.h"
#include "core/intrusive_list.h"
#include "core/ip_address.h"
#include "core/mac_address.h"
#include "core/packet.h"
#include "core/random.h"
#include "core/time.h"
#include "core/timer_wheel.h"

namespace corelane::arp {

enum class NeighborState : uint8_t {
  kFree,
  kIncomplete,
  kReachable,
  kStale,
  kDelay,
  kProbe,
  kFailed,
  kStatic,
};

struct Neighbor;

// Knows whose timer it is.
struct NeighborTimer : TimerNode {
  Neighbor* entry = nullptr;
};

// One entry, owned by the cache. Users hold a NeighborHandle.
struct Neighbor {
  // What Find() reads, on one cache line.
  Instant usable_until = Instant::min();  // before it, `mac` may be used without a thought
  uint32_t generation = 0;                // changes when the entry is given up
  MacAddress mac;
  NeighborState state = NeighborState::kFree;  // kReachable may have run out: use StateOf()
  bool is_router = false;
  bool in_use = false;  // was looked up
  bool asked = false;   // by Resolve(), and is not known to be reachable since
  Instant reachable_until = Instant::min();
  IpAddress address;
  uint16_t interface = 0;
  uint64_t changed = 0;       // NeighborCache::changes() when it was last learned or confirmed
  uint8_t solicitations = 0;  // sent in this state
  bool solicit_due = false;
  uint32_t index = 0;
  uint32_t next_in_bucket = 0;

  ListNode order;   // in the list of its class; static entries are in none
  ListNode output;  // in the list of entries with something to poll
  NeighborTimer timer;
  PacketQueue pending;
};

// What a path keeps. Trivial to copy; stays safe to use after the entry is gone.
struct NeighborHandle {
  Neighbor* entry = nullptr;
  uint32_t generation = 0;
};

struct NeighborConfig {
  size_t max_entries = 1024;
  size_t max_incomplete = 128;         // the oldest one makes room for a new one
  size_t max_pending_per_entry = 128;  // packets; RFC 4861 §7.2.2: the oldest makes room
  size_t max_pending = 512;            // packets in all
  Duration base_reachable_time = std::chrono::seconds(30);
  Duration retrans_timer = std::chrono::seconds(1);
  Duration delay_first_probe = std::chrono::seconds(5);
  Duration failure_hold = std::chrono::seconds(1);  // no new request that soon (RFC 1122 §2.3.2.1)
  uint8_t max_multicast_solicit = 3;
  uint8_t max_unicast_solicit = 3;
};

// What Poll() hands out.
struct NeighborOutput {
  enum class Kind : uint8_t {
    kSolicitMulticast,  // send an ARP request by broadcast, or an NS to the solicited-node group
    kSolicitUnicast,    // the same to `mac`
    kTransmit,          // send `packet` to `mac`
    kUnreachable,       // `packet` cannot be sent: tell its sender
  };
  Kind kind = Kind::kTransmit;
  uint16_t interface = 0;
  IpAddress address;  // the neighbor
  MacAddress mac;
  PacketBuf packet;
};

struct NeighborStats {
  uint64_t created = 0;
  uint64_t evicted = 0;
  uint64_t failed = 0;           // resolutions and probes without an answer
  uint64_t pending_dropped = 0;  // packets given up because a queue was full or its entry went
  uint64_t ignored = 0;          // advertisements that changed nothing
  uint64_t table_full = 0;
};

class NeighborCache {
 public:
  NeighborCache(const NeighborConfig& config, Random random, Instant now);
  ~NeighborCache();
  NeighborCache(const NeighborCache&) = delete;
  NeighborCache& operator=(const NeighborCache&) = delete;

  // --- sending ---

  // The hot path: where the neighbor is, or null when Lookup() has to be asked.
  const MacAddress* Find(const NeighborHandle& handle, Instant now) const {
    const Neighbor* entry = handle.entry;
    if (entry == nullptr || entry->generation != handle.generation || now >= entry->usable_until)
      return nullptr;
    return &entry->mac;
  }
  // Finds or creates the entry, starts what RFC 4861 asks of a use (resolution, or the delay before
  // a probe) and fills `handle`. Null: not resolved yet, or unreachable: Hold() the packet. The
  // handle stays empty when the table is full.
  const MacAddress* Lookup(uint16_t interface, const IpAddress& address, Instant now,
                           NeighborHandle& handle);
  // Keeps a packet until its neighbor is resolved: Poll() returns it as kTransmit or kUnreachable.
  // May drop it or an older one, which is counted.
  void Hold(const NeighborHandle& handle, PacketBuf packet, Instant now);
  // Forward progress was seen, such as new data acknowledged (RFC 4861 §7.3.1). Cheap enough for
  // every ACK.
  void Confirm(const NeighborHandle& handle, Instant now) {
    Neighbor* entry = handle.entry;
    if (entry == nullptr || entry->generation != handle.generation) return;
    if (entry->state == NeighborState::kReachable && now < entry->reachable_until - half_reachable_)
      return;
    ConfirmSlow(*entry, now);
  }

  // --- receiving ---

  // An ARP reply, gratuitous ARP (not solicited, override) or neighbor advertisement (RFC 4861
  // §7.2.5). For ARP say solicited = IsAwaited(...). Never creates an entry.
  void OnAdvertisement(uint16_t interface, const IpAddress& address,
                       const std::optional<MacAddress>& mac, bool solicited, bool override_flag,
                       bool is_router, Instant now);
  // A request for one of our own addresses that names its sender's MAC address (RFC 826, RFC 4861
  // §7.2.3), or a router's: creates or changes the entry, to STALE.
  void OnSolicitation(uint16_t interface, const IpAddress& address, const MacAddress& mac,
                      Instant now);
  // Somebody else asks for it: starts what makes it reachable at once, without the delay that a use
  // has. One that is reachable counts as changed.
  void Resolve(uint16_t interface, const IpAddress& address, Instant now);
  // Whether a solicitation to this neighbor is unanswered (INCOMPLETE or PROBE).
  bool IsAwaited(uint16_t interface, const IpAddress& address) const;
  // Whether its MAC address is being asked for.
  bool IsUnresolved(uint16_t interface, const IpAddress& address) const;

  // --- time and outputs ---

  void OnTimer(Instant now);
  // kNever when there is nothing to wait for.
  Instant NextDeadline() const { return timers_.NextDeadline(); }
  // False: OnTimer() has nothing to do at `now`. Cheaper than NextDeadline().
  bool MayBeDue(Instant now) const { return timers_.MayBeDue(now); }
  // Fills `output`; false: nothing (more) to do.
  bool Poll(NeighborOutput& output);

  // --- configuration ---

  // Adds or replaces an entry that never changes. False: the table is full.
  bool AddStatic(uint16_t interface, const IpAddress& address, const MacAddress& mac);
  // Removes an entry of any kind; its pending packets are dropped. False: there is none.
  bool Remove(uint16_t interface, const IpAddress& address);
  // Removes all entries of an interface but the static ones.
  void Flush(uint16_t interface);
  // From router advertisements (RFC 4861 §6.3.4). base: of the randomised reachable time.
  void set_base_reachable_time(Duration base, Instant now);
  void set_retrans_timer(Duration timer) { config_.retrans_timer = timer; }

  // --- looking at it ---

  // Null: no entry.
  const Neighbor* Get(uint16_t interface, const IpAddress& address) const;
  // With REACHABLE having become STALE by `now`.
  static NeighborState StateOf(const Neighbor& entry, Instant now) {
    return entry.state == NeighborState::kReachable && now >= entry.reachable_until
               ? NeighborState::kStale
               : entry.state;
  }
  // visit(const Neighbor&) for each entry, in a reproducible order.
  template <class F>
  void ForEach(F&& visit) const {
    for (size_t i = 0; i < created_; ++i) {
      const Neighbor& entry = At(static_cast<uint32_t>(i));
      if (entry.state != NeighborState::kFree) visit(entry);
    }
  }
  // Grows whenever a neighbor is learned or confirmed.
  uint64_t changes() const { return changes_; }
  // Grows with those of them that others must know of at once: what Resolve() asked for is known,
  // or a neighbor in use has another MAC address. Strangers' requests alone never make it grow.
  uint64_t pressing_changes() const { return pressing_changes_; }
  size_t size() const { return size_; }
  size_t incomplete() const { return incomplete_count_; }
  size_t pending_packets() const { return pending_count_; }
  const NeighborStats& stats() const { return stats_; }

 private:
  using OrderList = IntrusiveList<Neighbor, &Neighbor::order>;
  using OutputList = IntrusiveList<Neighbor, &Neighbor::output>;
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr size_t kSlab = 64;

  Neighbor& At(uint32_t index) const { return slabs_[index / kSlab][index % kSlab]; }
  uint32_t Bucket(uint16_t interface, const IpAddress& address) const;
  Neighbor* FindEntry(uint16_t interface, const IpAddress& address) const;
  Neighbor* Create(uint16_t interface, const IpAddress& address, bool for_us, Instant now);
  Neighbor* TakeFree();
  bool EvictFor(bool for_us, Instant now);
  void Release(Neighbor& entry);

  // Changes of state; each leaves timer, lists and usable_until consistent.
  void EnterState(Neighbor& entry, NeighborState state);
  void SetMac(Neighbor& entry, const MacAddress& mac);
  void StartIncomplete(Neighbor& entry, Instant now);
  void BecomeReachable(Neighbor& entry, Instant now);
  void BecomeStale(Neighbor& entry);
  void StartDelay(Neighbor& entry, Instant now);
  void StartProbe(Neighbor& entry, Instant now);
  void Fail(Neighbor& entry, Instant now);
  void OnEntryTimer(Neighbor& entry, Instant now);
  void Solicit(Neighbor& entry, Instant now);
  void ConfirmSlow(Neighbor& entry, Instant now);
  void SetOutput(Neighbor& entry);
  void DropPending(Neighbor& entry);
  void DrawReachableTime(Instant now);

  NeighborConfig config_;
  Random random_;
  FlowHashKey hash_key_;
  Duration reachable_time_{};
  Duration half_reachable_{};
  Instant redraw_at_;
  TimerWheel timers_;
  std::vector<std::unique_ptr<Neighbor[]>> slabs_;
  size_t created_ = 0;
  size_t size_ = 0;
  uint64_t changes_ = 0;
  uint64_t pressing_changes_ = 0;
  size_t incomplete_count_ = 0;
  size_t pending_count_ = 0;
  std::vector<uint32_t> buckets_;
  OrderList free_;
  OrderList incomplete_;  // oldest first
  OrderList reachable_;   // first to run out first, or nearly
  OrderList stale_;       // least recently used first; failed ones in front
  OrderList unsure_;      // delay and probe, oldest first
  OutputList outputs_;
  NeighborStats stats_;
};

}  // namespace corelane::arp

#endif  // CORELANE_ARP_NEIGHBOR_CACHE_H_
