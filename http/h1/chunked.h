// Message bodies (RFC 9112 §6 and §7): the decoder that turns received bytes into slices of
// content.

#ifndef CORELANE_HTTP_H1_CHUNKED_H_
#define CORELANE_HTTP_H1_CHUNKED_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/h1/field_parser.h"
#include "http/h1/parse_error.h"
#include "http/wire/fields.h"

namespace corelane::http {

enum class BodyKind : uint8_t { kNone, kLength, kChunked, kUntilClose };

struct BodyFraming {
  BodyKind kind = BodyKind::kNone;
  uint64_t length = 0;  // Of kLength.
};

// What one call of Decode did. `data` is a slice of the bytes given, already counted in `consumed`.
struct BodyStep {
  ParseStatus status = ParseStatus::kNeedMore;
  size_t consumed = 0;
  std::string_view data;
};

// The chunked coding. Feed it the unconsumed bytes again, with more behind them, until kDone. Each
// call returns at most one slice of data; kNeedMore with data means: call again. The trailer
// section stays unconsumed until it is complete, so the caller needs room for kMaxTrailerBytes.
class ChunkedDecoder {
 public:
  static constexpr size_t kMaxTrailers = 16;
  static constexpr size_t kMaxTrailerBytes = 4096;
  static constexpr size_t kMaxExtensionBytes = 256;        // Of one chunk.
  static constexpr size_t kMaxTotalExtensionBytes = 8192;  // Of one body.

  void Start();
  BodyStep Decode(std::string_view in);

  ParseError error() const { return error_; }
  // After kDone, as long as the bytes of the last call stay where they are.
  Fields trailers() const { return {trailer_base_, {slots_.data(), fields_.count()}}; }

 private:
  enum class State : uint8_t {
    kSize,
    kSizeDigits,
    kBlanks,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailers,
    kDone,
  };

  // Take one byte of the line with the size; false on error.
  bool OnSizeByte(char c);
  bool OnExtensionByte(char c);
  bool Fail(ParseError error);
  bool CountExtensionByte();
  BodyStep DecodeTrailers(std::string_view in, size_t consumed);

  uint64_t left_ = 0;
  size_t extension_ = 0;
  size_t all_extensions_ = 0;
  uint8_t digits_ = 0;
  bool quoted_ = false;
  bool escaped_ = false;
  State state_ = State::kSize;
  ParseError error_ = ParseError::kNone;
  FieldSectionParser fields_;
  std::array<FieldSlot, kMaxTrailers> slots_;
  const char* trailer_base_ = nullptr;
};

// Any framing.
class BodyDecoder {
 public:
  void Start(BodyFraming framing);
  BodyStep Decode(std::string_view in);

  bool done() const { return done_; }
  ParseError error() const { return chunked_.error(); }
  Fields trailers() const {
    return framing_.kind == BodyKind::kChunked ? chunked_.trailers() : Fields();
  }
  const BodyFraming& framing() const { return framing_; }
  // Of kLength: how much is still to come.
  uint64_t left() const { return left_; }

 private:
  BodyFraming framing_;
  uint64_t left_ = 0;
  bool done_ = true;
  ChunkedDecoder chunked_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_CHUNKED_H_
