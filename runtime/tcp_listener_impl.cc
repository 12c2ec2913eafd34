#include "runtime/tcp_listener_impl.h"

#include <boost/asio/error.hpp>
#include <new>

namespace corelane::runtime::internal {

namespace error = boost::asio::error;

TcpListenerImpl* TcpListenerImpl::New(Worker& worker, stack::Stack& stack) {
  auto* const impl =
      new (worker.memory().Allocate(sizeof(TcpListenerImpl))) TcpListenerImpl(worker, stack);
  worker.Register(*impl);
  return impl;
}

void TcpListenerImpl::Delete(TcpListenerImpl* impl) {
  impl->Close();
  Worker* const worker = impl->worker_;
  impl->~TcpListenerImpl();
  if (worker != nullptr) {
    worker->memory().Deallocate(impl, sizeof(TcpListenerImpl));
  } else {
    ::operator delete(impl);
  }
}

void TcpListenerImpl::Detach() {
  while (AcceptOp* const op = accepts_.PopFront()) worker_->Abandon(*op);
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->Release();
  worker_ = nullptr;
  stack_ = nullptr;
}

void TcpListenerImpl::Listen(const Endpoint& local, const ListenOptions& options, error_code& ec) {
  if (listener_ != nullptr) {
    ec = error::already_open;
    return;
  }
  stack::TcpSetupError setup;
  listener_ =
      stack_->tcp().Listen(local, options.backlog, setup, options.tcp ? &*options.tcp : nullptr);
  ec = ToErrorCode(setup);
  if (listener_ != nullptr) listener_->user = static_cast<IoObject*>(this);
}

bool TcpListenerImpl::TryAccept(AcceptOp& op) {
  stack::TcpSocket* const socket = listener_->Accept();
  if (socket == nullptr) return false;
  op.accepted = TcpStreamImpl::Adopt(*worker_, *stack_, *socket);
  op.stack = stack_;
  return true;
}

bool TcpListenerImpl::StartAccept(AcceptOp& op) {
  if (listener_ == nullptr) {
    op.ec = error::bad_descriptor;
  } else if (!accepts_.empty() || !TryAccept(op)) {
    op.owner = this;
    accepts_.PushBack(op);
    return true;
  }
  worker_->Ready(op);
  return false;
}

void TcpListenerImpl::OnReady() {
  while (!accepts_.empty() && TryAccept(accepts_.front())) {
    AcceptOp& op = *accepts_.PopFront();
    op.owner = nullptr;
    worker_->Ready(op);
  }
}

void TcpListenerImpl::CancelOp(WaitingOp& op) {
  if (accepts_.Remove(static_cast<AcceptOp&>(op))) {
    worker_->Complete(op, error::operation_aborted);
  }
}

void TcpListenerImpl::Cancel() {
  while (AcceptOp* const op = accepts_.PopFront()) {
    worker_->Complete(*op, error::operation_aborted);
  }
}

void TcpListenerImpl::Close() {
  if (worker_ == nullptr) return;
  Cancel();
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->Release();
}

}  // namespace corelane::runtime::internal
