// What a handler learns of its call, and says beside its messages.

#ifndef CORELANE_GRPC_SERVER_CONTEXT_H_
#define CORELANE_GRPC_SERVER_CONTEXT_H_

#include <google/protobuf/arena.h>

#include <optional>

#include "core/time.h"
#include "grpc/method.h"
#include "grpc/result.h"
#include "grpc/wire/compression.h"
#include "grpc/wire/metadata.h"
#include "http/message.h"

namespace corelane::grpc {

// Lives as long as the call. Not thread-safe: of the connection's thread.
class ServerContext {
 public:
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  const Method& method() const { return method_; }
  // The client's, without what the protocol uses itself.
  const Metadata& metadata() const { return metadata_; }
  // Sent with the first message, or by SendHeaders of a writer; what is added later is lost.
  Metadata& initial_metadata() { return initial_metadata_; }
  // Sent with the status.
  Metadata& trailing_metadata() { return trailing_metadata_; }

  // kNever: the client has set none.
  Instant deadline() const { return deadline_; }
  // From now on, never negative; Duration::max() without a deadline.
  Duration time_left() const;
  // Whether nobody waits for the answer any more: the client has gone, or the deadline has passed.
  // What the handler waits for by use_task is cancelled then; what it waits for on the call ends
  // it: its frames are destroyed, or HandlerTimeout is thrown.
  bool cancelled() const { return cancelled_ || request_.timed_out(); }

  // How replies are compressed; kIdentity: not. Before the first one. False: the client does not
  // understand it, and they are not.
  bool set_compression(Compression compression) {
    if (!accepted_.has(compression)) return false;
    compression_ = compression;
    return true;
  }
  Compression compression() const { return compression_; }

  // The addresses, TLS, and what middleware has attached.
  const http::Request& request() const { return request_; }

  // Memory that lives as long as the call.
  google::protobuf::Arena& arena() { return arena_; }
  // A message there.
  template <class T>
  ArenaPtr<T> New() {
    return ArenaPtr<T>(google::protobuf::Arena::CreateMessage<T>(&arena_));
  }

 protected:
  ServerContext(const Method& method, const http::Request& request);
  ~ServerContext() = default;

  static constexpr size_t kArenaBlock = 2048;
  // From the free list of frames.
  struct ArenaBlock {
    ArenaBlock() : memory(static_cast<char*>(http::internal::AllocateFrame(kArenaBlock))) {}
    ~ArenaBlock() { http::internal::FreeFrame(memory, kArenaBlock); }
    ArenaBlock(const ArenaBlock&) = delete;
    ArenaBlock& operator=(const ArenaBlock&) = delete;
    char* const memory;
  };

  const Method& method_;
  const http::Request& request_;
  Metadata metadata_;
  Metadata initial_metadata_;
  Metadata trailing_metadata_;
  Instant deadline_ = kNever;
  bool cancelled_ = false;
  Compression compression_ = Compression::kIdentity;
  CompressionSet accepted_;
  ArenaBlock arena_block_;
  google::protobuf::Arena arena_;
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_SERVER_CONTEXT_H_
