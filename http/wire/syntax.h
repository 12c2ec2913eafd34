// Character classes of HTTP/1.1 (RFC 9110 §5.6, RFC 3986) and the fast scans over them.
//
// A scan returns the first byte that is outside its class, or `end`. It never reads past `end`.

#ifndef CORELANE_HTTP_WIRE_SYNTAX_H_
#define CORELANE_HTTP_WIRE_SYNTAX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corelane::http {

// tchar: the bytes of a token (RFC 9110 §5.6.2).
bool IsTokenChar(char c);
// VCHAR, obs-text, SP and HTAB: the bytes of a field value (RFC 9110 §5.5).
bool IsFieldValueChar(char c);

const char* SkipTokenChars(const char* at, const char* end);
const char* SkipFieldValueChars(const char* at, const char* end);
// Bytes of a request target. Beyond RFC 3986, browsers leave `[ ] ^ ` { | } \` unescaped in paths
// or queries; they are let through. Controls, SP, `" # < >`, DEL and bytes from 0x80 are not.
const char* SkipTargetChars(const char* at, const char* end);

bool IsToken(std::string_view text);
// A value that can be written into a message: no CR, LF, NUL or other control, no outer blanks.
bool IsFieldValue(std::string_view text);

// host [ ":" port ], without userinfo (RFC 9110 §7.2). Empty is a valid Host value.
bool IsHostAndPort(std::string_view text);

constexpr char ToLowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string_view TrimBlanks(std::string_view text);

// Calls visit(element) for each non-empty element of a comma-separated list (RFC 9110 §5.6.1).
template <class Visit>
void ForEachListElement(std::string_view list, Visit&& visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view element = TrimBlanks(list.substr(0, comma));
    if (!element.empty()) visit(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}
bool ListContains(std::string_view list, std::string_view element);

// Appends `text` with its percent-escapes decoded; false (and an unspecified suffix) when an escape
// is malformed or encodes NUL.
bool AppendPercentDecoded(std::string_view text, std::string& out);

// All of `text` as a decimal number without sign; nullopt when it is none or does not fit.
std::optional<uint64_t> ParseDecimal(std::string_view text);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_WIRE_SYNTAX_H_
