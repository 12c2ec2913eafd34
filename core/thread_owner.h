// ThreadOwner: asserts in debug builds that an object is used by one thread.

#ifndef CORELANE_CORE_THREAD_OWNER_H_
#define CORELANE_CORE_THREAD_OWNER_H_

#include "core/check.h"

#ifndef NDEBUG
#include <thread>
#endif

namespace corelane {

// Belongs to the first thread that calls Check(); Release() lets another one take over (hand-over
// before start, or after a join). Costs nothing under NDEBUG.
class ThreadOwner {
 public:
#ifdef NDEBUG
  void Check() const {}
  void Release() {}
#else
  void Check() const {
    if (owner_ == std::thread::id()) owner_ = std::this_thread::get_id();
    CL_DCHECK(owner_ == std::this_thread::get_id());
  }
  void Release() { owner_ = std::thread::id(); }

 private:
  mutable std::thread::id owner_;
#endif
};

}  // namespace corelane

#endif  // CORELANE_CORE_THREAD_OWNER_H_
