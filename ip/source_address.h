// The choice of a source address (RFC 6724 §5; RFC 1122 §3.3.4.3 for IPv4).

#ifndef CORELANE_IP_SOURCE_ADDRESS_H_
#define CORELANE_IP_SOURCE_ADDRESS_H_

#include <cstdint>
#include <optional>

#include "core/ip_address.h"
#include "ip/address_table.h"

namespace corelane::ip {

// The best address of `interface` to send to `destination` from; null: the interface has none of
// that family that may be used. next_hop helps IPv4: an address in its subnet is preferred.
std::optional<IpAddress> SelectSource(const AddressTable& addresses, uint16_t interface,
                                      const IpAddress& destination, const IpAddress& next_hop);

// RFC 4007 §5, RFC 6724 §3.1: a multicast scope value (0x2 link-local, 0x5 site-local, 0xe global).
uint8_t AddressScope(const IpAddress& address);
// The label of RFC 6724 §2.1's default policy table.
uint8_t AddressLabel(const IpAddress& address);

}  // namespace corelane::ip

#endif  // CORELANE_IP_SOURCE_ADDRESS_H_
