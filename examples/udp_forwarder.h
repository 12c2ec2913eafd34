// UdpForwarder: what Forwarder is for connections, for datagrams.
//
//   any program --kernel UDP--> 127.0.0.1:8080 [forwarder] --corelane UDP, over the ring--> server
//
// Each program that sends gets a socket of its own on the second stack, and with it the answers. At
// most kMaxPeers have one; then the one that was silent for longest loses it.

#ifndef CORELANE_EXAMPLES_UDP_FORWARDER_H_
#define CORELANE_EXAMPLES_UDP_FORWARDER_H_

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>

#include "core/ip_address.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::examples {

// Belongs to the worker's thread.
class UdpForwarder {
 public:
  static constexpr size_t kMaxPeers = 64;

  // Sends through `stack` to `to`.
  UdpForwarder(runtime::Worker& worker, stack::Stack& stack, const Endpoint& to);
  ~UdpForwarder();

  // Takes datagrams from the kernel's `at` from now on. Errors: Asio's of the socket.
  boost::system::error_code Listen(const Endpoint& at);
  void Close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_UDP_FORWARDER_H_
