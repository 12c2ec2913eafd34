#include "http/semantics/preconditions.h"

#include <gtest/gtest.h>

#include "http/semantics/fields_for_test.h"

namespace corelane::http {
namespace {

constexpr char kThen[] = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr char kBefore[] = "Sun, 06 Nov 1994 08:49:36 GMT";

std::string Evaluate(const std::string& lines, Method method = Method::kGet,
                     Validators now = {true, "\"v1\"", 784111777}) {
  const FieldsForTest fields(lines);
  EXPECT_TRUE(fields.ok()) << lines;
  switch (EvaluatePreconditions(method, *fields, now)) {
    case Precondition::kProceed:
      return "proceed";
    case Precondition::kNotModified:
      return "304";
    case Precondition::kFailed:
      return "412";
  }
  return "";
}

TEST(EntityTag, IsQuotedAndMayBeWeak) {
  EXPECT_EQ(ParseEntityTag("\"a\"")->opaque, "\"a\"");
  EXPECT_TRUE(ParseEntityTag("W/\"\"")->weak);
  for (const char* text : {"", "a", "\"", "\"a", "w/\"a\"", "\"a\"b", "\"a b\"", "W/", "'a'"}) {
    EXPECT_FALSE(ParseEntityTag(text).has_value()) << text;
  }
  const std::string whole = "W/\"tag\"";
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(ParseEntityTag(whole.substr(0, n)).has_value());
  }
}

TEST(Preconditions, IfNoneMatchComparesWeakly) {
  EXPECT_EQ(Evaluate(""), "proceed");
  EXPECT_EQ(Evaluate("If-None-Match: \"v1\"\r\n"), "304");
  EXPECT_EQ(Evaluate("If-None-Match: \"v0\", W/\"v1\"\r\n"), "304");
  EXPECT_EQ(Evaluate("If-None-Match: \"v,0\"\r\nIf-None-Match: \"v1\"\r\n"), "304");
  EXPECT_EQ(Evaluate("If-None-Match: \"v2\"\r\n"), "proceed");
  EXPECT_EQ(Evaluate("If-None-Match: v1\r\n"), "proceed") << "malformed";
  EXPECT_EQ(Evaluate("If-None-Match: *\r\n"), "304");
  EXPECT_EQ(Evaluate("If-None-Match: *\r\n", Method::kPut), "412");
  EXPECT_EQ(Evaluate("If-None-Match: *\r\n", Method::kPut, {false, "", {}}), "proceed");
  EXPECT_EQ(Evaluate("If-None-Match: \"v1\"\r\n", Method::kHead), "304");
}

TEST(Preconditions, IfMatchComparesStrongly) {
  EXPECT_EQ(Evaluate("If-Match: \"v1\"\r\n"), "proceed");
  EXPECT_EQ(Evaluate("If-Match: W/\"v1\"\r\n"), "412");
  EXPECT_EQ(Evaluate("If-Match: \"v0\", \"v2\"\r\n", Method::kPut), "412");
  EXPECT_EQ(Evaluate("If-Match: nonsense\r\n"), "412");
  EXPECT_EQ(Evaluate("If-Match: *\r\n"), "proceed");
  EXPECT_EQ(Evaluate("If-Match: *\r\n", Method::kPut, {false, "", {}}), "412");
  EXPECT_EQ(Evaluate("If-Match: W/\"v1\"\r\n", Method::kGet, {true, "W/\"v1\"", {}}), "412");
}

TEST(Preconditions, DatesCountWhereThereAreNoTags) {
  const std::string since = "If-Modified-Since: ";
  const std::string unmodified = "If-Unmodified-Since: ";
  EXPECT_EQ(Evaluate(since + kThen + "\r\n"), "304");
  EXPECT_EQ(Evaluate(since + kBefore + "\r\n"), "proceed");
  EXPECT_EQ(Evaluate(since + kThen + "\r\n", Method::kPost), "proceed");
  EXPECT_EQ(Evaluate(since + "yesterday\r\n"), "proceed");
  EXPECT_EQ(Evaluate(since + kThen + "\r\nIf-None-Match: \"v2\"\r\n"), "proceed");
  EXPECT_EQ(Evaluate(unmodified + kThen + "\r\n"), "proceed");
  EXPECT_EQ(Evaluate(unmodified + kBefore + "\r\n", Method::kPut), "412");
  EXPECT_EQ(Evaluate(unmodified + kBefore + "\r\nIf-Match: \"v1\"\r\n"), "proceed");
  EXPECT_EQ(Evaluate(unmodified + kBefore + "\r\nIf-None-Match: \"v1\"\r\n"), "412")
      << "§13.2.2: the preconditions for changes come first";
}

TEST(Preconditions, IfRangeWantsAStrongTag) {
  const auto allows = [](const std::string& lines, std::string_view etag) {
    const FieldsForTest fields(lines);
    return IfRangeAllows(*fields, {true, etag, 784111777});
  };
  EXPECT_TRUE(allows("", "\"a\""));
  EXPECT_TRUE(allows("If-Range: \"a\"\r\n", "\"a\""));
  EXPECT_FALSE(allows("If-Range: \"b\"\r\n", "\"a\""));
  EXPECT_FALSE(allows("If-Range: W/\"a\"\r\n", "W/\"a\""));
  EXPECT_FALSE(allows(std::string("If-Range: ") + kThen + "\r\n", "\"a\""));
}

}  // namespace
}  // namespace corelane::http
