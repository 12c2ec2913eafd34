#include "http/h1/parser.h"

#include <algorithm>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kMaxMethodBytes = 32;
constexpr std::string_view kVersionPrefix = "HTTP/";

// The fields that decide where a message ends, gathered over the section.
struct FramingFields {
  ParseError error = ParseError::kNone;
  size_t content_lengths = 0;
  uint64_t content_length = 0;
  size_t transfer_encodings = 0;
  bool chunked = false;
  bool other_coding = false;      // A coding that is not chunked.
  bool repeated_chunked = false;  // Or something else behind it.
  bool close = false;
  bool keep_alive = false;

  void Add(FieldId id, std::string_view value);
  void AddContentLength(std::string_view value);
  void AddTransferEncoding(std::string_view value);
};

void FramingFields::AddContentLength(std::string_view value) {
  // RFC 9112 §6.3 allows to merge equal values; lists and repetitions are refused here.
  if (content_lengths++ > 0 || value.find(',') != std::string_view::npos) {
    error = ParseError::kRepeatedContentLength;
    return;
  }
  const bool digits = !value.empty() && std::all_of(value.begin(), value.end(),
                                                    [](char c) { return c >= '0' && c <= '9'; });
  const std::optional<uint64_t> length = ParseDecimal(value);
  if (!digits) {
    error = ParseError::kBadContentLength;
  } else if (!length.has_value() || *length >> 63 != 0) {
    error = ParseError::kContentLengthTooLarge;
  } else {
    content_length = *length;
  }
}

void FramingFields::AddTransferEncoding(std::string_view value) {
  ++transfer_encodings;
  ForEachListElement(value, [this](std::string_view coding) {
    if (EqualsIgnoreCase(coding, "chunked")) {
      repeated_chunked |= chunked;
      chunked = true;
    } else {
      repeated_chunked |= chunked;
      other_coding = true;
    }
  });
}

void FramingFields::Add(FieldId id, std::string_view value) {
  if (error != ParseError::kNone) return;
  switch (id) {
    case FieldId::kContentLength:
      AddContentLength(value);
      break;
    case FieldId::kTransferEncoding:
      AddTransferEncoding(value);
      break;
    case FieldId::kConnection:
      close |= ListContains(value, "close");
      keep_alive |= ListContains(value, "keep-alive");
      break;
    default:
      break;
  }
}

FramingFields ReadFraming(const Fields& fields) {
  FramingFields framing;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields.id(i) != FieldId::kOther) framing.Add(fields.id(i), fields.value(i));
  }
  return framing;
}

// HTTP-version (RFC 9112 §2.3), of which `bytes` were seen. A higher minor version is read as 1.1
// (RFC 9110 §6.2).
ParseError CheckVersionByte(size_t bytes, char c, uint8_t& minor) {
  if (bytes < kVersionPrefix.size()) {
    return c == kVersionPrefix[bytes] ? ParseError::kNone : ParseError::kBadVersion;
  }
  const bool digit = c >= '0' && c <= '9';
  switch (bytes) {
    case 5:
      if (!digit) return ParseError::kBadVersion;
      return c == '1' ? ParseError::kNone : ParseError::kUnsupportedVersion;
    case 6:
      return c == '.' ? ParseError::kNone : ParseError::kBadVersion;
    default:
      if (!digit) return ParseError::kBadVersion;
      minor = c == '0' ? 0 : 1;
      return ParseError::kNone;
  }
}

}  // namespace

// --- Requests ---

void RequestParser::Start(const HeadLimits& limits) {
  limits_ = limits;
  limits_.fields = std::min(limits_.fields, kMaxFields);
  position_ = 0;
  state_ = State::kLeading;
  error_ = ParseError::kNone;
  version_bytes_ = 0;
}

ParseStatus RequestParser::Fail(ParseError error) {
  error_ = error;
  return ParseStatus::kError;
}

