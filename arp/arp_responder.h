// What a host does with a received ARP packet (RFC 826 "Packet Reception", RFC 5227).

#ifndef CORELANE_ARP_ARP_RESPONDER_H_
#define CORELANE_ARP_ARP_RESPONDER_H_

#include <cstdint>

#include "arp/arp_packet.h"
#include "arp/neighbor_cache.h"
#include "core/mac_address.h"
#include "core/time.h"

namespace corelane::arp {

struct ArpReaction {
  bool for_us = false;    // the packet had to do with one of our addresses or neighbors
  bool reply = false;     // send `packet` to packet.target_mac
  bool conflict = false;  // another station uses one of our addresses (RFC 5227 §2.4)
  ArpPacket packet;
};

// target_is_ours, sender_is_ours: whether view.target_ip() and view.sender_ip() are unicast
// addresses of the interface. Updates the cache; the caller polls it afterwards.
ArpReaction OnArp(const ArpView& view, uint16_t interface, const MacAddress& our_mac,
                  bool target_is_ours, bool sender_is_ours, NeighborCache& cache, Instant now);

// A request for `target`: to be sent to `destination`, kBroadcast unless it probes.
ArpPacket MakeArpRequest(const MacAddress& our_mac, Ipv4Address our_ip, Ipv4Address target);

}  // namespace corelane::arp

#endif  // CORELANE_ARP_ARP_RESPONDER_H_
