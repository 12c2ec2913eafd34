#include "runtime/resolver/name.h"

#include <algorithm>

namespace corelane::dns {
namespace {

constexpr uint8_t kPointer = 0xc0;  // RFC 1035 §4.1.4

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
// Length bytes are below 'A': folding leaves them alone.
static_assert(Name::kMaxLabel < 'A');
bool SameFolded(char a, char b) { return Lower(a) == Lower(b); }

// The byte that begins at text[at], which moves past it; null: a bad escape.
std::optional<char> ReadCharacter(std::string_view text, size_t& at) {
  const char c = text[at++];
  if (c != '\\') return c;
  if (at >= text.size()) return std::nullopt;
  if (!IsDigit(text[at])) return text[at++];
  if (text.size() - at < 3 || !IsDigit(text[at + 1]) || !IsDigit(text[at + 2])) {
    return std::nullopt;
  }
  const int value = (text[at] - '0') * 100 + (text[at + 1] - '0') * 10 + (text[at + 2] - '0');
  if (value > 255) return std::nullopt;
  at += 3;
  return static_cast<char>(value);
}

}  // namespace

std::optional<Name> Name::Parse(std::string_view text) {
  Name name;
  if (text == ".") return name;
  if (text.empty()) return std::nullopt;
  name.wire_.clear();
  std::string label;
  for (size_t at = 0; at < text.size();) {
    const bool dot = text[at] == '.';
    if (dot) {
      ++at;
    } else {
      const auto c = ReadCharacter(text, at);
      if (!c) return std::nullopt;
      label += *c;
    }
    if (!dot && at < text.size()) continue;
    if (label.empty() || label.size() > kMaxLabel) return std::nullopt;
    name.wire_ += static_cast<char>(label.size());
    name.wire_ += label;
    label.clear();
  }
  name.wire_ += '\0';
  if (name.wire_.size() > kMaxBytes) return std::nullopt;
  return name;
}

std::optional<Name> Name::Read(std::span<const uint8_t> message, size_t& offset) {
  Name name;
  name.wire_.clear();
  size_t at = offset;
  size_t limit = offset;  // where a pointer must point before
  bool jumped = false;
  while (at < message.size()) {
    const uint8_t length = message[at];
    if ((length & kPointer) == kPointer) {
      if (message.size() - at < 2) return std::nullopt;
      const size_t target = static_cast<size_t>(length & ~kPointer) << 8 | message[at + 1];
      if (target >= limit) return std::nullopt;
      if (!jumped) offset = at + 2;
      jumped = true;
      at = limit = target;
      continue;
    }
    if (length > kMaxLabel || message.size() - at <= length) return std::nullopt;
    name.wire_.append(reinterpret_cast<const char*>(&message[at]), size_t{length} + 1);
    if (name.wire_.size() > kMaxBytes) return std::nullopt;
    at += size_t{length} + 1;
    if (length != 0) continue;
    if (!jumped) offset = at;
    return name;
  }
  return std::nullopt;
}

std::string Name::ToString() const {
  if (is_root()) return ".";
  std::string text;
  for (size_t at = 0; wire_[at] != 0;) {
    if (at > 0) text += '.';
    const size_t end = at + 1 + static_cast<size_t>(wire_[at]);
    for (++at; at < end; ++at) {
      const char c = wire_[at];
      if (c > ' ' && c < 0x7f) {
        if (c == '.' || c == '\\') text += '\\';
        text += c;
        continue;
      }
      const auto value = static_cast<uint8_t>(c);
      text += '\\';
      text += static_cast<char>('0' + value / 100);
      text += static_cast<char>('0' + value / 10 % 10);
      text += static_cast<char>('0' + value % 10);
    }
  }
  return text;
}

std::string Name::Folded() const {
  std::string folded = wire_;
  std::transform(folded.begin(), folded.end(), folded.begin(), Lower);
  return folded;
}

size_t Name::labels() const {
  size_t count = 0;
  for (size_t at = 0; wire_[at] != 0; at += 1 + static_cast<size_t>(wire_[at])) ++count;
  return count;
}

std::string_view Name::last_label() const {
  std::string_view last;
  for (size_t at = 0; wire_[at] != 0;) {
    const auto length = static_cast<size_t>(wire_[at]);
    last = std::string_view(wire_).substr(at + 1, length);
    at += 1 + length;
  }
  return last;
}

std::optional<Name> Name::Under(const Name& parent) const {
  Name name;
  name.wire_ = wire_.substr(0, wire_.size() - 1) + parent.wire_;
  if (name.wire_.size() > kMaxBytes) return std::nullopt;
  return name;
}

bool Name::IsWithin(const Name& ancestor) const {
  // Only where a label begins: "notexample.com" is not within "example.com".
  for (size_t at = 0;; at += 1 + static_cast<size_t>(wire_[at])) {
    if (wire_.size() - at < ancestor.wire_.size()) return false;
    if (wire_.size() - at == ancestor.wire_.size()) {
      return std::equal(wire_.begin() + static_cast<ptrdiff_t>(at), wire_.end(),
                        ancestor.wire_.begin(), SameFolded);
    }
  }
}

Name Name::WithCase(uint64_t bits) const {
  Name name = *this;
  unsigned n = 0;
  for (char& c : name.wire_) {
    if (!IsLetter(c)) continue;
    c = static_cast<char>((bits >> (n++ % 64) & 1) != 0 ? c & ~0x20 : c | 0x20);
  }
  return name;
}

bool operator==(const Name& a, const Name& b) {
  return std::equal(a.wire_.begin(), a.wire_.end(), b.wire_.begin(), b.wire_.end(), SameFolded);
}

}  // namespace corelane::dns