ParseStatus RequestParser::Parse(std::string_view message) {
  if (error_ != ParseError::kNone) return ParseStatus::kError;
  const std::string_view visible = message.substr(0, limits_.head_bytes);
  const ParseStatus status = Step(visible);
  if (status == ParseStatus::kNeedMore && visible.size() == limits_.head_bytes) {
    return Fail(state_ == State::kTarget ? ParseError::kTargetTooLong : ParseError::kHeadTooLarge);
  }
  return status;
}

ParseStatus RequestParser::Step(std::string_view message) {
  for (;;) {
    ParseStatus status = ParseStatus::kDone;
    switch (state_) {
      case State::kLeading:
      case State::kLeadingLf:
      case State::kLeadingDone:
        status = ParseLeading(message);
        break;
      case State::kMethod:
        status = ParseMethod(message);
        break;
      case State::kTarget:
        status = ParseTarget(message);
        break;
      case State::kVersion:
        status = ParseVersion(message);
        break;
      case State::kFields:
        status = ParseFields(message);
        break;
      case State::kDone:
        return ParseStatus::kDone;
    }
    if (status != ParseStatus::kDone) return status;
  }
}

// RFC 9112 §2.2: one empty line before the request line is ignored.
ParseStatus RequestParser::ParseLeading(std::string_view message) {
  if (position_ == message.size()) return ParseStatus::kNeedMore;
  if (state_ == State::kLeadingLf) {
    if (message[position_] != '\n') return Fail(ParseError::kBareCr);
    ++position_;
    state_ = State::kLeadingDone;
    return ParseStatus::kDone;
  }
  if (state_ == State::kLeading && message[position_] == '\r') {
    ++position_;
    state_ = State::kLeadingLf;
    return ParseStatus::kDone;
  }
  method_text_ = {static_cast<uint32_t>(position_), 0};
  state_ = State::kMethod;
  return ParseStatus::kDone;
}

ParseStatus RequestParser::ParseMethod(std::string_view message) {
  const char* const base = message.data();
  const size_t visible =
      std::min<size_t>(message.size(), method_text_.offset + kMaxMethodBytes + 1);
  position_ = static_cast<size_t>(SkipTokenChars(base + position_, base + visible) - base);
  method_text_.size = static_cast<uint32_t>(position_) - method_text_.offset;
  if (method_text_.size > kMaxMethodBytes) return Fail(ParseError::kMethodTooLong);
  if (position_ == message.size()) return ParseStatus::kNeedMore;
  if (message[position_] != ' ' || method_text_.size == 0) {
    return Fail(message[position_] == '\n' ? ParseError::kBareLf : ParseError::kBadMethod);
  }
  method_ = corelane::http::ParseMethod(method_text_.in(message));
  ++position_;
  target_ = {static_cast<uint32_t>(position_), 0};
  state_ = State::kTarget;
  return ParseStatus::kDone;
}

ParseStatus RequestParser::ParseTarget(std::string_view message) {
  const char* const base = message.data();
  const size_t visible =
      std::min<size_t>(message.size(), target_.offset + limits_.target_bytes + 1);
  position_ = static_cast<size_t>(SkipTargetChars(base + position_, base + visible) - base);
  target_.size = static_cast<uint32_t>(position_) - target_.offset;
  if (target_.size > limits_.target_bytes) return Fail(ParseError::kTargetTooLong);
  if (position_ == message.size()) return ParseStatus::kNeedMore;
  const char stop = message[position_];
  if (stop == '\n') return Fail(ParseError::kBareLf);
  if (stop == '\r') return Fail(ParseError::kBadVersion);  // HTTP/0.9
  if (stop != ' ' || target_.size == 0) return Fail(ParseError::kBadTarget);
  ++position_;
  state_ = State::kVersion;
  return ParseStatus::kDone;
}

