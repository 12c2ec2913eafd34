#include "http/client/content_decoder.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>
#include <vector>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

using Step = ContentDecoder::Step;
using Status = Step::Status;

constexpr int kMaxZstdWindowLog = 23;  // 8 MiB, what RFC 9659 §3 makes every decoder take.

// gzip (RFC 1952, of any number of members), and deflate as servers mean it: zlib (RFC 1950), or,
// where they are wrong, raw (RFC 1951).
class Inflater final : public ContentDecoder {
 public:
  explicit Inflater(bool gzip) : gzip_(gzip) {}
  ~Inflater() override {
    if (ready_) inflateEnd(&stream_);
  }

  Step Decode(std::string_view in, std::span<char> out) override {
    if (!ready_ && in.empty()) return {};
    if (!ready_ && !Prepare(in[0])) return {Status::kError, 0, 0};
    if (member_ended_) {  // Another member?
      if (in.empty() || !gzip_ || static_cast<unsigned char>(in[0]) != 0x1f)
        return {Status::kEnd, 0, 0};
      inflateReset(&stream_);
      member_ended_ = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(std::min<size_t>(in.size(), UINT_MAX));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(out.size(), UINT_MAX));
    const uInt in_before = stream_.avail_in;
    const uInt out_before = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    Step step{Status::kMore, in_before - stream_.avail_in, out_before - stream_.avail_out};
    if (result == Z_STREAM_END) {
      member_ended_ = true;
      // One more member may follow; the body's end, if nothing does, is good.
      step.status = Status::kEnd;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      step.status = Status::kError;
    }
    return step;
  }

 private:
  bool Prepare(char first) {
    // A zlib header's low nibble is 8 (RFC 1950 §2.2); a raw stream of any real encoder's is not.
    const int bits = gzip_ ? MAX_WBITS + 16 : ((first & 15) == 8 ? MAX_WBITS : -MAX_WBITS);
    ready_ = inflateInit2(&stream_, bits) == Z_OK;
    return ready_;
  }

  const bool gzip_;
  bool ready_ = false;
  bool member_ended_ = false;
  z_stream stream_{};
};

class BrotliDecoder final : public ContentDecoder {
 public:
  BrotliDecoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
  ~BrotliDecoder() override { BrotliDecoderDestroyInstance(state_); }

  Step Decode(std::string_view in, std::span<char> out) override {
    size_t in_left = in.size();
    size_t out_left = out.size();
    const auto* next_in = reinterpret_cast<const uint8_t*>(in.data());
    auto* next_out = reinterpret_cast<uint8_t*>(out.data());
    const BrotliDecoderResult result =
        BrotliDecoderDecompressStream(state_, &in_left, &next_in, &out_left, &next_out, nullptr);
    Step step{Status::kMore, in.size() - in_left, out.size() - out_left};
    if (result == BROTLI_DECODER_RESULT_SUCCESS) step.status = Status::kEnd;
    if (result == BROTLI_DECODER_RESULT_ERROR) step.status = Status::kError;
    return step;
  }

 private:
  BrotliDecoderState* const state_;
};

class ZstdDecoder final : public ContentDecoder {
 public:
  ZstdDecoder() : state_(ZSTD_createDCtx()) {
    ZSTD_DCtx_setParameter(state_, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(state_); }

  Step Decode(std::string_view in, std::span<char> out) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const size_t result = ZSTD_decompressStream(state_, &to, &from);
    Step step{Status::kMore, from.pos, to.pos};
    if (ZSTD_isError(result) != 0) {
      step.status = Status::kError;
    } else if (result == 0) {
      step.status = Status::kEnd;  // Of a frame; another may follow.
    }
    return step;
  }

 private:
  ZSTD_DCtx* const state_;
};

// "a, b": b was applied last, so it is undone first.
class Chain final : public ContentDecoder {
 public:
  Chain(std::unique_ptr<ContentDecoder> outer, std::unique_ptr<ContentDecoder> inner)
      : outer_(std::move(outer)), inner_(std::move(inner)) {}

  Step Decode(std::string_view in, std::span<char> out) override {
    Step total;
    for (;;) {
      const Step second =
          inner_->Decode({middle_.data() + begin_, end_ - begin_}, out.subspan(total.produced));
      begin_ += second.consumed;
      total.produced += second.produced;
      total.status = second.status;
      if (second.status == Status::kError || total.produced == out.size()) return total;
      if (begin_ < end_ && second.consumed + second.produced > 0) continue;
      if (begin_ < end_) return total;  // Behind the inner stream's end.
      begin_ = end_ = 0;
      const Step first = outer_->Decode(in, middle_);
      in.remove_prefix(first.consumed);
      total.consumed += first.consumed;
      end_ = first.produced;
      if (first.status == Status::kError) return {Status::kError, total.consumed, total.produced};
      if (first.produced == 0) {
        if (first.status != Status::kEnd) total.status = Status::kMore;
        if (first.consumed == 0 || in.empty()) return total;
      }
    }
  }

 private:
  std::unique_ptr<ContentDecoder> outer_;
  std::unique_ptr<ContentDecoder> inner_;
  std::array<char, 8192> middle_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

std::unique_ptr<ContentDecoder> ForOne(std::string_view coding) {
  if (EqualsIgnoreCase(coding, "gzip") || EqualsIgnoreCase(coding, "x-gzip")) {
    return std::make_unique<Inflater>(true);
  }
  if (EqualsIgnoreCase(coding, "deflate")) return std::make_unique<Inflater>(false);
  if (EqualsIgnoreCase(coding, "br")) return std::make_unique<BrotliDecoder>();
  if (EqualsIgnoreCase(coding, "zstd")) return std::make_unique<ZstdDecoder>();
  return nullptr;
}

}  // namespace

std::unique_ptr<ContentDecoder> ContentDecoder::For(std::string_view coding) {
  std::vector<std::string_view> codings;
  ForEachListElement(coding, [&](std::string_view one) { codings.push_back(one); });
  if (codings.empty() || codings.size() > 2) return nullptr;
  std::unique_ptr<ContentDecoder> last = ForOne(codings.back());
  if (codings.size() == 1 || last == nullptr) return last;
  std::unique_ptr<ContentDecoder> first = ForOne(codings.front());
  if (first == nullptr) return nullptr;
  return std::make_unique<Chain>(std::move(last), std::move(first));
}

}  // namespace corelane::http
