// The field section of a message or of trailers (RFC 9112 §5), byte by byte resumable.

#ifndef CORELANE_HTTP_H1_FIELD_PARSER_H_
#define CORELANE_HTTP_H1_FIELD_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/h1/parse_error.h"
#include "http/wire/fields.h"

namespace corelane::http {

enum class ParseStatus : uint8_t { kNeedMore, kDone, kError };

// Reads field lines up to and including the empty line. Call Parse with the message from its first
// byte, each time with at least the bytes of before; what was scanned is not scanned again.
class FieldSectionParser {
 public:
  // The table holds at most `table.size()` lines and must outlive the parse.
  void Start(size_t offset, std::span<FieldSlot> table);

  ParseStatus Parse(std::string_view message);

  size_t position() const { return position_; }
  size_t count() const { return count_; }
  ParseError error() const { return error_; }

 private:
  enum class State : uint8_t { kLineStart, kName, kBlanks, kValue, kLineLf, kEndLf };

  ParseStatus Fail(ParseError error);
  ParseStatus FailName(char at);

  std::span<FieldSlot> table_;
  size_t position_ = 0;
  size_t name_ = 0;
  size_t name_size_ = 0;
  size_t value_ = 0;
  size_t value_end_ = 0;
  size_t count_ = 0;
  State state_ = State::kLineStart;
  ParseError error_ = ParseError::kNone;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_FIELD_PARSER_H_
