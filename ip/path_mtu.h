// What routers have told of the paths' MTUs (RFC 1191, RFC 8201).
//
// A bounded cache by destination. An entry only ever lowers the MTU and expires, after which the
// link's MTU is tried again. Who feeds it has checked that the ICMP error quotes a packet of a flow
// that exists (RFC 5927, RFC 8201 §4).

#ifndef CORELANE_IP_PATH_MTU_H_
#define CORELANE_IP_PATH_MTU_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/flow_hash.h"
#include "core/ip_address.h"
#include "core/time.h"

namespace corelane::ip {

struct PathMtuConfig {
  size_t max_entries = 1024;                     // rounded up to a power of two of at least 16
  Duration lifetime = std::chrono::minutes(10);  // RFC 1191 §6.3, RFC 8201 §5.3
  // Smaller reports are taken as this. IPv4 allows 68 in theory, which an attacker would use to
  // make every packet a storm of small ones; no link in use is below 552.
  uint32_t ipv4_minimum = 552;
};

class PathMtuCache {
 public:
  PathMtuCache(const PathMtuConfig& config, const FlowHashKey& key);

  // The MTU of the path: link_mtu unless a smaller one is known.
  uint32_t Get(const IpAddress& destination, uint32_t link_mtu, Instant now) const;
  // A router reported `mtu`; 0: it did not say, and the packet it refused had `refused_length`
  // bytes (RFC 1191 §5: the next lower plateau). Returns whether the path's MTU became smaller; an
  // IPv6 report below 1280 is ignored (RFC 8201 §4).
  bool Update(const IpAddress& destination, uint32_t mtu, uint32_t refused_length, Instant now);

  size_t size(Instant now) const;
  // Changes when an entry does: who caches an MTU compares it.
  uint64_t generation() const { return generation_; }

 private:
  // Sets of four: a full one gives up the entry that expires first.
  struct Entry {
    IpAddress destination;
    Instant expires = Instant::min();
    uint32_t mtu = 0;
  };
  static constexpr size_t kWays = 4;

  size_t SetOf(const IpAddress& destination) const;

  PathMtuConfig config_;
  FlowHashKey key_;
  std::vector<Entry> entries_;
  uint64_t generation_ = 1;
};

// RFC 1191 §7.1: the largest plateau below `length`.
uint32_t NextLowerPlateau(uint32_t length);

}  // namespace corelane::ip

#endif  // CORELANE_IP_PATH_MTU_H_
