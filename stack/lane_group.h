// LaneGroup: what the stacks of several cores share, one lane each: who owns which flow, packets on
// their way to their owners, and the addresses, routes and neighbors that lane 0 keeps for all.
//
//   LaneGroup group({.lanes = 4});
//   stack::Stack stack(options, now, &group.lane(i));             // on the thread of lane i
//
//   lane i --Forward--> [ ring i->j ] --TakeForwarded--> lane j    copies, and gives back
//          <-EndTurn--- [ used i<-j ] <----------------
//
//   A lane without a queue of the device sends the same way, by the lane that has one for it:
//   lane i --SendByCarrier--> [ ring ] --TakeCarried--> carrier    copies, and gives back
//
//
// Configuration is published as immutable values (core/published.h): a lane looks at one counter a
// turn and takes over what changed. Changing it takes a lock, which no lane ever waits for on the
// data path. Lane 0's stack is where addresses, routes and neighbors are changed at run time; it
// alone answers and asks for neighbors.
//
// Ownership: devices outlive the group, the group outlives the stacks. Threading: each Lane belongs
// to its stack's thread; what a LaneGroup offers itself may be called by any.

#ifndef CORELANE_STACK_LANE_GROUP_H_
#define CORELANE_STACK_LANE_GROUP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/counter.h"
#include "core/packet.h"
#include "core/published.h"
#include "core/spsc_queue.h"
#include "core/time.h"
#include "driver/device.h"
#include "driver/wake_flag.h"
#include "ip/address_table.h"
#include "ip/route_table.h"
#include "stack/moving_socket.h"
#include "stack/rebalancer.h"
#include "stack/steering.h"

namespace corelane::stack {

class LaneGroup;

struct LaneGroupOptions {
  LaneGroupOptions() {}

  size_t lanes = 1;  // at most kMaxLanes
  // The device's, where it has fewer than there are lanes: the first lanes have one each and send
  // for the others, which receive nothing but what is forwarded to them. 0: one for each lane.
  size_t queues = 0;
  // The device's, where it spreads packets itself; else software does by these.
  Toeplitz::Key key = Toeplitz::kSymmetricKey;
  std::vector<uint8_t> table;  // a power of two; empty: 128 buckets, in turn
  driver::RssPorts ports;
  size_t forward_ring = 1024;     // packets on their way from one lane to another
  size_t forward_packets = 8192;  // copies that a lane holds of what was forwarded to it
  // The device puts this very hash into received packets (flow_hash).
  bool trust_flow_hash = false;
  // When and how buckets change lanes under uneven load (lane_balancer.h).
  RebalanceOptions rebalance;
  // Tells the device of a changed table; called by lane 0. Empty: it spreads packets in its own
  // way.
  std::function<void(std::span<const uint8_t> table)> redirect;
};

// A packet on its way to another lane: on loan. What a receiver needs of its head travels here, so
// that the head's lines stay the sender's.
struct Forwarded {
  enum class Kind : uint8_t { kIp, kArp };

  // --- what the stack says of it, and is told ---
  Journey journey;
  uint16_t interface = 0;
  uint8_t source = 0;  // the lane that it came from
  Kind kind = Kind::kIp;
  bool link_group = false;  // came as a link-layer broadcast or multicast

  // --- the lanes' own ---
  uint8_t flags = 0;  // these are the head's
  uint8_t ecn = 0;
  ChecksumState l3_checksum = ChecksumState::kNone;
  ChecksumState l4_checksum = ChecksumState::kNone;
  PacketHead* packet = nullptr;   // begins with its IP header, or the ARP message
  const uint8_t* data = nullptr;  // null: it has several segments
  uint32_t length = 0;
  uint32_t flow_hash = 0;
  uint16_t segment_size = 0;
  uint16_t segment_count = 0;
};

// What lane 0 knows of a neighbor.
struct PublishedNeighbor {
  IpAddress address;
  MacAddress mac;
  uint16_t interface = 0;
  bool is_router = false;
  Instant reachable_until{};
  uint64_t stamp = 0;  // grows with each change of any neighbor
};

// Sorted by interface and address.
struct NeighborSnapshot {
  std::vector<PublishedNeighbor> neighbors;
  uint64_t stamp = 0;  // the highest one

