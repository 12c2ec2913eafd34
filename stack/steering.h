// Steering: which of a program's lanes owns a flow. One immutable value, published to all of them,
// so that all give the same answer.
//
//   packet of a flow that the lane at hand does not have:
//     claimed?  ---------------------------> the lane that claimed it
//     its bucket moved a while ago?  ------> the lane that had the bucket
//     table[toeplitz(tuple) mod size] -----> where the flow is, if anywhere
//     home: the same lane, unless nobody listens there but others do
//
// The packet visits these in this order; home, where it comes last, answers it whether or not it
// has the flow. Whatever is not where the table says is claimed: connections that moved, those with
// a port of their own choice, and those accepted for a lane that does not listen. So it does not
// matter to them who listens later. A flow that changes lanes while the packet looks for it may be
// missed: so a claim is followed wherever the packet was before, a few times. As long as nothing
// was claimed or moved and every lane listens, that is no visit at all where the device spreads
// packets by the same key and table.

#ifndef CORELANE_STACK_STEERING_H_
#define CORELANE_STACK_STEERING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/ip_address.h"
#include "core/toeplitz.h"
#include "driver/device.h"
#include "ip/protocol.h"
#include "tcp/flow_table.h"

namespace corelane::stack {

// A set of lanes, one bit each.
using LaneMask = uint64_t;
inline constexpr size_t kMaxLanes = 64;
inline constexpr LaneMask LaneBit(size_t lane) { return LaneMask{1} << lane; }

// How a packet came to the lane that has it.
struct Journey {
  LaneMask visited = 0;  // lanes that it was forwarded by
  uint8_t hops = 0;      // how often

  Journey From(size_t lane) const {
    return {visited | LaneBit(lane), static_cast<uint8_t>(hops + 1)};
  }
};

class Steering {
 public:
  // table: the lane of each bucket, a power of two of them; of `lanes` lanes. CHECKs both.
  Steering(const Toeplitz::Key& key, std::vector<uint8_t> table, size_t lanes,
           driver::RssPorts ports = {});

  size_t lanes() const { return lanes_; }
  const Toeplitz& toeplitz() const { return toeplitz_; }
  std::span<const uint8_t> table() const { return table_; }

  // Whether the protocol's ports have a part in the hash.
  bool HashesPorts(uint8_t protocol) const {
    return protocol == ip::protocol::kTcp ? hashed_.tcp : hashed_.udp;
  }
  // What the device computes for a packet that arrives for `tuple`, of TCP or UDP.
  uint32_t Hash(uint8_t protocol, const tcp::FourTuple& tuple) const {
    return HashesPorts(protocol) ? HashAll(tuple) : Hash(tuple.remote, tuple.local);
  }
  // Of a packet without ports, such as a fragment.
  uint32_t Hash(const IpAddress& remote, const IpAddress& local) const {
    return toeplitz_.Hash(remote, local);
  }
  size_t BucketOf(uint32_t hash) const { return hash & (table_.size() - 1); }
  // Whether the lane has a bucket none of whose flows is another lane's.
  bool HasSettledBucket(size_t lane) const;
  // Whether packets for the flow come to `lane` by themselves, and nobody else can have it.
  bool SettledOn(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane) const {
    const size_t bucket = BucketOf(Hash(protocol, tuple));
    return table_[bucket] == lane && previous_[bucket] == kNone;
  }
  size_t LaneOf(uint32_t hash) const { return table_[BucketOf(hash)]; }
  // Whether packets for the flow come to `lane` by themselves.
  bool LandsOn(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane) const {
    return LaneOf(Hash(protocol, tuple)) == lane;
  }

  // The lane that claimed the flow. hash: as for Next().
  std::optional<size_t> ClaimOf(uint8_t protocol, const tcp::FourTuple& tuple, uint32_t hash) const;
  // Whether a lane listens on the port, or has a UDP socket there.
  bool HasPort(uint8_t protocol, uint16_t port) const {
    return FindPort(protocol, port) != nullptr;
  }
  LaneMask LanesOf(uint8_t protocol, uint16_t port) const {
    const Port* const found = FindPort(protocol, port);
    return found == nullptr ? 0 : found->lanes;
  }

  static constexpr uint8_t kMaxHops = 8;
  // Where a packet goes whose flow the lane `self` does not know; self: it is to be answered there.
  // None: it has been sent around long enough.
  std::optional<size_t> Next(uint8_t protocol, const tcp::FourTuple& tuple, uint32_t hash,
                             const Journey& journey, size_t self) const;

  // --- making the next value: a copy, changed ---

  // The bucket's new flows belong to `lane`; those that exist stay where they are.
  void MoveBucket(size_t bucket, size_t lane);
  // No flow of the bucket is left where it was before.
  void ForgetPrevious(size_t bucket) { previous_[bucket] = kNone; }
  // The lane that had the bucket before it moved.
  std::optional<size_t> Previous(size_t bucket) const {
    if (previous_[bucket] == kNone) return std::nullopt;
    return previous_[bucket];
  }
  // `lane` listens on the port, or has a UDP socket there; once for each.
  void AddPort(uint8_t protocol, uint16_t port, size_t lane);
  void RemovePort(uint8_t protocol, uint16_t port, size_t lane);
  // The flow is `lane`'s, whatever its hash. Replaces an earlier claim.
  void Claim(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane);
  void Unclaim(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane);
  size_t claims() const { return claim_count_; }

 private:
  static constexpr uint8_t kNone = 0xff;
  // Lanes with a socket on a port.
  struct Port {
    uint32_t key = 0;                              // protocol and port
    std::array<uint32_t, kMaxLanes> sockets = {};  // by lane
    LaneMask lanes = 0;
  };
  struct Flow {
    uint32_t hash;  // HashAll()
    uint8_t protocol;
    uint8_t lane;
    tcp::FourTuple tuple;
  };
  using Claims = std::vector<Flow>;
  static constexpr size_t kClaimShards = 256;

  uint32_t HashAll(const tcp::FourTuple& tuple) const {
    return toeplitz_.Hash(tuple.remote, tuple.remote_port, tuple.local, tuple.local_port);
  }
  size_t Home(uint8_t protocol, const tcp::FourTuple& tuple, uint32_t hash) const;
  // Null: nobody has it.
  const Port* FindPort(uint8_t protocol, uint16_t port) const;
  template <class Change>
  void ChangePorts(uint8_t protocol, uint16_t port, Change&& change);
  static Claims::const_iterator Find(const Claims& claims, const Flow& flow);

  Toeplitz toeplitz_;
  std::vector<uint8_t> table_;
  std::vector<uint8_t> previous_;
  size_t lanes_;
  driver::RssPorts hashed_;
  // Versions share what is the same.
  std::shared_ptr<const std::vector<Port>> ports_;  // sorted by key
  // By HashAll(), each sorted by it; null: none.
  std::array<std::shared_ptr<const Claims>, kClaimShards> claims_;
  size_t claim_count_ = 0;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_STEERING_H_
