// StackStats: what the demo's page shows of the server's stack.

#ifndef CORELANE_EXAMPLES_STACK_STATS_H_
#define CORELANE_EXAMPLES_STACK_STATS_H_

#include <string>

#include "examples/demo_app.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::examples {

class StackStats final : public StatsSource {
 public:
  // stack: null on the kernel's transport. Both outlive this.
  StackStats(std::string device_uri, runtime::Worker& worker, stack::Stack* stack);

  StatsSnapshot Snapshot() override;

 private:
  std::string device_uri_;
  runtime::Worker& worker_;
  stack::Stack* stack_;
  Instant start_;
};

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_STACK_STATS_H_
