#include "http/ws/utf8.h"

#include <cstddef>
#include <cstring>

namespace corelane::ws {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080;

// The first byte at or after `at` that is not ASCII, or `end`.
const char* SkipAscii(const char* at, const char* end) {
  for (; end - at >= 16; at += 16) {
    uint64_t words[2];
    std::memcpy(words, at, sizeof(words));
    if (((words[0] | words[1]) & kHighBits) != 0) break;
  }
  while (at != end && static_cast<uint8_t>(*at) < 0x80) ++at;
  return at;
}

}  // namespace

// RFC 3629 §4, the rules UTF8-2, UTF8-3 and UTF8-4.
bool Utf8Validator::Begin(uint8_t lead) {
  low_ = 0x80;
  high_ = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    needed_ = 1;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    needed_ = 2;
    if (lead == 0xe0) low_ = 0xa0;   // Else overlong.
    if (lead == 0xed) high_ = 0x9f;  // Else a surrogate.
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    needed_ = 3;
    if (lead == 0xf0) low_ = 0x90;   // Else overlong.
    if (lead == 0xf4) high_ = 0x8f;  // Else above U+10FFFF.
  } else {
    return false;
  }
  return true;
}

bool Utf8Validator::Add(std::string_view piece) {
  const char* at = piece.data();
  const char* const end = at + piece.size();
  while (at != end) {
    if (needed_ == 0) {
      at = SkipAscii(at, end);
      if (at == end) break;
      if (!Begin(static_cast<uint8_t>(*at++))) return false;
      continue;
    }
    const auto byte = static_cast<uint8_t>(*at++);
    if (byte < low_ || byte > high_) return false;
    --needed_;
    low_ = 0x80;
    high_ = 0xbf;
  }
  return true;
}

}  // namespace corelane::ws
