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

Steering::Steering(const Toeplitz::Key& key, std::vector<uint8_t> table, size_t lanes,
                   driver::RssPorts ports)
    : toeplitz_(key),
      table_(std::move(table)),
      previous_(table_.size(), kNone),
      lanes_(lanes),
      hashed_(ports),
      ports_(std::make_shared<const std::vector<Port>>()) {
  CL_CHECK(lanes >= 1 && lanes <= kMaxLanes && std::has_single_bit(table_.size()));
  CL_CHECK(std::all_of(table_.begin(), table_.end(), [&](uint8_t l) { return l < lanes; }));
}

const Steering::Port* Steering::FindPort(uint8_t protocol, uint16_t port) const {
  const uint32_t key = PortKey(protocol, port);
  const auto at = std::lower_bound(ports_->begin(), ports_->end(), key,
                                   [](const Port& p, uint32_t k) { return p.key < k; });
  return at != ports_->end() && at->key == key ? &*at : nullptr;
}

size_t Steering::Home(uint8_t protocol, const tcp::FourTuple& tuple, uint32_t hash) const {
  const size_t lane = LaneOf(hash);
  const Port* const port = FindPort(protocol, tuple.local_port);
  if (port == nullptr) {
    // A lane's UDP sockets take ephemeral ports of their own lane: one of them may have any peers.
    if (protocol == ip::protocol::kUdp && tuple.local_port >= udp::UdpTable::kFirstEphemeral) {
      return tuple.local_port % lanes_;
    }
    return lane;
  }
  return (port->lanes & LaneBit(lane)) != 0 ? lane : Pick(port->lanes, hash >> 8);
}

std::optional<size_t> Steering::ClaimOf(uint8_t protocol, const tcp::FourTuple& tuple,
                                        uint32_t hash) const {
  if (claim_count_ == 0) return std::nullopt;
  const uint32_t key = HashesPorts(protocol) ? hash : HashAll(tuple);
  const Claims* const claims = claims_[key % kClaimShards].get();
  if (claims == nullptr) return std::nullopt;
  const auto at = Find(*claims, {key, protocol, 0, tuple});
  if (at == claims->end()) return std::nullopt;
  return at->lane;
}

std::optional<size_t> Steering::Next(uint8_t protocol, const tcp::FourTuple& tuple, uint32_t hash,
                                     const Journey& journey, size_t self) const {
  if (const auto claim = ClaimOf(protocol, tuple, hash); claim && *claim != self) {
    if (journey.hops >= kMaxHops) return std::nullopt;
    return claim;
  }
  const LaneMask visited = journey.visited | LaneBit(self);
  const uint8_t previous = previous_[BucketOf(hash)];
  if (previous != kNone && (visited & LaneBit(previous)) == 0) return previous;
  const size_t lane = LaneOf(hash);
  if ((visited & LaneBit(lane)) == 0) return lane;
  return Home(protocol, tuple, hash);
}

bool Steering::HasSettledBucket(size_t lane) const {
  for (size_t i = 0; i < table_.size(); ++i) {
    if (table_[i] == lane && previous_[i] == kNone) return true;
  }
  return false;
}

void Steering::MoveBucket(size_t bucket, size_t lane) {
  if (table_[bucket] == lane) return;
  previous_[bucket] = table_[bucket];
  table_[bucket] = static_cast<uint8_t>(lane);
}

// change(ports, where the port is or belongs)
template <class Change>
void Steering::ChangePorts(uint8_t protocol, uint16_t port, Change&& change) {
  auto next = std::make_shared<std::vector<Port>>(*ports_);
  change(*next, std::lower_bound(next->begin(), next->end(), PortKey(protocol, port),
                                 [](const Port& p, uint32_t k) { return p.key < k; }));
  ports_ = std::move(next);
}

void Steering::AddPort(uint8_t protocol, uint16_t port, size_t lane) {
  ChangePorts(protocol, port, [&](std::vector<Port>& ports, std::vector<Port>::iterator at) {
    const uint32_t key = PortKey(protocol, port);
    if (at == ports.end() || at->key != key) at = ports.insert(at, Port{.key = key});
    ++at->sockets[lane];
    at->lanes |= LaneBit(lane);
  });
}

void Steering::RemovePort(uint8_t protocol, uint16_t port, size_t lane) {
  ChangePorts(protocol, port, [&](std::vector<Port>& ports, std::vector<Port>::iterator at) {
    CL_CHECK(at != ports.end() && at->key == PortKey(protocol, port) && at->sockets[lane] > 0);
    if (--at->sockets[lane] > 0) return;
    at->lanes &= ~LaneBit(lane);
    if (at->lanes == 0) ports.erase(at);
  });
}

// Claims are sorted by their hash.
Steering::Claims::const_iterator Steering::Find(const Claims& claims, const Flow& flow) {
  auto at = std::lower_bound(claims.begin(), claims.end(), flow.hash,
                             [](const Flow& f, uint32_t hash) { return f.hash < hash; });
  for (; at != claims.end() && at->hash == flow.hash; ++at) {
    if (at->protocol == flow.protocol && at->tuple == flow.tuple) return at;
  }
  return claims.end();
}

void Steering::Claim(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane) {
  const Flow flow{HashAll(tuple), protocol, static_cast<uint8_t>(lane), tuple};
  std::shared_ptr<const Claims>& shard = claims_[flow.hash % kClaimShards];
  auto next = shard != nullptr ? std::make_shared<Claims>(*shard) : std::make_shared<Claims>();
  const auto at = next->begin() + (Find(*next, flow) - next->cbegin());
  if (at != next->end()) {
    at->lane = flow.lane;
  } else {
    next->insert(std::upper_bound(next->begin(), next->end(), flow.hash,
                                  [](uint32_t hash, const Flow& f) { return hash < f.hash; }),
                 flow);
    ++claim_count_;
  }
  shard = std::move(next);
}

void Steering::Unclaim(uint8_t protocol, const tcp::FourTuple& tuple, size_t lane) {
  const Flow flow{HashAll(tuple), protocol, static_cast<uint8_t>(lane), tuple};
  std::shared_ptr<const Claims>& shard = claims_[flow.hash % kClaimShards];
  if (shard == nullptr) return;
  const auto at = Find(*shard, flow);
  if (at == shard->end() || at->lane != lane) return;
  auto next = std::make_shared<Claims>(*shard);
  next->erase(next->begin() + (at - shard->begin()));
  --claim_count_;
  shard = next->empty() ? nullptr : std::move(next);
}

}  // namespace corelane::stack
