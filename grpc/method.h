// What generated code says of a method.

#ifndef CORELANE_GRPC_METHOD_H_
#define CORELANE_GRPC_METHOD_H_

#include <cstdint>
#include <string_view>

namespace corelane::grpc {

enum class MethodKind : uint8_t { kUnary, kServerStreaming, kClientStreaming, kBidiStreaming };

// google.protobuf.MethodOptions.IdempotencyLevel
enum class Idempotency : uint8_t { kUnknown, kNoSideEffects, kIdempotent };

// Of static storage.
struct Method {
  std::string_view path;  // "/helloworld.Greeter/SayHello"
  MethodKind kind = MethodKind::kUnary;
  Idempotency idempotency = Idempotency::kUnknown;

  constexpr bool client_streams() const {
    return kind == MethodKind::kClientStreaming || kind == MethodKind::kBidiStreaming;
  }
  constexpr bool server_streams() const {
    return kind == MethodKind::kServerStreaming || kind == MethodKind::kBidiStreaming;
  }
  // "helloworld.Greeter"
  constexpr std::string_view service() const { return path.substr(1, path.rfind('/') - 1); }
  constexpr std::string_view name() const { return path.substr(path.rfind('/') + 1); }
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_METHOD_H_
