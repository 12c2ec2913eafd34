// LaneHost: a host of several lanes behind one device, all on one thread, in virtual time.
//
//   LaneHost server(*pair.b, group_options, {address}, seed, clock.Now());
//   server.Poll(now);                                     // a turn of every lane
//
// Lanes that the device has no queue for get a stack::CarriedQueue.

#ifndef CORELANE_TESTING_LANE_HOST_H_
#define CORELANE_TESTING_LANE_HOST_H_

#include <algorithm>
#include <memory>
#include <vector>

#include "core/check.h"
#include "driver/device.h"
#include "stack/carried_queue.h"
#include "stack/lane_group.h"
#include "stack/stack.h"

namespace corelane::testing {

class LaneHost {
 public:
  LaneHost(driver::Device& device, stack::LaneGroupOptions options,
           const std::vector<IpPrefix>& addresses, uint64_t seed, Instant now) {
    options.queues = std::min<size_t>(device.info().queues, options.lanes);
    group_ = std::make_unique<stack::LaneGroup>(options);
    for (size_t i = 0; i < options.lanes; ++i) {
      stack::StackOptions own;
      own.seed = seed + i;
      own.secret_seed = seed;
      stack::InterfaceOptions interface;
      interface.addresses = addresses;
      const bool carried = i >= options.queues;
      if (carried) {
        carried_.push_back(
            std::make_unique<stack::CarriedQueue>(group_->lane(i), device.info(), 0));
      }
      driver::DeviceQueue& queue = carried ? *carried_.back() : device.queue(i);
      const driver::DeviceInfo& info = carried ? carried_.back()->info() : device.info();
      stacks_.push_back(std::make_unique<stack::Stack>(own, now, &group_->lane(i)));
      CL_CHECK(stacks_[i]->AddInterface(queue, info, interface).ok());
    }
  }

  size_t lanes() const { return stacks_.size(); }
  stack::LaneGroup& group() { return *group_; }
  stack::Stack& stack(size_t lane) { return *stacks_[lane]; }
  stack::LaneCounters& counters(size_t lane) { return group_->lane(lane).counters(); }

  // One turn of each lane. False: there was nothing to do.
  bool Poll(Instant now) {
    bool busy = false;
    for (auto& stack : stacks_) busy |= stack->Poll(now);
    return busy;
  }
  Instant NextDeadline() const {
    Instant next = kNever;
    for (const auto& stack : stacks_) next = std::min(next, stack->NextDeadline());
    return next;
  }

 private:
  std::unique_ptr<stack::LaneGroup> group_;
  std::vector<std::unique_ptr<stack::CarriedQueue>> carried_;
  std::vector<std::unique_ptr<stack::Stack>> stacks_;
};

}  // namespace corelane::testing

#endif  // CORELANE_TESTING_LANE_HOST_H_
