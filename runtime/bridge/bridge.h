// Bridge: how ordinary threads use a worker's stack.
//
//   runtime::Worker worker;                       // runs on a thread of its own
//   runtime::Bridge bridge(worker);               // any thread
//   boost::asio::io_context io;                   // runs on another one
//   runtime::BasicBridgeTcpStream stream(io.get_executor(), bridge);
//   co_await stream.async_connect(endpoint, token);
//
// BasicBridgeTcpStream, BasicBridgeTcpListener and BasicBridgeUdpSocket have the interface of the
// worker's own sockets and work on any Asio executor: an io_context, a thread_pool, a strand. Their
// handlers run there; the worker copies between the stack's queues and the buffers of a pending
// operation, which is the only copy. So nothing is buffered between the threads: a reader that
// stops closes the connection's receive window, and a writer waits for room in its send queue.
//
// Threading: a socket is used by one thread at a time, or a strand; it may move between threads,
// and to another executor while no operation is pending. A worker that sleeps costs the thread that
// starts an operation a system call, a worker that is awake none.
//
// The end: bridge, worker, sockets and execution contexts may go in any order, on any thread. When
// the bridge or the worker goes, pending operations end with operation_aborted, connections are
// closed, and later operations fail with bad_descriptor; sockets may be destroyed at any time
// afterwards. A bridge that is destroyed while its worker does not run takes effect when that runs
// again or is destroyed. When an execution context goes, the operations of its sockets are
// destroyed uncalled, as Asio's own are.

#ifndef CORELANE_RUNTIME_BRIDGE_BRIDGE_H_
#define CORELANE_RUNTIME_BRIDGE_BRIDGE_H_

#include <memory>

#include "runtime/bridge/bridge_socket.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::runtime {

class Bridge {
 public:
  // To the worker's first stack, which exists already. The worker is alive; any thread.
  explicit Bridge(Worker& worker);
  // To this stack of the worker.
  Bridge(Worker& worker, stack::Stack& stack);
  // Any thread.
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // --- for sockets ---
  const std::shared_ptr<internal::BridgeCore>& core() const { return core_; }

 private:
  const std::shared_ptr<internal::BridgeCore> core_;
  PostedOp* const end_;  // what the destructor posts, and thereby gives away
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_BRIDGE_BRIDGE_H_
