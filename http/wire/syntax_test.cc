#include "http/wire/syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace corelane::http {
namespace {

// Each scan against the definition of its class, with every byte at every place of a block of 40.
void CheckScan(const char* (*skip)(const char*, const char*), const std::function<bool(int)>& in) {
  for (int c = 0; c < 256; ++c) {
    for (size_t place = 0; place < 40; ++place) {
      std::vector<char> block(40, 'a');
      block[place] = static_cast<char>(c);
      const char* const end = block.data() + block.size();
      EXPECT_EQ(skip(block.data(), end), in(c) ? end : block.data() + place) << c << " " << place;
    }
  }
}

TEST(Syntax, TokenScanMatchesTheRfc) {
  const std::string others = "!#$%&'*+-.^_`|~";
  CheckScan(SkipTokenChars, [&](int c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && c < 128 && others.find(static_cast<char>(c)) != std::string::npos);
  });
}

TEST(Syntax, FieldValueScanMatchesTheRfc) {
  CheckScan(SkipFieldValueChars, [](int c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

TEST(Syntax, TargetScanStopsAtWhatNoTargetHolds) {
  CheckScan(SkipTargetChars, [](int c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '#' && c != '<' && c != '>';
  });
}

TEST(Syntax, HostAndPort) {
  for (const char* good :
       {"", "a", "a.b:80", "a:", "[::1]", "[::1]:8080", "127.0.0.1:65535", "a%20b"}) {
    EXPECT_TRUE(IsHostAndPort(good)) << good;
  }
  for (const char* bad : {":80", "a:65536", "a:x", "a b", "u@a", "a/b", "[]", "[::1", "[::1]x",
                          "a:80:81", "a%2", "a%00", "::1", "a\\b"}) {
    EXPECT_FALSE(IsHostAndPort(bad)) << bad;
  }
}

TEST(Syntax, Lists) {
  EXPECT_TRUE(ListContains("a, B ,c", "b"));
  EXPECT_TRUE(ListContains(",,b", "b"));
  EXPECT_FALSE(ListContains("ab", "a"));
  EXPECT_FALSE(ListContains("", "a"));
}

TEST(Syntax, PercentDecoding) {
  std::string out;
  EXPECT_TRUE(AppendPercentDecoded("a%20b%2Fc%e4", out));
  EXPECT_EQ(out, "a b/c\xe4");
  for (const char* bad : {"%", "%2", "%zz", "a%2g", "%00"}) {
    out.clear();
    EXPECT_FALSE(AppendPercentDecoded(bad, out)) << bad;
  }
}

TEST(Syntax, Decimals) {
  EXPECT_EQ(ParseDecimal("0"), 0u);
  EXPECT_EQ(ParseDecimal("18446744073709551615"), 18446744073709551615u);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"}) {
    EXPECT_EQ(ParseDecimal(bad), std::nullopt) << bad;
  }
}

TEST(Syntax, FieldValuesThatCouldSplitAMessageAreRefused) {
  EXPECT_TRUE(IsFieldValue("a b\tc"));
  EXPECT_TRUE(IsFieldValue(""));
  for (const std::string& bad : {std::string("a\r\nb"), std::string("a\n"), std::string("a\rb"),
                                 std::string("a\0b", 3), std::string(" a"), std::string("a ")}) {
    EXPECT_FALSE(IsFieldValue(bad));
  }
}

}  // namespace
}  // namespace corelane::http
