// What the examples have in common: from the shared flags to devices and stacks on a worker.

#ifndef CORELANE_EXAMPLES_STACK_SETUP_H_
#define CORELANE_EXAMPLES_STACK_SETUP_H_

#include <boost/system/error_code.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "driver/device.h"
#include "driver/fault.h"
#include "runtime/flags/common_flags.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::examples {

// A device and the stack that runs on its first queue. The stack belongs to the worker.
struct Lane {
  std::unique_ptr<driver::Device> device;
  stack::Stack* stack = nullptr;
};

// What the flags ask for. On `ring` there are two lanes: the server's, and the forwarder's at the
// other end of the wire, with the first other address of each of the server's networks. Declare it
// before the worker: devices outlive stacks.
struct Lanes {
  Lane server;
  Lane forwarder;  // stack is null unless on `ring`
};

// The defaults of --device, --address and --listen for servers.
runtime::CommonFlags ServerDefaults();

// Opens devices and makes stacks. With `faults` the server's device is a bad one; a capture shows
// what is left on the wire. Returns nothing when the program should go on, else the status to exit
// with, after the line that says which flag was wrong.
std::optional<int> OpenLanes(const runtime::FlagParser& parser, const runtime::CommonFlags& flags,
                             runtime::Worker& worker, Lanes& lanes,
                             const std::optional<driver::FaultOptions>& faults = std::nullopt);

// The server's address that clients use: of --address, IPv4 first.
IpAddress ServerAddress(const runtime::CommonFlags& flags);

// For an address that cannot be listened on: says so, and returns the status to exit with.
int RejectListen(const runtime::FlagParser& parser, const Endpoint& at,
                 const boost::system::error_code& error);

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_STACK_SETUP_H_
