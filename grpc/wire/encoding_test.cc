#include "grpc/wire/encoding.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "grpc/wire/timeout.h"

namespace corelane::grpc {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

std::string AllBytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST(PercentTest, GoesBothWays) {
  EXPECT_EQ(PercentEncode("plain text, \"quoted\""), "plain text, \"quoted\"");
  EXPECT_EQ(PercentEncode("100%\n\xc3\xa4"), "100%25%0A%C3%A4");
  EXPECT_EQ(PercentDecode("100%25%0A%c3%A4"), "100%\n\xc3\xa4");
  EXPECT_EQ(PercentDecode(PercentEncode(AllBytes())), AllBytes());
}

TEST(PercentTest, WhatIsNoEscapeStays) {
  for (const char* text : {"%", "%2", "%zz", "a%", "%%4", "50% off", "%4g"}) {
    EXPECT_EQ(PercentDecode(text), text);
  }
  EXPECT_EQ(PercentDecode("%%41"), "%A");
}

// RFC 4648 §10
TEST(Base64Test, Vectors) {
  const char* const vectors[][3] = {{"", "", ""},
                                    {"f", "Zg", "Zg=="},
                                    {"fo", "Zm8", "Zm8="},
                                    {"foo", "Zm9v", "Zm9v"},
                                    {"foob", "Zm9vYg", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy", "Zm9vYmFy"}};
  for (const auto& [bytes, bare, padded] : vectors) {
    EXPECT_EQ(Base64Encode(bytes), bare);
    EXPECT_EQ(Base64Decode(bare), bytes);
    EXPECT_EQ(Base64Decode(padded), bytes);
  }
  const std::string all = AllBytes();
  for (size_t i = 0; i <= all.size(); ++i) {
    EXPECT_EQ(Base64Decode(Base64Encode(all.substr(i))), all.substr(i));
  }
}

TEST(Base64Test, WhatIsNone) {
  for (const char* bad : {"Z", "Zg=", "Zg===", "=", "Z===", "Zg==Zg==", "Zm9v!", "Zm 8", "-_-_"}) {
    EXPECT_EQ(Base64Decode(bad), std::nullopt) << bad;
  }
}

TEST(TimeoutTest, EveryUnit) {
  EXPECT_EQ(ParseTimeout("1n"), nanoseconds(1));
  EXPECT_EQ(ParseTimeout("20u"), microseconds(20));
  EXPECT_EQ(ParseTimeout("300m"), milliseconds(300));
  EXPECT_EQ(ParseTimeout("0S"), seconds(0));
  EXPECT_EQ(ParseTimeout("5M"), minutes(5));
  EXPECT_EQ(ParseTimeout("99999H"), hours(99999));
  EXPECT_EQ(ParseTimeout("99999999H"), Duration::max());
}

TEST(TimeoutTest, WhatIsNone) {
  for (const char* bad :
       {"", "1", "S", "1s", "-1S", "1.5S", " 1S", "1S ", "123456789n", "1 S", "+1S"}) {
    EXPECT_EQ(ParseTimeout(bad), std::nullopt) << bad;
  }
}

TEST(TimeoutTest, IsNeverWrittenLonger) {
  EXPECT_EQ(FormatTimeout(Duration::zero()), "0n");
  EXPECT_EQ(FormatTimeout(seconds(-1)), "0n");
  EXPECT_EQ(FormatTimeout(nanoseconds(99'999'999)), "99999999n");
  EXPECT_EQ(FormatTimeout(nanoseconds(100'000'001)), "100000u");
  EXPECT_EQ(FormatTimeout(seconds(1)), "1000000u");
  EXPECT_EQ(FormatTimeout(hours(24)), "86400000m");
  EXPECT_EQ(FormatTimeout(Duration::max()), "2562047H");
  for (int64_t n = 1; n < INT64_MAX / 3; n = n * 3 + 1) {
    const Duration timeout = nanoseconds(n);
    const std::string text = FormatTimeout(timeout);
    EXPECT_LE(text.size(), 9u);
    ASSERT_TRUE(ParseTimeout(text).has_value()) << text;
    EXPECT_LE(*ParseTimeout(text), timeout) << text;
    // Eight digits, and units 1000 apart: what is lost is below one of the 100,000 that are left.
    EXPECT_GE(*ParseTimeout(text), timeout - timeout / 100'000) << text;
  }
}

}  // namespace
}  // namespace corelane::grpc
