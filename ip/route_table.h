// The routes of a stack: longest prefix match for IPv4 and IPv6.
//
// A lookup masks the destination once per prefix length in use and searches that length's routes by
// halving: cheap enough for a first packet; what sends often keeps the result and compares
// generation().

#ifndef CORELANE_IP_ROUTE_TABLE_H_
#define CORELANE_IP_ROUTE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "core/ip_address.h"

namespace corelane::ip {

struct Route {
  IpPrefix prefix;                   // host bits are ignored
  std::optional<IpAddress> gateway;  // none: destinations are on the link
  uint16_t interface = 0;
  uint32_t metric = 0;                        // of equal prefixes the smaller one wins
  uint32_t mtu = 0;                           // 0: the interface's
  std::optional<IpAddress> preferred_source;  // none: by ip/source_address.h

  IpAddress NextHop(const IpAddress& destination) const { return gateway.value_or(destination); }
  friend bool operator==(const Route&, const Route&) = default;
};

class RouteTable {
 public:
  // Adds or, where prefix, interface, metric and gateway are the same, replaces. The error names
  // the route and what would be right. A gateway must be reachable on the link by a route without
  // one (an IPv6 link-local gateway always is).
  absl::Status Add(const Route& route);
  // The route to an address's own network.
  absl::Status AddConnected(uint16_t interface, const IpPrefix& address);
  // Removes every route with this prefix on this interface. False: there is none.
  bool Remove(uint16_t interface, const IpPrefix& prefix);
  void RemoveInterface(uint16_t interface);
  // Has the other table's routes from now on. A change, whatever they are.
  void Replace(const RouteTable& other);

  // Null: no route. The pointer is good until the next change.
  const Route* Lookup(const IpAddress& destination) const;
  // Only routes over `interface`: for link-local and multicast destinations and bound sockets.
  const Route* LookupOn(uint16_t interface, const IpAddress& destination) const;

  // Sorted: IPv4 before IPv6, longest prefix first.
  std::span<const Route> routes() const { return routes_; }
  // Changes with every change; never 0.
  uint64_t generation() const { return generation_; }

 private:
  // The routes of one family and prefix length: [begin, end) of routes_.
  struct Group {
    bool v4;
    uint8_t length;
    uint32_t begin;
    uint32_t end;
  };
  template <class Accept>
  const Route* Search(const IpAddress& destination, Accept accept) const;
  void Rebuild();

  std::vector<Route> routes_;
  std::vector<Group> groups_;
  uint64_t generation_ = 1;
};

}  // namespace corelane::ip

#endif  // CORELANE_IP_ROUTE_TABLE_H_
