#include "http/multipart/parser.h"

#include <algorithm>

#include "http/multipart/disposition.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kMostPadding = 128;  // Blanks behind a boundary (RFC 2046: transport-padding).

bool IsPartFieldValue(std::string_view value) {
  return std::all_of(value.begin(), value.end(), IsFieldValueChar);
}

}  // namespace

std::string_view Reason(MultipartError error) {
  switch (error) {
    case MultipartError::kNone:
      return "no error";
    case MultipartError::kDelimiter:
      return "multipart: a boundary is followed by something else than a line's end or \"--\"";
    case MultipartError::kHead:
      return "multipart: the head of a part has a line that is no field";
    case MultipartError::kDisposition:
      return "multipart: a part has no Content-Disposition: form-data with a name";
    case MultipartError::kTruncated:
      return "multipart: the body ends before its last boundary";
    case MultipartError::kTooManyParts:
      return "multipart: there are too many parts";
    case MultipartError::kHeadTooLong:
      return "multipart: the head of a part is too long";
    case MultipartError::kPartTooLong:
      return "multipart: a part is too long";
    case MultipartError::kTooLong:
      return "multipart: the body is too long";
  }
  return "";
}

int StatusFor(MultipartError error) { return error >= MultipartError::kTooManyParts ? 413 : 400; }

MultipartParser::MultipartParser(std::string_view boundary, const MultipartLimits& limits)
    : limits_(limits), delimiter_("\r\n--" + std::string(boundary)) {
  ExpectDelimiter();
}

void MultipartParser::ExpectDelimiter() {
  matched_ = 2;
  virtual_ = 2;
}

MultipartStep MultipartParser::Fail(MultipartError error) {
  error_ = error;
  state_ = State::kError;
  return {MultipartEvent::kError, {}};
}

MultipartStep MultipartParser::Next(std::string_view& input) {
  if (state_ == State::kError) return {MultipartEvent::kError, {}};
  if (state_ == State::kEnd) {  // An epilogue does not count.
    input = {};
    return {MultipartEvent::kEnd, {}};
  }
  const size_t before = input.size();
  MultipartStep step = Step(input);
  total_bytes_ += before - input.size();
  if (total_bytes_ > limits_.total_bytes && state_ != State::kError) {
    step = Fail(MultipartError::kTooLong);
  }
  return step;
}

MultipartError MultipartParser::Finish() {
  if (state_ != State::kEnd && state_ != State::kError) Fail(MultipartError::kTruncated);
  return error_;
}

MultipartStep MultipartParser::Step(std::string_view& input) {
  for (;;) {
    switch (state_) {
      case State::kPreamble: {
        std::string_view passed;
        if (Scan(input, passed)) {
          state_ = State::kDelimiter;
        } else if (input.empty()) {
          return {};
        }
        continue;
      }
      case State::kDelimiter: {
        const MultipartStep step = StepDelimiter(input);
        if (state_ != State::kHead) return step;
        continue;
      }
      case State::kHead:
        return StepHead(input);
      case State::kBody:
        return StepBody(input);
      case State::kEnd:
        return {MultipartEvent::kEnd, {}};
      case State::kError:
        return {MultipartEvent::kError, {}};
    }
  }
}

bool MultipartParser::Scan(std::string_view& input, std::string_view& data) {
  if (matched_ > 0) {
    const std::string_view rest = std::string_view(delimiter_).substr(matched_);
    const size_t most = std::min(rest.size(), input.size());
    const size_t same = static_cast<size_t>(
        std::mismatch(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(most), input.begin())
            .first -
        rest.begin());
    matched_ += same;
    input.remove_prefix(same);
    if (matched_ == delimiter_.size()) {
      matched_ = 0;
      virtual_ = 0;
      return true;
    }
    if (input.empty()) return false;
    // Not one after all. Its first byte is nowhere else in it, so that none begins within.
    data = std::string_view(delimiter_).substr(virtual_, matched_ - virtual_);
    matched_ = 0;
    virtual_ = 0;
    if (!data.empty()) return false;
  }
  const size_t at = input.find(delimiter_);
  if (at == 0) {
    input.remove_prefix(delimiter_.size());
    return true;
  }
  size_t end = at;
  if (at == std::string_view::npos) {
    end = input.size();
    // Perhaps the piece ends inside of one.
    const size_t begin = input.rfind('\r');
    if (begin != std::string_view::npos &&
        std::string_view(delimiter_).starts_with(input.substr(begin))) {
      end = begin;
      matched_ = input.size() - begin;
    }
  }
  data = input.substr(0, end);
  input.remove_prefix(at == std::string_view::npos ? input.size() : end);
  return false;
}

