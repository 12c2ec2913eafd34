// BridgeTcp: a TCP connection between a user's thread and the worker; everything of
// BasicBridgeTcpStream that is no template.

#ifndef CORELANE_RUNTIME_BRIDGE_TCP_STATE_H_
#define CORELANE_RUNTIME_BRIDGE_TCP_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>

#include "core/ip_address.h"
#include "runtime/bridge/bridge_socket.h"
#include "runtime/buffers.h"
#include "runtime/tcp_stream_impl.h"
#include "runtime/worker.h"
#include "stack/tcp_socket.h"
#include "tcp/options.h"

namespace corelane::runtime::internal {

class BridgeConnectOp : public BridgeOp {
 public:
  std::tuple<error_code> TakeResult() { return {ec}; }

 protected:
  using BridgeOp::BridgeOp;
  ~BridgeConnectOp() = default;
};

class BridgeReadOp : public BridgeOp {
 public:
  BufferList<uint8_t, 4> buffers;
  size_t transferred = 0;

  std::tuple<error_code, size_t> TakeResult() { return {ec, transferred}; }

 protected:
  template <class Buffers>
  BridgeReadOp(Function function, const Buffers& b) : BridgeOp(function), buffers(b) {}
  ~BridgeReadOp() = default;
};

class BridgeWriteOp : public BridgeOp {
 public:
  BufferList<const uint8_t, 8> buffers;
  size_t transferred = 0;

  std::tuple<error_code, size_t> TakeResult() { return {ec, transferred}; }

 protected:
  template <class Buffers>
  BridgeWriteOp(Function function, const Buffers& b) : BridgeOp(function), buffers(b) {}
  ~BridgeWriteOp() = default;
};

class BridgeTcp final : public BridgeSocket {
 public:
  explicit BridgeTcp(std::shared_ptr<BridgeCore> core);
  // Around a connected socket; on the worker's thread.
  static BridgeRef<BridgeTcp> Adopt(std::shared_ptr<BridgeCore> core, stack::TcpSocket& socket);

  // --- the user's thread ---
  // Connecting or connected.
  bool is_open();
  // Not connected yet, and nothing was tried.
  bool is_fresh();
  error_code GetEndpoints(Endpoint& local, Endpoint& remote);
  tcp::Options options();
  // Applied in the worker's next turn; while connecting, with the end of that.
  void SetOptions(const tcp::Options& options);

  // Each completes `op`, never inside the call.
  void StartConnect(BridgeConnectOp& op, const Endpoint& remote, const ConnectOptions& options);
  void StartRead(BridgeReadOp& op);
  void StartWrite(BridgeWriteOp& op);
  void Shutdown(bool receive, bool send, error_code& ec);
  // Operations end with operation_aborted.
  void Close() { Finish(Ending::kClose); }
  void Reset() { Finish(Ending::kReset); }

 private:
  enum class Phase : uint8_t { kFresh, kConnecting, kConnected, kClosed };
  enum class Ending : uint8_t { kNone, kClose, kReset };
  struct Timer : WorkerTimer {
    explicit Timer(BridgeTcp& socket) : WorkerTimer(&OnTimeout), socket(socket) {}
    static void OnTimeout(WorkerTimer& timer);
    BridgeTcp& socket;
  };

  void TakeAll(OpQueue<BridgeOp>& out) override;
  bool TakeOut(BridgeOp& op) override;
  void Finish(Ending ending);
  // What reads and writes that cannot be queued fail with.
  error_code Refusal() const;
  void GiveUpConnecting();

  bool Serve(OpQueue<BridgeOp>& done) override;
  void LetGo() override;
  void OnReady() override;
  void BeginConnect(OpQueue<BridgeOp>& done);
  void FollowConnect(OpQueue<BridgeOp>& done);
  void FinishConnect(const error_code& ec, OpQueue<BridgeOp>& done);
  bool TryRead(BridgeReadOp& op);
  bool TryWrite(BridgeWriteOp& op);
  void ServeReads(OpQueue<BridgeOp>& done);
  void ServeWrites(OpQueue<BridgeOp>& done);
  bool Readable() const;

  // --- guarded by mutex_ ---
  Phase phase_ = Phase::kFresh;
  Ending ending_ = Ending::kNone;  // what the user asked for
  bool receive_shut_ = false;
  bool send_shut_ = false;
  bool options_changed_ = false;  // for the worker to apply, once connected
  // A read may find something: the worker has to look. Otherwise the stack's next event serves it.
  bool readable_ = true;
  tcp::Options options_;
  Endpoint local_;
  Endpoint remote_;
  ConnectOptions connect_options_;
  BridgeConnectOp* connect_ = nullptr;
  OpQueue<BridgeReadOp> reads_;
  OpQueue<BridgeWriteOp> writes_;

  // --- the worker's thread ---
  stack::TcpSocket* socket_ = nullptr;
  Timer timer_{*this};
  bool timed_out_ = false;
  bool fin_queued_ = false;
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_BRIDGE_TCP_STATE_H_
