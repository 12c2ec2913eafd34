#include "ip/address_table.h"

#include <algorithm>
#include <string>
#include <tuple>

namespace corelane::ip {
namespace {

constexpr Ipv4Address kAllHosts(224, 0, 0, 1);

absl::Status Invalid(const IpPrefix& prefix, std::string_view problem) {
  return absl::InvalidArgumentError("address " + prefix.ToString() + ": " + std::string(problem));
}

}  // namespace

absl::Status AddressTable::Add(uint16_t interface, const IpPrefix& prefix, AddressState state) {
  const IpAddress& address = prefix.address;
  if (prefix.length == 0 || prefix.length > address.bit_length())
    return Invalid(prefix, address.is_v4() ? "the prefix length must be 1 to 32"
                                           : "the prefix length must be 1 to 128");
  if (address.IsUnspecified() || address.IsMulticast() || address.IsBroadcast())
    return Invalid(prefix, "an interface needs a unicast address");
  if (address.IsLoopback()) return Invalid(prefix, "loopback addresses never leave a host");
  if (address.is_v4() && prefix.length < 31 &&
      (address.v4() == SubnetBroadcast(prefix) || prefix.Masked().address == address))
    return Invalid(prefix, "this is the subnet's own or its broadcast address");
  if (Find(interface, address) != nullptr)
    return absl::AlreadyExistsError("address " + prefix.ToString() +
                                    ": the interface has it already");
  addresses_.push_back({prefix, interface, state});
  AddDerived(addresses_.back());
  ++generation_;
  return absl::OkStatus();
}

bool AddressTable::Remove(uint16_t interface, const IpAddress& address) {
  const auto found = std::find_if(addresses_.begin(), addresses_.end(), [&](const auto& a) {
    return a.interface == interface && a.prefix.address == address;
  });
  if (found == addresses_.end()) return false;
  RemoveDerived(*found);
  addresses_.erase(found);
  ++generation_;
  return true;
}

bool AddressTable::SetState(uint16_t interface, const IpAddress& address, AddressState state) {
  for (InterfaceAddress& a : addresses_) {
    if (a.interface != interface || a.prefix.address != address) continue;
    RemoveDerived(a);
    a.state = state;
    AddDerived(a);
    ++generation_;
    return true;
  }
  return false;
}

bool AddressTable::JoinGroup(uint16_t interface, const IpAddress& group) {
  if (!group.IsMulticast()) return false;
  AddEntry(interface, group, DestinationKind::kMulticast);
  ++generation_;
  return true;
}

bool AddressTable::LeaveGroup(uint16_t interface, const IpAddress& group) {
  if (!RemoveEntry(interface, group, DestinationKind::kMulticast)) return false;
  ++generation_;
  return true;
}

const InterfaceAddress* AddressTable::Find(const IpAddress& address) const {
  for (const InterfaceAddress& a : addresses_) {
    if (a.prefix.address == address) return &a;
  }
  return nullptr;
}

const InterfaceAddress* AddressTable::Find(uint16_t interface, const IpAddress& address) const {
  for (const InterfaceAddress& a : addresses_) {
    if (a.interface == interface && a.prefix.address == address) return &a;
  }
  return nullptr;
}

DestinationKind AddressTable::ClassifySlow(uint16_t interface, const IpAddress& destination) const {
  if (destination.IsBroadcast()) return DestinationKind::kBroadcast;
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), std::tie(destination, interface),
                       [](const Entry& entry, const auto& key) {
                         return std::tie(entry.address, entry.interface) < key;
                       });
  if (found == entries_.end() || found->address != destination || found->interface != interface)
    return DestinationKind::kNotOurs;
  last_ = static_cast<size_t>(found - entries_.begin());
  return found->kind;
}

std::vector<AddressTable::Entry>::iterator AddressTable::LowerBound(uint16_t interface,
                                                                    const IpAddress& address) {
  return std::lower_bound(entries_.begin(), entries_.end(), std::tie(address, interface),
                          [](const Entry& entry, const auto& key) {
                            return std::tie(entry.address, entry.interface) < key;
                          });
}

void AddressTable::AddEntry(uint16_t interface, const IpAddress& address, DestinationKind kind) {
  const auto at = LowerBound(interface, address);
  if (at != entries_.end() && at->address == address && at->interface == interface) {
    // An address that is a broadcast address of another prefix stays what it is to its owner.
    if (kind == DestinationKind::kUnicast) at->kind = kind;
    ++at->references;
    return;
  }
  entries_.insert(at, {address, interface, kind, 1});
}

bool AddressTable::RemoveEntry(uint16_t interface, const IpAddress& address, DestinationKind kind) {
  const auto at = LowerBound(interface, address);
  if (at == entries_.end() || at->address != address || at->interface != interface) return false;
  if (kind == DestinationKind::kMulticast && at->kind != kind) return false;
  if (kind == DestinationKind::kUnicast) at->kind = DestinationKind::kBroadcast;
  if (--at->references == 0) entries_.erase(at);
  return true;
}

void AddressTable::AddDerived(const InterfaceAddress& a) {
  const IpAddress& address = a.prefix.address;
  if (a.state != AddressState::kTentative)
    AddEntry(a.interface, address, DestinationKind::kUnicast);
  if (address.is_v4()) {
    AddEntry(a.interface, kAllHosts, DestinationKind::kMulticast);  // RFC 1112 §4
    if (a.prefix.length < 31)  // RFC 3021: a /31 has no broadcast address.
      AddEntry(a.interface, SubnetBroadcast(a.prefix), DestinationKind::kBroadcast);
    return;
  }
  // RFC 4291 §2.8; tentative addresses listen too (RFC 4862 §5.4.2).
  AddEntry(a.interface, Ipv6Address::AllNodes(), DestinationKind::kMulticast);
  AddEntry(a.interface, address.v6().SolicitedNode(), DestinationKind::kMulticast);
}

void AddressTable::RemoveDerived(const InterfaceAddress& a) {
  const IpAddress& address = a.prefix.address;
  if (a.state != AddressState::kTentative)
    RemoveEntry(a.interface, address, DestinationKind::kUnicast);
  if (address.is_v4()) {
    RemoveEntry(a.interface, kAllHosts, DestinationKind::kMulticast);
    if (a.prefix.length < 31)
      RemoveEntry(a.interface, SubnetBroadcast(a.prefix), DestinationKind::kBroadcast);
    return;
  }
  RemoveEntry(a.interface, Ipv6Address::AllNodes(), DestinationKind::kMulticast);
  RemoveEntry(a.interface, address.v6().SolicitedNode(), DestinationKind::kMulticast);
}

Ipv4Address SubnetBroadcast(const IpPrefix& prefix) {
  if (prefix.length >= 31) return Ipv4Address::Broadcast();
  return Ipv4Address(prefix.address.v4().value() | (~uint32_t{0} >> prefix.length));
}

}  // namespace corelane::ip
