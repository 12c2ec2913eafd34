#include "stack/udp_layer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ip/protocol.h"
#include "udp/udp_datagram.h"

namespace corelane::stack {
namespace {

bool IsUnspecified(const IpAddress& a) {
  return a.is_v4() ? a.v4().IsUnspecified() : a.v6().IsUnspecified();
}

// `data` as a packet with room for headers in front, in as many buffers as it takes.
PacketBuf CopyToPacket(PacketPool& pool, std::span<const uint8_t> data) {
  PacketBuf packet = pool.Allocate();
  if (!packet) return packet;
  size_t n = std::min(data.size(), packet.tailroom());
  if (n > 0) std::memcpy(packet.Append(n), data.data(), n);
  while (n < data.size()) {
    PacketBuf more = pool.Allocate();
    if (!more) return more;
    const size_t part = std::min(data.size() - n, more.tailroom());
    std::memcpy(more.Append(part), data.data() + n, part);
    packet.AppendChain(std::move(more));
    n += part;
  }
  return packet;
}

tcp::FourTuple TupleOf(const udp::UdpSocket& socket) {
  return {socket.local().address, socket.remote().address, socket.local().port,
          socket.remote().port};
}

}  // namespace

UdpLayer::UdpLayer(Network& network, Random& random)
    : network_(network),
      table_(FlowHashKey::FromSeed(random.Next64()), SipKey{random.Next64(), random.Next64()}) {}

void UdpLayer::JoinLane(Lane& lane) {
  udp::UdpTable::PortPolicy policy;
  policy.modulus = static_cast<uint32_t>(lane.group().lanes());
  policy.remainder = static_cast<uint32_t>(lane.index());
  policy.context = &lane;
  policy.prefers = [](void* context, const Endpoint& local, const Endpoint& remote) {
    const Lane& me = *static_cast<const Lane*>(context);
    // Where ports do not matter, none is better than another.
    return !me.steering().HashesPorts(ip::protocol::kUdp) ||
           me.steering().LandsOn(ip::protocol::kUdp,
                                 {local.address, remote.address, local.port, remote.port},
                                 me.index());
  };
  policy.excludes = [](void* context, uint16_t port) {
    return static_cast<const Lane*>(context)->steering().HasPort(ip::protocol::kUdp, port);
  };
  table_.SetPortPolicy(policy);
}

void UdpLayer::Announce(const udp::UdpSocket& socket) {
  Lane* const lane = network_.lane();
  if (lane == nullptr) return;
  const uint16_t port = socket.local().port;
  announced_.emplace_back(&socket, port);
  lane->group().ChangeSteering(
      [&](Steering& s) { s.AddPort(ip::protocol::kUdp, port, lane->index()); });
}

UdpLayer::~UdpLayer() {
  for (const auto& socket : sockets_) Unclaim(*socket);
  while (!announced_.empty()) Withdraw(*announced_.back().first);
  for (auto& socket : sockets_) {
    CountFlow(*socket, false);
    table_.Unbind(*socket);
  }
}

udp::UdpSocket* UdpLayer::Open(const udp::UdpOptions& options) {
  sockets_.push_back(std::make_unique<udp::UdpSocket>(options));
  return sockets_.back().get();
}

void UdpLayer::Withdraw(const udp::UdpSocket& socket) {
  const auto at = std::find_if(announced_.begin(), announced_.end(),
                               [&](const auto& a) { return a.first == &socket; });
  if (at == announced_.end()) return;
  const uint16_t port = at->second;
  announced_.erase(at);
  Lane* const lane = network_.lane();
  if (lane == nullptr) return;
  lane->group().ChangeSteering(
      [&](Steering& s) { s.RemovePort(ip::protocol::kUdp, port, lane->index()); });
}

void UdpLayer::Claim(const udp::UdpSocket& socket) {
  Lane* const lane = network_.lane();
  if (lane == nullptr || !socket.connected()) return;
  const tcp::FourTuple tuple = TupleOf(socket);
  // A port that it did not choose is its lane's own.
  const bool chosen = std::any_of(announced_.begin(), announced_.end(),
                                  [&](const auto& a) { return a.first == &socket; });
  if (!chosen || lane->steering().LandsOn(ip::protocol::kUdp, tuple, lane->index())) return;
  claimed_.emplace_back(&socket, tuple);
  lane->ChangeSteering([&](Steering& s) { s.Claim(ip::protocol::kUdp, tuple, lane->index()); });
}

void UdpLayer::Unclaim(const udp::UdpSocket& socket) {
  const auto at = std::find_if(claimed_.begin(), claimed_.end(),
                               [&](const auto& c) { return c.first == &socket; });
  if (at == claimed_.end()) return;
  const tcp::FourTuple tuple = at->second;
  claimed_.erase(at);
  Lane* const lane = network_.lane();
  if (lane == nullptr) return;
  lane->ChangeSteering([&](Steering& s) { s.Unclaim(ip::protocol::kUdp, tuple, lane->index()); });
}

void UdpLayer::Close(udp::UdpSocket* socket) {
  Unclaim(*socket);
  Withdraw(*socket);
  CountFlow(*socket, false);
  table_.Unbind(*socket);
  std::erase_if(sockets_, [&](const auto& s) { return s.get() == socket; });
}

udp::BindResult UdpLayer::Bind(udp::UdpSocket& socket, const Endpoint& local) {
  const bool group =
      local.address.is_v4() ? local.address.v4().IsMulticast() : local.address.v6().IsMulticast();
  if (!group && !IsUnspecified(local.address) &&
      network_.addresses().Find(local.address) == nullptr) {
    return udp::BindResult::kFamilyMismatch;
  }
  const udp::BindResult result = table_.Bind(socket, local);
  if (result == udp::BindResult::kOk && local.port != 0) Announce(socket);
  return result;
}

udp::BindResult UdpLayer::Connect(udp::UdpSocket& socket, const Endpoint& remote) {
  const auto source = network_.SourceFor(remote.address);
  if (!source) return udp::BindResult::kFamilyMismatch;
  CountFlow(socket, false);
  Unclaim(socket);
  const udp::BindResult result = table_.Connect(socket, remote, *source);
  CountFlow(socket, true);
  Claim(socket);
  return result;
}

void UdpLayer::CountFlow(const udp::UdpSocket& socket, bool begins) {
  Lane* const lane = network_.lane();
  if (lane == nullptr || !socket.connected()) return;
  const Steering& steering = lane->steering();
  const uint32_t hash = steering.Hash(ip::protocol::kUdp, TupleOf(socket));
  lane->CountDatagramFlow(steering.BucketOf(hash), begins);
}

UdpSendResult UdpLayer::Send(udp::UdpSocket& socket, std::span<const uint8_t> data,
                             std::optional<Endpoint> to, Instant now) {
  if (!to && !socket.connected()) return UdpSendResult::kNotConnected;
  const Endpoint remote = to.value_or(socket.remote());
  if (data.size() > (remote.address.is_v4() ? 65507u : 65527u)) return UdpSendResult::kTooLong;
  if (!socket.bound()) {
    const Endpoint any{
        remote.address.is_v4() ? IpAddress(Ipv4Address(0)) : IpAddress(Ipv6Address()), 0};
    if (table_.Bind(socket, any) != udp::BindResult::kOk) return UdpSendResult::kNoPort;
  }
  Endpoint local = socket.local();
  if (IsUnspecified(local.address)) {
    const auto source = network_.SourceFor(remote.address);
    if (!source) return UdpSendResult::kNoRoute;
    local.address = *source;
  }
  if (local.address.is_v4() != remote.address.is_v4()) return UdpSendResult::kNoRoute;
  PacketBuf packet = CopyToPacket(network_.control_pool(), data);
  if (!packet) return UdpSendResult::kNoBuffer;
  const bool none = !socket.options().checksum && remote.address.is_v4();
  if (!udp::BuildDatagram(packet, local, remote,
                          none ? udp::UdpChecksum::kNone : udp::UdpChecksum::kFull)) {
    return UdpSendResult::kTooLong;
  }
  Path* const path = network_.paths().Acquire(local.address, remote.address);
  if (path == nullptr) return UdpSendResult::kNoBuffer;
  const bool routed = network_.Refresh(*path, now);
  if (routed) {
    network_.SendDatagram(*path, std::move(packet), ip::protocol::kUdp, now);
    counters_.datagrams_out.Increment(1);
  }
  network_.paths().Release(path);
  return routed ? UdpSendResult::kOk : UdpSendResult::kNoRoute;
}

ip::DropReason UdpLayer::OnPacket(PacketBuf& packet, const ip::IpIngress& ip,
                                  ip::DestinationKind kind) {
  const ip::DropReason drop = table_.Input(packet, ip, kind, network_.control_pool());
  if (drop == ip::DropReason::kNone) counters_.datagrams_in.Increment(1);
  return drop;
}

}  // namespace corelane::stack
