// BridgeListener: everything of BasicBridgeTcpListener that is no template.

#ifndef CORELANE_RUNTIME_BRIDGE_LISTENER_STATE_H_
#define CORELANE_RUNTIME_BRIDGE_LISTENER_STATE_H_

#include <memory>

#include "core/ip_address.h"
#include "runtime/bridge/bridge_socket.h"
#include "runtime/bridge/tcp_state.h"
#include "runtime/tcp_listener_impl.h"
#include "stack/tcp_socket.h"

namespace corelane::runtime::internal {

class BridgeAcceptOp : public BridgeOp {
 public:
  BridgeRef<BridgeTcp> accepted;

 protected:
  using BridgeOp::BridgeOp;
  ~BridgeAcceptOp() {
    if (accepted != nullptr) accepted->Close();
  }
};

class BridgeListenOp : public BridgeOp {
 public:
  const Endpoint local;
  const ListenOptions options;

  std::tuple<error_code> TakeResult() { return {ec}; }

 protected:
  BridgeListenOp(Function function, const Endpoint& local, const ListenOptions& options)
      : BridgeOp(function), local(local), options(options) {}
  ~BridgeListenOp() = default;
};

class BridgeListener final : public BridgeSocket {
 public:
  explicit BridgeListener(std::shared_ptr<BridgeCore> core) : BridgeSocket(std::move(core)) {}

  // --- the user's thread ---
  // Listening.
  bool is_open();
  Endpoint local();
  // Each completes `op`, never inside the call.
  void StartListen(BridgeListenOp& op);
  void StartAccept(BridgeAcceptOp& op);
  void Close();

 private:
  void TakeAll(OpQueue<BridgeOp>& out) override;
  bool TakeOut(BridgeOp& op) override;
  // Mutex held: what new operations fail with.
  error_code Refusal() const;

  bool Serve(OpQueue<BridgeOp>& done) override;
  void LetGo() override;
  void Drain() override;
  error_code Listen(const BridgeListenOp& op);
  void TurnAway(OpQueue<BridgeOp>& done);

  // --- guarded by mutex_ ---
  bool listening_ = false;
  bool closing_ = false;
  bool drained_ = false;  // closed by its worker
  bool ready_ = true;     // a connection may wait: the worker has to look
  Endpoint local_;
  OpQueue<BridgeListenOp> listens_;
  OpQueue<BridgeAcceptOp> accepts_;

  // --- the worker's thread ---
  stack::TcpListener* listener_ = nullptr;
  bool draining_ = false;
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_BRIDGE_LISTENER_STATE_H_
