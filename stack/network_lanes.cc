// One lane among several: what is shared with the others, and packets that are theirs.

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "ip/protocol.h"
#include "stack/copy_flat.h"
#include "stack/network.h"
#include "stack/tcp_layer.h"

namespace corelane::stack {

void Network::JoinLane(Lane& lane, Instant now) {
  if (lane.group().lanes() == 1) return;
  lane_ = &lane;
  burst_ = std::make_unique<LaneBurst>();
  lane.Join();
  if (lane.is_owner() && lane.group().options().rebalance.interval > Duration(0)) {
    balancer_ = std::make_unique<LaneBalancer>(lane.group(), now);
  }
}

// --- what is shared ---

size_t Network::BeginLaneTurn(Instant now) {
  lane_->Publish();  // what the devices brought
  const bool fresh = lane_->Refresh();
  if (lane_->is_owner()) {
    while (const auto question = lane_->TakeQuestion()) {
      neighbors_.Resolve(question->interface, question->address, now);
    }
    PumpNeighbors(now);
    if (balancer_ != nullptr && now >= balancer_->next()) [[unlikely]] {
      balancer_->Look(now);
    }
  } else if (fresh || network_stamp_ == 0) {
    TakeOverNetwork();
    TakeOverNeighbors(now);
  }
  if (lane_->served() > 0) Carry(now);
  auto& [packets, how] = *burst_;
  const size_t n = lane_->TakeForwarded(packets, how);
  const size_t moved = tcp_->TakeMoved(now);
  if (n == 0) return moved;
  tcp_->set_merging(n > 1);
  for (size_t i = 0; i < n; ++i) {
    if (how[i].interface >= interfaces_.size()) {
      packets[i].Reset();
      continue;
    }
    Interface& interface = *interfaces_[how[i].interface];
    link_group_ = how[i].link_group;
    journey_ = how[i].journey;
    if (how[i].kind == Forwarded::Kind::kArp) {
      InputArp(interface, packets[i], now);
      packets[i].Reset();
    } else {
      const bool v4 = packets[i].data()[0] >> 4 == 4;
      InputIp(interface, std::move(packets[i]), v4, now);
    }
  }
  journey_ = {};
  tcp_->FlushMerged(now);
  return n + moved;
}

void Network::EndLaneTurn(Instant now) {
  if (lane_->is_owner()) {
    const uint64_t generation = addresses_.generation() + routes_.generation();
    if (generation != network_generation_) [[unlikely]] {
      network_generation_ = generation;
      const auto addresses = addresses_.addresses();
      lane_->group().PublishNetwork(
          {{addresses.begin(), addresses.end()}, routes_, ++network_stamp_});
      lane_->WakeAll();
    }
    const bool pressing = neighbors_.pressing_changes() != pressing_stamp_;
    if (HasNeighborsToPublish() && (pressing || now >= next_publication_)) [[unlikely]] {
      PublishNeighbors(now);
    }
  }
  lane_->EndTurn();
}

void Network::PublishNeighbors(Instant now) {
  neighbor_stamp_ = neighbors_.changes();
  pressing_stamp_ = neighbors_.pressing_changes();
  next_publication_ = now + kNeighborInterval;
  NeighborSnapshot snapshot;
  snapshot.stamp = neighbor_stamp_;
  neighbors_.ForEach([&](const arp::Neighbor& n) {
    PublishedNeighbor published{n.address,   n.mac,          n.interface,
                                n.is_router, Instant::min(), n.changed};
    switch (arp::NeighborCache::StateOf(n, now)) {
      case arp::NeighborState::kStatic:
        published.reachable_until = kNever;
        break;
      case arp::NeighborState::kReachable:
        published.reachable_until = n.reachable_until;
        break;
      case arp::NeighborState::kStale:
      case arp::NeighborState::kDelay:
      case arp::NeighborState::kProbe:
        break;
      case arp::NeighborState::kFree:
      case arp::NeighborState::kIncomplete:
      case arp::NeighborState::kFailed:
        return;
    }
    snapshot.neighbors.push_back(published);
  });
  lane_->group().PublishNeighbors(std::move(snapshot));
  lane_->WakeAll();
}

void Network::TakeOverNetwork() {
  const NetworkSnapshot& published = lane_->network();
  if (published.stamp == network_stamp_) return;
  network_stamp_ = published.stamp;
  const auto same = [](const ip::InterfaceAddress& a, const ip::InterfaceAddress& b) {
    return a.interface == b.interface && a.prefix == b.prefix;
  };
  const std::vector<ip::InterfaceAddress> own(addresses_.addresses().begin(),
                                              addresses_.addresses().end());
  for (const ip::InterfaceAddress& a : own) {
    const bool stays = std::any_of(published.addresses.begin(), published.addresses.end(),
                                   [&](const ip::InterfaceAddress& p) { return same(a, p); });
    if (!stays) addresses_.Remove(a.interface, a.prefix.address);
  }
  for (const ip::InterfaceAddress& p : published.addresses) {
    const ip::InterfaceAddress* const mine = addresses_.Find(p.interface, p.prefix.address);
    if (mine == nullptr) {
      // It was good enough for lane 0.
      static_cast<void>(addresses_.Add(p.interface, p.prefix, p.state));
    } else if (mine->state != p.state) {
      addresses_.SetState(p.interface, p.prefix.address, p.state);
    }
  }
  routes_.Replace(published.routes);
}

// Whatever lane 0 learned about neighbors that this lane uses.
void Network::TakeOverNeighbors(Instant now) {
  const NeighborSnapshot& published = lane_->neighbors();
  if (published.stamp == neighbor_stamp_) return;
  for (const PublishedNeighbor& n : published.neighbors) {
    if (n.stamp <= neighbor_stamp_) continue;
    neighbors_.OnAdvertisement(n.interface, n.address, n.mac, n.reachable_until > now, true,
                               n.is_router, now);
  }
  neighbor_stamp_ = published.stamp;
  PumpNeighbors(now);
}

// In the place of a solicitation.
void Network::AskOwner(const arp::NeighborOutput& output, Instant now) {
  const PublishedNeighbor* const known = lane_->neighbors().Find(output.interface, output.address);
  const bool reachable = known != nullptr && known->reachable_until > now;
  if (known != nullptr && (reachable || neighbors_.IsUnresolved(output.interface, output.address)))
    neighbors_.OnAdvertisement(output.interface, output.address, known->mac, reachable, true,
                               known->is_router, now);
  if (!reachable) lane_->Ask({output.address, output.interface});
}

// --- packets ---

// What the devices do not take stays in the rings, and so with the lanes that want to send it.
void Network::Carry(Instant now) {
  std::array<Forwarded, Lane::kBurst>& frames = burst_->how;
  for (size_t i = 0; i < options_.transmit_batches && !interfaces_.empty(); ++i) {
    size_t room = frames.size();
    for (const auto& interface : interfaces_) {
      if (interface->room() == 0) interface->Flush(now);
      room = std::min(room, interface->room());
    }
    if (room == 0) return;
    const size_t n = lane_->TakeCarried(std::span(frames).first(room));
    for (const Forwarded& each : std::span(frames).first(n)) {
      bool taken = false;
      if (each.interface < interfaces_.size()) {
        Interface& interface = *interfaces_[each.interface];
        PacketBuf frame = CopyFlat(*each.packet, interface.cache());
        taken = frame && interface.Enqueue(std::move(frame));
      }
      lane_->GiveBack(each);
      if (!taken) Drop(ip::DropReason::kNoBuffer);
    }
    if (n < room) return;
  }
}

void Network::Forward(size_t to, Forwarded::Kind kind, PacketBuf packet) {
  Forwarded how;
  how.journey = journey_.From(lane_->index());
  how.interface = packet->interface;
  how.kind = kind;
  how.link_group = link_group_;
  if (!lane_->Forward(to, how, std::move(packet))) Drop(ip::DropReason::kForwardRingFull);
}

bool Network::SteerToOwner(PacketBuf& packet, Forwarded::Kind kind) {
  if (lane_ == nullptr || lane_->is_owner()) return false;
  Forward(0, kind, std::move(packet));
  return true;
}

bool Network::SteerFlow(PacketBuf& packet, uint8_t protocol, const tcp::FourTuple& tuple,
                        const uint32_t* hash) {
  const bool tcp = protocol == ip::protocol::kTcp;
  if (tcp && tcp_->HasConnection(tuple)) return false;  // the connection counts it
  if (tcp && lane_->is_ahead()) [[unlikely]] {
    tcp_->TakeMoved(tcp_->now());
    if (tcp_->HasConnection(tuple)) return false;
  }
  const Steering& steering = lane_->steering();
  const uint32_t flow_hash = hash != nullptr ? *hash : steering.Hash(protocol, tuple);
  const bool known = !tcp && sink_->HasUdpFlow(tuple);
  // What another lane has now goes before what was here once.
  if (tcp && tcp_->HasTimeWait(tuple) &&
      steering.ClaimOf(protocol, tuple, flow_hash).value_or(lane_->index()) == lane_->index()) {
    return false;
  }
  if (!known) {
    Journey journey = journey_;
    const size_t bucket = steering.BucketOf(flow_hash);
    // Datagrams of no flow need not ask where there is none. (A SYN may be for TIME-WAIT there.)
    const auto skip = [&](size_t lane) {
      if (tcp || lane_->group().lane(lane).load(bucket).datagram_flows.value() != 0) return;
      journey.visited |= LaneBit(lane);
    };
    if (const auto previous = steering.Previous(bucket)) [[unlikely]]
      skip(*previous);
    skip(steering.LaneOf(flow_hash));
    const std::optional<size_t> next =
        steering.Next(protocol, tuple, flow_hash, journey, lane_->index());
    if (!next) {
      packet.Reset();
      Drop(ip::DropReason::kForwardedTooOften);
      return true;
    }
    if (*next != lane_->index()) {
      Forward(*next, Forwarded::Kind::kIp, std::move(packet));
      return true;
    }
  }
  lane_->CountPackets(steering.BucketOf(flow_hash), 1);
  return false;
}

bool Network::SteerTransport(PacketBuf& packet, const ip::IpIngress& ip) {
  if (packet.size() < ip.header_length + size_t{4} || ip.payload_length < 4) return false;
  const uint8_t* const ports = packet.data() + ip.header_length;
  const tcp::FourTuple tuple{ip.dst, ip.src, LoadBe16(ports + 2), LoadBe16(ports)};
  const bool hashed =
      lane_->group().options().trust_flow_hash && (packet->flags & PacketHead::kHasFlowHash) != 0;
  const uint32_t hash = packet->flow_hash;
  return SteerFlow(packet, ip.protocol, tuple, hashed ? &hash : nullptr);
}

// Every lane with a socket on the port gets it; those without one have no part in it.
bool Network::SteerGroup(PacketBuf& packet, const ip::IpIngress& ip) {
  if (packet.size() < ip.header_length + size_t{4} || ip.payload_length < 4) return false;
  const uint16_t port = LoadBe16(packet.data() + ip.header_length + 2);
  const LaneMask lanes = lane_->steering().LanesOf(ip::protocol::kUdp, port);
  if (lanes == 0) return SteerTransport(packet, ip);
  if (journey_.hops > 0) return false;
  for (LaneMask rest = lanes & ~LaneBit(lane_->index()); rest != 0; rest &= rest - 1) {
    PacketBuf copy = packet.Clone(*control_pool_);
    if (!copy) {
      Drop(ip::DropReason::kForwardRingFull);
      break;
    }
    Forward(static_cast<size_t>(std::countr_zero(rest)), Forwarded::Kind::kIp, std::move(copy));
  }
  return (lanes & LaneBit(lane_->index())) == 0;
}

bool Network::SteerReport(PacketBuf& packet, const ip::IcmpErrorReport& report) {
  if (!report.has_ports) return false;
  const tcp::FourTuple tuple{report.src, report.dst, report.src_port, report.dst_port};
  return SteerFlow(packet, report.protocol, tuple, nullptr);
}

// Fragments meet where their addresses' hash says; what comes of them goes on from there.
bool Network::SteerFragment(PacketBuf& packet, const ip::IpIngress& ip) {
  const Steering& steering = lane_->steering();
  const size_t lane = steering.LaneOf(steering.Hash(ip.src, ip.dst));
  if (lane == lane_->index() || (journey_.visited & LaneBit(lane)) != 0) return false;
  Forward(lane, Forwarded::Kind::kIp, std::move(packet));
  return true;
}

}  // namespace corelane::stack