ParseStatus RequestParser::ParseVersion(std::string_view message) {
  constexpr std::string_view kUsual = "HTTP/1.1\r\n";
  if (version_bytes_ == 0 && message.substr(position_, kUsual.size()) == kUsual) {
    minor_version_ = 1;
    position_ += kUsual.size();
    fields_.Start(position_, {slots_.data(), limits_.fields});
    state_ = State::kFields;
    return ParseStatus::kDone;
  }
  while (position_ < message.size()) {
    const char c = message[position_];
    if (version_bytes_ < 8) {
      const ParseError error = CheckVersionByte(version_bytes_, c, minor_version_);
      if (error != ParseError::kNone) return Fail(error);
    } else if (version_bytes_ == 8) {
      if (c == '\n') return Fail(ParseError::kBareLf);
      if (c != '\r') return Fail(ParseError::kBadVersion);
    } else {
      if (c != '\n') return Fail(ParseError::kBareCr);
      ++position_;
      fields_.Start(position_, {slots_.data(), limits_.fields});
      state_ = State::kFields;
      return ParseStatus::kDone;
    }
    ++version_bytes_;
    ++position_;
  }
  return ParseStatus::kNeedMore;
}

ParseStatus RequestParser::ParseFields(std::string_view message) {
  const ParseStatus status = fields_.Parse(message);
  position_ = fields_.position();
  if (status == ParseStatus::kError) return Fail(fields_.error());
  if (status == ParseStatus::kNeedMore) return status;
  return Finish(message);
}

void RequestParser::SetPath(size_t offset, std::string_view rest) {
  const size_t mark = rest.find('?');
  path_ = {static_cast<uint32_t>(offset), static_cast<uint32_t>(std::min(mark, rest.size()))};
  if (mark == std::string_view::npos) {
    query_ = {};
  } else {
    query_ = {static_cast<uint32_t>(offset + mark + 1),
              static_cast<uint32_t>(rest.size() - mark - 1)};
  }
}

// The four forms of RFC 9112 §3.2.
ParseError RequestParser::SplitTarget(std::string_view message) {
  const std::string_view target = target_.in(message);
  path_ = {};
  query_ = {};
  authority_ = {};
  if (method_ == Method::kConnect) {  // authority-form, §3.2.3: host and port, both there
    const size_t colon = target.rfind(':');
    if (!IsHostAndPort(target) || colon == std::string_view::npos || colon + 1 == target.size() ||
        target.back() == ']') {
      return ParseError::kTargetNotForMethod;
    }
    authority_ = target_;
    return ParseError::kNone;
  }
  if (target == "*") {  // asterisk-form, §3.2.4
    if (method_ != Method::kOptions) return ParseError::kTargetNotForMethod;
    path_ = target_;
    return ParseError::kNone;
  }
  if (target.front() != '/') return SplitAbsoluteForm(message);
  SetPath(target_.offset, target);
  return ParseError::kNone;
}

// absolute-form, RFC 9112 §3.2.2: its authority replaces Host.
ParseError RequestParser::SplitAbsoluteForm(std::string_view message) {
  const std::string_view target = target_.in(message);
  const size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || (!EqualsIgnoreCase(target.substr(0, scheme), "http") &&
                                           !EqualsIgnoreCase(target.substr(0, scheme), "https"))) {
    return ParseError::kBadTarget;
  }
  const size_t begin = scheme + 3;
  const size_t end = std::min(target.find_first_of("/?", begin), target.size());
  const std::string_view authority = target.substr(begin, end - begin);
  // RFC 9110 §4.2.1: an empty host is invalid; §4.2.4: so is userinfo.
  if (authority.empty() || !IsHostAndPort(authority)) return ParseError::kBadTarget;
  authority_ = {static_cast<uint32_t>(target_.offset + begin), static_cast<uint32_t>(end - begin)};
  SetPath(target_.offset + end, target.substr(end));
  return ParseError::kNone;
}

