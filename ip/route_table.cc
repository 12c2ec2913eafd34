#include "ip/route_table.h"

#include <algorithm>
#include <string>
#include <tuple>

namespace corelane::ip {
namespace {

// IPv4 first, longest prefix first, then by prefix and metric.
auto SortKey(const Route& route) {
  return std::tuple(route.prefix.address.is_v6(), -static_cast<int>(route.prefix.length),
                    route.prefix.address, route.metric, route.interface);
}

absl::Status Invalid(const Route& route, std::string_view problem) {
  return absl::InvalidArgumentError("route " + route.prefix.ToString() + ": " +
                                    std::string(problem));
}

}  // namespace

absl::Status RouteTable::Add(const Route& given) {
  Route route = given;
  if (route.prefix.length > route.prefix.address.bit_length())
    return Invalid(route, "the prefix is longer than an address");
  // Masked() of an IPv4 prefix keeps the address IPv4.
  route.prefix = route.prefix.Masked();
  if (route.gateway) {
    const IpAddress& gateway = *route.gateway;
    const std::string name = "gateway " + gateway.ToString();
    if (gateway.is_v4() != route.prefix.address.is_v4())
      return Invalid(route, name + " is of the other IP version");
    if (gateway.IsUnspecified() || gateway.IsMulticast() || gateway.IsBroadcast())
      return Invalid(route, name + " is not a unicast address");
    const Route* on_link = LookupOn(route.interface, gateway);
    if (!(gateway.is_v6() && gateway.IsLinkLocal()) && (on_link == nullptr || on_link->gateway))
      return Invalid(route, name +
                                " is not in a network of the interface; give the interface an "
                                "address in the gateway's network first");
  }
  for (Route& existing : routes_) {
    if (existing.prefix == route.prefix && existing.interface == route.interface &&
        existing.metric == route.metric && existing.gateway == route.gateway) {
      existing = route;
      ++generation_;
      return absl::OkStatus();
    }
  }
  const auto at =
      std::upper_bound(routes_.begin(), routes_.end(), route,
                       [](const Route& a, const Route& b) { return SortKey(a) < SortKey(b); });
  routes_.insert(at, route);
  Rebuild();
  return absl::OkStatus();
}

absl::Status RouteTable::AddConnected(uint16_t interface, const IpPrefix& address) {
  Route route;
  route.prefix = address;
  route.interface = interface;
  return Add(route);
}

bool RouteTable::Remove(uint16_t interface, const IpPrefix& prefix) {
  const IpPrefix masked = prefix.Masked();
  const size_t erased = std::erase_if(routes_, [&](const Route& route) {
    return route.interface == interface && route.prefix == masked;
  });
  if (erased > 0) Rebuild();
  return erased > 0;
}

void RouteTable::Replace(const RouteTable& other) {
  routes_ = other.routes_;
  groups_ = other.groups_;
  ++generation_;
}

void RouteTable::RemoveInterface(uint16_t interface) {
  std::erase_if(routes_, [&](const Route& route) { return route.interface == interface; });
  Rebuild();
}

void RouteTable::Rebuild() {
  groups_.clear();
  for (uint32_t i = 0; i < routes_.size(); ++i) {
    const IpPrefix& prefix = routes_[i].prefix;
    const bool v4 = prefix.address.is_v4();
    if (groups_.empty() || groups_.back().v4 != v4 || groups_.back().length != prefix.length)
      groups_.push_back({v4, prefix.length, i, i});
    groups_.back().end = i + 1;
  }
  ++generation_;
}

template <class Accept>
const Route* RouteTable::Search(const IpAddress& destination, Accept accept) const {
  const bool v4 = destination.is_v4();
  for (const Group& group : groups_) {
    if (group.v4 != v4) continue;
    const IpAddress network = IpPrefix{destination, group.length}.Masked().address;
    const auto end = routes_.begin() + group.end;
    auto at = std::lower_bound(
        routes_.begin() + group.begin, end, network,
        [](const Route& route, const IpAddress& key) { return route.prefix.address < key; });
    for (; at != end && at->prefix.address == network; ++at) {
      if (accept(*at)) return &*at;
    }
  }
  return nullptr;
}

const Route* RouteTable::Lookup(const IpAddress& destination) const {
  return Search(destination, [](const Route&) { return true; });
}

const Route* RouteTable::LookupOn(uint16_t interface, const IpAddress& destination) const {
  return Search(destination, [&](const Route& route) { return route.interface == interface; });
}

}  // namespace corelane::ip
