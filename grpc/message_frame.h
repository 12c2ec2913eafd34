// Messages into bytes with the prefix that gRPC gives them (PROTOCOL-HTTP2.md,
// Length-Prefixed-Message).

#ifndef CORELANE_GRPC_MESSAGE_FRAME_H_
#define CORELANE_GRPC_MESSAGE_FRAME_H_

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <cstdint>

#include "grpc/wire/frame.h"
#include "http/wire/buffer.h"

namespace corelane::grpc::internal {

// To kFramePrefix + size bytes at `to`; size: of the last ByteSizeLong.
inline void WriteFrame(const google::protobuf::MessageLite& message, size_t size, char* to) {
  WriteFramePrefix(false, size, to);
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(to + kFramePrefix));
}

inline void AppendFrame(const google::protobuf::MessageLite& message, size_t size,
                        http::Buffer& out) {
  WriteFrame(message, size, out.Prepare(kFramePrefix + size));
  out.Commit(kFramePrefix + size);
}

}  // namespace corelane::grpc::internal

#endif  // CORELANE_GRPC_MESSAGE_FRAME_H_
