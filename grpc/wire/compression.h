// Compression of messages (gRPC's compression.md): which there are, and doing it.

#ifndef CORELANE_GRPC_WIRE_COMPRESSION_H_
#define CORELANE_GRPC_WIRE_COMPRESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "grpc/wire/status.h"

namespace corelane::grpc {

enum class Compression : uint8_t { kIdentity, kDeflate, kGzip };

// What we understand, as grpc-accept-encoding says it.
inline constexpr std::string_view kAcceptEncoding = "identity,deflate,gzip";

// "gzip"
std::string_view CompressionName(Compression compression);
// Of a grpc-encoding; nullopt: none of ours.
std::optional<Compression> ParseCompression(std::string_view name);

// Those that the other side understands; kIdentity always.
class CompressionSet {
 public:
  // Of a grpc-accept-encoding.
  static CompressionSet Parse(std::string_view list);
  bool has(Compression compression) const {
    return compression == Compression::kIdentity || (bits_ & Bit(compression)) != 0;
  }

 private:
  static uint8_t Bit(Compression compression) {
    return static_cast<uint8_t>(1U << static_cast<unsigned>(compression));
  }
  uint8_t bits_ = 0;
};

// Compresses and inflates whole messages of one kind. The state of zlib is made when it is first
// needed, and used again.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Not kIdentity. In place of what `out` holds.
  void Compress(Compression compression, std::string_view bytes, std::string& out);
  // INTERNAL: `bytes` are not what `compression` gives. RESOURCE_EXHAUSTED: they hold more than
  // `most` bytes; no more than that is ever inflated.
  Status Inflate(Compression compression, std::string_view bytes, size_t most, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace corelane::grpc

#endif  // CORELANE_GRPC_WIRE_COMPRESSION_H_
