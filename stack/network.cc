#include "stack/network.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arp/arp_packet.h"
#include "arp/arp_responder.h"
#include "ip/ndp.h"
#include "ip/protocol.h"
#include "ip/source_address.h"

namespace corelane::stack {

Network::Network(const StackOptions& options, Random& random, Instant now)
    : options_(options),
      control_pool_(new PacketPool(options.control_packets)),
      neighbors_(arp::NeighborConfig(), Random(random.Next64()), now),
      path_mtu_(ip::PathMtuConfig(), FlowHashKey::FromSeed(random.Next64())),
      reassembler_(ip::ReassemblyConfig(), FlowHashKey::FromSeed(random.Next64())),
      identification_(Random(random.Next64())),
      icmp_limiter_(options.icmp_errors_per_second, options.icmp_error_burst),
      paths_(options.max_tcp_sockets + 1024, FlowHashKey::FromSeed(random.Next64())) {}

Network::~Network() {
  if (lane_ != nullptr) lane_->Leave();
}

absl::Status Network::AddInterface(driver::DeviceQueue& queue, const driver::DeviceInfo& info,
                                   const InterfaceOptions& options) {
  if (options.vlan && !options.vlan->IsValid()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "vlan: value '", options.vlan->ToString(), "': expected an id from 1 to ", Vlan::kMaxId,
        " and a priority from 0 to ", Vlan::kMaxPriority, ", or none for frames without a tag"));
  }
  const auto index = static_cast<uint16_t>(interfaces_.size());
  interfaces_.push_back(std::make_unique<Interface>(
      index, queue, info, options.mac.value_or(info.mac), options_.batch, options.vlan));
  for (const IpPrefix& address : options.addresses) {
    if (absl::Status status = addresses_.Add(index, address); !status.ok()) return status;
    if (absl::Status status = routes_.AddConnected(index, address); !status.ok()) return status;
  }
  auto routes = options.routes;
  for (const IpAddress& gateway : options.gateways) {
    const IpAddress any = gateway.is_v4() ? IpAddress(Ipv4Address(0)) : IpAddress(Ipv6Address());
    routes.emplace_back(IpPrefix{any, 0}, gateway);
  }
  for (const auto& [prefix, gateway] : routes) {
    ip::Route route;
    route.prefix = prefix;
    route.gateway = gateway;
    route.interface = index;
    if (absl::Status status = routes_.Add(route); !status.ok()) return status;
  }
  for (const auto& [address, mac] : options.neighbors) {
    if (!neighbors_.AddStatic(index, address, mac)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("neighbor ", address.ToString(), ": the neighbor table is full"));
    }
  }
  return absl::OkStatus();
}

void Network::OnTimer(Instant now) {
  neighbors_.OnTimer(now);
  reassembler_.OnTimer(now);
  while (PacketBuf first = reassembler_.PollTimedOut()) {
    Drop(ip::DropReason::kFragmentTimeout);
    ip::IpIngress ip;
    const bool v4 = first.data()[0] >> 4 == 4;
    const ip::DropReason bad = v4 ? ip::ParseIpv4(first.bytes(), first.packet_size(), true, ip)
                                  : ip::ParseIpv6(first.bytes(), first.packet_size(), ip);
    if (bad != ip::DropReason::kNone) continue;
    SendIcmpError({.kind = ip::IcmpErrorKind::kReassemblyTimeout}, ip, first,
                  ip::DestinationKind::kUnicast, now);
  }
  PumpNeighbors(now);
}

Instant Network::NextDeadline() const {
  Instant next = std::min(neighbors_.NextDeadline(), reassembler_.NextDeadline());
  if (balancer_ != nullptr) next = std::min(next, balancer_->next());
  if (HasNeighborsToPublish()) next = std::min(next, next_publication_);
  return next;
}

// --- neighbors ---

void Network::PumpNeighbors(Instant now) {
  arp::NeighborOutput output;
  while (neighbors_.Poll(output)) {
    switch (output.kind) {
      case arp::NeighborOutput::Kind::kSolicitMulticast:
      case arp::NeighborOutput::Kind::kSolicitUnicast:
        Solicit(output, now);
        break;
      case arp::NeighborOutput::Kind::kTransmit: {
        const bool v4 = output.packet.data()[0] >> 4 == 4;
        SendFrame(*interfaces_[output.interface], output.mac,
                  v4 ? arp::ether_type::kIpv4 : arp::ether_type::kIpv6, std::move(output.packet));
        break;
      }
      case arp::NeighborOutput::Kind::kUnreachable:
        Drop(ip::DropReason::kNeighborUnreachable);
        sink_->OnUnreachable(output.packet, now);
        break;
    }
    output.packet.Reset();
  }
}

void Network::Solicit(const arp::NeighborOutput& output, Instant now) {
  if (lane_ != nullptr && !lane_->is_owner()) {
    AskOwner(output, now);
    return;
  }
  Interface& interface = *interfaces_[output.interface];
  const bool unicast = output.kind == arp::NeighborOutput::Kind::kSolicitUnicast;
  const auto source =
      ip::SelectSource(addresses_, output.interface, output.address, output.address);
  if (!source) {
    Drop(ip::DropReason::kNoSourceAddress);
    return;
  }
  if (output.address.is_v4()) {
    PacketBuf packet = control_pool_->Allocate();
    if (!packet) {
      Drop(ip::DropReason::kNoBuffer);
      return;
    }
    arp::MakeArpRequest(interface.mac(), source->v4(), output.address.v4())
        .Emit(packet.Append(arp::ArpPacket::length()));
    SendFrame(interface, unicast ? output.mac : MacAddress::kBroadcast, arp::ether_type::kArp,
              std::move(packet));
    return;
  }
  const Ipv6Address target = output.address.v6();
  const Ipv6Address group = target.SolicitedNode();
  ip::NeighborSolicitation message;
  message.target = target;
  message.source_mac = interface.mac();
  PacketBuf packet =
      ip::BuildNdpPacket(*control_pool_, message, source->v6(), unicast ? target : group);
  if (!packet) {
    Drop(ip::DropReason::kNoBuffer);
    return;
  }
  SendFrame(interface, unicast ? output.mac : arp::Ipv6MulticastMac(group.low()),
            arp::ether_type::kIpv6, std::move(packet));
}

}  // namespace corelane::stack
