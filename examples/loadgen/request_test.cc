#include "examples/loadgen/request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "http/h1/parser.h"

namespace corelane::load {
namespace {

TEST(UrlTest, Parts) {
  const auto url = Url::Parse("http://example.com/a/b?c=d#e");
  ASSERT_TRUE(url.has_value());
  EXPECT_FALSE(url->secure);
  EXPECT_EQ(url->host, "example.com");
  EXPECT_EQ(url->authority, "example.com");
  EXPECT_EQ(url->port, 80);
  EXPECT_EQ(url->target, "/a/b?c=d");
}

TEST(UrlTest, Defaults) {
  EXPECT_EQ(Url::Parse("HTTPS://h")->port, 443);
  EXPECT_EQ(Url::Parse("https://h")->target, "/");
  EXPECT_EQ(Url::Parse("http://h?q")->target, "/?q");
  EXPECT_EQ(Url::Parse("http://h:8080")->port, 8080);
  EXPECT_EQ(Url::Parse("http://h:8080")->authority, "h:8080");
}

TEST(UrlTest, Ipv6) {
  const auto url = Url::Parse("https://[fd77::1]:8443/");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->host, "fd77::1");
  EXPECT_EQ(url->authority, "[fd77::1]:8443");
  EXPECT_EQ(url->port, 8443);
}

TEST(UrlTest, Refused) {
  for (const char* const text :
       {"", "/", "h", "h/", "ftp://h/", "http:/h", "http://", "http:///x", "http://:80/",
        "http://user@h/", "http://h:0/", "http://h:65536/", "http://h:x/", "http://[::1/",
        "http://[]/", "http://h/ x", "http://h/\r\nx", "http://h\r\n/", "http://[::1]80/"}) {
    EXPECT_FALSE(Url::Parse(text).has_value()) << text;
  }
}

// Each prefix is refused, or is a URL whose request is well-formed.
TEST(UrlTest, TruncatedAnywhere) {
  const std::string whole = "https://[fd77::1]:8443/path/%20?query=1#fragment";
  for (size_t size = 0; size <= whole.size(); ++size) {
    Request request;
    const auto url = Url::Parse(whole.substr(0, size));
    if (!url) continue;
    request.url = *url;
    http::RequestParser parser;
    parser.Start(http::HeadLimits());
    EXPECT_EQ(parser.Parse(request.Http1()), http::ParseStatus::kDone) << size;
  }
}

TEST(FieldTest, Parses) {
  EXPECT_EQ(ParseField("Accept:  */* "), Field("Accept", "*/*"));
  EXPECT_EQ(ParseField("x:"), Field("x", ""));
  for (const char* const text : {"", ":", "x", ": v", "a b: c", "x: a\r\ny: b"}) {
    EXPECT_FALSE(ParseField(text).has_value()) << text;
  }
}

TEST(RequestTest, Http1) {
  Request request;
  request.url = *Url::Parse("http://h:81/x?y");
  EXPECT_EQ(request.Http1(),
            "GET /x?y HTTP/1.1\r\nhost: h:81\r\nuser-agent: corelane-load\r\n\r\n");
  request.method = "POST";
  request.body = "text";
  request.fields = {{"Host", "other"}, {"User-Agent", "me"}, {"X-Y", "z"}};
  EXPECT_EQ(request.Http1(),
            "POST /x?y HTTP/1.1\r\nhost: other\r\nuser-agent: me\r\nx-y: z\r\n"
            "content-length: 4\r\n\r\ntext");
  request.body.clear();
  EXPECT_NE(request.Http1().find("content-length: 0\r\n"), std::string::npos);
}

}  // namespace
}  // namespace corelane::load
