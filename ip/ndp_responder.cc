#include "ip/ndp_responder.h"

#include <algorithm>
#include <optional>

namespace corelane::ip {
namespace {

using std::chrono::milliseconds;

void OnNeighborSolicitation(const NdpView& message, const NdpContext& context, uint16_t interface,
                            const AddressTable& addresses, const MacAddress& our_mac,
                            arp::NeighborCache& cache, Instant now, NdpReaction& reaction) {
  const InterfaceAddress* ours = addresses.Find(interface, message.target());
  if (ours == nullptr) return;
  reaction.for_us = true;
  reaction.advertisement.target = message.target();
  const bool probe = context.src.IsUnspecified();
  if (ours->state == AddressState::kTentative) {
    // RFC 4862 §5.4.3: another station wants the same address; nothing is answered from it.
    reaction.conflict = probe;
    return;
  }
  if (!probe) {
    if (addresses.Find(interface, context.src) != nullptr) return;  // Our own, come back.
    if (const auto mac = message.LinkLayerAddress(ndp_option::kSourceLinkLayer))
      cache.OnSolicitation(interface, context.src, *mac, now);
  }
  // RFC 4861 §7.2.4: a probe is answered to all nodes, unsolicited.
  reaction.reply = true;
  reaction.source = message.target();
  reaction.destination = probe ? Ipv6Address::AllNodes() : context.src;
  reaction.advertisement.solicited = !probe;
  reaction.advertisement.override_flag = true;
  reaction.advertisement.target_mac = our_mac;
}

void OnNeighborAdvertisement(const NdpView& message, uint16_t interface,
                             const AddressTable& addresses, const MacAddress& our_mac,
                             arp::NeighborCache& cache, Instant now, NdpReaction& reaction) {
  const auto mac = message.LinkLayerAddress(ndp_option::kTargetLinkLayer);
  if (addresses.Find(interface, message.target()) != nullptr) {
    // RFC 4862 §5.4.4.
    reaction.for_us = true;
    reaction.conflict = !mac || *mac != our_mac;
    reaction.advertisement.target = message.target();
    return;
  }
  reaction.for_us = cache.Get(interface, message.target()) != nullptr;
  cache.OnAdvertisement(interface, message.target(), mac, message.solicited(),
                        message.override_flag(), message.router(), now);
}

void OnRouterAdvertisement(const NdpView& message, const NdpContext& context, uint16_t interface,
                           arp::NeighborCache& cache, Instant now) {
  // RFC 4861 §6.3.4, within bounds that no router needs to leave (§6.2.1 for the reachable time).
  if (const uint32_t ms = message.reachable_time_ms(); ms != 0) {
    cache.set_base_reachable_time(
        std::clamp<Duration>(milliseconds(ms), milliseconds(1000), milliseconds(3'600'000)), now);
  }
  if (const uint32_t ms = message.retrans_timer_ms(); ms != 0)
    cache.set_retrans_timer(
        std::clamp<Duration>(milliseconds(ms), milliseconds(100), milliseconds(10'000)));
  if (const auto mac = message.LinkLayerAddress(ndp_option::kSourceLinkLayer))
    cache.OnSolicitation(interface, context.src, *mac, now);
}

}  // namespace

NdpReaction OnNdp(const NdpView& message, const NdpContext& context, uint16_t interface,
                  const AddressTable& addresses, const MacAddress& our_mac,
                  arp::NeighborCache& cache, Instant now) {
  NdpReaction reaction;
  switch (message.type()) {
    case icmpv6_type::kNeighborSolicitation:
      OnNeighborSolicitation(message, context, interface, addresses, our_mac, cache, now, reaction);
      break;
    case icmpv6_type::kNeighborAdvertisement:
      OnNeighborAdvertisement(message, interface, addresses, our_mac, cache, now, reaction);
      break;
    case icmpv6_type::kRouterAdvertisement:
      reaction.for_us = true;
      OnRouterAdvertisement(message, context, interface, cache, now);
      break;
    default:  // RFC 4861 §6.2.6: hosts ignore router solicitations.
      break;
  }
  return reaction;
}

}  // namespace corelane::ip
