#include "http/multipart/disposition.h"

#include <algorithm>

#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

// type *( OWS ";" OWS name "=" ( token / quoted-string ) ): gives the type, then its parameters one
// by one.
class Parameters {
 public:
  explicit Parameters(std::string_view text) {
    const size_t end = std::min(text.find(';'), text.size());
    type_ = TrimBlanks(text.substr(0, end));
    rest_ = text.substr(end);
  }

  std::string_view type() const { return type_; }
  // False: there are no more, or what follows is malformed(). `value` is raw, `quoted` its form.
  bool Next(std::string_view& name, std::string_view& value, bool& quoted) {
    SkipBlanks();
    if (rest_.empty()) return false;
    if (rest_.front() != ';') return Fail();
    rest_.remove_prefix(1);
    SkipBlanks();
    if (rest_.empty()) return false;  // A semicolon at the end is common.
    const size_t equals = rest_.find('=');
    if (equals == std::string_view::npos) return Fail();
    name = rest_.substr(0, equals);
    if (!IsToken(name)) return Fail();
    rest_.remove_prefix(equals + 1);
    quoted = rest_.starts_with('"');
    return quoted ? TakeQuoted(value) : TakeToken(value);
  }
  bool malformed() const { return malformed_; }

 private:
  void SkipBlanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  bool Fail() {
    malformed_ = true;
    return false;
  }
  bool TakeToken(std::string_view& value) {
    const char* const begin = rest_.data();
    const char* const end = SkipTokenChars(begin, begin + rest_.size());
    value = rest_.substr(0, static_cast<size_t>(end - begin));
    rest_.remove_prefix(value.size());
    return !value.empty() || Fail();
  }
  bool TakeQuoted(std::string_view& value) {
    for (size_t i = 1; i < rest_.size(); ++i) {
      const char next = i + 1 < rest_.size() ? rest_[i + 1] : '\0';
      if (rest_[i] == '\\' && (next == '"' || next == '\\')) {
        ++i;
      } else if (rest_[i] == '"') {
        value = rest_.substr(1, i - 1);
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return Fail();
  }

  std::string_view type_;
  std::string_view rest_;
  bool malformed_ = false;
};

std::string Unquote(std::string_view raw, bool quoted) {
  std::string out;
  for (size_t i = 0; i < raw.size(); ++i) {
    const std::string_view escape = raw.substr(i, 3);
    const char next = i + 1 < raw.size() ? raw[i + 1] : '\0';
    if (quoted && raw[i] == '\\' && (next == '"' || next == '\\')) {
      out += next;
      ++i;
    } else if (escape == "%22") {
      out += '"';
      i += 2;
    } else if (EqualsIgnoreCase(escape, "%0d") || EqualsIgnoreCase(escape, "%0a")) {
      out += ToLowerAscii(escape[2]) == 'd' ? '\r' : '\n';
      i += 2;
    } else {
      out += raw[i];
    }
  }
  return out;
}

// bchars (RFC 2046 §5.1.1).
bool IsBoundary(std::string_view text) {
  constexpr std::string_view kOther = "'()+_,-./:=? ";
  return !text.empty() && text.size() <= 70 && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  kOther.find(c) != std::string_view::npos;
         });
}

}  // namespace

std::optional<std::string> ParseMultipartBoundary(std::string_view content_type) {
  Parameters parameters(content_type);
  if (!EqualsIgnoreCase(parameters.type(), "multipart/form-data")) return std::nullopt;
  std::optional<std::string> boundary;
  std::string_view name;
  std::string_view value;
  bool quoted = false;
  while (parameters.Next(name, value, quoted)) {
    if (!EqualsIgnoreCase(name, "boundary")) continue;
    if (boundary || !IsBoundary(value)) return std::nullopt;
    boundary = std::string(value);
  }
  return parameters.malformed() ? std::nullopt : boundary;
}

std::optional<FormDisposition> ParseFormDisposition(std::string_view value) {
  Parameters parameters(value);
  if (!EqualsIgnoreCase(parameters.type(), "form-data")) return std::nullopt;
  std::optional<std::string> field;
  std::optional<std::string> filename;
  std::string_view name;
  std::string_view raw;
  bool quoted = false;
  while (parameters.Next(name, raw, quoted)) {
    std::optional<std::string>* const place = EqualsIgnoreCase(name, "name")       ? &field
                                              : EqualsIgnoreCase(name, "filename") ? &filename
                                                                                   : nullptr;
    if (place == nullptr) continue;
    if (place->has_value()) return std::nullopt;
    *place = Unquote(raw, quoted);
  }
  if (parameters.malformed() || !field) return std::nullopt;
  return FormDisposition{*std::move(field), std::move(filename)};
}

std::string SafeFilename(std::string_view filename) {
  const size_t slash = filename.find_last_of("/\\");
  if (slash != std::string_view::npos) filename.remove_prefix(slash + 1);
  std::string safe;
  for (const char c : filename) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) safe += c;
  }
  return safe == "." || safe == ".." ? std::string() : safe;
}

}  // namespace corelane::http
