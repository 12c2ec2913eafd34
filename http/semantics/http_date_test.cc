#include "http/semantics/http_date.h"

#include <gtest/gtest.h>

namespace corelane::http {
namespace {

constexpr std::string_view kForms[] = {
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};

TEST(HttpDate, AllThreeFormsAreRead) {
  for (const std::string_view form : kForms) EXPECT_EQ(ParseHttpDate(form), 784111777) << form;
  EXPECT_EQ(ParseHttpDate("Sun Nov 16 08:49:37 1994"), 784975777);
  EXPECT_EQ(ParseHttpDate("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(ParseHttpDate("Thursday, 01-Jan-70 00:00:00 GMT"), 0);
  EXPECT_EQ(ParseHttpDate("Thu, 29 Feb 2024 12:00:00 GMT"), 1709208000);
}

TEST(HttpDate, WhatIsWrittenIsReadBack) {
  for (const int64_t second : {int64_t{0}, int64_t{-1}, int64_t{784111777}, int64_t{4102444800}}) {
    EXPECT_EQ(ParseHttpDate(FormatHttpDate(second)), second);
  }
  EXPECT_EQ(FormatHttpDate(784111777), kForms[0]);
}

TEST(HttpDate, NothingElseIsADate) {
  for (const char* text :
       {"", ",", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT", "Thu, 29 Feb 2023 12:00:00 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 ovD 1994 08:49:37 GMT", "784111777", "0"}) {
    EXPECT_EQ(ParseHttpDate(text), std::nullopt) << text;
  }
}

TEST(HttpDate, TruncatedAtEveryLength) {
  for (const std::string_view form : kForms) {
    for (size_t n = 0; n < form.size(); ++n) {
      EXPECT_EQ(ParseHttpDate(form.substr(0, n)), std::nullopt) << form.substr(0, n);
    }
  }
}

}  // namespace
}  // namespace corelane::http
