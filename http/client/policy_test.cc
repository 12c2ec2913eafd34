#include "http/client/policy.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "http/client/proxy.h"

namespace corelane::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Url At(std::string_view text) { return *Url::Parse(text); }

// --- Redirects: RFC 9110 §15.4 ---

struct RedirectCase {
  int status;
  const char* method;
  const char* becomes;
  bool keeps_body;
};

TEST(Redirect, MethodsAndBodies) {
  const RedirectCase cases[] = {
      {301, "POST", "GET", false},     {302, "POST", "GET", false}, {303, "POST", "GET", false},
      {307, "POST", "POST", true},     {308, "POST", "POST", true}, {301, "PUT", "PUT", true},
      {302, "DELETE", "DELETE", true}, {303, "PUT", "GET", false},  {303, "HEAD", "HEAD", false},
      {301, "GET", "GET", true},
  };
  for (const RedirectCase& c : cases) {
    OutgoingRequest request(c.method, "http://a/");
    request.Body("x", "text/plain");
    EXPECT_EQ(ApplyRedirect(c.status, At("http://a/"), At("http://a/b"), {}, request),
              std::nullopt);
    EXPECT_EQ(request.method(), c.becomes) << c.status << c.method;
    EXPECT_EQ(request.has_body(), c.keeps_body) << c.status << c.method;
    EXPECT_EQ(request.fields().Has("Content-Type"), c.keeps_body);
  }
}

TEST(Redirect, CredentialsStayWithTheirOrigin) {
  for (const std::string_view to : {"http://b/", "http://a:81/", "https://a/"}) {
    auto request = OutgoingRequest::Get("http://a/");
    request.BearerAuth("t").Add("Cookie", "c").Add("X", "y");
    EXPECT_EQ(ApplyRedirect(302, At("http://a/"), At(to), {}, request), std::nullopt);
    EXPECT_FALSE(request.fields().Has("Authorization")) << to;
    EXPECT_FALSE(request.fields().Has("Cookie")) << to;
    EXPECT_TRUE(request.fields().Has("X"));
  }
  auto request = OutgoingRequest::Get("http://a/");
  request.BearerAuth("t");
  EXPECT_EQ(ApplyRedirect(302, At("http://a/x"), At("http://a/y"), {}, request), std::nullopt);
  EXPECT_TRUE(request.fields().Has("Authorization"));
}

TEST(Redirect, NotFromHttpsToHttp) {
  auto request = OutgoingRequest::Get("https://a/");
  RedirectOptions options;
  EXPECT_EQ(ApplyRedirect(302, At("https://a/"), At("http://a/"), options, request),
            ClientError::kRedirectToInsecure);
  options.allow_insecure = true;
  EXPECT_EQ(ApplyRedirect(302, At("https://a/"), At("http://a/"), options, request), std::nullopt);
}

// --- Retries ---

TEST(BackOff, IsJitteredAndBounded) {
  RetryOptions options;
  options.base = milliseconds(100);
  options.cap = milliseconds(350);
  Random random(1);
  Duration most[4] = {};
  for (int i = 0; i < 1000; ++i) {
    for (int attempt = 0; attempt < 4; ++attempt) {
      const Duration pause = BackOff(options, attempt, random);
      EXPECT_GE(pause, Duration::zero());
      most[attempt] = std::max(most[attempt], pause);
    }
  }
  EXPECT_LE(most[0], milliseconds(100));
  EXPECT_GT(most[0], milliseconds(90));
  EXPECT_LE(most[1], milliseconds(200));
  EXPECT_GT(most[1], milliseconds(180));
  EXPECT_LE(most[3], milliseconds(350));
}