// "--" ends all. A line's end begins a part.
MultipartStep MultipartParser::StepDelimiter(std::string_view& input) {
  while (!input.empty()) {
    const char c = input.front();
    input.remove_prefix(1);
    line_ += c;
    if (line_ == "--") {
      line_.clear();
      state_ = State::kEnd;
      return {MultipartEvent::kEnd, {}};
    }
    if (line_ == "-") continue;
    if (line_.ends_with("\r\n")) {
      line_.clear();
      if (++parts_ > limits_.parts) return Fail(MultipartError::kTooManyParts);
      state_ = State::kHead;
      return {};
    }
    const bool after_cr = line_.size() >= 2 && line_[line_.size() - 2] == '\r';
    const bool padding = c == ' ' || c == '\t' || c == '\r';
    if (line_.front() == '-' || after_cr || !padding || line_.size() > kMostPadding) {
      return Fail(MultipartError::kDelimiter);
    }
  }
  return {};
}

MultipartStep MultipartParser::StepHead(std::string_view& input) {
  const size_t before = line_.size();
  const size_t taken = std::min(input.size(), limits_.head_bytes + 4 - before);
  line_.append(input.substr(0, taken));
  size_t end = line_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (line_.starts_with("\r\n")) end = 0;
  if (end == std::string::npos) {
    input.remove_prefix(taken);
    if (line_.size() >= limits_.head_bytes + 4) return Fail(MultipartError::kHeadTooLong);
    return {};
  }
  const size_t size = end + (end == 0 ? 2 : 4);
  input.remove_prefix(size - before);
  line_.resize(end);
  return ParseHead();
}

MultipartStep MultipartParser::ParseHead() {
  head_ = PartHead();
  std::optional<FormDisposition> disposition;
  std::string_view rest = line_;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 2, rest.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Fail(MultipartError::kHead);
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = TrimBlanks(line.substr(colon + 1));
    if (!IsToken(name) || !IsPartFieldValue(value)) return Fail(MultipartError::kHead);
    head_.fields.emplace_back(name, value);
    if (EqualsIgnoreCase(name, "content-type")) head_.content_type = std::string(value);
    if (!EqualsIgnoreCase(name, "content-disposition")) continue;
    if (disposition) return Fail(MultipartError::kDisposition);
    disposition = ParseFormDisposition(value);
    if (!disposition) return Fail(MultipartError::kDisposition);
  }
  if (!disposition) return Fail(MultipartError::kDisposition);
  head_.name = std::move(disposition->name);
  head_.filename = std::move(disposition->filename);
  line_.clear();
  part_bytes_ = 0;
  state_ = State::kBody;
  ExpectDelimiter();
  return {MultipartEvent::kPart, {}};
}

MultipartStep MultipartParser::StepBody(std::string_view& input) {
  std::string_view data;
  while (!Scan(input, data)) {
    if (!data.empty()) {
      part_bytes_ += data.size();
      if (part_bytes_ > limits_.part_bytes) return Fail(MultipartError::kPartTooLong);
      return {MultipartEvent::kData, data};
    }
    if (input.empty()) return {};
  }
  state_ = State::kDelimiter;
  return {MultipartEvent::kPartEnd, {}};
}

}  // namespace corelane::http
