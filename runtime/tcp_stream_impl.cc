#include "runtime/tcp_stream_impl.h"

#include <boost/asio/error.hpp>
#include <new>

namespace corelane::runtime::internal {

namespace error = boost::asio::error;

void ConnectOp::OnTimeout(WorkerTimer& timer) {
  auto& op = static_cast<ConnectOp&>(timer);
  static_cast<TcpStreamImpl*>(op.owner)->OnConnectTimeout();
}

// --- life ---

TcpStreamImpl* TcpStreamImpl::New(Worker& worker, stack::Stack& stack) {
  auto* const impl =
      new (worker.memory().Allocate(sizeof(TcpStreamImpl))) TcpStreamImpl(worker, stack);
  worker.Register(*impl);
  return impl;
}

TcpStreamImpl* TcpStreamImpl::Adopt(Worker& worker, stack::Stack& stack, stack::TcpSocket& socket) {
  TcpStreamImpl* const impl = New(worker, stack);
  impl->socket_ = &socket;
  impl->connected_ = true;
  socket.user = static_cast<IoObject*>(impl);
  return impl;
}

TcpStreamImpl* TcpStreamImpl::Arrived(Worker& worker, stack::Stack& stack, stack::TcpSocket* socket,
                                      const ArrivalTicket& ticket) {
  if (socket == nullptr) return nullptr;
  TcpStreamImpl* const impl = Adopt(worker, stack, *socket);
  impl->send_shut_ = ticket.send_shut;
  impl->receive_shut_ = ticket.receive_shut;
  return impl;
}

void TcpStreamImpl::Delete(TcpStreamImpl* impl) {
  impl->Close();
  Worker* const worker = impl->worker_;
  impl->~TcpStreamImpl();
  if (worker != nullptr) {
    worker->memory().Deallocate(impl, sizeof(TcpStreamImpl));
  } else {
    ::operator delete(impl);
  }
}

void TcpStreamImpl::Detach() {
  if (connect_ != nullptr) {
    worker_->Disarm(*connect_);
    worker_->Abandon(*std::exchange(connect_, nullptr));
  }
  while (ReadOp* const op = reads_.PopFront()) worker_->Abandon(*op);
  while (WriteOp* const op = writes_.PopFront()) worker_->Abandon(*op);
  ReleaseSocket();
  worker_ = nullptr;
  stack_ = nullptr;
}

void TcpStreamImpl::ReleaseSocket() {
  if (socket_ != nullptr) std::exchange(socket_, nullptr)->Release();
  connected_ = receive_shut_ = send_shut_ = false;
}

const tcp::Options& TcpStreamImpl::options() const {
  if (socket_ != nullptr) return socket_->options();
  return options_ != nullptr ? *options_ : stack_->options().tcp;
}

void TcpStreamImpl::SetOptions(const tcp::Options& options) {
  if (socket_ != nullptr) {
    stack_->tcp().set_now(worker_->now());  // older where no turn is under way
    socket_->SetOptions(options);
  } else if (options_ != nullptr) {
    *options_ = options;
  } else {
    options_ = std::make_unique<tcp::Options>(options);
  }
}

// --- connecting ---

bool TcpStreamImpl::StartConnect(ConnectOp& op, const Endpoint& remote,
                                 const ConnectOptions& options) {
  if (socket_ != nullptr) {
    worker_->Complete(
        op, connected_ ? error_code(error::already_connected) : error_code(error::already_started));
    return false;
  }
  stack::TcpConnectOptions to;
  to.local_address = options.local_address;
  to.local_port = options.local_port;
  if (options_ != nullptr) to.tcp = *options_;
  stack_->tcp().set_now(worker_->now());  // older where no turn is under way
  stack::TcpSetupError setup;
  stack::TcpSocket* const socket = stack_->tcp().Connect(remote, to, setup);
  if (socket == nullptr) {
    worker_->Complete(op, ToErrorCode(setup));
    return false;
  }
  socket_ = socket;
  socket_->user = static_cast<IoObject*>(this);
  connect_ = &op;
  op.owner = this;
  if (options.timeout > Duration::zero()) worker_->Arm(op, worker_->now() + options.timeout);
  return true;
}

void TcpStreamImpl::FinishConnect(const error_code& ec) {
  ConnectOp* const op = std::exchange(connect_, nullptr);
  worker_->Disarm(*op);
  if (ec) {
    ReleaseSocket();
  } else {
    connected_ = true;
    options_.reset();
  }
  worker_->Complete(*op, ec);
}

void TcpStreamImpl::OnConnectTimeout() { FinishConnect(error::timed_out); }

// --- reading and writing ---

error_code TcpStreamImpl::ReadError() const {
  const error_code ec = ToErrorCode(socket_->error());
  return ec ? ec : error_code(error::eof);
}

// False: it has to wait.
bool TcpStreamImpl::TryRead(ReadOp& op) {
  if (socket_->readable_bytes() == 0) {
    // The end, or not yet.
  } else if (op.lends) {
    auto& lend = static_cast<PacketReadOp&>(op);
    lend.packet = socket_->ReadPacket();
    if (lend.packet) return true;
  } else {
    for (const std::span<uint8_t>& buffer : op.buffers.all()) {
      const size_t n = socket_->Read(buffer);
      op.transferred += n;
      if (n < buffer.size()) break;
    }
    if (op.transferred > 0) return true;
  }
  if (socket_->end_of_stream() || receive_shut_) {
    op.ec = error::eof;
    return true;
  }
  if (socket_->closed()) {
    op.ec = ReadError();
    return true;
  }
  return false;
}

bool TcpStreamImpl::StartRead(ReadOp& op) {
  if (!connected_) {
    op.ec = socket_ == nullptr ? error_code(error::bad_descriptor) : error::not_connected;
  } else if ((op.buffers.empty() && !op.lends) || (reads_.empty() && TryRead(op))) {
    // A read of no bytes succeeds, as it does on the kernel's sockets.
  } else {
    op.owner = this;
    reads_.PushBack(op);
    return true;
  }
  worker_->Ready(op);
  return false;
}

bool TcpStreamImpl::TryWrite(WriteOp& op) {
  if (send_shut_ || socket_->closed()) {
    const error_code ec = ToErrorCode(socket_->error());
    op.ec = ec ? ec : error_code(error::broken_pipe);
    return true;
  }
  for (const std::span<const uint8_t>& buffer : op.buffers.all()) {
    const size_t n = socket_->Write(buffer);
    op.transferred += n;
    if (n < buffer.size()) break;
  }
  if (op.transferred > 0) return true;
  // There is room, but no memory: what frees some may be another connection's.
  if (socket_->writable_bytes() > 0) worker_->RetryLater(*this);
  return false;
}

bool TcpStreamImpl::StartWrite(WriteOp& op) {
  if (!connected_) {
    op.ec = socket_ == nullptr ? error_code(error::bad_descriptor) : error::not_connected;
  } else if (op.buffers.empty() || (writes_.empty() && TryWrite(op))) {
  } else {
    op.owner = this;
    writes_.PushBack(op);
    return true;
  }
  worker_->Ready(op);
  return false;
}

void TcpStreamImpl::Advance() {
  while (!reads_.empty() && TryRead(reads_.front())) {
    ReadOp& op = *reads_.PopFront();
    op.owner = nullptr;
    worker_->Ready(op);
  }
  while (!writes_.empty() && TryWrite(writes_.front())) {
    WriteOp& op = *writes_.PopFront();
    op.owner = nullptr;
    worker_->Ready(op);
  }
}

void TcpStreamImpl::Retry() { Advance(); }

void TcpStreamImpl::OnReady() {
  socket_->TakeEvents();
  if (connect_ != nullptr) {
    if (socket_->connected()) {
      FinishConnect({});
    } else if (socket_->closed()) {
      const error_code ec = ToErrorCode(socket_->error());
      FinishConnect(ec ? ec : error_code(error::connection_aborted));
    }
    return;
  }
  Advance();
}

// --- ending ---

void TcpStreamImpl::CancelOp(WaitingOp& op) {
  if (connect_ == &op) {
    FinishConnect(error::operation_aborted);
  } else if (reads_.Remove(static_cast<ReadOp&>(op)) || writes_.Remove(static_cast<WriteOp&>(op))) {
    worker_->Complete(op, error::operation_aborted);
  }
}

void TcpStreamImpl::Cancel() {
  if (connect_ != nullptr) FinishConnect(error::operation_aborted);
  while (ReadOp* const op = reads_.PopFront()) worker_->Complete(*op, error::operation_aborted);
  while (WriteOp* const op = writes_.PopFront()) worker_->Complete(*op, error::operation_aborted);
}

void TcpStreamImpl::Shutdown(bool receive, bool send, error_code& ec) {
  ec = connected_ ? error_code() : error::not_connected;
  if (ec) return;
  if (send && !send_shut_) {
    send_shut_ = true;
    socket_->CloseSend();
  }
  receive_shut_ |= receive;
  Advance();
}

error_code TcpStreamImpl::Move(size_t lane, std::unique_ptr<ArrivalTicket> arrival) {
  if (!connected_) return error::not_connected;
  arrival->send_shut = send_shut_;
  arrival->receive_shut = receive_shut_;
  std::unique_ptr<stack::MoveTicket> ticket = std::move(arrival);
  stack_->tcp().set_now(worker_->now());  // older where no turn is under way
  switch (stack_->tcp().Move(*socket_, lane, ticket)) {
    case stack::TcpMoveResult::kMoved:
      break;
    case stack::TcpMoveResult::kNoLane:
      return error::invalid_argument;
    case stack::TcpMoveResult::kNotConnected:
      return error::not_connected;
    case stack::TcpMoveResult::kBusy:
      return error::try_again;
  }
  socket_ = nullptr;
  Cancel();
  ReleaseSocket();
  return {};
}

void TcpStreamImpl::Close() {
  if (worker_ == nullptr) return;
  Cancel();
  ReleaseSocket();
}

void TcpStreamImpl::Reset() {
  if (worker_ == nullptr) return;
  Cancel();
  if (socket_ != nullptr) socket_->Abort();
  ReleaseSocket();
}

}  // namespace corelane::runtime::internal