ParseStatus RequestParser::Finish(std::string_view message) {
  if (const ParseError error = SplitTarget(message); error != ParseError::kNone) return Fail(error);
  const Fields fields(message.data(), {slots_.data(), fields_.count()});
  size_t hosts = 0;
  expect_continue_ = false;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields.id(i) == FieldId::kHost) {
      if (++hosts > 1) return Fail(ParseError::kRepeatedHost);  // RFC 9112 §3.2
      if (!IsHostAndPort(fields.value(i))) return Fail(ParseError::kBadHost);
      if (authority_.size == 0) {
        authority_ = {slots_[i].value_offset, slots_[i].value_size};
      }
    } else if (fields.id(i) == FieldId::kExpect && minor_version_ > 0) {
      // RFC 9110 §10.1.1: ignored in HTTP/1.0; anything else than 100-continue is 417.
      if (!EqualsIgnoreCase(fields.value(i), "100-continue")) {
        return Fail(ParseError::kUnknownExpectation);
      }
      expect_continue_ = true;
    }
  }
  if (hosts == 0 && minor_version_ > 0) return Fail(ParseError::kMissingHost);  // RFC 9112 §3.2

  const FramingFields framing = ReadFraming(fields);
  if (framing.error != ParseError::kNone) return Fail(framing.error);
  body_ = {};
  if (framing.transfer_encodings > 0) {
    // RFC 9112 §6.1: in HTTP/1.0 the framing is faulty; with Content-Length it is an attack (§6.3);
    // without a final chunked the length is unknowable (§6.3); other codings are not implemented.
    if (minor_version_ == 0) return Fail(ParseError::kTransferEncodingInHttp10);
    if (framing.content_lengths > 0) return Fail(ParseError::kTransferEncodingWithContentLength);
    if (framing.repeated_chunked) return Fail(ParseError::kBadTransferEncoding);
    if (framing.other_coding) return Fail(ParseError::kUnknownTransferEncoding);
    if (!framing.chunked) return Fail(ParseError::kBadTransferEncoding);
    body_.kind = BodyKind::kChunked;
  } else if (framing.content_lengths > 0) {
    body_ = {BodyKind::kLength, framing.content_length};
  }
  // RFC 9112 §9.3.
  keep_alive_ = !framing.close && (minor_version_ > 0 || framing.keep_alive);
  const bool has_body = body_.kind == BodyKind::kChunked || body_.length > 0;
  expect_continue_ = expect_continue_ && has_body;
  state_ = State::kDone;
  return ParseStatus::kDone;
}

RequestHead RequestParser::head(std::string_view message) const {
  RequestHead head;
  head.method = method_;
  head.method_text = method_text_.in(message);
  head.target = target_.in(message);
  // An absolute target without a path means "/" (RFC 9110 §4.2.3).
  head.path =
      path_.size == 0 && method_ != Method::kConnect ? std::string_view("/") : path_.in(message);
  head.query = query_.in(message);
  head.authority = authority_.in(message);
  head.version = minor_version_ == 0 ? Version::kHttp10 : Version::kHttp11;
  head.fields = Fields(message.data(), {slots_.data(), fields_.count()});
  head.body = body_;
  head.keep_alive = keep_alive_;
  head.expect_continue = expect_continue_;
  return head;
}

// --- Responses ---

void ResponseParser::Start(const HeadLimits& limits, Method request_method) {
  limits_ = limits;
  limits_.fields = std::min(limits_.fields, kMaxFields);
  request_method_ = request_method;
  position_ = 0;
  status_ = 0;
  state_ = State::kStatusLine;
  error_ = ParseError::kNone;
}

ParseStatus ResponseParser::Fail(ParseError error) {
  error_ = error;
  return ParseStatus::kError;
}

ParseStatus ResponseParser::Parse(std::string_view message) {
  if (error_ != ParseError::kNone) return ParseStatus::kError;
  const std::string_view visible = message.substr(0, limits_.head_bytes);
  const ParseStatus status = Step(visible);
  if (status == ParseStatus::kNeedMore && visible.size() == limits_.head_bytes) {
    return Fail(ParseError::kHeadTooLarge);
  }
  return status;
}

ParseStatus ResponseParser::Step(std::string_view message) {
  for (;;) {
    ParseStatus status = ParseStatus::kDone;
    switch (state_) {
      case State::kStatusLine:
        status = ParseStatusLine(message);
        break;
      case State::kReason:
      case State::kReasonLf:
        status = ParseReason(message);
        break;
      case State::kFields:
        status = fields_.Parse(message);
        position_ = fields_.position();
        if (status == ParseStatus::kError) return Fail(fields_.error());
        if (status == ParseStatus::kDone) status = Finish(message);
        break;
      case State::kDone:
        return ParseStatus::kDone;
    }
    if (status != ParseStatus::kDone) return status;
  }
}

