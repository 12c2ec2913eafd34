// TcpStreamImpl: what a TcpStream points to; everything of it that is no template.

#ifndef CORELANE_RUNTIME_TCP_STREAM_IMPL_H_
#define CORELANE_RUNTIME_TCP_STREAM_IMPL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>

#include "core/ip_address.h"
#include "core/packet.h"
#include "core/time.h"
#include "runtime/buffers.h"
#include "runtime/error.h"
#include "runtime/op.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::runtime {

struct ConnectOptions {
  ConnectOptions() {}

  Duration timeout{};  // 0: as long as tcp::Options::syn_retries take
  std::optional<IpAddress> local_address;
  uint16_t local_port = 0;  // 0: an ephemeral one
};

namespace internal {

class ReadOp : public WaitingOp {
 public:
  BufferList<uint8_t, 4> buffers;
  size_t transferred = 0;
  bool lends = false;  // is a PacketReadOp

  std::tuple<error_code, size_t> TakeResult() { return {ec, transferred}; }

 protected:
  template <class Buffers>
  ReadOp(Function function, const Buffers& b) : WaitingOp(function), buffers(b) {}
  explicit ReadOp(Function function) : WaitingOp(function) {}
  ~ReadOp() = default;
};

class PacketReadOp : public ReadOp {
 public:
  PacketBuf packet;

  std::tuple<error_code, PacketBuf> TakeResult() { return {ec, std::move(packet)}; }

 protected:
  explicit PacketReadOp(Function function) : ReadOp(function) { lends = true; }
  ~PacketReadOp() = default;
};

class WriteOp : public WaitingOp {
 public:
  BufferList<const uint8_t, 8> buffers;
  size_t transferred = 0;

  std::tuple<error_code, size_t> TakeResult() { return {ec, transferred}; }

 protected:
  template <class Buffers>
  WriteOp(Function function, const Buffers& b) : WaitingOp(function), buffers(b) {}
  ~WriteOp() = default;
};

class ConnectOp : public WaitingOp, public WorkerTimer {
 public:
  std::tuple<error_code> TakeResult() { return {ec}; }

 protected:
  explicit ConnectOp(Function function) : WaitingOp(function), WorkerTimer(&OnTimeout) {}
  ~ConnectOp() = default;

 private:
  static void OnTimeout(WorkerTimer& timer);
};

class TcpStreamImpl final : public IoObject, public OpOwner {
 public:
  static TcpStreamImpl* New(Worker& worker, stack::Stack& stack);
  // Around a connected socket.
  static TcpStreamImpl* Adopt(Worker& worker, stack::Stack& stack, stack::TcpSocket& socket);
  // Around one that came from another lane; null: it was lost.
  static TcpStreamImpl* Arrived(Worker& worker, stack::Stack& stack, stack::TcpSocket* socket,
                                const ArrivalTicket& ticket);
  // Closes first.
  static void Delete(TcpStreamImpl* impl);

  Worker& worker() const { return *worker_; }
  bool is_open() const { return socket_ != nullptr; }
  stack::TcpSocket* socket() const { return socket_; }
  // Of the socket, or of the next connection while there is none.
  const tcp::Options& options() const;
  void SetOptions(const tcp::Options& options);

  // Each completes `op` (never at once) or lets it wait; true: it waits.
  bool StartConnect(ConnectOp& op, const Endpoint& remote, const ConnectOptions& options);
  bool StartRead(ReadOp& op);
  bool StartWrite(WriteOp& op);

  void Shutdown(bool receive, bool send, error_code& ec);
  // To another lane; operations end with operation_aborted. An error: nothing has happened.
  error_code Move(size_t lane, std::unique_ptr<ArrivalTicket> ticket);
  // Operations end with operation_aborted.
  void Cancel();
  void Close();
  void Reset();

  void OnConnectTimeout();
  void CancelOp(WaitingOp& op) override;

 private:
  TcpStreamImpl(Worker& worker, stack::Stack& stack) : worker_(&worker), stack_(&stack) {}
  ~TcpStreamImpl() = default;

  void Detach() override;
  void OnReady() override;
  void Retry() override;
  void Advance();
  bool TryRead(ReadOp& op);
  bool TryWrite(WriteOp& op);
  error_code ReadError() const;
  void FinishConnect(const error_code& ec);
  void ReleaseSocket();

  Worker* worker_;  // null: it is gone
  stack::Stack* stack_;
  stack::TcpSocket* socket_ = nullptr;
  ConnectOp* connect_ = nullptr;
  OpQueue<ReadOp> reads_;
  OpQueue<WriteOp> writes_;
  std::unique_ptr<tcp::Options> options_;  // where some were set before connecting
  bool connected_ = false;
  bool receive_shut_ = false;
  bool send_shut_ = false;
};

}  // namespace internal
}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_TCP_STREAM_IMPL_H_