  const PublishedNeighbor* Find(uint16_t interface, const IpAddress& address) const;
};

struct NetworkSnapshot {
  std::vector<ip::InterfaceAddress> addresses;
  ip::RouteTable routes;
  uint64_t stamp = 0;  // grows with each change; 0: none published yet
};

// A question to lane 0: where is this neighbor?
struct NeighborQuestion {
  IpAddress address;
  uint16_t interface = 0;
};

struct LaneCounters {
  Counter forwarded_out;
  Counter forwarded_in;
  Counter forward_drops;  // the ring was full, or the lane had no packet to copy to
  Counter carried_out;    // frames that another lane was given to send
  Counter carried_in;     // frames sent for other lanes
  Counter bucket_moves;   // that lane 0 decided on
};

// What a lane did for the flows of one bucket.
struct LaneLoad {
  Counter packets;
  Counter flows;           // that it has now: connections, connected datagram sockets
  Counter begun;           // all that it ever had
  Counter datagram_flows;  // the latter alone
};

// One core's side of the group.
class Lane {
 public:
  Lane(LaneGroup& group, size_t index, size_t lanes, size_t queues, size_t buckets)
      : group_(group),
        index_(index),
        lanes_(lanes),
        queues_(queues),
        loads_(std::make_unique<LaneLoad[]>(buckets)) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  static constexpr size_t kBurst = 32;  // that are copied in one go

  size_t index() const { return index_; }
  // It keeps addresses, routes and neighbors.
  bool is_owner() const { return index_ == 0; }
  LaneGroup& group() { return group_; }

  // --- the turn ---
  // The stack begins or ends to use the lane. Packets and connections that are on their way to it
  // are dropped at the end.
  void Join();
  void Leave();
  // Whether something was published; the accessors below show it then, until the next call.
  bool Refresh();
  const Steering& steering() const { return *steering_; }
  const NetworkSnapshot& network() const { return *network_; }
  const NeighborSnapshot& neighbors() const { return *neighbors_; }

  // Hands a packet over, with the next Publish(). False: the ring is full; counted, and the packet
  // is gone.
  bool Forward(size_t to, const Forwarded& how, PacketBuf packet);
  void Publish();
  // --- sending without a queue (LaneGroupOptions::queues) ---
  // The lane that sends for this one; itself where it has a queue.
  size_t carrier() const { return index_ < queues_ ? index_ : index_ % queues_; }
  // How many lanes this one sends for.
  size_t served() const { return index_ < queues_ ? (lanes_ - 1 - index_) / queues_ : 0; }
  // Hands a prefix of `in`, whole frames, to the carrier, to be sent from its interface of that
  // index. Returns its length: less than in.size() means that the ring is full.
  size_t SendByCarrier(uint16_t interface, std::span<PacketBuf> in);
  // Of a carrier: up to out.size() frames on loan, of each of its lanes in turn; every one is to be
  // given back when it was copied. Only packet and interface of a Forwarded say something.
  size_t TakeCarried(std::span<Forwarded> out);
  void GiveBack(const Forwarded& carried);

  // Fills out[0..returned) with copies, and how[] with what is known of them.
  size_t TakeForwarded(std::span<PacketBuf> out, std::span<Forwarded> how);
  // Publishes; frees what other lanes have copied, wakes those that something was handed to.
  void EndTurn();
  // All lanes, at the end of the turn.
  void WakeAll() { touched_ = ~LaneMask{0} >> (kMaxLanes - lanes_) & ~LaneBit(index_); }
  // Hands a connection over at once, where MaySend(): who sees what is published or forwarded to
  // the other lane afterwards finds it there.
  void Send(size_t to, std::unique_ptr<MovingSocket> socket);
  // False: too many are on their way to that lane.
  bool MaySend(size_t to) const;
  // Null: none waits. To be called after Refresh() and TakeForwarded(), and before what those
  // brought is looked at.
  std::unique_ptr<MovingSocket> TakeMoved();
  // ChangeSteering() has shown this lane what others published, and TakeMoved() was not asked
  // since.
  bool is_ahead() const { return ahead_; }
  // Applied as by LaneGroup::ChangeSteering(); steering() shows it at once.
  template <class Change>
  void ChangeSteering(Change&& change);
  // Of lane 0, lossy: who asks repeats it.
  void Ask(const NeighborQuestion& question);
  std::optional<NeighborQuestion> TakeQuestion();

  // Whether the stack's next turn would find something: packets, questions, published changes.
  bool HasInput() const;
  // As driver::DeviceQueue::ArmWake().
  std::optional<driver::WakeSource> ArmWake();

  // Packets that were handed to other lanes and have not come back.
  size_t on_loan() const { return out_; }

  LaneCounters& counters() { return counters_; }
  // Written by this lane, read by lane 0.
  const LaneLoad& load(size_t bucket) const { return loads_[bucket]; }
  void CountPackets(size_t bucket, uint64_t n) { loads_[bucket].packets.Increment(n); }
  void CountFlow(size_t bucket, bool begins) {
    loads_[bucket].flows.Increment(begins ? 1 : UINT64_MAX);
    if (begins) loads_[bucket].begun.Increment();
  }
  void CountDatagramFlow(size_t bucket, bool begins) {
    CountFlow(bucket, begins);
    loads_[bucket].datagram_flows.Increment(begins ? 1 : UINT64_MAX);
  }

 private:
  friend class LaneGroup;