TEST(RetryAfter, SecondsAndDates) {
  EXPECT_EQ(ParseRetryAfter("120", 0), seconds(120));
  EXPECT_EQ(ParseRetryAfter("0", 0), seconds(0));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", 784111770), seconds(7));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", 784111800), seconds(0));
  for (const std::string_view bad :
       {"", "-1", "soon", "1.5", "Sun, 06 Nov 1994 08:49:37", "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT",
        "99999999999999999999999"}) {
    EXPECT_EQ(ParseRetryAfter(bad, 0), std::nullopt) << bad;
  }
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
  for (size_t size = 0; size < date.size(); ++size) {
    EXPECT_EQ(ParseRetryAfter(std::string_view(date).substr(0, size), 0), std::nullopt);
  }
}

TEST(RetryBudget, IsSpentAndEarned) {
  RetryOptions options;
  options.budget_ratio = 0.5;
  options.budget_reserve = 2;
  RetryBudget budget(options);
  EXPECT_TRUE(budget.Take());
  EXPECT_TRUE(budget.Take());
  EXPECT_FALSE(budget.Take());
  budget.OnRequest();
  EXPECT_FALSE(budget.Take());
  budget.OnRequest();
  EXPECT_TRUE(budget.Take());
}

// --- Proxies ---

class ProxyTest : public ::testing::Test {
 protected:
  std::optional<ProxySettings> Read() {
    return ProxyFromEnvironment(&why_, [this](const char* name) -> const char* {
      const auto it = variables_.find(name);
      return it == variables_.end() ? nullptr : it->second.c_str();
    });
  }
  std::map<std::string, std::string> variables_;
  std::string why_;
};

TEST_F(ProxyTest, FromTheEnvironment) {
  variables_ = {{"http_proxy", "http://user:p@proxy:3128"},
                {"HTTPS_PROXY", "tunnel:8080"},
                {"HTTP_PROXY", "http://evil/"},
                {"no_proxy", "example.com, .internal,10.0.0.0/8,[::1]:8080 ,192.0.2.1"}};
  const auto settings = Read();
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->for_http->host_and_port(), "proxy:3128");
  EXPECT_EQ(settings->for_http->user(), "user");
  EXPECT_EQ(settings->for_https->host_and_port(), "tunnel:8080");
  const auto proxied = [&](std::string_view url) { return settings->For(At(url)) != nullptr; };
  EXPECT_TRUE(proxied("http://other/"));
  EXPECT_TRUE(proxied("https://other/"));
  EXPECT_FALSE(proxied("http://example.com/"));
  EXPECT_FALSE(proxied("http://www.example.com/"));
  EXPECT_TRUE(proxied("http://notexample.com/"));
  EXPECT_FALSE(proxied("http://a.internal/"));
  EXPECT_FALSE(proxied("http://10.1.2.3/"));
  EXPECT_TRUE(proxied("http://11.1.2.3/"));
  EXPECT_FALSE(proxied("http://[::1]:8080/"));
  EXPECT_TRUE(proxied("http://[::1]:8081/"));
  EXPECT_FALSE(proxied("http://192.0.2.1/"));
}

TEST_F(ProxyTest, NoneAndAll) {
  EXPECT_EQ(Read()->For(At("http://a/")), nullptr);
  variables_ = {{"all_proxy", "proxy"}, {"no_proxy", "*"}};
  EXPECT_EQ(Read()->For(At("http://a/")), nullptr);
  variables_.erase("no_proxy");
  EXPECT_NE(Read()->For(At("https://a/")), nullptr);
}

TEST_F(ProxyTest, SaysWhatIsWrong) {
  variables_ = {{"http_proxy", "socks5://x"}};
  EXPECT_FALSE(Read());
  EXPECT_EQ(why_,
            "http_proxy, value 'socks5://x': URL 'socks5://x': scheme 'socks5': expected http or "
            "https");
  variables_ = {{"https_proxy", "https://x"}};
  EXPECT_FALSE(Read());
  EXPECT_EQ(why_, "https_proxy, value 'https://x': scheme 'https': expected http");
}

}  // namespace
}  // namespace corelane::http