// "HTTP/1.1 200" (RFC 9112 §4), byte by byte.
ParseStatus ResponseParser::ParseStatusLine(std::string_view message) {
  while (position_ < message.size()) {
    const char c = message[position_];
    if (position_ < 8) {
      const ParseError error = CheckVersionByte(position_, c, minor_version_);
      if (error != ParseError::kNone) return Fail(error);
    } else if (position_ == 8) {
      if (c != ' ') return Fail(ParseError::kBadStatusLine);
    } else if (position_ < 12) {
      if (c < '0' || c > '9') return Fail(ParseError::kBadStatusLine);
      status_ = status_ * 10 + (c - '0');
    } else {
      if (status_ < 100) return Fail(ParseError::kBadStatusLine);
      // The space is required, but often left out with an empty reason.
      if (c != ' ' && c != '\r') return Fail(ParseError::kBadStatusLine);
      if (c == ' ') ++position_;
      reason_ = position_;
      state_ = State::kReason;
      return ParseStatus::kDone;
    }
    ++position_;
  }
  return ParseStatus::kNeedMore;
}

ParseStatus ResponseParser::ParseReason(std::string_view message) {
  if (state_ == State::kReason) {
    const char* const base = message.data();
    position_ =
        static_cast<size_t>(SkipFieldValueChars(base + position_, base + message.size()) - base);
    if (position_ == message.size()) return ParseStatus::kNeedMore;
    if (message[position_] == '\n') return Fail(ParseError::kBareLf);
    if (message[position_] != '\r') return Fail(ParseError::kBadStatusLine);
    reason_size_ = position_ - reason_;
    ++position_;
    state_ = State::kReasonLf;
  }
  if (position_ == message.size()) return ParseStatus::kNeedMore;
  if (message[position_] != '\n') return Fail(ParseError::kBareCr);
  ++position_;
  fields_.Start(position_, {slots_.data(), limits_.fields});
  state_ = State::kFields;
  return ParseStatus::kDone;
}

// RFC 9112 §6.3, in its order.
ParseStatus ResponseParser::Finish(std::string_view message) {
  const Fields fields(message.data(), {slots_.data(), fields_.count()});
  const FramingFields framing = ReadFraming(fields);
  if (framing.error != ParseError::kNone) return Fail(framing.error);
  if (framing.transfer_encodings > 0 && framing.content_lengths > 0) {
    return Fail(ParseError::kTransferEncodingWithContentLength);
  }
  if (framing.transfer_encodings > 0 && minor_version_ == 0) {
    return Fail(ParseError::kTransferEncodingInHttp10);
  }
  const bool never_a_body = request_method_ == Method::kHead || status_ < 200 || status_ == 204 ||
                            status_ == 304 ||
                            (request_method_ == Method::kConnect && status_ < 300);
  keep_alive_ = !framing.close && (minor_version_ > 0 || framing.keep_alive);
  body_ = {};
  if (never_a_body) {
    body_.kind = BodyKind::kNone;
  } else if (framing.transfer_encodings > 0) {
    if (framing.repeated_chunked) return Fail(ParseError::kBadTransferEncoding);
    if (framing.other_coding) return Fail(ParseError::kUnknownTransferEncoding);
    if (!framing.chunked) return Fail(ParseError::kBadTransferEncoding);
    body_.kind = BodyKind::kChunked;
  } else if (framing.content_lengths > 0) {
    body_ = {BodyKind::kLength, framing.content_length};
  } else {
    body_.kind = BodyKind::kUntilClose;
    keep_alive_ = false;
  }
  state_ = State::kDone;
  return ParseStatus::kDone;
}

ResponseHead ResponseParser::head(std::string_view message) const {
  ResponseHead head;
  head.status = status_;
  head.reason = message.substr(reason_, reason_size_);
  head.minor_version = minor_version_;
  head.fields = Fields(message.data(), {slots_.data(), fields_.count()});
  head.body = body_;
  head.keep_alive = keep_alive_;
  return head;
}

}  // namespace corelane::http
