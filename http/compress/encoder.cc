#include "http/compress/encoder.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <climits>

namespace corelane::http {
namespace {

class GzipEncoder final : public Encoder {
 public:
  explicit GzipEncoder(int level) {
    constexpr int kWindowBits = 15 + 16;  // 16: gzip's header and trailer.
    ok_ = deflateInit2(&stream_, level, Z_DEFLATED, kWindowBits, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~GzipEncoder() override {
    if (ok_) deflateEnd(&stream_);
  }
  bool ok() const { return ok_; }

  // With little room, zlib would begin each time anew to flush: what it writes is kept here then.
  Step Encode(std::string_view& in, std::span<char> out, Until until) override {
    if (staged_.empty() && out.size() >= kStage) return Deflate(in, out, until);
    if (staged_.empty()) {
      const Step step = Deflate(in, stage_, until);
      if (step.failed) return step;
      staged_ = std::string_view(stage_, step.written);
      staged_done_ = step.done;
      staged_until_ = until;
    }
    Step step;
    step.written = staged_.copy(out.data(), out.size());
    staged_.remove_prefix(step.written);
    step.done = staged_.empty() && staged_done_ && staged_until_ == until && in.empty();
    return step;
  }
  void Reset() override {
    staged_ = {};
    deflateReset(&stream_);
  }

 private:
  static constexpr size_t kStage = 32;

  Step Deflate(std::string_view& in, std::span<char> out, Until until) {
    const auto given = static_cast<uInt>(std::min<size_t>(in.size(), INT_MAX));
    const auto room = static_cast<uInt>(std::min<size_t>(out.size(), INT_MAX));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = given;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room;
    const int flush = until == Until::kFull    ? Z_NO_FLUSH
                      : until == Until::kFlush ? Z_SYNC_FLUSH
                                               : Z_FINISH;
    const int result = deflate(&stream_, flush);
    in.remove_prefix(given - stream_.avail_in);
    Step step;
    step.written = room - stream_.avail_out;
    // Z_BUF_ERROR: there was nothing to do.
    step.failed = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR;
    step.done = in.empty() && (until == Until::kFull    ? true
                               : until == Until::kFlush ? stream_.avail_out > 0
                                                        : result == Z_STREAM_END);
    return step;
  }

  z_stream stream_ = {};
  bool ok_ = false;
  char stage_[kStage];
  std::string_view staged_;  // Of stage_, what is not yet handed out.
  bool staged_done_ = false;
  Until staged_until_ = Until::kFull;
};

class BrotliEncoder final : public Encoder {
 public:
  explicit BrotliEncoder(int level) : level_(level) { Make(); }
  ~BrotliEncoder() override { BrotliEncoderDestroyInstance(state_); }
  bool ok() const { return state_ != nullptr; }

  Step Encode(std::string_view& in, std::span<char> out, Until until) override {
    if (!ok()) return {0, false, true};
    size_t left = in.size();
    auto next_in = reinterpret_cast<const uint8_t*>(in.data());
    size_t room = out.size();
    auto next_out = reinterpret_cast<uint8_t*>(out.data());
    const BrotliEncoderOperation operation = until == Until::kFull    ? BROTLI_OPERATION_PROCESS
                                             : until == Until::kFlush ? BROTLI_OPERATION_FLUSH
                                                                      : BROTLI_OPERATION_FINISH;
    Step step;
    step.failed = BrotliEncoderCompressStream(state_, operation, &left, &next_in, &room, &next_out,
                                              nullptr) == BROTLI_FALSE;
    in.remove_prefix(in.size() - left);
    step.written = out.size() - room;
    const bool more = BrotliEncoderHasMoreOutput(state_) == BROTLI_TRUE;
    step.done = in.empty() && (until == Until::kEnd ? BrotliEncoderIsFinished(state_) == BROTLI_TRUE
                                                    : until == Until::kFull || !more);
    return step;
  }
  void Reset() override {
    BrotliEncoderDestroyInstance(state_);
    Make();
  }

 private:
  void Make() {
    constexpr uint32_t kWindowBits = 18;  // 256 KiB: a connection's share of memory is small.
    state_ = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
    if (state_ == nullptr) return;
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, static_cast<uint32_t>(level_));
    BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, kWindowBits);
  }

  const int level_;
  BrotliEncoderState* state_ = nullptr;
};

class ZstdEncoder final : public Encoder {
 public:
  explicit ZstdEncoder(int level) : context_(ZSTD_createCCtx()) {
    if (context_ != nullptr) ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
  }
  ~ZstdEncoder() override { ZSTD_freeCCtx(context_); }
  bool ok() const { return context_ != nullptr; }

  Step Encode(std::string_view& in, std::span<char> out, Until until) override {
    ZSTD_inBuffer input = {in.data(), in.size(), 0};
    ZSTD_outBuffer output = {out.data(), out.size(), 0};
    const ZSTD_EndDirective directive = until == Until::kFull    ? ZSTD_e_continue
                                        : until == Until::kFlush ? ZSTD_e_flush
                                                                 : ZSTD_e_end;
    const size_t left = ZSTD_compressStream2(context_, &output, &input, directive);
    in.remove_prefix(input.pos);
    Step step;
    step.written = output.pos;
    step.failed = ZSTD_isError(left) != 0;
    step.done = in.empty() && (until == Until::kFull || left == 0);
    return step;
  }
  void Reset() override { ZSTD_CCtx_reset(context_, ZSTD_reset_session_only); }

 private:
  ZSTD_CCtx* const context_;
};

template <class T>
std::unique_ptr<Encoder> Make(int level) {
  auto made = std::make_unique<T>(level);
  if (!made->ok()) return nullptr;
  return made;
}

}  // namespace

std::string_view CodingName(Coding coding) {
  switch (coding) {
    case Coding::kZstd:
      return "zstd";
    case Coding::kBrotli:
      return "br";
    case Coding::kGzip:
      break;
  }
  return "gzip";
}

LevelRange LevelsOf(Coding coding) {
  switch (coding) {
    case Coding::kZstd:
      return {1, 19};  // Beyond, the window is larger than the 8 MB of RFC 9659.
    case Coding::kBrotli:
      return {0, 11};
    case Coding::kGzip:
      break;
  }
  return {1, 9};
}

std::unique_ptr<Encoder> MakeEncoder(Coding coding, int level) {
  switch (coding) {
    case Coding::kZstd:
      return Make<ZstdEncoder>(level);
    case Coding::kBrotli:
      return Make<BrotliEncoder>(level);
    case Coding::kGzip:
      break;
  }
  return Make<GzipEncoder>(level);
}

}  // namespace corelane::http