  // Bytes of a packet that are asked for ahead of its copying; of more the processor sees the
  // pattern.
  static constexpr uint32_t kPrefetched = 512;

  void Disarm();
  size_t TakeFrom(size_t lane, std::span<PacketBuf> out, std::span<Forwarded> how);
  PacketBuf CopyOf(const Forwarded& forwarded);
  // Takes back what another lane has copied; `out` packets are on their way.
  void Reclaim(SpscQueue<PacketHead*>& used, size_t& out);

  LaneGroup& group_;
  const size_t index_;
  const size_t lanes_;
  const size_t queues_;
  const std::unique_ptr<LaneLoad[]> loads_;  // by bucket
  const Steering* steering_ = nullptr;
  const NetworkSnapshot* network_ = nullptr;
  const NeighborSnapshot* neighbors_ = nullptr;
  PacketPoolPtr pool_;
  size_t next_source_ = 0;
  size_t next_carried_ = 0;
  size_t out_ = 0;        // packets that are not back yet
  LaneMask touched_ = 0;  // lanes to wake at the end of the turn
  LaneMask staged_ = 0;   // lanes whose packets they can't see yet
  bool armed_ = false;
  bool ahead_ = false;
  LaneCounters counters_;
  alignas(64) driver::WakeFlag wake_;
};

class LaneGroup {
 public:
  // CHECKs what steering.h does.
  explicit LaneGroup(const LaneGroupOptions& options);
  ~LaneGroup();
  LaneGroup(const LaneGroup&) = delete;
  LaneGroup& operator=(const LaneGroup&) = delete;

  size_t lanes() const { return lanes_.size(); }
  Lane& lane(size_t index) { return *lanes_[index]; }
  const LaneGroupOptions& options() const { return options_; }

  // --- any thread ---
  // Old values beyond which lanes that sleep are woken to let go of them.
  static constexpr size_t kMaxKept = 64;

  // change(Steering&): applied to a copy, which all lanes see from their next turns on. Lanes that
  // sleep are not woken for it, but for the memory that many changes take.
  template <class Change>
  void ChangeSteering(Change&& change) {
    bool many;
    {
      std::lock_guard lock(writers_);
      auto next = std::make_unique<Steering>(steering_.Load());
      change(*next);
      steering_.Publish(std::move(next));
      many = steering_.retired() > kMaxKept;
    }
    if (many) [[unlikely]] {
      WakeLagging();
    }
  }
  // Values that some lane may still use, but for the last one.
  size_t kept() const {
    std::lock_guard lock(writers_);
    return steering_.retired();
  }
  // A copy of what holds now.
  Steering steering() const {
    std::lock_guard lock(writers_);
    return steering_.Load();
  }
  // SYN cookies of any lane may come back until then, to any lane that the flow has moved to.
  void AwaitCookies(Instant until) {
    cookies_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
  }
  Instant cookies_until() const {
    return Instant(Duration(cookies_until_.load(std::memory_order_relaxed)));
  }
  // --- lane 0 ---
  void PublishNetwork(NetworkSnapshot network);
  void PublishNeighbors(NeighborSnapshot neighbors);

 private:
  friend class Lane;

  // One direction between two lanes.
  struct Channel {
    explicit Channel(size_t depth) : forwarded(depth), used(depth) {}
    SpscQueue<Forwarded> forwarded;
    SpscQueue<PacketHead*> used;
    alignas(64) size_t out = 0;  // the producer's: packets that are not back yet
    SpscQueue<std::unique_ptr<MovingSocket>> moving{kMoving};
  };
  static constexpr size_t kMoving = 64;
  static constexpr size_t kQuestions = 256;

  Channel& channel(size_t from, size_t to) { return *channels_[from * lanes() + to]; }
  // Null: the lane has a queue.
  Channel* egress(size_t from) { return egress_[from].get(); }
  static void FreeAll(Channel& channel);
  // Those that keep many old values.
  void WakeLagging();

  const LaneGroupOptions options_;
  mutable std::mutex writers_;
  Readers readers_;
  std::atomic<Duration::rep> cookies_until_{Duration::min().count()};
  Published<Steering> steering_;
  Published<NetworkSnapshot> network_;
  Published<NeighborSnapshot> neighbors_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<std::unique_ptr<Channel>> egress_;                         // to a lane's carrier
  std::vector<std::unique_ptr<SpscQueue<NeighborQuestion>>> questions_;  // by who asks
  std::vector<std::unique_ptr<Lane>> lanes_;
};

template <class Change>
void Lane::ChangeSteering(Change&& change) {
  group_.ChangeSteering(change);
  // Not Seen(): the next turn still finds that something has changed. Older values live until then.
  steering_ = &group_.steering_.Load();
  ahead_ = true;
}

}  // namespace corelane::stack

#endif  // CORELANE_STACK_LANE_GROUP_H_
