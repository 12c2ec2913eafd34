#include "ip/path_mtu.h"

#include <algorithm>
#include <bit>

#include "ip/protocol.h"

namespace corelane::ip {

PathMtuCache::PathMtuCache(const PathMtuConfig& config, const FlowHashKey& key)
    : config_(config),
      key_(key),
      entries_(std::bit_ceil(std::max<size_t>(config.max_entries, 16))) {}

size_t PathMtuCache::SetOf(const IpAddress& destination) const {
  return FlowHash(key_, destination, 0, IpAddress(), 0) % (entries_.size() / kWays) * kWays;
}

uint32_t PathMtuCache::Get(const IpAddress& destination, uint32_t link_mtu, Instant now) const {
  const size_t set = SetOf(destination);
  for (size_t i = set; i < set + kWays; ++i) {
    const Entry& entry = entries_[i];
    if (entry.destination == destination && now < entry.expires)
      return std::min(entry.mtu, link_mtu);
  }
  return link_mtu;
}

bool PathMtuCache::Update(const IpAddress& destination, uint32_t mtu, uint32_t refused_length,
                          Instant now) {
  if (destination.is_v4()) {
    // RFC 1191 §5: an old router names no MTU. A packet is never made larger by a report.
    if (mtu == 0) mtu = NextLowerPlateau(refused_length);
    mtu = std::max(mtu, config_.ipv4_minimum);
  } else if (mtu < kIpv6MinimumMtu) {
    return false;
  }
  const size_t set = SetOf(destination);
  Entry* place = &entries_[set];
  for (size_t i = set; i < set + kWays; ++i) {
    Entry& entry = entries_[i];
    if (entry.destination == destination && now < entry.expires) {
      if (mtu >= entry.mtu) return false;
      place = &entry;
      break;
    }
    if (entry.expires < place->expires) place = &entry;
  }
  *place = {destination, now + config_.lifetime, mtu};
  ++generation_;
  return true;
}

size_t PathMtuCache::size(Instant now) const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(),
                                           [&](const Entry& e) { return now < e.expires; }));
}

uint32_t NextLowerPlateau(uint32_t length) {
  constexpr uint32_t kPlateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
  for (const uint32_t plateau : kPlateaus) {
    if (plateau < length) return plateau;
  }
  return 68;
}

}  // namespace corelane::ip
