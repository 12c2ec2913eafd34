#include "runtime/bridge/listener_state.h"

#include <boost/asio/error.hpp>
#include <utility>

namespace corelane::runtime::internal {

namespace error = boost::asio::error;

// --- the user's thread ---

bool BridgeListener::is_open() {
  const std::lock_guard lock(mutex_);
  return listening_ && !Refusal();
}

Endpoint BridgeListener::local() {
  const std::lock_guard lock(mutex_);
  return listening_ && !Refusal() ? local_ : Endpoint{};
}

error_code BridgeListener::Refusal() const {
  // As those that waited: which of them came first is chance.
  if (drained_) return error::operation_aborted;
  if (ended_ || closing_) return error::bad_descriptor;
  return {};
}

void BridgeListener::StartListen(BridgeListenOp& op) {
  error_code refusal;
  {
    const std::lock_guard lock(mutex_);
    refusal = Refusal();
    if (core().closed.load(std::memory_order_acquire)) refusal = error::bad_descriptor;
    if (!refusal) listens_.PushBack(op);
  }
  if (refusal) {
    Complete(op, refusal);
  } else {
    Signal();
  }
}

void BridgeListener::StartAccept(BridgeAcceptOp& op) {
  error_code refusal;
  bool signal = false;
  {
    const std::lock_guard lock(mutex_);
    refusal = Refusal();
    if (!refusal && !listening_) refusal = error::bad_descriptor;
    if (!refusal) {
      accepts_.PushBack(op);
      signal = ready_;
    }
  }
  if (refusal) Complete(op, refusal);
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
  if (draining_) {
    TurnAway(done);
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

void BridgeListener::Drain() {
  draining_ = true;
  Poll();
}

void BridgeListener::TurnAway(OpQueue<BridgeOp>& done) {
  drained_ = true;
  OpQueue<BridgeOp> pending;
  TakeAll(pending);
  while (BridgeOp* const op = pending.PopFront()) {
    op->ec = error::operation_aborted;
    done.PushBack(*op);
  }
  LetGo();
}

}  // namespace corelane::runtime::internal
