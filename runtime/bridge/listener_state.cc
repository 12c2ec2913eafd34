#include "runtime/bridge/listener_state.h"

#include <boost/asio/error.hpp>
#include <utility>

namespace corelane::runtime::internal {

namespace error = boost::asio::error;

// --- the user's thread ---

bool BridgeListener::is_open() {
  const std::lock_guard lock(mutex_);
  return listening_ && !closing_ && !ended_;
}

Endpoint BridgeListener::local() {
  const std::lock_guard lock(mutex_);
  return listening_ && !closing_ && !ended_ ? local_ : Endpoint{};
}

void BridgeListener::StartListen(BridgeListenOp& op) {
  bool queued = false;
  {
    const std::lock_guard lock(mutex_);
    if (!ended_ && !closing_ && !core().closed.load(std::memory_order_acquire)) {
      listens_.PushBack(op);
      queued = true;
    }
  }
  if (queued) {
    Signal();
  } else {
    Complete(op, error::bad_descriptor);
  }
}

void BridgeListener::StartAccept(BridgeAcceptOp& op) {
  bool queued = false;
  bool signal = false;
  {
    const std::lock_guard lock(mutex_);
    if (!ended_ && !closing_ && listening_) {
      accepts_.PushBack(op);
      queued = true;
      signal = ready_;
    }
  }
  if (!queued) Complete(op, error::bad_descriptor);
  if (signal) Signal();
}

void BridgeListener::TakeAll(OpQueue<BridgeOp>& out) {
  while (BridgeListenOp* const op = listens_.PopFront()) out.PushBack(*op);
  while (BridgeAcceptOp* const op = accepts_.PopFront()) out.PushBack(*op);
}

bool BridgeListener::TakeOut(BridgeOp& op) {
  return listens_.Remove(static_cast<BridgeListenOp&>(op)) ||
         accepts_.Remove(static_cast<BridgeAcceptOp&>(op));
}

void BridgeListener::Close() {
  OpQueue<BridgeOp> pending;
  bool signal;
  {
    const std::lock_guard lock(mutex_);
    TakeAll(pending);
    signal = !closing_ && !ended_;
    closing_ = true;
  }
  if (signal) Signal();
  Complete(pending, error::operation_aborted);
}

// --- the worker's thread ---

error_code BridgeListener::Listen(const BridgeListenOp& op) {
  if (listener_ != nullptr) return error::already_open;
  stack::TcpSetupError setup;
  const tcp::Options* const options = op.options.tcp ? &*op.options.tcp : nullptr;
  listener_ = core().stack.tcp().Listen(op.local, op.options.backlog, setup, options);
  if (listener_ == nullptr) return ToErrorCode(setup);
  listener_->user = static_cast<IoObject*>(this);
  listening_ = true;
  local_ = listener_->local();
  return {};
}

bool BridgeListener::Serve(OpQueue<BridgeOp>& done) {
  if (closing_) {
    LetGo();
    return false;
  }
  while (BridgeListenOp* const op = listens_.PopFront()) {
    op->ec = Listen(*op);
    done.PushBack(*op);
  }
  if (listener_ == nullptr) return true;
  while (!accepts_.empty()) {
    stack::TcpSocket* const socket = listener_->Accept();
    if (socket == nullptr) break;
    BridgeAcceptOp& op = *accepts_.PopFront();
    op.accepted = BridgeTcp::Adopt(shared_core(), *socket);
    done.PushBack(op);
  }
  ready_ = accepts_.empty();
  return true;
}

void BridgeListener::LetGo() {
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->Release();
}

}  // namespace corelane::runtime::internal
