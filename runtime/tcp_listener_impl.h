// TcpListenerImpl: what a TcpListener points to; everything of it that is no template.

#ifndef CORELANE_RUNTIME_TCP_LISTENER_IMPL_H_
#define CORELANE_RUNTIME_TCP_LISTENER_IMPL_H_

#include <cstddef>
#include <optional>
#include <utility>

#include "core/ip_address.h"
#include "runtime/error.h"
#include "runtime/op.h"
#include "runtime/tcp_stream_impl.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::runtime {

struct ListenOptions {
  ListenOptions() {}

  // Connections that wait to be accepted, at most, and as many that are still being set up.
  size_t backlog = 1024;
  std::optional<tcp::Options> tcp;  // of accepted connections; the stack's, unless given
};

namespace internal {

class AcceptOp : public WaitingOp {
 public:
  TcpStreamImpl* accepted = nullptr;
  stack::Stack* stack = nullptr;

 protected:
  using WaitingOp::WaitingOp;
  ~AcceptOp() {
    if (accepted != nullptr) TcpStreamImpl::Delete(accepted);
  }
};

class TcpListenerImpl final : public IoObject, public OpOwner {
 public:
  static TcpListenerImpl* New(Worker& worker, stack::Stack& stack);
  static void Delete(TcpListenerImpl* impl);

  Worker& worker() const { return *worker_; }
  stack::TcpListener* listener() const { return listener_; }

  void Listen(const Endpoint& local, const ListenOptions& options, error_code& ec);
  // True: it waits.
  bool StartAccept(AcceptOp& op);
  void Cancel();
  void Close();

  void CancelOp(WaitingOp& op) override;

 private:
  TcpListenerImpl(Worker& worker, stack::Stack& stack) : worker_(&worker), stack_(&stack) {}
  ~TcpListenerImpl() = default;

  void Detach() override;
  void Drain() override { Close(); }
  void OnReady() override;
  bool TryAccept(AcceptOp& op);

  Worker* worker_;  // null: it is gone
  stack::Stack* stack_;
  stack::TcpListener* listener_ = nullptr;
  OpQueue<AcceptOp> accepts_;
};

}  // namespace internal
}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_TCP_LISTENER_IMPL_H_
