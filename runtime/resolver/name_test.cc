#include "runtime/resolver/name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace corelane::dns {
namespace {

Name N(std::string_view text) { return Name::Parse(text).value(); }

std::optional<Name> ReadAt(const std::vector<uint8_t>& bytes, size_t offset) {
  return Name::Read(bytes, offset);
}

TEST(Name, ParsesWithAndWithoutTheLastDot) {
  EXPECT_EQ(N("www.example.com"), N("www.example.com."));
  EXPECT_EQ(N("www.example.com").wire().size(), 17u);
  EXPECT_EQ(N("www.example.com").labels(), 3u);
  EXPECT_EQ(N("www.example.com").last_label(), "com");
  EXPECT_TRUE(N(".").is_root());
}

TEST(Name, RefusesEmptyLabelsAndNothing) {
  for (const char* text : {"", "..", ".a", "a..b", "a..", "a\\", "a\\25", "a\\256", "a\\2x5"}) {
    EXPECT_FALSE(Name::Parse(text)) << text;
  }
}

TEST(Name, LabelsHave63BytesAtMost) {
  EXPECT_TRUE(Name::Parse(std::string(63, 'a') + ".b"));
  EXPECT_FALSE(Name::Parse(std::string(64, 'a') + ".b"));
}

TEST(Name, NamesHave255BytesAtMost) {
  std::string text;
  for (int i = 0; i < 126; ++i) text += "a.";
  EXPECT_TRUE(Name::Parse(text + "a"));    // 127 labels of two bytes, and the root's
  EXPECT_FALSE(Name::Parse(text + "aa"));  // 256
  EXPECT_FALSE(N(text).Under(N("bb")));
  EXPECT_TRUE(N(text).Under(N("b")));
}

TEST(Name, EscapesGoBothWays) {
  const Name name = N("a\\.b.\\\\\\000\\255x.c");
  EXPECT_EQ(name.labels(), 3u);
  EXPECT_EQ(name.ToString(), "a\\.b.\\\\\\000\\255x.c");
  EXPECT_EQ(N("\\065"), N("a"));
  EXPECT_EQ(N("xn--bcher-kva.example").ToString(), "xn--bcher-kva.example");
  EXPECT_EQ(N(".").ToString(), ".");
}

TEST(Name, ComparesWithoutCaseButKeepsIt) {
  EXPECT_EQ(N("WWW.Example.com"), N("www.eXAMPLE.COM"));
  EXPECT_EQ(N("WWW.Example.com").Folded(), N("www.eXAMPLE.COM").Folded());
  EXPECT_FALSE(N("WWW.Example.com").IsSpelledLike(N("www.example.com")));
  EXPECT_EQ(N("WWW.Example.com").ToString(), "WWW.Example.com");
  EXPECT_FALSE(N("a.b") == N("a.c"));
  EXPECT_FALSE(N("[") == N("{"));  // differ in the letters' bit, and are none
}

TEST(Name, WithCaseChangesLettersOnly) {
  EXPECT_EQ(N("a1b.c").WithCase(0b101).ToString(), "A1b.C");
  EXPECT_EQ(N("A1B.C").WithCase(0).ToString(), "a1b.c");
}

TEST(Name, IsWithinItselfAndItsAncestors) {
  EXPECT_TRUE(N("www.example.com").IsWithin(N("EXAMPLE.com")));
  EXPECT_TRUE(N("example.com").IsWithin(N("example.com")));
  EXPECT_TRUE(N("example.com").IsWithin(N(".")));
  EXPECT_FALSE(N("notexample.com").IsWithin(N("example.com")));
  EXPECT_FALSE(N("com").IsWithin(N("example.com")));
}

TEST(Name, ReadsThroughPointers) {
  const std::vector<uint8_t> bytes = {1, 'a', 0, 1, 'b', 0xc0, 0, 1, 'c', 0xc0, 3, 9};
  size_t offset = 7;
  EXPECT_EQ(Name::Read(bytes, offset), N("c.b.a"));
  EXPECT_EQ(offset, 11u);
  offset = 0;
  EXPECT_EQ(Name::Read(bytes, offset), N("a"));
  EXPECT_EQ(offset, 3u);
}

TEST(Name, PointersMayOnlyGoBack) {
  EXPECT_FALSE(ReadAt({0xc0, 0}, 0));                              // to itself
  EXPECT_FALSE(ReadAt({0xc0, 2, 0}, 0));                           // forwards
  EXPECT_FALSE(ReadAt({1, 'a', 0xc0, 0}, 0));                      // to its own beginning
  EXPECT_FALSE(ReadAt({0xc0, 2, 0xc0, 0}, 2));                     // to and fro
  EXPECT_FALSE(ReadAt({1, 'a', 1, 'b', 0xc0, 2, 0xc0, 2, 0}, 6));  // round in circles
}

TEST(Name, RefusesOtherLabelTypesAndTruncation) {
  EXPECT_FALSE(ReadAt({0x40, 0}, 0));
  EXPECT_FALSE(ReadAt({0x80, 0}, 0));
  const std::vector<uint8_t> whole = {3, 'w', 'w', 'w', 2, 'd', 'e', 0};
  ASSERT_TRUE(ReadAt(whole, 0));
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(ReadAt({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n)}, 0)) << n;
  }
  EXPECT_FALSE(ReadAt({0, 0xc0}, 1));
}

TEST(Name, ReadNameOf256BytesIsRefused) {
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 127; ++i) bytes.insert(bytes.end(), {1, 'a'});
  bytes.push_back(0);
  EXPECT_TRUE(ReadAt(bytes, 0));
  bytes.insert(bytes.end(), {1, 'b', 0xc0, 0});
  EXPECT_FALSE(ReadAt(bytes, 255));
}

}  // namespace
}  // namespace corelane::dns
