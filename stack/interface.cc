#include "stack/interface.h"

#include <algorithm>
#include <utility>

namespace corelane::stack {

Interface::Interface(uint16_t index, driver::DeviceQueue& queue, const driver::DeviceInfo& info,
                     const MacAddress& mac, size_t batch, const std::optional<Vlan>& vlan)
    : index_(index),
      queue_(queue),
      info_(info),
      mac_(mac),
      vlan_(vlan),
      batch_(batch),
      backlog_(batch + std::max<size_t>(batch, 64)),
      cache_(&Interface::Allocate, this,
             info.capabilities.copies_references ? UINT32_MAX : PacketCache::kCopyLimit) {}

Interface::~Interface() { cache_.Clear(); }

size_t Interface::Allocate(void* self, std::span<PacketBuf> out) {
  return static_cast<Interface*>(self)->queue_.AllocateBurst(out);
}

size_t Interface::Flush(Instant now) {
  if (pending_ == 0) return 0;
  const size_t burst = std::min(pending_, batch_);
  const size_t taken = queue_.TransmitBurst(now, std::span(backlog_.data(), burst));
  if (taken == pending_) [[likely]] {
    pending_ = 0;
  } else if (taken > 0) {
    std::move(backlog_.begin() + static_cast<ptrdiff_t>(taken),
              backlog_.begin() + static_cast<ptrdiff_t>(pending_), backlog_.begin());
    pending_ -= taken;
  }
  return taken;
}

}  // namespace corelane::stack
