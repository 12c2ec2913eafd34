// HTTP/1.0 and HTTP/1.1 message heads (RFC 9112, RFC 9110), strict and sans-IO.
//
// Give Parse the bytes received so far, from the first byte of the message. It resumes where it
// stopped, so a head that arrives in any pieces costs one pass and ends in the same result. The
// buffer may move between calls: only offsets are kept until the head is complete. Nothing is
// allocated.
//
//   RequestParser parser;
//   parser.Start(limits);
//   switch (parser.Parse(received)) {
//     case ParseStatus::kNeedMore: ...read more, call again...
//     case ParseStatus::kError:    ...answer StatusFor(parser.error()), then close...
//     case ParseStatus::kDone:     const RequestHead head = parser.head(received);
//   }                              // the body starts at parser.consumed()
//
// What smuggles requests past other parsers is refused here: see parser_test.cc and
// parser_smuggling_test.cc.

#ifndef CORELANE_HTTP_H1_PARSER_H_
#define CORELANE_HTTP_H1_PARSER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/h1/chunked.h"
#include "http/h1/field_parser.h"
#include "http/h1/parse_error.h"
#include "http/wire/fields.h"
#include "http/wire/method.h"

namespace corelane::http {

inline constexpr size_t kMaxFields = 100;

struct HeadLimits {
  HeadLimits() {}  // Not an aggregate: see docs on GCC 12 and coroutines.

  size_t target_bytes = 8192;  // 414 beyond.
  size_t head_bytes = 16384;   // Start line and fields; 431 beyond.
  size_t fields = kMaxFields;  // At most kMaxFields; 431 beyond.
};

struct RequestHead {
  Method method = Method::kUnknown;
  std::string_view method_text;
  std::string_view target;  // As received.
  std::string_view
      path;  // Begins with "/", not decoded; "*" or empty for the asterisk and authority forms.
  std::string_view query;      // Without "?".
  std::string_view authority;  // Of the target when it has one, else Host.
  std::string_view protocol;   // Of an extended CONNECT (RFC 8441), which is routed as a GET.
  Version version = Version::kHttp11;
  Fields fields;
  BodyFraming body;
  bool keep_alive = true;
  bool expect_continue = false;
};

class RequestParser {
 public:
  void Start(const HeadLimits& limits);
  ParseStatus Parse(std::string_view message);

  // Whether anything of a request has arrived (a leading empty line does not count).
  bool started() const { return state_ > State::kLeadingDone; }
  size_t consumed() const { return position_; }
  ParseError error() const { return error_; }
  // After kDone: views into `message`, the same bytes that were parsed.
  RequestHead head(std::string_view message) const;

 private:
  enum class State : uint8_t {
    kLeading,
    kLeadingLf,
    kLeadingDone,
    kMethod,
    kTarget,
    kVersion,
    kFields,
    kDone,
  };
  struct Part {
    uint32_t offset = 0;
    uint32_t size = 0;
    std::string_view in(std::string_view message) const { return message.substr(offset, size); }
  };

  ParseStatus Fail(ParseError error);
  ParseStatus Step(std::string_view message);
  ParseStatus ParseLeading(std::string_view message);
  ParseStatus ParseMethod(std::string_view message);
  ParseStatus ParseTarget(std::string_view message);
  ParseStatus ParseVersion(std::string_view message);
  ParseStatus ParseFields(std::string_view message);
  // What the complete head says.
  ParseStatus Finish(std::string_view message);
  ParseError SplitTarget(std::string_view message);
  ParseError SplitAbsoluteForm(std::string_view message);
  void SetPath(size_t offset, std::string_view rest);

  HeadLimits limits_;
  size_t position_ = 0;
  State state_ = State::kLeading;
  ParseError error_ = ParseError::kNone;
  Method method_ = Method::kUnknown;
  uint8_t minor_version_ = 1;
  uint8_t version_bytes_ = 0;
  bool keep_alive_ = true;
  bool expect_continue_ = false;
  Part method_text_;
  Part target_;
  Part path_;
  Part query_;
  Part authority_;
  BodyFraming body_;
  FieldSectionParser fields_;
  std::array<FieldSlot, kMaxFields> slots_;
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  int minor_version = 1;
  Fields fields;
  BodyFraming body;
  bool keep_alive = true;
};

class ResponseParser {
 public:
  // `request_method` decides whether a body follows (RFC 9112 §6.3).
  void Start(const HeadLimits& limits, Method request_method);
  ParseStatus Parse(std::string_view message);

  size_t consumed() const { return position_; }
  ParseError error() const { return error_; }
  ResponseHead head(std::string_view message) const;

 private:
  enum class State : uint8_t { kStatusLine, kReason, kReasonLf, kFields, kDone };

  ParseStatus Fail(ParseError error);
  ParseStatus Step(std::string_view message);
  ParseStatus ParseStatusLine(std::string_view message);
  ParseStatus ParseReason(std::string_view message);
  ParseStatus Finish(std::string_view message);

  HeadLimits limits_;
  Method request_method_ = Method::kGet;
  size_t position_ = 0;
  size_t reason_ = 0;
  size_t reason_size_ = 0;
  int status_ = 0;
  uint8_t minor_version_ = 1;
  bool keep_alive_ = true;
  State state_ = State::kStatusLine;
  ParseError error_ = ParseError::kNone;
  BodyFraming body_;
  FieldSectionParser fields_;
  std::array<FieldSlot, kMaxFields> slots_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_PARSER_H_
