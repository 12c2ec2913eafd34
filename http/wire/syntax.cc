#include "http/wire/syntax.h"

#include <array>
#include <bit>
#include <limits>

#if defined(__SSSE3__)
#include <tmmintrin.h>
#endif

namespace corelane::http {
namespace {

constexpr uint8_t kToken = 1;
constexpr uint8_t kValue = 2;
constexpr uint8_t kTarget = 4;
constexpr uint8_t kHost = 8;

constexpr bool Contains(std::string_view set, int c) {
  return set.find(static_cast<char>(c)) != std::string_view::npos;
}

constexpr bool IsAlnum(int c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr std::array<uint8_t, 256> MakeClasses() {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    uint8_t bits = 0;
    if (c < 128 && c != 0 && (IsAlnum(c) || Contains("!#$%&'*+-.^_`|~", c))) bits |= kToken;
    if ((c >= 0x20 && c != 0x7f) || c == '\t') bits |= kValue;
    if (c > 0x20 && c < 0x7f && !Contains("\"#<>", c)) bits |= kTarget;
    // reg-name (RFC 3986 §3.2.2): unreserved, pct-encoded, sub-delims.
    if (c != 0 && c < 128 && (IsAlnum(c) || Contains("-._~%!$&'()*+,;=", c))) bits |= kHost;
    classes[static_cast<size_t>(c)] = bits;
  }
  return classes;
}

constexpr std::array<uint8_t, 256> kClasses = MakeClasses();

bool Is(char c, uint8_t bits) { return (kClasses[static_cast<uint8_t>(c)] & bits) != 0; }

const char* SkipScalar(const char* at, const char* end, uint8_t bits) {
  while (at != end && Is(*at, bits)) ++at;
  return at;
}

#if defined(__SSSE3__)

// For a class that holds only bytes below 0x80: row i has bit h set when byte (h << 4 | i) is in
// it.
constexpr std::array<uint8_t, 16> MakeRows(uint8_t bits) {
  std::array<uint8_t, 16> rows{};
  for (size_t low = 0; low < 16; ++low) {
    for (size_t high = 0; high < 8; ++high) {
      if (kClasses[high << 4 | low] & bits) rows[low] |= static_cast<uint8_t>(1 << high);
    }
  }
  return rows;
}

alignas(16) constexpr std::array<uint8_t, 16> kTokenRows = MakeRows(kToken);
alignas(16) constexpr std::array<uint8_t, 16> kTargetRows = MakeRows(kTarget);
alignas(16) constexpr std::array<uint8_t, 16> kHighBits = {1, 2, 4, 8, 16, 32, 64, 128};

// Sixteen bytes a step: two table look-ups by nibble, a byte is in the class when they share a bit.
const char* SkipAscii(const char* at, const char* end, const std::array<uint8_t, 16>& rows,
                      uint8_t bits) {
  const __m128i row_table = _mm_load_si128(reinterpret_cast<const __m128i*>(rows.data()));
  const __m128i bit_table = _mm_load_si128(reinterpret_cast<const __m128i*>(kHighBits.data()));
  const __m128i nibble = _mm_set1_epi8(0x0f);
  while (end - at >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // A byte from 0x80 has its top bit set, for which pshufb gives zero: not in the class.
    const __m128i row = _mm_shuffle_epi8(row_table, _mm_and_si128(bytes, _mm_set1_epi8('\x8f')));
    const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
    const __m128i hit = _mm_and_si128(row, _mm_shuffle_epi8(bit_table, high));
    const unsigned outside =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(hit, _mm_setzero_si128())));
    if (outside != 0) return at + std::countr_zero(outside);
    at += 16;
  }
  return SkipScalar(at, end, bits);
}

#endif

}  // namespace

bool IsTokenChar(char c) { return Is(c, kToken); }
bool IsFieldValueChar(char c) { return Is(c, kValue); }

#if defined(__SSSE3__)

const char* SkipTokenChars(const char* at, const char* end) {
  return SkipAscii(at, end, kTokenRows, kToken);
}

const char* SkipTargetChars(const char* at, const char* end) {
  return SkipAscii(at, end, kTargetRows, kTarget);
}

const char* SkipFieldValueChars(const char* at, const char* end) {
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  while (end - at >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                     _mm_cmpeq_epi8(bytes, del));
    const unsigned outside = static_cast<unsigned>(_mm_movemask_epi8(bad));
    if (outside != 0) return at + std::countr_zero(outside);
    at += 16;
  }
  return SkipScalar(at, end, kValue);
}

#else

const char* SkipTokenChars(const char* at, const char* end) { return SkipScalar(at, end, kToken); }
const char* SkipTargetChars(const char* at, const char* end) {
  return SkipScalar(at, end, kTarget);
}
const char* SkipFieldValueChars(const char* at, const char* end) {
  return SkipScalar(at, end, kValue);
}

#endif

bool IsToken(std::string_view text) {
  const char* end = text.data() + text.size();
  return !text.empty() && SkipTokenChars(text.data(), end) == end;
}

bool IsFieldValue(std::string_view text) {
  const char* end = text.data() + text.size();
  return SkipFieldValueChars(text.data(), end) == end && TrimBlanks(text).size() == text.size();
}

bool IsHostAndPort(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {  // IP-literal (RFC 3986 §3.2.2)
    const size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    for (const char c : text.substr(1, close - 1)) {
      if (!Is(c, kHost) && c != ':') return false;
    }
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return false;
  } else {
    const size_t colon = text.find(':');
    host = text.substr(0, colon);
    if (SkipScalar(host.data(), host.data() + host.size(), kHost) != host.data() + host.size()) {
      return false;
    }
    for (size_t at = host.find('%'); at != std::string_view::npos; at = host.find('%', at + 1)) {
      std::string decoded;
      if (!AppendPercentDecoded(host.substr(at, 3), decoded)) return false;
    }
    if (colon != std::string_view::npos) port = text.substr(colon);
    if (host.empty() && !port.empty()) return false;
  }
  if (port.empty()) return true;
  port.remove_prefix(1);
  if (port.empty()) return true;  // RFC 3986 §3.2.3: the port itself may be empty
  const std::optional<uint64_t> number = ParseDecimal(port);
  return number.has_value() && *number <= 65535;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ToLowerAscii(a[i]) != ToLowerAscii(b[i])) return false;
  }
  return true;
}

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool ListContains(std::string_view list, std::string_view element) {
  bool found = false;
  ForEachListElement(list,
                     [&](std::string_view each) { found |= EqualsIgnoreCase(each, element); });
  return found;
}

bool AppendPercentDecoded(std::string_view text, std::string& out) {
  const auto hex = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = ToLowerAscii(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return false;
    const int high = hex(text[i + 1]);
    const int low = hex(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

std::optional<uint64_t> ParseDecimal(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const uint64_t digit = static_cast<uint64_t>(c - '0');
    if (value > (std::numeric_limits<uint64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

}  // namespace corelane::http
