#include "runtime/bridge/udp_state.h"

#include <boost/asio/error.hpp>
#include <utility>

namespace corelane::runtime::internal {

namespace error = boost::asio::error;

// --- the user's thread ---

bool BridgeUdp::is_open() {
  const std::lock_guard lock(mutex_);
  return !closing_ && !ended_;
}

Endpoint BridgeUdp::local() {
  const std::lock_guard lock(mutex_);
  return local_;
}

Endpoint BridgeUdp::remote() {
  const std::lock_guard lock(mutex_);
  return remote_;
}

template <class T>
void BridgeUdp::Start(OpQueue<T>& queue, T& op) {
  bool queued = false;
  bool signal = true;
  {
    const std::lock_guard lock(mutex_);
    if (!ended_ && !closing_ && !core().closed.load(std::memory_order_acquire)) {
      queue.PushBack(op);
      queued = true;
      if constexpr (std::is_same_v<T, BridgeReceiveOp>) signal = readable_;
    }
  }
  if (!queued) {
    Complete(op, error::bad_descriptor);
  } else if (signal) {
    Signal();
  }
}

void BridgeUdp::StartReceive(BridgeReceiveOp& op) { Start(receives_, op); }
void BridgeUdp::StartSend(BridgeSendOp& op) { Start(sends_, op); }
void BridgeUdp::StartBind(BridgeBindOp& op) { Start(binds_, op); }

void BridgeUdp::TakeAll(OpQueue<BridgeOp>& out) {
  while (BridgeBindOp* const op = binds_.PopFront()) out.PushBack(*op);
  while (BridgeReceiveOp* const op = receives_.PopFront()) out.PushBack(*op);
  while (BridgeSendOp* const op = sends_.PopFront()) out.PushBack(*op);
}

bool BridgeUdp::TakeOut(BridgeOp& op) {
  return binds_.Remove(static_cast<BridgeBindOp&>(op)) ||
         receives_.Remove(static_cast<BridgeReceiveOp&>(op)) ||
         sends_.Remove(static_cast<BridgeSendOp&>(op));
}

void BridgeUdp::Close() {
  OpQueue<BridgeOp> pending;
  bool signal;
  {
    const std::lock_guard lock(mutex_);
    TakeAll(pending);
    signal = !closing_ && !ended_;
    closing_ = true;
    local_ = remote_ = Endpoint{};
  }
  if (signal) Signal();
  Complete(pending, error::operation_aborted);
}

// --- the worker's thread ---

error_code BridgeUdp::Bind(const BridgeBindOp& op) {
  stack::UdpLayer& udp = core().stack.udp();
  return ToErrorCode(op.connects ? udp.Connect(*socket_, op.endpoint)
                                 : udp.Bind(*socket_, op.endpoint));
}

bool BridgeUdp::TryReceive(BridgeReceiveOp& op) {
  if (const auto e = socket_->TakeError()) {
    op.ec = ToErrorCode(*e);
    return true;
  }
  udp::Datagram datagram;
  if (!socket_->Receive(datagram)) return false;
  op.sender = datagram.from;
  if (!datagram.payload) return true;
  // What the buffers cannot hold is lost, as with recvfrom().
  for (const std::span<uint8_t>& buffer : op.buffers.all()) {
    const size_t n = datagram.payload.CopyOut(op.transferred, buffer);
    op.transferred += n;
    if (n < buffer.size()) break;
  }
  return true;
}

bool BridgeUdp::Serve(OpQueue<BridgeOp>& done) {
  if (closing_) {
    LetGo();
    return false;
  }
  stack::UdpLayer& udp = core().stack.udp();
  if (socket_ == nullptr) {
    socket_ = udp.Open(options_);
    socket_->user = static_cast<IoObject*>(this);
  }
  while (BridgeBindOp* const op = binds_.PopFront()) {
    op->ec = Bind(*op);
    done.PushBack(*op);
  }
  while (BridgeSendOp* const op = sends_.PopFront()) {
    op->ec = ToErrorCode(udp.Send(*socket_, op->data(), op->to, core().worker.now()));
    if (!op->ec) op->transferred = op->data().size();
    done.PushBack(*op);
  }
  while (!receives_.empty() && TryReceive(receives_.front())) done.PushBack(*receives_.PopFront());
  readable_ = receives_.empty() && (socket_->readable() || socket_->has_error());
  local_ = socket_->local();
  remote_ = socket_->remote();
  return true;
}

void BridgeUdp::LetGo() {
  if (socket_ != nullptr) core().stack.udp().Close(std::exchange(socket_, nullptr));
}

}  // namespace corelane::runtime::internal
