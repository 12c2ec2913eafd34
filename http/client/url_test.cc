#include "http/client/url.h"

#include <gtest/gtest.h>

#include <string>

namespace corelane::http {
namespace {

std::string Why(std::string_view text) {
  std::string why;
  EXPECT_FALSE(Url::Parse(text, &why).has_value()) << text;
  return why;
}

TEST(Url, TakesItApart) {
  const auto url = Url::Parse("HTTPS://Us%65r:p%40ss@Example.COM:8443/a/./b/../c?x=1&y#part");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->secure());
  EXPECT_EQ(url->host(), "example.com");
  EXPECT_EQ(url->port(), 8443);
  EXPECT_EQ(url->target(), "/a/c?x=1&y");
  EXPECT_EQ(url->authority(), "example.com:8443");
  EXPECT_TRUE(url->has_credentials());
  EXPECT_EQ(url->user(), "User");
  EXPECT_EQ(url->password(), "p@ss");
  EXPECT_EQ(url->text(), "https://example.com:8443/a/c?x=1&y");
}

TEST(Url, HasDefaults) {
  const auto http = Url::Parse("http://a");
  ASSERT_TRUE(http);
  EXPECT_EQ(http->port(), 80);
  EXPECT_EQ(http->target(), "/");
  EXPECT_EQ(http->authority(), "a");
  EXPECT_EQ(http->host_and_port(), "a:80");
  const auto https = Url::Parse("https://a:443?q");
  ASSERT_TRUE(https);
  EXPECT_EQ(https->authority(), "a");
  EXPECT_EQ(https->target(), "/?q");
}

TEST(Url, TakesAddresses) {
  const auto v4 = Url::Parse("http://127.0.0.1:8080/");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->host(), "127.0.0.1");
  const auto v6 = Url::Parse("http://[2001:DB8::1]:8080/");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host(), "2001:db8::1");
  EXPECT_EQ(v6->authority(), "[2001:db8::1]:8080");
  EXPECT_EQ(v6->host_and_port(), "[2001:db8::1]:8080");
}

TEST(Url, SaysWhatIsWrong) {
  EXPECT_EQ(Why("ftp://x/"), "URL 'ftp://x/': scheme 'ftp': expected http or https");
  EXPECT_EQ(Why("http://a:99999/"), "URL 'http://a:99999/': port '99999': expected 1 to 65535");
  EXPECT_EQ(Why("http:///x"), "URL 'http:///x': no host");
  EXPECT_EQ(Why("http://[::1]x/"), "URL 'http://[::1]x/': 'x/' behind the host: expected '/'");
  EXPECT_NE(Why("http://a:80.evil.example/"), "");
  EXPECT_NE(Why("/relative").find("no scheme"), std::string::npos);
  EXPECT_NE(Why("http://a b/").find("not a URL"), std::string::npos);
  EXPECT_NE(Why("http://a/\r\nX: y").find("not a URL"), std::string::npos);
  EXPECT_NE(Why("http://b\xc3\xbc"
                "cher.example/")
                .find("not a URL"),
            std::string::npos);
  EXPECT_NE(Why("http://a%0d%0ab/").find("host"), std::string::npos);
  EXPECT_NE(Why("http://[fe80::1%25eth0]/").find("host"), std::string::npos);
  EXPECT_NE(Why("http://" + std::string(70000, 'a')).find("65536"), std::string::npos);
}

TEST(Url, ResolvesLocations) {
  const auto base = Url::Parse("http://a.example/x/y?q");
  ASSERT_TRUE(base);
  const auto text = [&](std::string_view reference) {
    const auto url = base->Resolve(reference);
    return url ? url->text() : "none";
  };
  EXPECT_EQ(text("z"), "http://a.example/x/z");
  EXPECT_EQ(text("/z?1"), "http://a.example/z?1");
  EXPECT_EQ(text("../../../z"), "http://a.example/z");
  EXPECT_EQ(text("//b.example/"), "http://b.example/");
  EXPECT_EQ(text("https://c.example/#f"), "https://c.example/");
  EXPECT_EQ(text("?n"), "http://a.example/x/y?n");
  EXPECT_EQ(text("/a b\xc3\xbc|"), "http://a.example/a%20b%C3%BC%7C");
  EXPECT_EQ(text("mailto:me@b.example"), "none");
  EXPECT_TRUE(base->SameOrigin(*base->Resolve("/other")));
  EXPECT_FALSE(base->SameOrigin(*base->Resolve("https://a.example/")));
  EXPECT_FALSE(base->SameOrigin(*base->Resolve("http://a.example:81/")));
}

TEST(Url, AnyPrefixIsSafe) {
  const std::string whole = "https://user:pass@[2001:db8::1]:8443/a/%41?b=%20#c";
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string why;
    const auto url = Url::Parse(std::string_view(whole).substr(0, size), &why);
    EXPECT_EQ(why.empty(), url.has_value()) << size;
  }
}

}  // namespace
}  // namespace corelane::http
