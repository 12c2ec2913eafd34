// Validation of UTF-8 (RFC 3629) that arrives in pieces.
//
//   Utf8Validator utf8;
//   if (!utf8.Add(piece)) ...refuse at once...
//   if (!utf8.complete()) ...the text ends inside a character...

#ifndef CORELANE_HTTP_WS_UTF8_H_
#define CORELANE_HTTP_WS_UTF8_H_

#include <cstdint>
#include <string_view>

namespace corelane::ws {

// Refuses overlong forms, surrogates, and what is above U+10FFFF, at the first byte that shows it.
class Utf8Validator {
 public:
  void Reset() { *this = Utf8Validator(); }
  // False: no continuation could make it valid. Reset() before anything else is added.
  bool Add(std::string_view piece);
  // Between two characters.
  bool complete() const { return needed_ == 0; }

 private:
  // Takes a character's first byte; false when it cannot be one.
  bool Begin(uint8_t lead);

  uint8_t needed_ = 0;  // Continuation bytes still to come.
  uint8_t low_ = 0x80;  // Bounds of the next of them.
  uint8_t high_ = 0xbf;
};

// All of `text`.
inline bool IsUtf8(std::string_view text) {
  Utf8Validator utf8;
  return utf8.Add(text) && utf8.complete();
}

}  // namespace corelane::ws

#endif  // CORELANE_HTTP_WS_UTF8_H_
