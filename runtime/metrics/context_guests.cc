#include "runtime/metrics/context_guests.h"

#include <utility>

namespace corelane::runtime::internal {

void ContextGuests::Add(const std::shared_ptr<ContextGuest>& guest) {
  const std::lock_guard lock(mutex_);
  guest->kept_ = guest;
  guests_.PushBack(*guest);
}

void ContextGuests::Remove(ContextGuest& guest) {
  std::shared_ptr<ContextGuest> kept;  // freed behind the lock
  const std::lock_guard lock(mutex_);
  kept = std::move(guest.kept_);
  guest.node_.Unlink();
}

void ContextGuests::shutdown() {
  for (;;) {
    std::shared_ptr<ContextGuest> guest;
    {
      const std::lock_guard lock(mutex_);
      if (guests_.empty()) return;
      guest = std::move(guests_.PopFront()->kept_);
    }
    guest->OnContextEnd();
  }
}

}  // namespace corelane::runtime::internal
