#include "http/semantics/range.h"

#include <gtest/gtest.h>

#include <string>

namespace corelane::http {
namespace {

std::string Parse(std::string_view field, uint64_t size = 1000, size_t most = 8) {
  const RangeRequest request = ParseRange(field, size, most);
  if (request.kind == RangeRequest::Kind::kIgnore) return "whole";
  if (request.kind == RangeRequest::Kind::kUnsatisfiable) return "416";
  std::string text;
  for (const ByteRange& range : request.ranges) {
    text += std::to_string(range.first) + "-" + std::to_string(range.last) + " ";
  }
  return text;
}

TEST(Range, OneRange) {
  EXPECT_EQ(Parse("bytes=0-0"), "0-0 ");
  EXPECT_EQ(Parse("Bytes=500-"), "500-999 ");
  EXPECT_EQ(Parse("bytes=-1"), "999-999 ");
  EXPECT_EQ(Parse("bytes=-5000"), "0-999 ");
  EXPECT_EQ(Parse("bytes=10-99999999999999999999999"), "10-999 ");
  EXPECT_EQ(Parse("bytes=1000-"), "416");
  EXPECT_EQ(Parse("bytes=99999999999999999999999-"), "416");
  EXPECT_EQ(Parse("bytes=-0"), "416");
  EXPECT_EQ(Parse("bytes=0-", 0), "416");
}

TEST(Range, MalformedIsIgnored) {
  for (const char* field :
       {"", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1-2-3",
        "items=0-1", "bytes=0-1,x", "bytes=+1-2", "bytes=0x1-2"}) {
    EXPECT_EQ(Parse(field), "whole") << field;
  }
}

TEST(Range, ManyRanges) {
  EXPECT_EQ(Parse("bytes=0-1, 5-6,,-1"), "0-1 5-6 999-999 ");
  EXPECT_EQ(Parse("bytes=5-6,0-1"), "5-6 0-1 ");
  EXPECT_EQ(Parse("bytes=0-1,2000-"), "0-1 ");
  EXPECT_EQ(Parse("bytes=0-9,10-19"), "0-19 ") << "they touch";
  EXPECT_EQ(Parse("bytes=0-9,20-29,5-25"), "0-29 ");
  EXPECT_EQ(Parse("bytes=0-1,5-6,9-10", 1000, 2), "whole");
  EXPECT_EQ(Parse("bytes=0-,0-"), "whole") << "longer than the whole";
  EXPECT_EQ(Parse("bytes=0-3,1-3,2-3,3-3"), "whole") << "more than two overlap";
}

TEST(Range, TruncatedAtEveryLength) {
  const std::string field = "bytes=0-1,5-6,-1";
  for (size_t n = 0; n <= field.size(); ++n) {
    for (const ByteRange& range : ParseRange(field.substr(0, n), 10, 8).ranges) {
      EXPECT_LT(range.last, 10u);
      EXPECT_LE(range.first, range.last);
    }
  }
}

}  // namespace
}  // namespace corelane::http
