// Forwarder: carries connections to a kernel address over a second corelane stack to a server on
// the first.
//
//   any program --kernel TCP--> 127.0.0.1:8080 [forwarder] --corelane TCP, over the ring--> server
//
// So that a program without any network device of its own can be talked to by everything on the
// machine, as real TCP/IP packets.

#ifndef CORELANE_EXAMPLES_FORWARDER_H_
#define CORELANE_EXAMPLES_FORWARDER_H_

#include <boost/system/error_code.hpp>
#include <memory>

#include "core/ip_address.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::examples {

// Belongs to the worker's thread.
class Forwarder {
 public:
  // Connects through `stack` to `to`.
  Forwarder(runtime::Worker& worker, stack::Stack& stack, const Endpoint& to);
  ~Forwarder();

  // Listens on the kernel's `at`; accepts from now on. Errors: Asio's of the acceptor.
  boost::system::error_code Listen(const Endpoint& at);
  // With the port that was chosen where 0 was asked for.
  Endpoint local_endpoint() const;
  void Close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_FORWARDER_H_
