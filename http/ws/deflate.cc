// The data half of permessage-deflate (RFC 7692 §7.2).

#include "http/ws/deflate.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/check.h"

namespace corelane::ws {
namespace {

// The empty stored block that a sender takes off a message's end, and a receiver puts back.
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);
constexpr size_t kInflateStep = 8192;

const Bytef* In(std::string_view bytes) { return reinterpret_cast<const Bytef*>(bytes.data()); }

constexpr size_t kMostAtOnce = size_t{1} << 30;  // avail_in and avail_out are 32 bits.

}  // namespace

// --- Sending ---

struct Deflater::State {
  z_stream stream{};

  ~State() { deflateEnd(&stream); }
};

Deflater::Deflater(int window_bits, bool no_context_takeover, const DeflateOptions& options)
    : window_bits_(window_bits),
      no_context_takeover_(no_context_takeover),
      level_(options.level),
      mem_level_(options.mem_level),
      min_bytes_(options.min_bytes) {}
Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&&) noexcept = default;

bool Deflater::Begin() {
  if (state_ != nullptr) return true;
  auto state = std::make_unique<State>();
  if (deflateInit2(&state->stream, level_, Z_DEFLATED, -window_bits_, mem_level_,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return false;
  }
  state_ = std::move(state);
  return true;
}

void Deflater::Add(std::string_view piece, bool last, http::Buffer& out) {
  while (piece.size() > kMostAtOnce) {
    Run(piece.substr(0, kMostAtOnce), Z_NO_FLUSH, out);
    piece.remove_prefix(kMostAtOnce);
  }
  Run(piece, last ? Z_SYNC_FLUSH : Z_NO_FLUSH, out);
  if (!last) return;
  out.Truncate(out.size() - kTail.size());
  if (no_context_takeover_) deflateReset(&state_->stream);
}

// The bound is for Z_FINISH; the flush adds a marker. All of a message that came in one piece fits
// at once, so that no second marker follows; after others one may, which does no harm.
void Deflater::Run(std::string_view piece, int flush, http::Buffer& out) {
  z_stream& stream = state_->stream;
  stream.next_in = In(piece);
  stream.avail_in = static_cast<uInt>(piece.size());
  size_t room = deflateBound(&stream, static_cast<uLong>(piece.size())) + 64;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(out.Prepare(room));
    stream.avail_out = static_cast<uInt>(room);
    const int result = deflate(&stream, flush);  // All its memory is from Begin: it cannot fail.
    CL_CHECK(result == Z_OK || result == Z_BUF_ERROR);
    out.Commit(room - stream.avail_out);
    room = kInflateStep;
  } while (stream.avail_out == 0);
}

// --- Receiving ---

struct Inflater::State {
  z_stream stream{};

  ~State() { inflateEnd(&stream); }
};

// A peer that was asked for a window of 8 bits may use zlib, which makes it 9.
Inflater::Inflater(int window_bits, bool no_context_takeover)
    : window_bits_(std::max(window_bits, 9)), no_context_takeover_(no_context_takeover) {}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

bool Inflater::Prepare() {
  if (state_ != nullptr) return true;
  auto state = std::make_unique<State>();
  if (inflateInit2(&state->stream, -window_bits_) != Z_OK) return false;
  state_ = std::move(state);
  return true;
}

bool Inflater::Continue() {
  z_stream& stream = state_->stream;
  std::vector<Bytef> window(size_t{1} << window_bits_);
  auto size = static_cast<uInt>(window.size());
  const bool known = inflateGetDictionary(&stream, window.data(), &size) == Z_OK;
  if (inflateReset(&stream) != Z_OK) return false;
  return !known || size == 0 || inflateSetDictionary(&stream, window.data(), size) == Z_OK;
}

Inflater::Status Inflater::Add(std::string_view piece, uint64_t limit, http::Buffer& out) {
  if (!Prepare()) return Status::kBad;
  z_stream& stream = state_->stream;
  while (!piece.empty()) {
    const std::string_view now = piece.substr(0, kMostAtOnce);
    piece.remove_prefix(now.size());
    stream.next_in = In(now);
    stream.avail_in = static_cast<uInt>(now.size());
    do {
      // One byte above the limit shows that it is passed.
      const uint64_t left = limit - std::min<uint64_t>(limit, out.size());
      const size_t room = left < kInflateStep ? static_cast<size_t>(left) + 1 : kInflateStep;
      stream.next_out = reinterpret_cast<Bytef*>(out.Prepare(room));
      stream.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream, Z_SYNC_FLUSH);
      out.Commit(room - stream.avail_out);
      if (out.size() > limit) return Status::kTooBig;
      if (result == Z_STREAM_END) {
        if (!Continue()) return Status::kBad;
      } else if (result == Z_BUF_ERROR) {
        break;  // It wants more input.
      } else if (result != Z_OK) {
        return Status::kBad;
      }
    } while (stream.avail_in > 0 || stream.avail_out == 0);
  }
  return Status::kOk;
}

Inflater::Status Inflater::Finish(uint64_t limit, http::Buffer& out) {
  const Status status = Add(kTail, limit, out);
  if (status == Status::kOk && no_context_takeover_) inflateReset(&state_->stream);
  return status;
}

}  // namespace corelane::ws
