#include "runtime/udp_socket_impl.h"

#include <boost/asio/error.hpp>
#include <new>
#include <utility>

namespace corelane::runtime::internal {

namespace error = boost::asio::error;

UdpSocketImpl* UdpSocketImpl::New(Worker& worker, stack::Stack& stack,
                                  const udp::UdpOptions& options) {
  auto* const impl =
      new (worker.memory().Allocate(sizeof(UdpSocketImpl))) UdpSocketImpl(worker, stack, options);
  worker.Register(*impl);
  return impl;
}

void UdpSocketImpl::Delete(UdpSocketImpl* impl) {
  impl->Close();
  Worker* const worker = impl->worker_;
  impl->~UdpSocketImpl();
  if (worker != nullptr) {
    worker->memory().Deallocate(impl, sizeof(UdpSocketImpl));
  } else {
    ::operator delete(impl);
  }
}

void UdpSocketImpl::Detach() {
  while (ReceiveOp* const op = receives_.PopFront()) worker_->Abandon(*op);
  if (socket_ != nullptr) stack_->udp().Close(std::exchange(socket_, nullptr));
  worker_ = nullptr;
  stack_ = nullptr;
}

udp::UdpSocket& UdpSocketImpl::Open() {
  if (socket_ == nullptr) {
    socket_ = stack_->udp().Open(options_);
    socket_->user = static_cast<IoObject*>(this);
  }
  return *socket_;
}

void UdpSocketImpl::Bind(const Endpoint& local, error_code& ec) {
  ec = ToErrorCode(stack_->udp().Bind(Open(), local));
}

void UdpSocketImpl::Connect(const Endpoint& remote, error_code& ec) {
  ec = ToErrorCode(stack_->udp().Connect(Open(), remote));
}

bool UdpSocketImpl::TryReceive(ReceiveOp& op) {
  if (const auto e = socket_->TakeError()) {
    op.ec = ToErrorCode(*e);
    return true;
  }
  udp::Datagram datagram;
  if (!socket_->Receive(datagram)) return false;
  if (op.from != nullptr) *op.from = datagram.from;
  if (!datagram.payload) return true;
  // What the buffers cannot hold is lost, as with recvfrom().
  for (const std::span<uint8_t>& buffer : op.buffers.all()) {
    const size_t n = datagram.payload.CopyOut(op.transferred, buffer);
    op.transferred += n;
    if (n < buffer.size()) break;
  }
  return true;
}

bool UdpSocketImpl::StartReceive(ReceiveOp& op) {
  if (socket_ == nullptr) {
    op.ec = error::bad_descriptor;
  } else if (!receives_.empty() || !TryReceive(op)) {
    op.owner = this;
    receives_.PushBack(op);
    return true;
  }
  worker_->Ready(op);
  return false;
}

void UdpSocketImpl::Send(SendOp& op, std::span<const std::span<const uint8_t>> buffers,
                         const std::optional<Endpoint>& to) {
  std::span<const uint8_t> data;
  if (buffers.size() == 1) {
    data = buffers.front();
  } else {
    gathered_.clear();
    for (const auto& b : buffers) gathered_.insert(gathered_.end(), b.begin(), b.end());
    data = gathered_;
  }
  op.ec = ToErrorCode(stack_->udp().Send(Open(), data, to, worker_->now()));
  if (!op.ec) op.transferred = data.size();
  worker_->Ready(op);
}

void UdpSocketImpl::OnReady() {
  while (!receives_.empty() && TryReceive(receives_.front())) {
    ReceiveOp& op = *receives_.PopFront();
    op.owner = nullptr;
    worker_->Ready(op);
  }
}

void UdpSocketImpl::CancelOp(WaitingOp& op) {
  if (receives_.Remove(static_cast<ReceiveOp&>(op))) {
    worker_->Complete(op, error::operation_aborted);
  }
}

void UdpSocketImpl::Cancel() {
  while (ReceiveOp* const op = receives_.PopFront()) {
    worker_->Complete(*op, error::operation_aborted);
  }
}

void UdpSocketImpl::Close() {
  if (worker_ == nullptr) return;
  Cancel();
  if (socket_ != nullptr) stack_->udp().Close(std::exchange(socket_, nullptr));
}

}  // namespace corelane::runtime::internal
