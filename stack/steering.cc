#include "stack/steering.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/check.h"
#include "ip/protocol.h"
#include "udp/udp_table.h"

namespace corelane::stack {
namespace {

uint32_t PortKey(uint8_t protocol, uint16_t port) { return uint32_t{protocol} << 16 | port; }

// The n-th lane of a set, n modulo its size.
size_t Pick(LaneMask lanes, uint32_t n) {
  n %= static_cast<uint32_t>(std::popcount(lanes));
  while (n-- > 0) lanes &= lanes - 1;
  return static_cast<size_t>(std::countr_zero(lanes));
}

}  // namespace

Steering::Steering(const Toeplitz::Key& key, std::vector<uint8_t> table, size_t lanes)
    : toeplitz_(key), table_(std::move(table)), previous_(table_.size(), kNone), lanes_(lanes) {
  CL_CHECK(lanes >= 1 && lanes <= kMaxLanes && std::has_single_bit(table_.size()));
  CL_CHECK(std::all_of(table_.begin(), table_.end(), [&](uint8_t l) { return l < lanes; }));
}

size_t Steering::Home(uint8_t protocol, const tcp::FourTuple& tuple, uint32_t hash) const {
  const size_t lane = LaneOf(hash);
  const uint32_t key = PortKey(protocol, tuple.local_port);
  const auto port = std::lower_bound(ports_.begin(), ports_.end(), key,
                                     [](const Port& p, uint32_t k) { return p.key < k; });
  if (port == ports_.end() || port->key != key) {
    // A lane's UDP sockets take ephemeral ports of their own lane: one of them may have any peers.
    if (protocol == ip::protocol::kUdp && tuple.local_port >= udp::UdpTable::kFirstEphemeral) {
      return tuple.local_port % lanes_;
    }
    return lane;
  }
  return (port->lanes & LaneBit(lane)) != 0 ? lane : Pick(port->lanes, hash >> 8);
}

std::optional<size_t> Steering::Next(uint8_t protocol, const tcp::FourTuple& tuple, uint32_t hash,
                                     const Journey& journey, size_t self) const {
  const Claims* const claims = claims_[hash % kClaimShards].get();
  for (const Flow& claim : claims != nullptr ? std::span(*claims) : std::span<const Flow>()) {
    if (claim.tuple != tuple || claim.protocol != protocol || claim.lane == self) continue;
    if (journey.hops >= kMaxHops) return std::nullopt;
    return claim.lane;
  }
  const LaneMask visited = journey.visited | LaneBit(self);
  const uint8_t previous = previous_[BucketOf(hash)];
  if (previous != kNone && (visited & LaneBit(previous)) == 0) return previous;
  return Home(protocol, tuple, hash);
}

void Steering::MoveBucket(size_t bucket, size_t lane) {
  if (table_[bucket] == lane) return;
  previous_[bucket] = table_[bucket];
  table_[bucket] = static_cast<uint8_t>(lane);
}

std::vector<Steering::Port>::iterator Steering::FindPort(uint32_t key) {
  return std::lower_bound(ports_.begin(), ports_.end(), key,
                          [](const Port& p, uint32_t k) { return p.key < k; });
}

void Steering::AddPort(uint8_t protocol, uint16_t port, size_t lane) {
  const uint32_t key = PortKey(protocol, port);
  auto at = FindPort(key);
  if (at == ports_.end() || at->key != key) {
    at = ports_.insert(at, Port{key, std::vector<uint32_t>(lanes_), 0});
  }
  ++at->sockets[lane];
  at->lanes |= LaneBit(lane);
}

void Steering::RemovePort(uint8_t protocol, uint16_t port, size_t lane) {
  const auto at = FindPort(PortKey(protocol, port));
  CL_CHECK(at != ports_.end() && at->key == PortKey(protocol, port) && at->sockets[lane] > 0);
  if (--at->sockets[lane] > 0) return;
  at->lanes &= ~LaneBit(lane);
  if (at->lanes == 0) ports_.erase(at);
}

template <class Change>
void Steering::ChangeClaims(uint8_t protocol, const tcp::FourTuple& tuple, Change&& change) {
  std::shared_ptr<const Claims>& shard = claims_[Hash(tuple) % kClaimShards];
  auto next = shard != nullptr ? std::make_shared<Claims>(*shard) : std::make_shared<Claims>();
  const size_t before = next->size();
  change(*next, std::find_if(next->begin(), next->end(), [&](const Flow& flow) {
    return flow.protocol == protocol && flow.tuple == tuple;
  }));
  claim_count_ += next->size() - before;
  shard = next->empty() ? nullptr : std::move(next);
}

void Steering::Claim(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane) {
  ChangeClaims(protocol, tuple, [&](Claims& flows, Claims::iterator at) {
    if (at != flows.end()) {
      at->lane = static_cast<uint8_t>(lane);
    } else {
      flows.push_back({protocol, tuple, static_cast<uint8_t>(lane)});
    }
  });
}

void Steering::Unclaim(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane) {
  ChangeClaims(protocol, tuple, [&](Claims& flows, Claims::iterator at) {
    if (at == flows.end() || at->lane != lane) return;
    *at = flows.back();
    flows.pop_back();
  });
}

}  // namespace corelane::stack
