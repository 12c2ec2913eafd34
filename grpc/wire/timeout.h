// The grpc-timeout field (PROTOCOL-HTTP2.md): 1 to 8 digits and a unit.

#ifndef CORELANE_GRPC_WIRE_TIMEOUT_H_
#define CORELANE_GRPC_WIRE_TIMEOUT_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace corelane::grpc {

// Duration::max(): longer than anything. nullopt: it is no timeout.
std::optional<Duration> ParseTimeout(std::string_view text);
// In the finest unit that holds it, rounded down, so that no server waits longer than its client.
// Nothing left is "0n".
std::string FormatTimeout(Duration timeout);

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_WIRE_TIMEOUT_H_
