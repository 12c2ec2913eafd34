// Byte ranges of files (RFC 9110 §14).

#include "http/files/serve_test_fixture.h"

namespace corelane::http::files {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// With what is kept in memory, and without.
class ServeRangeTest : public ServeTest, public ::testing::WithParamInterface<bool> {
 protected:
  ServeRangeTest() {
    if (!GetParam()) serve_.clock = nullptr;
    Serve();
  }
};

TEST_P(ServeRangeTest, OneRange) {
  EXPECT_EQ(StatusOf("app.js", "Range: bytes=2-4\r\n"), 206);
  EXPECT_EQ(Body(), "234");
  EXPECT_EQ(Field("Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(Field("Content-Length"), "3");
  EXPECT_NE(Field("ETag"), "");
  Get("app.js", "Range: bytes=-3\r\n");
  EXPECT_EQ(Body(), "789");
  Get("app.js", "Range: bytes=8-100\r\n");
  EXPECT_EQ(Body(), "89");
}

TEST_P(ServeRangeTest, WhatCannotBeHad) {
  EXPECT_EQ(StatusOf("app.js", "Range: bytes=10-\r\n"), 416);
  EXPECT_EQ(Field("Content-Range"), "bytes */10");
  EXPECT_EQ(StatusOf("empty", "Range: bytes=0-\r\n"), 416);
  EXPECT_EQ(StatusOf("app.js", "Range: lines=1-2\r\n"), 200);
  EXPECT_EQ(StatusOf("app.js", "Range: bytes=4-2\r\n"), 200);
  EXPECT_EQ(Body(), "0123456789");
}

TEST_P(ServeRangeTest, SeveralRanges) {
  EXPECT_EQ(StatusOf("app.js", "Range: bytes=0-0, 5-6,-1\r\n"), 206);
  const std::string type = Field("Content-Type");
  ASSERT_TRUE(type.starts_with("multipart/byteranges; boundary=")) << type;
  const std::string delimiter = "--" + type.substr(type.find('=') + 1);
  const auto part = [&](const std::string& range, const std::string& content) {
    return delimiter + "\r\nContent-Type: text/javascript; charset=utf-8\r\nContent-Range: bytes " +
           range + "/10\r\n\r\n" + content + "\r\n";
  };
  EXPECT_EQ(Body(), part("0-0", "0") + part("5-6", "56") + part("9-9", "9") + delimiter + "--\r\n");
  EXPECT_EQ(Field("Content-Range"), "");
  EXPECT_EQ(Field("Content-Length"), std::to_string(Body().size()));
}

TEST_P(ServeRangeTest, AttacksGetTheWhole) {
  EXPECT_EQ(StatusOf("app.js", "Range: bytes=0-,0-,0-,0-\r\n"), 200);
  std::string many = "Range: bytes=0-0";
  for (int i = 0; i < 16; ++i) many += ",0-0";
  EXPECT_EQ(StatusOf("app.js", many + "\r\n"), 200);
}

TEST_P(ServeRangeTest, PreconditionsComeFirst) {
  Get("app.js");
  const std::string tag = Field("ETag");
  const std::string range = "Range: bytes=0-1\r\n";
  EXPECT_EQ(StatusOf("app.js", range + "If-Range: " + tag + "\r\n"), 206);
  EXPECT_EQ(StatusOf("app.js", range + "If-Range: \"old\"\r\n"), 200);
  EXPECT_EQ(StatusOf("app.js", range + "If-Range: W/" + tag + "\r\n"), 200);
  EXPECT_EQ(StatusOf("app.js", range + "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), 200);
  EXPECT_EQ(StatusOf("app.js", range + "If-None-Match: " + tag + "\r\n"), 304);
  EXPECT_EQ(StatusOf("app.js", range + "If-Match: \"x\"\r\n"), 412);
  EXPECT_THAT(Ask("HEAD", "app.js", range), AllOf(HasSubstr(" 200 "), Not(HasSubstr("206"))));
}

INSTANTIATE_TEST_SUITE_P(Kept, ServeRangeTest, ::testing::Bool());

}  // namespace
}  // namespace corelane::http::files
