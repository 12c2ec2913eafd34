#include "tls/stream_core.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cstring>
#include <new>
#include <utility>

namespace corelane::tls::internal {

namespace asio = boost::asio;

StreamOpMemory::~StreamOpMemory() {
  for (const Kept& kept : kept_) ::operator delete(kept.block);
}

void* StreamOpMemory::Allocate(size_t size) {
  for (Kept& kept : kept_) {
    if (kept.block != nullptr && kept.size == size) return std::exchange(kept.block, nullptr);
  }
  return ::operator new(size);
}

void StreamOpMemory::Deallocate(void* block, size_t size) {
  for (Kept& kept : kept_) {
    if (kept.block == nullptr) {
      kept = {block, size};
      return;
    }
  }
  ::operator delete(std::exchange(kept_.front().block, block));
  kept_.front().size = size;
}

StreamCore::~StreamCore() { OnDropped(); }

bool StreamCore::Start(StreamOp& op) {
  const Ref self(this);
  if (closed_) {
    op.ec = asio::error::bad_descriptor;
    op.Complete(true);
    return false;
  }
  StreamOps& ops = op.kind == StreamOp::Kind::kRead ? reads_ : writes_;
  const bool first = ops.empty();
  ops.PushBack(op);
  if (!first) return true;
  // Run frees what it ends, but a list remembers who waits.
  Run(true);
  return !ops.empty();
}

void StreamCore::CancelOp(StreamOp& op, asio::cancellation_type_t type) {
  using asio::cancellation_type;
  // What the engine took goes out: only who expects such effects may stop waiting for it.
  auto honoured = cancellation_type::terminal | cancellation_type::partial;
  if (!op.taken) honoured = honoured | cancellation_type::total;
  if ((type & honoured) == cancellation_type::none) return;
  const Ref self(this);
  StreamOps done;
  StreamOps::Remove(op);
  op.ec = asio::error::operation_aborted;
  done.PushBack(op);
  CompleteAll(done, true);
  Run(true);
}

void StreamCore::Cancel() {
  const Ref self(this);
  StreamOps done;
  Abort(reads_, done);
  Abort(writes_, done);
  CompleteAll(done, true);
  Run(true);
}

void StreamCore::Close() {
  if (closed_) return;
  const Ref self(this);
  closed_ = true;
  StreamOps done;
  Abort(reads_, done);
  Abort(writes_, done);
  CompleteAll(done, true);
  CloseNext();
}

void StreamCore::ShutdownSend() {
  if (closed_ || ends_) return;
  const Ref self(this);
  engine_.Shutdown();
  ends_ = true;
  end_mark_ = queued();
  Run(true);
}

void StreamCore::OnReceived(error_code ec, size_t size) {
  receiving_ = false;
  const bool ours = std::exchange(receive_cancelled_, false);
  if (closed_) return;
  if (size > 0) engine_.OnInput(size);
  const bool aborted = ec == asio::error::operation_aborted;
  if (ec == asio::error::eof) {
    engine_.OnInputEnd();
  } else if (ec && !(aborted && ours)) {
    receive_error_ = ec;
  }
  // Somebody has cancelled what is below: those who wait hear it, the stream stays as it is.
  const Ref self(this);
  if (aborted && !ours) {
    StreamOps done;
    AdvanceReads(done);
    AdvanceWrites(done);
    receive_error_ = {};
    CompleteAll(done, false);
  }
  Run(false);
}

void StreamCore::OnSent(error_code ec, size_t size) {
  sending_ = false;
  if (closed_) return;
  engine_.OnSent(size);
  sent_ += size;
  if (ec) {
    send_error_ = ec;
    sent_ += engine_.DropOutput();
  }
  Run(false);
}

void StreamCore::OnDropped() {
  for (StreamOps* const ops : {&reads_, &writes_}) {
    while (!ops->empty()) {
      StreamOp& op = ops->front();
      StreamOps::Remove(op);
      op.Destroy();
    }
  }
}

void StreamCore::Run(bool post) {
  if (closed_) return;
  const Ref self(this);
  StreamOps done;
  wants_input_ = false;
  AdvanceWrites(done);
  AdvanceReads(done);
  StartPumps();
  CompleteAll(done, post);
}

void StreamCore::AdvanceReads(StreamOps& done) {
  if (receiving_ && !reads_.empty()) {  // There is nothing new to read.
    wants_input_ = true;
    return;
  }
  while (!reads_.empty() && Read(reads_.front())) {
    StreamOp& op = reads_.front();
    StreamOps::Remove(op);
    done.PushBack(op);
  }
}

void StreamCore::AdvanceWrites(StreamOps& done) {
  while (!writes_.empty() && Write(writes_.front())) {
    StreamOp& op = writes_.front();
    StreamOps::Remove(op);
    done.PushBack(op);
  }
}

bool StreamCore::Read(StreamOp& op) {
  Engine::Result result{Status::kOk};
  for (size_t i = 0; i < op.pieces; ++i) {
    const asio::mutable_buffer& piece = op.to[i];
    result = engine_.Read({static_cast<char*>(piece.data()), piece.size()});
    if (result.status != Status::kOk) break;
    op.bytes += result.bytes;
    if (result.bytes < piece.size()) break;
  }
  if (op.bytes > 0) return true;
  switch (result.status) {
    case Status::kOk:
      return true;
    case Status::kEnd:
      op.ec = asio::error::eof;
      return true;
    case Status::kError:
      op.ec = engine_.error();
      return !engine_.has_output() || send_error_;  // The alert goes first.
    case Status::kWantInput:
      op.ec = receive_error_;
      wants_input_ = wants_input_ || !receive_error_;
      return receive_error_.failed();
    case Status::kWantOutput:
      op.ec = send_error_;
      return send_error_.failed();
  }
  return false;
}

bool StreamCore::Write(StreamOp& op) {
  if (!op.taken) {
    if (send_error_ && op.kind != StreamOp::Kind::kHandshake) {
      op.ec = send_error_;
      return true;
    }
    const Engine::Result result = Take(op);
    if (result.status == Status::kWantInput) {
      op.ec = receive_error_;
      wants_input_ = wants_input_ || !receive_error_;
      return receive_error_.failed();
    }
    if (result.status == Status::kWantOutput) return false;
    op.taken = true;
    op.bytes = result.bytes;
    if (result.status == Status::kError) {
      op.ec = engine_.error() ? engine_.error() : make_error_code(Error::kShutDown);
    }
    op.mark = queued();
  }
  if (send_error_ && !op.ec) op.ec = send_error_;
  return send_error_ || sent_ >= op.mark;
}

Engine::Result StreamCore::Take(StreamOp& op) {
  switch (op.kind) {
    case StreamOp::Kind::kHandshake:
      return engine_.Handshake();
    case StreamOp::Kind::kWrite:
      return WritePieces(op);
    default:
      engine_.Shutdown();
      return {Status::kOk};
  }
}

Engine::Result StreamCore::WritePieces(const StreamOp& op) {
  size_t written = 0;
  size_t piece = 0;
  size_t offset = 0;  // Within the piece.
  Engine::Result result = engine_.Write({});
  while (result.status == Status::kOk && piece < op.pieces) {
    if (offset == op.from[piece].size()) {
      ++piece;
      offset = 0;
      continue;
    }
    const std::string_view text = Flatten(op, piece, offset);
    result = engine_.Write(text);
    if (result.status != Status::kOk) break;
    written += result.bytes;
    for (size_t left = result.bytes; left > 0;) {
      const size_t step = std::min(left, op.from[piece].size() - offset);
      left -= step;
      offset += step;
      if (left > 0) {
        ++piece;
        offset = 0;
      }
    }
    if (result.bytes < text.size()) break;
  }
  if (written > 0) return {Status::kOk, written};
  return result;
}

// Small pieces share a record.
std::string_view StreamCore::Flatten(const StreamOp& op, size_t piece, size_t offset) {
  const auto rest = [&](size_t i, size_t from) {
    const asio::const_buffer& buffer = op.from[i];
    return std::string_view(static_cast<const char*>(buffer.data()), buffer.size()).substr(from);
  };
  const std::string_view first = rest(piece, offset);
  if (first.size() >= Engine::kMaxRecord || piece + 1 == op.pieces) return first;
  if (flat_ == nullptr) flat_ = std::make_unique_for_overwrite<char[]>(Engine::kMaxRecord);
  size_t size = 0;
  for (size_t i = piece; i < op.pieces && size < Engine::kMaxRecord; ++i) {
    const std::string_view text = rest(i, i == piece ? offset : 0);
    const size_t step = std::min(text.size(), Engine::kMaxRecord - size);
    std::copy_n(text.data(), step, flat_.get() + size);
    size += step;
  }
  return {flat_.get(), size};
}

void StreamCore::StartPumps() {
  if (send_error_) {
    sent_ += engine_.DropOutput();
  } else if (!sending_ && engine_.has_output()) {
    sending_ = true;
    StartSend(engine_.Output());
  }
  if (ends_ && !ended_ && !send_error_ && sent_ >= end_mark_) {
    ended_ = true;
    ShutdownNext();
  }
  if (wants_input_ && !receiving_) {
    receiving_ = true;
    StartReceive(engine_.InputBuffer());
  } else if (!wants_input_ && receiving_ && !receive_cancelled_) {
    receive_cancelled_ = true;
    CancelReceive();
  }
}

void StreamCore::Abort(StreamOps& ops, StreamOps& done) {
  while (!ops.empty()) {
    StreamOp& op = ops.front();
    StreamOps::Remove(op);
    op.ec = asio::error::operation_aborted;
    done.PushBack(op);
  }
}

void StreamCore::CompleteAll(StreamOps& done, bool post) {
  while (!done.empty()) {
    StreamOp& op = done.front();
    StreamOps::Remove(op);
    op.Complete(post);
  }
}

}  // namespace corelane::tls::internal
