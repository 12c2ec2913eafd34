#include "runtime/bridge/tcp_state.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <span>
#include <utility>

namespace corelane::runtime::internal {

namespace error = boost::asio::error;

BridgeTcp::BridgeTcp(std::shared_ptr<BridgeCore> core)
    : BridgeSocket(std::move(core)), options_(this->core().tcp) {}

BridgeRef<BridgeTcp> BridgeTcp::Adopt(std::shared_ptr<BridgeCore> core, stack::TcpSocket& socket) {
  BridgeRef<BridgeTcp> state(new BridgeTcp(std::move(core)));
  state->phase_ = Phase::kConnected;
  state->options_ = socket.options();
  state->local_ = socket.local();
  state->remote_ = socket.remote();
  state->socket_ = &socket;
  socket.user = static_cast<IoObject*>(state.get());
  state->Enroll();
  return state;
}

// --- the user's thread ---

bool BridgeTcp::is_open() {
  const std::lock_guard lock(mutex_);
  return !ended_ && (phase_ == Phase::kConnecting || phase_ == Phase::kConnected);
}

bool BridgeTcp::is_fresh() {
  const std::lock_guard lock(mutex_);
  return phase_ == Phase::kFresh;
}

error_code BridgeTcp::Refusal() const {
  if (!ended_ && phase_ == Phase::kConnecting) return error::not_connected;
  return error::bad_descriptor;
}

error_code BridgeTcp::GetEndpoints(Endpoint& local, Endpoint& remote) {
  const std::lock_guard lock(mutex_);
  if (ended_ || phase_ != Phase::kConnected) return Refusal();
  local = local_;
  remote = remote_;
  return {};
}

tcp::Options BridgeTcp::options() {
  const std::lock_guard lock(mutex_);
  return options_;
}

void BridgeTcp::SetOptions(const tcp::Options& options) {
  {
    const std::lock_guard lock(mutex_);
    options_ = options;
    if (ended_) return;
    // A connection attempt goes on with what it began with.
    options_changed_ = phase_ == Phase::kConnecting || phase_ == Phase::kConnected;
    if (phase_ != Phase::kConnected) return;
  }
  Signal();
}

void BridgeTcp::StartConnect(BridgeConnectOp& op, const Endpoint& remote,
                             const ConnectOptions& options) {
  error_code refusal;
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || core().closed.load(std::memory_order_acquire)) {
      refusal = error::bad_descriptor;
    } else if (phase_ != Phase::kFresh) {
      refusal = phase_ == Phase::kConnected ? error::already_connected : error::already_started;
    } else {
      phase_ = Phase::kConnecting;
      remote_ = remote;
      connect_options_ = options;
      connect_ = &op;
    }
  }
  if (refusal) {
    Complete(op, refusal);
  } else {
    Signal();
  }
}

void BridgeTcp::StartRead(BridgeReadOp& op) {
  error_code refusal;
  bool queued = false;
  bool signal = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || phase_ != Phase::kConnected) {
      refusal = Refusal();
    } else if (!op.buffers.empty()) {
      reads_.PushBack(op);
      queued = true;
      signal = readable_;
    }
  }
  // A read of no bytes succeeds, as it does on the kernel's sockets.
  if (!queued) Complete(op, refusal);
  if (signal) Signal();
}

void BridgeTcp::StartWrite(BridgeWriteOp& op) {
  error_code refusal;
  bool queued = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || phase_ != Phase::kConnected) {
      refusal = Refusal();
    } else if (send_shut_) {
      refusal = error::broken_pipe;
    } else if (!op.buffers.empty()) {
      writes_.PushBack(op);
      queued = true;
    }
  }
  if (queued) {
    Signal();
  } else {
    Complete(op, refusal);
  }
}

void BridgeTcp::Shutdown(bool receive, bool send, error_code& ec) {
  {
    const std::lock_guard lock(mutex_);
    ec = ended_ || phase_ != Phase::kConnected ? error::not_connected : error_code();
    if (ec) return;
    send_shut_ |= send;
    receive_shut_ |= receive;
    readable_ |= receive;
  }
  Signal();
}

void BridgeTcp::TakeAll(OpQueue<BridgeOp>& out) {
  if (connect_ != nullptr) {
    out.PushBack(*std::exchange(connect_, nullptr));
    GiveUpConnecting();
  }
  while (BridgeReadOp* const op = reads_.PopFront()) out.PushBack(*op);
  while (BridgeWriteOp* const op = writes_.PopFront()) out.PushBack(*op);
}

bool BridgeTcp::TakeOut(BridgeOp& op) {
  if (&op == connect_) {
    connect_ = nullptr;
    GiveUpConnecting();
    return true;
  }
  return reads_.Remove(static_cast<BridgeReadOp&>(op)) ||
         writes_.Remove(static_cast<BridgeWriteOp&>(op));
}

void BridgeTcp::GiveUpConnecting() {
  phase_ = Phase::kClosed;
  ending_ = Ending::kClose;
  worker_wanted_ = true;
}

void BridgeTcp::Finish(Ending ending) {
  OpQueue<BridgeOp> pending;
  bool signal;
  {
    const std::lock_guard lock(mutex_);
    TakeAll(pending);
    if (phase_ == Phase::kConnected) {
      ending_ = ending;
      worker_wanted_ = true;
    }
    phase_ = Phase::kClosed;
    signal = std::exchange(worker_wanted_, false) && !ended_;
  }
  if (signal) Signal();
  Complete(pending, error::operation_aborted);
}

