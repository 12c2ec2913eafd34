#include "http/h1/field_parser.h"

#include <limits>

namespace corelane::http {

void FieldSectionParser::Start(size_t offset, std::span<FieldSlot> table) {
  table_ = table;
  position_ = offset;
  count_ = 0;
  state_ = State::kLineStart;
  error_ = ParseError::kNone;
}

ParseStatus FieldSectionParser::Fail(ParseError error) {
  error_ = error;
  return ParseStatus::kError;
}

ParseStatus FieldSectionParser::FailName(char at) {
  const bool blank = at == ' ' || at == '\t';
  if (!blank) return Fail(ParseError::kBadFieldName);
  // RFC 9112 §5.2: no folding; a blank before the first field line is the same attack (§2.2).
  if (position_ == name_) return Fail(ParseError::kFoldedField);
  return Fail(ParseError::kSpaceBeforeColon);  // RFC 9112 §5.1
}

ParseStatus FieldSectionParser::Parse(std::string_view message) {
  if (error_ != ParseError::kNone) return ParseStatus::kError;
  const char* const base = message.data();
  const char* const end = base + message.size();
  const char* at = base + position_;
  const auto moved = [&] { position_ = static_cast<size_t>(at - base); };
  while (at != end) {
    switch (state_) {
      case State::kLineStart:
        if (*at == '\r') {
          ++at;
          state_ = State::kEndLf;
          break;
        }
        if (*at == '\n') return Fail(ParseError::kBareLf);  // RFC 9112 §2.2
        name_ = static_cast<size_t>(at - base);
        state_ = State::kName;
        [[fallthrough]];
      case State::kName:
        at = SkipTokenChars(at, end);
        moved();
        if (at == end) break;
        name_size_ = position_ - name_;
        if (*at != ':' || name_size_ == 0) return FailName(*at);
        if (name_size_ > std::numeric_limits<uint16_t>::max()) {
          return Fail(ParseError::kHeadTooLarge);
        }
        ++at;
        state_ = State::kBlanks;
        break;
      case State::kBlanks:
        while (at != end && (*at == ' ' || *at == '\t')) ++at;
        if (at == end) break;
        value_ = static_cast<size_t>(at - base);
        state_ = State::kValue;
        [[fallthrough]];
      case State::kValue:
        at = SkipFieldValueChars(at, end);
        if (at == end) break;
        if (*at == '\n') return Fail(ParseError::kBareLf);
        if (*at != '\r') return Fail(ParseError::kBadFieldValue);  // RFC 9110 §5.5
        value_end_ = static_cast<size_t>(at - base);
        ++at;
        state_ = State::kLineLf;
        break;
      case State::kLineLf: {
        if (*at != '\n') return Fail(ParseError::kBareCr);  // RFC 9112 §2.2
        ++at;
        if (count_ == table_.size()) return Fail(ParseError::kTooManyFields);
        while (value_end_ > value_ &&
               (base[value_end_ - 1] == ' ' || base[value_end_ - 1] == '\t')) {
          --value_end_;
        }
        const std::string_view name(base + name_, name_size_);
        table_[count_++] = {static_cast<uint32_t>(name_), static_cast<uint32_t>(value_),
                            static_cast<uint32_t>(value_end_ - value_),
                            static_cast<uint16_t>(name_size_), IdentifyField(name)};
        state_ = State::kLineStart;
        break;
      }
      case State::kEndLf:
        if (*at != '\n') return Fail(ParseError::kBareCr);
        ++at;
        moved();
        return ParseStatus::kDone;
    }
  }
  moved();
  return ParseStatus::kNeedMore;
}

}  // namespace corelane::http
