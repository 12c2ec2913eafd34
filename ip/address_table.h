// The addresses of a stack's interfaces, and what a destination address means on one of them.
//
// Strong host model (RFC 1122 §3.3.4.2): a packet is ours only on the interface that owns its
// destination. Small and rarely changed; belongs to one core.

#ifndef CORELANE_IP_ADDRESS_TABLE_H_
#define CORELANE_IP_ADDRESS_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "core/ip_address.h"

namespace corelane::ip {

// RFC 4862 §2.
enum class AddressState : uint8_t { kTentative, kPreferred, kDeprecated };

struct InterfaceAddress {
  IpPrefix prefix;  // the address, and the length of its network
  uint16_t interface = 0;
  AddressState state = AddressState::kPreferred;
};

enum class DestinationKind : uint8_t { kNotOurs, kUnicast, kBroadcast, kMulticast };

class AddressTable {
 public:
  // Adds a unicast address, its subnet's broadcast address (IPv4, /30 and shorter) and the groups
  // that every host with it is in: all-hosts, or all-nodes and the solicited-node group.
  // Errors name the address and what is wrong with it.
  absl::Status Add(uint16_t interface, const IpPrefix& prefix,
                   AddressState state = AddressState::kPreferred);
  // False: there is no such address.
  bool Remove(uint16_t interface, const IpAddress& address);
  bool SetState(uint16_t interface, const IpAddress& address, AddressState state);

  // A group is left when it was left as often as joined. False: not a multicast address, or not
  // joined.
  bool JoinGroup(uint16_t interface, const IpAddress& group);
  bool LeaveGroup(uint16_t interface, const IpAddress& group);

  // For each received packet. A tentative address is not ours yet (RFC 4862 §5.4).
  DestinationKind Classify(uint16_t interface, const IpAddress& destination) const {
    if (last_ < entries_.size()) [[likely]] {
      const Entry& entry = entries_[last_];
      if (entry.address == destination && entry.interface == interface) return entry.kind;
    }
    return ClassifySlow(interface, destination);
  }
  bool IsUnicast(uint16_t interface, const IpAddress& address) const {
    return Classify(interface, address) == DestinationKind::kUnicast;
  }
  // Limited or subnet broadcast: no packet comes from there (RFC 1122 §3.2.1.3).
  bool IsBroadcast(uint16_t interface, const IpAddress& address) const {
    return Classify(interface, address) == DestinationKind::kBroadcast;
  }
  // The unicast address on any interface; null: none of ours. Tentative ones included.
  const InterfaceAddress* Find(const IpAddress& address) const;
  const InterfaceAddress* Find(uint16_t interface, const IpAddress& address) const;

  // In the order in which they were added.
  std::span<const InterfaceAddress> addresses() const { return addresses_; }
  // Changes with every change.
  uint64_t generation() const { return generation_; }

 private:
  struct Entry {
    IpAddress address;
    uint16_t interface;
    DestinationKind kind;
    uint32_t references;
  };

  DestinationKind ClassifySlow(uint16_t interface, const IpAddress& destination) const;
  std::vector<Entry>::iterator LowerBound(uint16_t interface, const IpAddress& address);
  void AddEntry(uint16_t interface, const IpAddress& address, DestinationKind kind);
  bool RemoveEntry(uint16_t interface, const IpAddress& address, DestinationKind kind);
  void AddDerived(const InterfaceAddress& address);
  void RemoveDerived(const InterfaceAddress& address);

  std::vector<InterfaceAddress> addresses_;
  std::vector<Entry> entries_;  // sorted by address and interface
  mutable size_t last_ = 0;     // where Classify found something last
  uint64_t generation_ = 1;
};

// The subnet's broadcast address (RFC 922); 255.255.255.255 for /31 and /32, which have none.
Ipv4Address SubnetBroadcast(const IpPrefix& prefix);

}  // namespace corelane::ip

#endif  // CORELANE_IP_ADDRESS_TABLE_H_
