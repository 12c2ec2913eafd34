// What a server's calls are allowed.

#ifndef CORELANE_GRPC_SERVER_OPTIONS_H_
#define CORELANE_GRPC_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace corelane::grpc {

struct ServerOptions {
  // In bytes, after decompression. More is RESOURCE_EXHAUSTED.
  size_t max_receive_message = 4 << 20;
  size_t max_send_message = INT32_MAX;
  // A write waits while more bytes than that are under way.
  size_t send_buffer = 64 << 10;
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_SERVER_OPTIONS_H_
