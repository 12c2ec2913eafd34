// BridgeSocket: what a socket of an ordinary thread and the worker share.
//
//   user's thread                              worker
//   -------------                              ------
//   start: lock, queue the operation,
//          unlock, Signal() -----inbox------>  Poll(): try to lock, serve what is queued, unlock,
//   Complete() <-----the user's executor-----          submit what is complete
//   cancel, close: lock, take out, unlock
//
// One mutex guards the queues and the buffers of the operations in them: while the worker holds it
// it may copy, and what a user has taken out it never touches again. So a cancellation needs no
// answer of the worker. A user holds it for a few instructions, and a worker that finds it taken
// comes back in its next turn: it never waits for a user's thread. The one exception is the
// worker's own end, after which there is no turn to come back in.
//
// The ends of things, who calls them and on which thread:
//
//   Complete   user      Start*(), Cancel(), Close(): what was refused or taken out goes to its
//                        executor; also the worker, in Refuse()
//   Cancel     user      cancel(), and CancelOp() a cancellation slot: pending operations end
//   Close      user      close(), destructor: the same, and the worker lets the connection go
//   Leave      user      BridgeHandle: the socket goes, or to another executor; waits for Submit()
//   Abandon    context   ~execution_context: pending operations are destroyed; waits for Submit()
//   Drain      worker    CloseListeners(): a listener ends as if closed, in Serve()
//   Submit     worker    Poll(): what Serve() has completed goes to its executor
//   End        worker    ~Bridge by its post, and Poll() after it: Refuse(), LetGo(), Expel(); in a
//                        later turn where a user holds the mutex
//   Detach     worker's  ~Worker: the same, and waits for the mutex
//              destroyer
//   Refuse     as those, and whoever runs or destroys a signal that the worker's end met: pending
//                        operations end, later ones fail
//   LetGo      worker    Serve(), End(), Detach(): what belongs to the stack goes back
//   Expel      worker    the same: the worker forgets the socket, and its reference goes
//
// A user's call that changes what the worker has to do ends with Signal(), which runs Poll() in the
// worker's next turn.
//
// Ownership: counted references, of the user's socket, of the worker while the connection is in its
// hands, and of a signal that is under way.

#ifndef CORELANE_RUNTIME_BRIDGE_BRIDGE_SOCKET_H_
#define CORELANE_RUNTIME_BRIDGE_BRIDGE_SOCKET_H_

#include <atomic>
#include <boost/asio/execution_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>

#include "core/intrusive_list.h"
#include "runtime/error.h"
#include "runtime/op.h"
#include "runtime/worker.h"
#include "stack/stack.h"
#include "tcp/options.h"

namespace corelane::runtime::internal {

// Bytes that one operation moves at most, so that neither a user's thread nor the worker's other
// connections wait for long.
inline constexpr size_t kMaxBridgeCopy = size_t{256} << 10;

// An operation that a user's thread started. Run() hands it over to its executor.
class BridgeOp : public Op {
 public:
  error_code ec;

 protected:
  using Op::Op;
  ~BridgeOp() = default;
};

class BridgeContext;
struct BridgeCore;

template <class T>
using BridgeRef = boost::intrusive_ptr<T>;

class BridgeSocket : public IoObject, public PostedOp {
 public:
  // --- the user's thread ---
  // Ends one operation with operation_aborted, if it is still pending.
  void CancelOp(BridgeOp& op);
  // Ends all of them so.
  void Cancel();
  // The operations' executor lives in `context`: when that goes, so do they.
  void Enter(boost::asio::execution_context& context);
  // Whether any bridge socket has entered it.
  static bool IsKnownTo(boost::asio::execution_context& context);
  // Before the socket, or its executor, goes. None of its operations is pending.
  void Leave();
  // Waits for an operation that a BridgeBlockingOp stands for. Works for the worker where that is
  // not running, or is run by this thread.
  error_code Wait(std::future<error_code> ended);

