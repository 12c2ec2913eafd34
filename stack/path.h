// Path: how packets get from one of our addresses to a remote one; what all connections between the
// two share.

#ifndef CORELANE_STACK_PATH_H_
#define CORELANE_STACK_PATH_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "arp/neighbor_cache.h"
#include "core/checksum.h"
#include "core/ip_address.h"
#include "core/object_pool.h"
#include "tcp/flow_table.h"

namespace corelane::stack {

class Interface;

// Counted references; owned by the PathTable. `interface` is null while there is no route.
struct Path : tcp::FlowTableNode<Path> {
  tcp::FourTuple key;  // ports are zero
  Interface* interface = nullptr;
  IpAddress next_hop;
  arp::NeighborHandle neighbor;
  uint64_t generation = 0;  // of routes, addresses and path MTUs when it was filled
  Instant mtu_checked{};
  uint32_t mtu = 0;
  uint16_t tcp_mss = 0;  // TCP payload of a segment without options that fits `mtu` (RFC 6691 §2)
  // The interface that has our address; kNoInterface: none has.
  uint16_t local_interface = kNoInterface;
  uint32_t references = 0;
  Sum16 addresses_sum;  // of both addresses, for pseudo-headers

  // What a frame with a TCP segment begins with, but for the destination's MAC address and the
  // lengths: Ethernet and IP. header_sum: of the IPv4 header, length and checksum zero.
  static constexpr size_t kIpOffset = 14;
  static constexpr uint16_t kNoInterface = 0xffff;
  std::array<uint8_t, kIpOffset + 40> tcp_header;
  Sum16 header_sum;

  // RFC 9293 §3.1 and RFC 8200 §8.1: of the pseudo-header of `length` bytes of transport header and
  // data.
  Sum16 PseudoSum(size_t length, uint8_t protocol) const {
    return internal::Fold(uint64_t{addresses_sum.raw()} +
                          __builtin_bswap32(static_cast<uint32_t>(length)) +
                          Sum16::OfWord(protocol).raw());
  }

  const tcp::FourTuple& tuple() const { return key; }
  const IpAddress& local() const { return key.local; }
  const IpAddress& remote() const { return key.remote; }
  bool is_v4() const { return key.remote.is_v4(); }
};

class PathTable {
 public:
  PathTable(size_t max, const FlowHashKey& key) : table_(key), pool_(max) {}

  // Finds or creates the path and adds a reference. Null: `max` paths are in use.
  Path* Acquire(const IpAddress& local, const IpAddress& remote);
  void Release(Path* path);
  size_t size() const { return table_.size(); }

 private:
  tcp::FlowTable<Path> table_;
  ObjectPool<Path> pool_;
};

}  // namespace corelane::stack

#endif  // CORELANE_STACK_PATH_H_
