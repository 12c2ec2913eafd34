#include "arp/arp_responder.h"

namespace corelane::arp {

ArpReaction OnArp(const ArpView& view, uint16_t interface, const MacAddress& our_mac,
                  bool target_is_ours, bool sender_is_ours, NeighborCache& cache, Instant now) {
  ArpReaction reaction;
  const Ipv4Address sender = view.sender_ip();
  const bool request = view.operation() == arp_operation::kRequest;
  if (sender_is_ours) {
    // RFC 5227 §2.4: another station claims our address. Our own packet come back is no conflict.
    reaction.for_us = true;
    reaction.conflict = view.sender_mac() != our_mac;
    return reaction;
  }
  reaction.for_us = target_is_ours;
  if (!sender.IsUnspecified()) {
    if (request && target_is_ours) {
      // RFC 826: who asks for us is about to talk to us.
      cache.OnSolicitation(interface, sender, view.sender_mac(), now);
    } else {
      // The merge of RFC 826: only an entry that exists is updated. Only an answer to a question of
      // ours proves that the neighbor hears us.
      const bool awaited = cache.IsAwaited(interface, sender);
      reaction.for_us |= awaited;
      cache.OnAdvertisement(interface, sender, view.sender_mac(),
                            !request && target_is_ours && awaited, true, false, now);
    }
  }
  if (request && target_is_ours) {
    // Probes too: RFC 5227 §2.1.1 counts on the answer.
    reaction.reply = true;
    reaction.packet = {arp_operation::kReply, our_mac, view.target_ip(), view.sender_mac(), sender};
  }
  return reaction;
}

ArpPacket MakeArpRequest(const MacAddress& our_mac, Ipv4Address our_ip, Ipv4Address target) {
  return {arp_operation::kRequest, our_mac, our_ip, MacAddress(), target};
}

}  // namespace corelane::arp
