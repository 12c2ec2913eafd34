#include "http/middleware/conditional.h"

#include "http/middleware/middleware_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConditionalTest : public MadeMiddlewareTest {
 protected:
  ConditionalTest() {
    router_.Get("/own", [](const Request&) {
      return std::move(Response::Text("own")
                           .Add("ETag", "\"own\"")
                           .Add("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
                           .Add("Cache-Control", "max-age=1")
                           .Add("Content-Language", "en")
                           .Add("Set-Cookie", "a=b"));
    });
    router_.Get("/dated", [](const Request&) {
      return std::move(Response::Stream("text/plain", std::make_unique<TestSource>(5, 5))
                           .Add("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"));
    });
    router_.Use(Conditional());
  }
};

TEST_F(ConditionalTest, BodiesInMemoryGetAStrongTag) {
  const std::string tag = EntityTagOf("hello");
  EXPECT_THAT(Get("/hello"), HasSubstr("ETag: " + tag + "\r\n"));
  EXPECT_THAT(Ask("HEAD", "/hello"), HasSubstr("ETag: " + tag + "\r\n"));
  EXPECT_NE(tag, EntityTagOf("hellp"));
  EXPECT_NE(EntityTagOf(""), EntityTagOf(std::string_view("\0", 1)));
  EXPECT_THAT(Get("/stream/5"), Not(HasSubstr("ETag")));
  EXPECT_THAT(Get("/empty"), Not(HasSubstr("ETag")));
  EXPECT_THAT(Get("/none"), Not(HasSubstr("ETag")));
}

TEST_F(ConditionalTest, WhatTheClientHasIsNotSentAgain) {
  Get("/hello", "If-None-Match: \"x\", " + EntityTagOf("hello") + "\r\n");
  EXPECT_THAT(sent_, AllOf(HasSubstr(" 304 "), HasSubstr("ETag: "), Not(HasSubstr("Content-"))));
  EXPECT_TRUE(sent_.ends_with("\r\n\r\n"));
  EXPECT_THAT(Get("/hello", "If-None-Match: \"x\"\r\n"), HasSubstr(" 200 "));
  EXPECT_THAT(Get("/hello", "If-Match: \"x\"\r\n"), HasSubstr(" 412 "));
  EXPECT_THAT(Get("/hello"), HasSubstr("hello")) << "the connection goes on";
}

TEST_F(ConditionalTest, The304KeepsWhatItMustAndNoMore) {
  Get("/own", "If-None-Match: W/\"own\"\r\n");
  EXPECT_THAT(sent_, AllOf(HasSubstr(" 304 "), HasSubstr("Cache-Control: max-age=1"),
                           HasSubstr("ETag: \"own\""), HasSubstr("Set-Cookie: a=b")));
  EXPECT_THAT(sent_, AllOf(Not(HasSubstr("Content-Type")), Not(HasSubstr("Content-Language")),
                           Not(HasSubstr("Last-Modified"))));
}

TEST_F(ConditionalTest, StreamsHaveTheirDate) {
  EXPECT_THAT(Get("/dated", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
              AllOf(HasSubstr(" 304 "), HasSubstr("Last-Modified"), Not(HasSubstr("xxxxx"))));
  EXPECT_THAT(Get("/dated", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n"),
              HasSubstr(" 412 "));
  EXPECT_THAT(Get("/dated"), HasSubstr("xxxxx"));
}

TEST_F(ConditionalTest, OtherMethodsAreTheHandlers) {
  EXPECT_THAT(Exchange("POST /plain HTTP/1.1\r\nHost: a\r\nIf-Match: \"x\"\r\n"
                       "Content-Length: 1\r\n\r\na"),
              AllOf(HasSubstr(" 200 "), Not(HasSubstr("ETag"))));
}

}  // namespace
}  // namespace corelane::http
