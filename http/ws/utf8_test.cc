#include "http/ws/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace corelane::ws {
namespace {

// RFC 3629 §3, by the code point.
std::string Encode(uint32_t code) {
  const auto tail = [](uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0 | code >> 6), tail(code)};
  if (code < 0x10000) {
    return {static_cast<char>(0xe0 | code >> 12), tail(code >> 6), tail(code)};
  }
  return {static_cast<char>(0xf0 | code >> 18), tail(code >> 12), tail(code >> 6), tail(code)};
}

TEST(Utf8, EveryCodePoint) {
  for (uint32_t code = 0; code <= 0x11ffff; ++code) {
    const bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    ASSERT_EQ(IsUtf8(Encode(code)), valid) << std::hex << code;
  }
}

TEST(Utf8, EveryTwoBytesAgreeWithTheirCodePoint) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string text{static_cast<char>(a), static_cast<char>(b)};
      const bool ascii = a < 0x80 && b < 0x80;
      const bool two = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
      ASSERT_EQ(IsUtf8(text), ascii || two) << a << " " << b;
    }
  }
}

TEST(Utf8, RefusesAtTheFirstByteThatShowsIt) {
  struct Case {
    std::string good;  // As a beginning.
    char bad;
  };
  for (const Case& c : {Case{"", '\x80'}, Case{"", '\xbf'}, Case{"", '\xc0'}, Case{"", '\xc1'},
                        Case{"", '\xf5'}, Case{"", '\xff'}, Case{"\xe0", '\x9f'},
                        Case{"\xed", '\xa0'}, Case{"\xf0", '\x8f'}, Case{"\xf4", '\x90'},
                        Case{"\xc3", 'a'}, Case{"\xe2\x82", 'a'}, Case{"\xf0\x9f\x98", '\xc0'}}) {
    Utf8Validator utf8;
    ASSERT_TRUE(utf8.Add(c.good));
    EXPECT_EQ(utf8.complete(), c.good.empty());
    EXPECT_FALSE(utf8.Add({&c.bad, 1})) << c.good << " " << int{c.bad};
  }
}

TEST(Utf8, PiecesDoNotMatter) {
  const std::string text =
      "k\xc3\xb6s \xe2\x82\xac \xf0\x9f\x98\x80 and thirty-two bytes of ASCII...";
  for (size_t a = 0; a <= text.size(); ++a) {
    for (size_t b = a; b <= text.size(); ++b) {
      Utf8Validator utf8;
      EXPECT_TRUE(utf8.Add(text.substr(0, a)) && utf8.Add(text.substr(a, b - a)) &&
                  utf8.Add(text.substr(b)) && utf8.complete());
    }
  }
}

TEST(Utf8, ABadByteAnywhereInALongText) {
  for (size_t at = 0; at < 64; ++at) {
    std::string text(64, 'a');
    text[at] = '\xff';
    EXPECT_FALSE(IsUtf8(text)) << at;
  }
}

TEST(Utf8, ATextThatEndsInsideACharacterIsNotComplete) {
  for (const char* text : {"\xc3", "\xe2\x82", "\xf0\x9f\x98", "abc\xf0"})
    EXPECT_FALSE(IsUtf8(text));
}

}  // namespace
}  // namespace corelane::ws
