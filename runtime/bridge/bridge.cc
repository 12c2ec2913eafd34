#include "runtime/bridge/bridge.h"

#include <utility>

#include "core/check.h"

namespace corelane::runtime {
namespace {

stack::Stack& FirstStack(Worker& worker) {
  CL_CHECK(worker.default_stack() != nullptr);
  return *worker.default_stack();
}

// Ends the sockets of a bridge, on their worker. When that is gone, so are they.
class EndBridge final : public PostedOp {
 public:
  explicit EndBridge(std::shared_ptr<internal::BridgeCore> core)
      : PostedOp(&Do), core_(std::move(core)) {}

 private:
  static void Do(Op* op, bool run) {
    const std::unique_ptr<EndBridge> self(static_cast<EndBridge*>(op));
    if (!run) return;
    self->core_->End();
  }
  friend std::default_delete<EndBridge>;
  ~EndBridge() = default;

  std::shared_ptr<internal::BridgeCore> core_;
};

}  // namespace

Bridge::Bridge(Worker& worker) : Bridge(worker, FirstStack(worker)) {}

Bridge::Bridge(Worker& worker, stack::Stack& stack)
    : core_(std::make_shared<internal::BridgeCore>(worker, stack)), end_(new EndBridge(core_)) {}

Bridge::~Bridge() {
  core_->closed.store(true, std::memory_order_release);
  core_->inbox->Post(*end_);
}

}  // namespace corelane::runtime
