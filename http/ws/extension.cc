#include "http/ws/extension.h"

#include "http/wire/syntax.h"

namespace corelane::ws {

bool ExtensionReader::Fail() {
  failed_ = true;
  return false;
}

void ExtensionReader::SkipBlanks() {
  while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
}

bool ExtensionReader::Take(char c) {
  SkipBlanks();
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  SkipBlanks();
  return true;
}

bool ExtensionReader::TakeToken(std::string_view& token) {
  const char* const end = http::SkipTokenChars(rest_.data(), rest_.data() + rest_.size());
  const auto size = static_cast<size_t>(end - rest_.data());
  if (size == 0) return Fail();
  token = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool ExtensionReader::NextExtension(std::string_view& name) {
  std::string_view skipped;
  std::optional<std::string_view> value;
  while (inside_ && NextParameter(skipped, value)) {
  }
  if (failed_) return false;
  // RFC 9110 §5.6.1: a recipient accepts empty elements.
  bool comma = Take(',');
  while (comma) comma = Take(',');
  SkipBlanks();
  if (rest_.empty()) return false;
  if (!TakeToken(name)) return false;
  inside_ = true;
  return true;
}

bool ExtensionReader::NextParameter(std::string_view& name,
                                    std::optional<std::string_view>& value) {
  if (!inside_ || failed_) return false;
  if (!Take(';')) {
    inside_ = false;
    SkipBlanks();
    return rest_.empty() || rest_.front() == ',' ? false : Fail();
  }
  if (!TakeToken(name)) return false;
  value.reset();
  if (!Take('=')) return true;
  std::string_view token;
  const bool quoted = !rest_.empty() && rest_.front() == '"';
  if (quoted) rest_.remove_prefix(1);
  if (!TakeToken(token)) return false;
  if (quoted) {
    if (rest_.empty() || rest_.front() != '"') return Fail();
    rest_.remove_prefix(1);
  }
  value = token;
  return true;
}

}  // namespace corelane::ws
