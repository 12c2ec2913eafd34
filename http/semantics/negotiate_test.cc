#include "http/semantics/negotiate.h"

#include <gtest/gtest.h>

#include <array>

#include "http/semantics/fields_for_test.h"

namespace corelane::http {
namespace {

int Quality(std::string_view value, std::string_view coding) {
  const FieldsForTest fields("Accept-Encoding: " + std::string(value) + "\r\n");
  EXPECT_TRUE(fields.ok());
  return AcceptEncoding(*fields).Quality(coding);
}

std::string Choose(std::string_view lines) {
  constexpr std::array<std::string_view, 3> kCodings = {"zstd", "br", "gzip"};
  const FieldsForTest fields(lines);
  const std::optional<size_t> chosen = AcceptEncoding(*fields).Choose(kCodings);
  return chosen ? std::string(kCodings[*chosen]) : "identity";
}

TEST(Quality, IsThreeDigitsAtMost) {
  EXPECT_EQ(ParseQuality("1"), 1000);
  EXPECT_EQ(ParseQuality("1.000"), 1000);
  EXPECT_EQ(ParseQuality("0.5"), 500);
  EXPECT_EQ(ParseQuality("0.125"), 125);
  EXPECT_EQ(ParseQuality("0."), 0);
  for (const char* text : {"", "2", "1.001", "0.1234", "-1", ".5", "0,5", "0.5x", "00"}) {
    EXPECT_EQ(ParseQuality(text), std::nullopt) << text;
  }
}

TEST(AcceptEncoding, NamesAndWeights) {
  EXPECT_EQ(Quality("gzip, br;q=0.5", "br"), 500);
  EXPECT_EQ(Quality("GZIP", "gzip"), 1000);
  EXPECT_EQ(Quality("x-gzip;Q=0.1", "gzip"), 100);
  EXPECT_EQ(Quality("gzip ; q=0.3", "gzip"), 300);
  EXPECT_EQ(Quality("gzip;q=nan, br", "gzip"), 0);
  EXPECT_EQ(Quality("*;q=0.2, br", "gzip"), 200);
  EXPECT_EQ(Quality("br", "identity"), 1);
  EXPECT_EQ(Quality("br, *;q=0", "identity"), 0);
  EXPECT_EQ(Quality("identity;q=0", "identity"), 0);
}

TEST(AcceptEncoding, TheServerChoosesAmongEquals) {
  EXPECT_EQ(Choose(""), "identity");
  EXPECT_EQ(Choose("Accept-Encoding: \r\n"), "identity");
  EXPECT_EQ(Choose("Accept-Encoding: gzip, deflate, br, zstd\r\n"), "zstd");
  EXPECT_EQ(Choose("Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n"), "br");
  EXPECT_EQ(Choose("Accept-Encoding: gzip, br;q=0.9, zstd;q=0\r\n"), "gzip");
  EXPECT_EQ(Choose("Accept-Encoding: *\r\n"), "zstd");
  EXPECT_EQ(Choose("Accept-Encoding: gzip;q=0.5, identity\r\n"), "identity");
  EXPECT_EQ(Choose("Accept-Encoding: deflate, identity;q=0\r\n"), "identity");
}

TEST(AcceptEncoding, TruncatedAtEveryLength) {
  const std::string whole = "gzip;q=0.5, br;q=1.0, *;q=0";
  for (size_t n = 0; n < whole.size(); ++n) {
    const int quality = Quality(whole.substr(0, n), "br");
    EXPECT_TRUE(quality == 0 || quality == 1000) << whole.substr(0, n);
  }
}

}  // namespace
}  // namespace corelane::http
