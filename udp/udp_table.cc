#include "udp/udp_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/bytes.h"
#include "core/check.h"
#include "ip/protocol.h"

namespace corelane::udp {
namespace {

using ip::DropReason;

constexpr size_t kFirstBuckets = 64;
const IpAddress kAnyV4 = Ipv4Address();
const IpAddress kAnyV6 = Ipv6Address();

IpAddress AnyOf(const IpAddress& address) { return address.is_v4() ? kAnyV4 : kAnyV6; }

// A wildcard [::] takes IPv4 too, unless told otherwise.
bool TakesBoth(const UdpSocket& socket) {
  return socket.local().address == kAnyV6 && !socket.options().v6_only;
}

// Whether two local addresses, on the same port, could claim the same datagram.
bool Collide(const UdpSocket& a, const IpAddress& a_address, const UdpSocket& b) {
  const IpAddress& b_address = b.local().address;
  if (a_address == b_address) return true;
  const bool same_family = a_address.is_v4() == b_address.is_v4();
  const bool a_any =
      a_address.IsUnspecified() && (same_family || (a_address == kAnyV6 && !a.options().v6_only));
  const bool b_any = b_address.IsUnspecified() && (same_family || TakesBoth(b));
  return a_any || b_any;
}

std::optional<UdpError> ToUdpError(ip::IcmpErrorKind kind) {
  switch (kind) {
    case ip::IcmpErrorKind::kPortUnreachable:
      return UdpError::kPortUnreachable;
    case ip::IcmpErrorKind::kHostUnreachable:
      return UdpError::kHostUnreachable;
    case ip::IcmpErrorKind::kNetworkUnreachable:
      return UdpError::kNetworkUnreachable;
    case ip::IcmpErrorKind::kProtocolUnreachable:
      return UdpError::kProtocolUnreachable;
    case ip::IcmpErrorKind::kProhibited:
      return UdpError::kProhibited;
    case ip::IcmpErrorKind::kPacketTooBig:
      return UdpError::kMessageTooBig;
    case ip::IcmpErrorKind::kTtlExceeded:
    case ip::IcmpErrorKind::kReassemblyTimeout:
    case ip::IcmpErrorKind::kParameterProblem:
      return UdpError::kHostUnreachable;
  }
  return std::nullopt;
}

// Cuts the packet down to its data, and says where it came from.
Datagram MakeDatagram(PacketBuf packet, const UdpIngress& udp, const ip::IpIngress& ip) {
  packet.TrimBack(packet.packet_size() - udp.data_offset - udp.data_length);
  packet.TrimFront(udp.data_offset);
  const uint16_t interface = packet->interface;
  return {std::move(packet), udp.src, udp.dst, interface, ip.ttl, ip.ecn};
}

}  // namespace

UdpTable::UdpTable(const FlowHashKey& hash_key, const SipKey& secret)
    : hash_key_(hash_key), secret_(secret), buckets_(kFirstBuckets), ports_(kFirstBuckets) {}

UdpTable::~UdpTable() { CL_CHECK(size_ == 0); }

BindResult UdpTable::Bind(UdpSocket& socket, const Endpoint& local) {
  if (socket.bound()) return BindResult::kAlreadyBound;
  Endpoint endpoint = local;
  if (endpoint.port == 0) {
    endpoint.port = PickPort(socket, endpoint.address, Endpoint{});
    if (endpoint.port == 0) return BindResult::kNoPort;
  } else if (!IsFree(socket, endpoint, true)) {
    return BindResult::kAddressInUse;
  }
  socket.local_ = endpoint;
  Link(socket);
  return BindResult::kOk;
}

BindResult UdpTable::Connect(UdpSocket& socket, const Endpoint& remote,
                             const IpAddress& local_address) {
  const bool fixed = socket.bound() && !socket.local_.address.IsUnspecified();
  Endpoint local{fixed ? socket.local_.address : local_address, socket.local_.port};
  if (local.address.is_v4() != remote.address.is_v4()) return BindResult::kFamilyMismatch;
  if (local.port == 0) {
    local.port = PickPort(socket, local.address, remote);
    if (local.port == 0) return BindResult::kNoPort;
  }
  const UdpSocket* other = FindExact(local, remote);
  if (other != nullptr && other != &socket) return BindResult::kAddressInUse;
  if (socket.bound()) Unlink(socket);
  socket.local_ = local;
  socket.remote_ = remote;
  Link(socket);
  return BindResult::kOk;
}

void UdpTable::Disconnect(UdpSocket& socket) {
  if (!socket.connected()) return;
  Unlink(socket);
  socket.remote_ = {};
  Link(socket);
}

void UdpTable::Unbind(UdpSocket& socket) {
  socket.ready_.Unlink();
  if (!socket.bound()) return;
  Unlink(socket);
  socket.local_ = {};
  socket.remote_ = {};
}

DropReason UdpTable::Input(PacketBuf& packet, const ip::IpIngress& ip, ip::DestinationKind kind,
                           PacketPool& pool) {
  UdpIngress udp;
  if (const DropReason drop = ParseUdp(packet, ip, udp); drop != DropReason::kNone) return drop;
  if (kind == ip::DestinationKind::kBroadcast || kind == ip::DestinationKind::kMulticast)
    return DeliverToGroup(packet, udp, ip, pool);
  UdpSocket* socket = Find(udp.dst, udp.src);
  if (socket == nullptr) return DropReason::kUdpNoSocket;
  const DropReason drop = socket->Deliver(MakeDatagram(std::move(packet), udp, ip));
  if (drop == DropReason::kNone) MarkReady(*socket);
  return drop;
}

// Every socket that the destination, or a wildcard, matches gets the datagram or a copy.
DropReason UdpTable::DeliverToGroup(PacketBuf& packet, const UdpIngress& udp,
                                    const ip::IpIngress& ip, PacketPool& pool) {
  UdpSocket* last = nullptr;
  const auto deliver = [&](UdpSocket& socket, PacketBuf copy) {
    if (!copy) return;
    if (socket.Deliver(MakeDatagram(std::move(copy), udp, ip)) == DropReason::kNone)
      MarkReady(socket);
  };
  const std::array<IpAddress, 3> locals = {udp.dst.address, AnyOf(udp.dst.address), kAnyV6};
  const size_t candidates = udp.dst.address.is_v4() ? 3 : 2;
  for (size_t i = 0; i < candidates; ++i) {
    const Endpoint local{locals[i], udp.dst.port};
    for (UdpSocket* s = buckets_[BucketOf(local, {})]; s != nullptr; s = s->next_in_bucket_) {
      if (s->local_ != local || s->connected()) continue;
      if (i == 2 && s->options_.v6_only) continue;
      if (last != nullptr) deliver(*last, packet.Clone(pool));
      last = s;
    }
  }
  if (last == nullptr) return DropReason::kUdpNoSocket;
  deliver(*last, std::move(packet));
  return DropReason::kNone;
}

bool UdpTable::OnIcmpError(const ip::IcmpErrorReport& report) {
  if (report.protocol != ip::protocol::kUdp || !report.has_ports || connected_ == 0) return false;
  UdpSocket* socket = FindExact({report.src, report.src_port}, {report.dst, report.dst_port});
  const std::optional<UdpError> error = ToUdpError(report.kind);
  if (socket == nullptr || !error) return false;
  socket->OnError(*error);
  MarkReady(*socket);
  return true;
}

UdpSocket* UdpTable::Find(const Endpoint& local, const Endpoint& remote) const {
  if (connected_ > 0) {
    if (UdpSocket* socket = FindExact(local, remote); socket != nullptr) return socket;
  }
  if (UdpSocket* socket = FindExact(local, {}); socket != nullptr) return socket;
  if (UdpSocket* socket = FindExact({AnyOf(local.address), local.port}, {}); socket != nullptr)
    return socket;
  if (!local.address.is_v4()) return nullptr;
  UdpSocket* socket = FindExact({kAnyV6, local.port}, {});
  return socket != nullptr && !socket->options_.v6_only ? socket : nullptr;
}

UdpSocket* UdpTable::PollReady() { return ready_.PopFront(); }

uint32_t UdpTable::BucketOf(const Endpoint& local, const Endpoint& remote) const {
  return FlowHash(hash_key_, local.address, local.port, remote.address, remote.port) &
         static_cast<uint32_t>(buckets_.size() - 1);
}

UdpSocket* UdpTable::FindExact(const Endpoint& local, const Endpoint& remote) const {
  UdpSocket* socket = buckets_[BucketOf(local, remote)];
  while (socket != nullptr && (socket->local_ != local || socket->remote_ != remote))
    socket = socket->next_in_bucket_;
  return socket;
}

// Whether no other socket stands in the way; sharing: those that agree to share do not.
bool UdpTable::IsFree(const UdpSocket& socket, const Endpoint& local, bool sharing) const {
  const UdpSocket* other = ports_[local.port & (ports_.size() - 1)];
  for (; other != nullptr; other = other->next_of_port_) {
    if (other == &socket || other->local_.port != local.port ||
        !Collide(socket, local.address, *other))
      continue;
    if (!sharing || !socket.options_.reuse_address || !other->options_.reuse_address) return false;
  }
  return true;
}

// RFC 6056 §3.3.3: a keyed hash of the addresses, plus a counter, so that ports are neither guessed
// nor used again soon. 0: all are taken.
uint16_t UdpTable::PickPort(const UdpSocket& socket, const IpAddress& local,
                            const Endpoint& remote) {
  constexpr uint32_t kPorts = kLastEphemeral - kFirstEphemeral + 1;
  std::array<uint8_t, 38> input;
  local.v6().CopyTo(input.data());
  remote.address.v6().CopyTo(input.data() + 16);
  StoreBe16(input.data() + 32, remote.port);
  // Sockets for one destination differ too: the counter enters the hash.
  StoreBe32(input.data() + 34, port_counter_++);
  const auto start = static_cast<uint32_t>(SipHash24(secret_, input) % kPorts);
  // There may be none that is preferred. Where there is one, it is among so many, even of 64 lanes.
  constexpr uint32_t kLooked = 1024;
  uint16_t second_best = 0;
  uint32_t looked = 0;
  for (uint32_t i = 0; i < kPorts && looked < kLooked; ++i) {
    const auto port = static_cast<uint16_t>(kFirstEphemeral + (start + i) % kPorts);
    if (port % policy_.modulus != policy_.remainder || !IsFree(socket, {local, port}, false) ||
        (policy_.excludes != nullptr && policy_.excludes(policy_.context, port))) {
      continue;
    }
    if (IsPreferred({local, port}, remote)) return port;
    if (second_best == 0) second_best = port;
    ++looked;
  }
  return second_best;
}

void UdpTable::Link(UdpSocket& socket) {
  if (size_ >= buckets_.size()) Grow();
  Insert(socket);
  ++size_;
  if (socket.connected()) ++connected_;
}

void UdpTable::Insert(UdpSocket& socket) {
  UdpSocket*& bucket = buckets_[BucketOf(socket.local_, socket.remote_)];
  socket.next_in_bucket_ = bucket;
  bucket = &socket;
  UdpSocket*& port = ports_[socket.local_.port & (ports_.size() - 1)];
  socket.next_of_port_ = port;
  port = &socket;
}

void UdpTable::Unlink(UdpSocket& socket) {
  UdpSocket** link = &buckets_[BucketOf(socket.local_, socket.remote_)];
  while (*link != &socket) link = &(*link)->next_in_bucket_;
  *link = socket.next_in_bucket_;
  link = &ports_[socket.local_.port & (ports_.size() - 1)];
  while (*link != &socket) link = &(*link)->next_of_port_;
  *link = socket.next_of_port_;
  socket.next_in_bucket_ = socket.next_of_port_ = nullptr;
  --size_;
  if (socket.connected()) --connected_;
}

void UdpTable::Grow() {
  std::vector<UdpSocket*> old(buckets_.size() * 2);
  old.swap(buckets_);
  ports_.assign(buckets_.size(), nullptr);
  std::vector<UdpSocket*> sockets;
  for (UdpSocket* socket : old) {
    // Each bucket's sockets are put back in reverse, so that the last one bound stays in front.
    sockets.clear();
    for (; socket != nullptr; socket = socket->next_in_bucket_) sockets.push_back(socket);
    for (auto at = sockets.rbegin(); at != sockets.rend(); ++at) Insert(**at);
  }
}

void UdpTable::MarkReady(UdpSocket& socket) {
  if (!socket.ready_.linked()) ready_.PushBack(socket);
}

}  // namespace corelane::udp
