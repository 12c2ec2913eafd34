#include "runtime/bridge/bridge_socket.h"

#include <boost/asio/error.hpp>
#include <chrono>
#include <thread>
#include <utility>

namespace corelane::runtime::internal {

namespace asio = boost::asio;
namespace error = boost::asio::error;

// Knows the sockets whose operations complete in one execution context.
class BridgeContext final : public asio::execution_context::service {
 public:
  using key_type = BridgeContext;
  static inline asio::execution_context::id id;

  explicit BridgeContext(asio::execution_context& context) : service(context) {}

  void Add(BridgeSocket& socket) {
    const std::lock_guard lock(mutex_);
    sockets_.PushBack(socket);
    socket.context_ = this;
  }
  void Remove(BridgeSocket& socket) {
    const std::lock_guard lock(mutex_);
    socket.context_node_.Unlink();
    socket.context_ = nullptr;
  }

 private:
  void shutdown() override {
    for (;;) {
      BridgeRef<BridgeSocket> socket;
      {
        const std::lock_guard lock(mutex_);
        if (sockets_.empty()) return;
        socket = sockets_.PopFront();
        socket->context_ = nullptr;
      }
      socket->Abandon();
    }
  }

  std::mutex mutex_;
  IntrusiveList<BridgeSocket, &BridgeSocket::context_node_> sockets_;
};

BridgeCore::BridgeCore(Worker& worker, stack::Stack& stack)
    : inbox(worker.inbox()), tcp(stack.options().tcp), worker(worker), stack(stack) {}

void BridgeCore::End() {
  ended = true;
  IntrusiveList<BridgeSocket, &BridgeSocket::core_node_> all;
  all.SpliceBack(sockets);
  while (BridgeSocket* const socket = all.PopFront()) {
    sockets.PushBack(*socket);  // where it may have to stay for a turn
    socket->End();
  }
}

BridgeSocket::BridgeSocket(std::shared_ptr<BridgeCore> core)
    : PostedOp(&OnPosted), core_(std::move(core)) {}

// --- the user's thread ---

void BridgeSocket::Signal() {
  if (posted_.exchange(true, std::memory_order_acq_rel)) return;
  intrusive_ptr_add_ref(this);
  core_->inbox->Post(*this);
}

void BridgeSocket::Complete(OpQueue<BridgeOp>& ops, const error_code& ec) {
  while (BridgeOp* const op = ops.PopFront()) Complete(*op, ec);
}

void BridgeSocket::TakePending(OpQueue<BridgeOp>& out) {
  bool signal;
  {
    const std::lock_guard lock(mutex_);
    TakeAll(out);
    signal = std::exchange(worker_wanted_, false);
  }
  if (signal) Signal();
}

void BridgeSocket::Cancel() {
  OpQueue<BridgeOp> pending;
  TakePending(pending);
  Complete(pending, error::operation_aborted);
}

void BridgeSocket::CancelOp(BridgeOp& op) {
  bool signal;
  {
    const std::lock_guard lock(mutex_);
    if (!TakeOut(op)) return;
    signal = std::exchange(worker_wanted_, false);
  }
  if (signal) Signal();
  Complete(op, error::operation_aborted);
}

void BridgeSocket::Enter(asio::execution_context& context) {
  asio::use_service<BridgeContext>(context).Add(*this);
}

bool BridgeSocket::IsKnownTo(asio::execution_context& context) {
  return asio::has_service<BridgeContext>(context);
}

void BridgeSocket::Leave() {
  AwaitSubmissions();
  if (context_ != nullptr) context_->Remove(*this);
}

void BridgeSocket::AwaitSubmissions() const {
  while (submissions_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

void BridgeSocket::Abandon() {
  OpQueue<BridgeOp> pending;
  TakePending(pending);
  AwaitSubmissions();
  while (BridgeOp* const op = pending.PopFront()) op->Destroy();
}

error_code BridgeSocket::Wait(std::future<error_code> ended) {
  // Again and again: Run() may return, or begin, in between.
  for (auto wait = std::chrono::milliseconds(0); ended.wait_for(wait) != std::future_status::ready;
       wait = std::chrono::milliseconds(1)) {
    core_->inbox->Borrow([this] { Poll(); });
  }
  return ended.get();
}

// --- the worker ---

void BridgeSocket::OnPosted(Op* op, bool run) {
  auto* const posted = static_cast<BridgeSocket*>(static_cast<PostedOp*>(op));
  const BridgeRef<BridgeSocket> self(posted, /*add_ref=*/false);
  // Before the look at the queues: what is queued later signals again.
  self->posted_.exchange(false, std::memory_order_acq_rel);
  if (run) {
    self->Poll();
  } else {
    // Without a worker there are no turns that this could hold up, or come back in.
    self->Refuse(std::unique_lock(self->mutex_));
  }
}

void BridgeSocket::Enroll() {
  enrolled_ = true;
  intrusive_ptr_add_ref(this);
  core_->worker.Register(*this);
  core_->sockets.PushBack(*this);
}

void BridgeSocket::Expel() {
  expelled_ = true;
  if (!enrolled_) return;
  enrolled_ = false;
  core_->worker.Unregister(*this);
  core_node_.Unlink();
  intrusive_ptr_release(this);
}

void BridgeSocket::Poll() {
  if (expelled_) return;
  const BridgeRef<BridgeSocket> self(this);
  if (core_->ended) {
    End();
    return;
  }
  if (!enrolled_) Enroll();
  OpQueue<BridgeOp> done;
  bool stays;
  {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) {
      Signal();
      return;
    }
    stays = Serve(done);
    if (!done.empty()) submissions_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!done.empty()) Submit(done);
  if (!stays) Expel();
}

// Counted in submissions_: whoever takes the executor's ground away waits for the end of this.
void BridgeSocket::Submit(OpQueue<BridgeOp>& done) {
  while (BridgeOp* const op = done.PopFront()) op->Run();
  submissions_.fetch_sub(1, std::memory_order_release);
}

void BridgeSocket::Refuse(std::unique_lock<std::mutex> lock) {
  core_->closed.store(true, std::memory_order_release);
  OpQueue<BridgeOp> pending;
  ended_ = true;
  TakeAll(pending);
  submissions_.fetch_add(1, std::memory_order_relaxed);
  lock.unlock();
  Complete(pending, error::operation_aborted);
  submissions_.fetch_sub(1, std::memory_order_release);
}

void BridgeSocket::End() {
  if (expelled_) return;
  const BridgeRef<BridgeSocket> self(this);
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) {
    Signal();
    return;
  }
  Refuse(std::move(lock));
  if (enrolled_) LetGo();
  Expel();
}

// Called once, as the worker's last act: there is no turn to come back in, and none that waits.
void BridgeSocket::Detach() {
  if (expelled_) return;
  const BridgeRef<BridgeSocket> self(this);
  Refuse(std::unique_lock(mutex_));
  LetGo();
  Expel();
}

}  // namespace corelane::runtime::internal
