#include "grpc/wire/compression.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "core/check.h"
#include "http/wire/syntax.h"

namespace corelane::grpc {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"identity", "deflate", "gzip"};
constexpr size_t kPiece = 16 << 10;

// gRPC's deflate is zlib's format (RFC 1950), as HTTP's; zlib adds 16 for gzip's (RFC 1952).
int WindowBits(Compression compression) { return compression == Compression::kGzip ? 15 + 16 : 15; }

Bytef* In(std::string_view bytes) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write there.
}
Bytef* Out(char* at) { return reinterpret_cast<Bytef*>(at); }

}  // namespace

std::string_view CompressionName(Compression compression) {
  return kNames[static_cast<size_t>(compression)];
}

std::optional<Compression> ParseCompression(std::string_view name) {
  const auto* const at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<Compression>(at - kNames.begin());
}

CompressionSet CompressionSet::Parse(std::string_view list) {
  CompressionSet set;
  http::ForEachListElement(list, [&set](std::string_view name) {
    if (const auto known = ParseCompression(name)) set.bits_ |= Bit(*known);
  });
  return set;
}

struct Compressor::State {
  ~State() {
    if (deflating) deflateEnd(&deflater);
    if (inflating) inflateEnd(&inflater);
  }

  z_stream deflater{};
  z_stream inflater{};
  bool deflating = false;
  bool inflating = false;
  Compression deflates = Compression::kIdentity;
};

Compressor::Compressor() = default;
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::Compress(Compression compression, std::string_view bytes, std::string& out) {
  CL_CHECK(compression != Compression::kIdentity);
  if (state_ == nullptr) state_ = std::make_unique<State>();
  z_stream& stream = state_->deflater;
  if (state_->deflating && state_->deflates != compression) {
    deflateEnd(&stream);
    state_->deflating = false;
  }
  if (state_->deflating) {
    CL_CHECK(deflateReset(&stream) == Z_OK);
  } else {
    stream = {};
    CL_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WindowBits(compression), 8,
                          Z_DEFAULT_STRATEGY) == Z_OK);
    state_->deflating = true;
    state_->deflates = compression;
  }
  out.resize(deflateBound(&stream, bytes.size()));
  stream.next_in = In(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = Out(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CL_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
}

Status Compressor::Inflate(Compression compression, std::string_view bytes, size_t most,
                           std::string& out) {
  CL_CHECK(compression != Compression::kIdentity);
  if (state_ == nullptr) state_ = std::make_unique<State>();
  z_stream& stream = state_->inflater;
  if (state_->inflating) {
    CL_CHECK(inflateReset2(&stream, WindowBits(compression)) == Z_OK);
  } else {
    CL_CHECK(inflateInit2(&stream, WindowBits(compression)) == Z_OK);
    state_->inflating = true;
  }
  stream.next_in = In(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  out.clear();
  for (;;) {
    const size_t at = out.size();
    // One byte beyond `most` shows that there is more.
    const size_t room = std::min(std::max(kPiece, at), most - at + 1);
    out.resize(at + room);
    stream.next_out = Out(out.data() + at);
    stream.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.resize(at + room - stream.avail_out);
    if (out.size() > most) {
      return Status(
          StatusCode::kResourceExhausted,
          "a compressed message holds more than the limit, " + std::to_string(most) + " bytes");
    }
    if (result == Z_STREAM_END && stream.avail_in == 0) return Status();
    if (result != Z_OK || stream.avail_out > 0) {
      return Status(StatusCode::kInternal, "a compressed message is no valid " +
                                               std::string(CompressionName(compression)));
    }
  }
}

}  // namespace corelane::grpc
