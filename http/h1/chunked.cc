#include "http/h1/chunked.h"

#include <algorithm>

namespace corelane::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ToLowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 9110 §6.5.1: fields that frame or route a message never come as trailers.
bool AllowedAsTrailer(FieldId id) {
  switch (id) {
    case FieldId::kHost:
    case FieldId::kTe:
    case FieldId::kExpect:
    case FieldId::kUpgrade:
    case FieldId::kTrailer:
    case FieldId::kConnection:
    case FieldId::kContentLength:
    case FieldId::kTransferEncoding:
      return false;
    case FieldId::kOther:
    case FieldId::kDate:
      return true;
  }
  return false;
}

}  // namespace

void ChunkedDecoder::Start() {
  left_ = 0;
  extension_ = 0;
  all_extensions_ = 0;
  digits_ = 0;
  quoted_ = false;
  escaped_ = false;
  state_ = State::kSize;
  error_ = ParseError::kNone;
  fields_.Start(0, slots_);
  trailer_base_ = nullptr;
}

bool ChunkedDecoder::Fail(ParseError error) {
  error_ = error;
  return false;
}

bool ChunkedDecoder::CountExtensionByte() {
  if (++extension_ > kMaxExtensionBytes || ++all_extensions_ > kMaxTotalExtensionBytes) {
    return Fail(ParseError::kChunkExtensionsTooLong);
  }
  return true;
}

// chunk-size [ chunk-ext ] CRLF (RFC 9112 §7.1). Blanks may stand only around an extension (BWS,
// §7.1.1).
bool ChunkedDecoder::OnSizeByte(char c) {
  const int digit = HexDigit(c);
  if (digit >= 0 && state_ != State::kBlanks) {
    if (++digits_ > 16) return Fail(ParseError::kChunkTooLarge);
    if (left_ >> 59 != 0)
      return Fail(ParseError::kChunkTooLarge);  // keeps sums of sizes in 63 bits
    left_ = left_ << 4 | static_cast<uint64_t>(digit);
    state_ = State::kSizeDigits;
    return true;
  }
  if (state_ == State::kSize) return Fail(ParseError::kBadChunkSize);
  if (c == '\r' && state_ == State::kSizeDigits) {
    state_ = State::kSizeLf;
    return true;
  }
  if (c == ';' || c == ' ' || c == '\t') {
    state_ = c == ';' ? State::kExtension : State::kBlanks;
    return CountExtensionByte();
  }
  if (c == '\n') return Fail(ParseError::kBareLf);
  return Fail(ParseError::kBadChunkSize);
}

bool ChunkedDecoder::OnExtensionByte(char c) {
  if (c == '\r' && !quoted_) {
    state_ = State::kSizeLf;
    return true;
  }
  if (c == '\n') return Fail(ParseError::kBareLf);
  if (!IsFieldValueChar(c)) return Fail(ParseError::kBadChunkExtension);
  if (quoted_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      quoted_ = false;
    }
  } else if (c == '"') {
    quoted_ = true;
  } else if (!IsTokenChar(c) && c != '=' && c != ';' && c != ' ' && c != '\t') {
    return Fail(ParseError::kBadChunkExtension);
  }
  return CountExtensionByte();
}

BodyStep ChunkedDecoder::DecodeTrailers(std::string_view in, size_t consumed) {
  const std::string_view section = in.substr(consumed);
  const ParseStatus status = fields_.Parse(section.substr(0, kMaxTrailerBytes));
  if (status == ParseStatus::kError) {
    Fail(fields_.error());
    return {ParseStatus::kError, consumed, {}};
  }
  if (status == ParseStatus::kNeedMore) {
    if (section.size() < kMaxTrailerBytes) return {ParseStatus::kNeedMore, consumed, {}};
    Fail(ParseError::kHeadTooLarge);
    return {ParseStatus::kError, consumed, {}};
  }
  trailer_base_ = section.data();
  const Fields fields = trailers();
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!AllowedAsTrailer(fields.id(i))) {
      Fail(ParseError::kBadTrailer);
      return {ParseStatus::kError, consumed, {}};
    }
  }
  state_ = State::kDone;
  return {ParseStatus::kDone, consumed + fields_.position(), {}};
}

BodyStep ChunkedDecoder::Decode(std::string_view in) {
  size_t at = 0;
  const auto failed = [&] { return BodyStep{ParseStatus::kError, at, {}}; };
  if (error_ != ParseError::kNone) return failed();
  while (at < in.size()) {
    const char c = in[at];
    switch (state_) {
      case State::kSize:
      case State::kSizeDigits:
      case State::kBlanks:
        if (!OnSizeByte(c)) return failed();
        ++at;
        break;
      case State::kExtension:
        if (!OnExtensionByte(c)) return failed();
        ++at;
        break;
      case State::kSizeLf:
        if (c != '\n') {
          Fail(ParseError::kBareCr);
          return failed();
        }
        ++at;
        digits_ = 0;
        extension_ = 0;
        state_ = left_ == 0 ? State::kTrailers : State::kData;
        break;
      case State::kData: {
        const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, in.size() - at));
        left_ -= size;
        if (left_ == 0) state_ = State::kDataCr;
        return {ParseStatus::kNeedMore, at + size, in.substr(at, size)};
      }
      case State::kDataCr:
      case State::kDataLf:
        if (c != (state_ == State::kDataCr ? '\r' : '\n')) {
          Fail(ParseError::kBadChunkEnd);
          return failed();
        }
        ++at;
        state_ = state_ == State::kDataCr ? State::kDataLf : State::kSize;
        break;
      case State::kTrailers:
        return DecodeTrailers(in, at);
      case State::kDone:
        return {ParseStatus::kDone, at, {}};
    }
  }
  return {state_ == State::kDone ? ParseStatus::kDone : ParseStatus::kNeedMore, at, {}};
}

void BodyDecoder::Start(BodyFraming framing) {
  framing_ = framing;
  left_ = framing.kind == BodyKind::kLength ? framing.length : 0;
  done_ = framing.kind == BodyKind::kNone || (framing.kind == BodyKind::kLength && left_ == 0);
  chunked_.Start();
}

BodyStep BodyDecoder::Decode(std::string_view in) {
  switch (framing_.kind) {
    case BodyKind::kNone:
      return {ParseStatus::kDone, 0, {}};
    case BodyKind::kUntilClose:
      return {ParseStatus::kNeedMore, in.size(), in};
    case BodyKind::kLength: {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
      left_ -= size;
      done_ = left_ == 0;
      return {done_ ? ParseStatus::kDone : ParseStatus::kNeedMore, size, in.substr(0, size)};
    }
    case BodyKind::kChunked: {
      const BodyStep step = chunked_.Decode(in);
      done_ = step.status == ParseStatus::kDone;
      return step;
    }
  }
  return {};
}

}  // namespace corelane::http
