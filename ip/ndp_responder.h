// What a host does with neighbor solicitations, neighbor advertisements and router advertisements
// (RFC 4861 §7.2, §6.3.4), as far as the neighbor cache is concerned.

#ifndef CORELANE_IP_NDP_RESPONDER_H_
#define CORELANE_IP_NDP_RESPONDER_H_

#include <cstdint>

#include "arp/neighbor_cache.h"
#include "core/ip_address.h"
#include "core/mac_address.h"
#include "core/time.h"
#include "ip/address_table.h"
#include "ip/ndp.h"

namespace corelane::ip {

struct NdpReaction {
  bool for_us = false;
  bool reply = false;  // send `advertisement` from `source` to `destination`
  // Another station uses or probes one of our addresses: advertisement.target (RFC 4862 §5.4.3-5).
  bool conflict = false;
  NeighborAdvertisement advertisement;
  Ipv6Address source;
  Ipv6Address destination;
};

// message: valid, its checksum too. Updates the cache; the caller polls it afterwards.
NdpReaction OnNdp(const NdpView& message, const NdpContext& context, uint16_t interface,
                  const AddressTable& addresses, const MacAddress& our_mac,
                  arp::NeighborCache& cache, Instant now);

}  // namespace corelane::ip

#endif  // CORELANE_IP_NDP_RESPONDER_H_