  // --- the worker's thread ---
  // The bridge goes: pending operations end with operation_aborted, later ones with bad_descriptor,
  // and the connection is closed. In a later turn where a user holds the mutex.
  void End();

 protected:
  explicit BridgeSocket(std::shared_ptr<BridgeCore> core);
  virtual ~BridgeSocket() = default;

  // --- the user's thread ---
  // The worker is to look at the queues. A no-op while a signal is under way.
  void Signal();
  // Takes every pending operation out, and signals where that is needed.
  void TakePending(OpQueue<BridgeOp>& out);
  // Completes operations that were taken out, or never queued.
  static void Complete(OpQueue<BridgeOp>& ops, const error_code& ec);
  static void Complete(BridgeOp& op, const error_code& ec) {
    op.ec = ec;
    op.Run();
  }

  // --- mutex held ---
  // Moves every pending operation to `out`. Sets worker_wanted_ where the worker has to do
  // something about it.
  virtual void TakeAll(OpQueue<BridgeOp>& out) = 0;
  // The same with one; false: it is not pending.
  virtual bool TakeOut(BridgeOp& op) = 0;

  // --- the worker's thread ---
  // Mutex held: serves what is queued; what is complete goes to `done`. False: the socket is done
  // with, and LetGo() was called.
  virtual bool Serve(OpQueue<BridgeOp>& done) = 0;
  // Gives back what belongs to the stack; a no-op where there is nothing.
  virtual void LetGo() = 0;
  // Serves what is queued.
  void Poll();
  // Is in the worker's hands from now on. Poll() does it.
  void Enroll();

  BridgeCore& core() const { return *core_; }
  const std::shared_ptr<BridgeCore>& shared_core() const { return core_; }

  std::mutex mutex_;
  bool worker_wanted_ = false;  // guarded by mutex_
  bool ended_ = false;          // guarded by mutex_: End() was called, or there is no worker

 private:
  friend struct BridgeCore;
  friend class BridgeContext;
  friend void intrusive_ptr_add_ref(BridgeSocket* socket) {
    socket->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(BridgeSocket* socket) {
    if (socket->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete socket;
  }

  static void OnPosted(Op* op, bool run);
  void Detach() override;
  void Retry() override { Poll(); }
  void OnReady() override { Poll(); }
  // The part of End() that is right on any thread, once the worker is gone. Takes mutex_, locked.
  void Refuse(std::unique_lock<std::mutex> lock);
  void Submit(OpQueue<BridgeOp>& done);
  void Expel();
  // The user's context goes: operations are destroyed uncalled.
  void Abandon();
  void AwaitSubmissions() const;

  const std::shared_ptr<BridgeCore> core_;
  std::atomic<uint32_t> references_{0};
  std::atomic<bool> posted_{false};   // a signal is under way
  std::atomic<int> submissions_{0};   // operations are on their way to an executor
  BridgeContext* context_ = nullptr;  // the user's threads
  ListNode context_node_;             // guarded by the context's mutex
  ListNode core_node_;                // the worker's thread, as are:
  bool enrolled_ = false;
  bool expelled_ = false;
};

// What the sockets of one bridge have in common.
struct BridgeCore {
  BridgeCore(Worker& worker, stack::Stack& stack);
  // The bridge is gone: so are its sockets. The worker's thread.
  void End();

  const std::shared_ptr<WorkerInbox> inbox;
  const tcp::Options tcp;  // the stack's
  // The bridge or the worker is gone, or about to go.
  std::atomic<bool> closed{false};

  // --- the worker's thread ---
  Worker& worker;
  stack::Stack& stack;
  bool ended = false;                                              // the bridge is gone
  IntrusiveList<BridgeSocket, &BridgeSocket::core_node_> sockets;  // enrolled
};

}  // namespace corelane::runtime::internal

#endif  // CORELANE_RUNTIME_BRIDGE_BRIDGE_SOCKET_H_