// --- the worker's thread ---

void BridgeTcp::Timer::OnTimeout(WorkerTimer& timer) {
  BridgeTcp& socket = static_cast<Timer&>(timer).socket;
  socket.timed_out_ = true;
  socket.Poll();
}

void BridgeTcp::OnReady() {
  socket_->TakeEvents();
  Poll();
}

bool BridgeTcp::Serve(OpQueue<BridgeOp>& done) {
  if (ending_ != Ending::kNone) {
    if (socket_ != nullptr && ending_ == Ending::kReset) socket_->Abort();
    LetGo();
    return false;
  }
  if (phase_ == Phase::kConnecting) {
    if (socket_ == nullptr) BeginConnect(done);
    if (socket_ != nullptr) FollowConnect(done);
  }
  if (phase_ == Phase::kClosed) return false;
  if (phase_ != Phase::kConnected) return true;
  if (options_changed_) {
    options_changed_ = false;
    socket_->SetOptions(options_);
  }
  ServeReads(done);
  ServeWrites(done);
  if (send_shut_ && !fin_queued_) {
    fin_queued_ = true;
    socket_->CloseSend();
    ServeWrites(done);  // what found no room before the FIN
  }
  readable_ = reads_.empty() && Readable();
  return true;
}

void BridgeTcp::LetGo() {
  core().worker.Disarm(timer_);
  if (socket_ != nullptr) std::exchange(socket_, nullptr)->Release();
}

void BridgeTcp::BeginConnect(OpQueue<BridgeOp>& done) {
  stack::TcpConnectOptions to;
  to.local_address = connect_options_.local_address;
  to.local_port = connect_options_.local_port;
  to.tcp = options_;
  options_changed_ = false;
  Worker& worker = core().worker;
  core().stack.tcp().set_now(worker.now());  // older where no turn is under way
  stack::TcpSetupError setup;
  socket_ = core().stack.tcp().Connect(remote_, to, setup);
  if (socket_ == nullptr) {
    FinishConnect(ToErrorCode(setup), done);
    return;
  }
  socket_->user = static_cast<IoObject*>(this);
  if (connect_options_.timeout > Duration::zero()) {
    worker.Arm(timer_, worker.now() + connect_options_.timeout);
  }
}

void BridgeTcp::FollowConnect(OpQueue<BridgeOp>& done) {
  if (socket_->connected()) {
    FinishConnect({}, done);
  } else if (socket_->closed()) {
    const error_code ec = ToErrorCode(socket_->error());
    FinishConnect(ec ? ec : error_code(error::connection_aborted), done);
  } else if (timed_out_) {
    FinishConnect(error::timed_out, done);
  }
}

void BridgeTcp::FinishConnect(const error_code& ec, OpQueue<BridgeOp>& done) {
  if (ec) {
    phase_ = Phase::kClosed;
    LetGo();
  } else {
    core().worker.Disarm(timer_);
    phase_ = Phase::kConnected;
    local_ = socket_->local();
    remote_ = socket_->remote();
  }
  BridgeConnectOp* const op = std::exchange(connect_, nullptr);
  op->ec = ec;
  done.PushBack(*op);
}

bool BridgeTcp::Readable() const {
  return socket_->readable_bytes() > 0 || socket_->end_of_stream() || socket_->closed() ||
         receive_shut_;
}

// False: it has to wait.
bool BridgeTcp::TryRead(BridgeReadOp& op) {
  if (!Readable()) return false;
  for (std::span<uint8_t> buffer : op.buffers.all()) {
    buffer = buffer.first(std::min(buffer.size(), kMaxBridgeCopy - op.transferred));
    const size_t n = socket_->Read(buffer);
    op.transferred += n;
    if (n < buffer.size()) break;
  }
  if (op.transferred > 0) return true;
  if (!socket_->end_of_stream() && !receive_shut_) op.ec = ToErrorCode(socket_->error());
  if (!op.ec) op.ec = error::eof;
  return true;
}

bool BridgeTcp::TryWrite(BridgeWriteOp& op) {
  if (fin_queued_ || socket_->closed()) {
    op.ec = ToErrorCode(socket_->error());
    if (!op.ec) op.ec = error::broken_pipe;
    return true;
  }
  for (std::span<const uint8_t> buffer : op.buffers.all()) {
    buffer = buffer.first(std::min(buffer.size(), kMaxBridgeCopy - op.transferred));
    const size_t n = socket_->Write(buffer);
    op.transferred += n;
    if (n < buffer.size()) break;
  }
  if (op.transferred > 0) return true;
  // There is room, but no memory: what frees some may be another connection's.
  if (socket_->writable_bytes() > 0) core().worker.RetryLater(*this);
  return false;
}

void BridgeTcp::ServeReads(OpQueue<BridgeOp>& done) {
  while (!reads_.empty() && TryRead(reads_.front())) done.PushBack(*reads_.PopFront());
}

void BridgeTcp::ServeWrites(OpQueue<BridgeOp>& done) {
  while (!writes_.empty() && TryWrite(writes_.front())) done.PushBack(*writes_.PopFront());
}

}  // namespace corelane::runtime::internal
