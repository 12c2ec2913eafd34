#include "http/middleware/cors.h"

#include "http/middleware/middleware_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPreflight[] =
    "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n"
    "Access-Control-Request-Headers: x-a\r\n";

class CorsTest : public MadeMiddlewareTest {
 protected:
  void Use(CorsOptions options) {
    absl::StatusOr<Middleware> cors = Cors(std::move(options));
    ASSERT_TRUE(cors.ok()) << cors.status();
    router_.Use(*std::move(cors));
  }
  static CorsOptions Listed() {
    CorsOptions options;
    options.origins = {"https://a.example", "http://b.example:8080"};
    return options;
  }
};

TEST_F(CorsTest, ListedOriginsAreAnsweredByName) {
  CorsOptions options = Listed();
  options.expose = {"X-Total", "ETag"};
  options.credentials = true;
  Use(options);
  EXPECT_THAT(Get("/hello", "Origin: http://b.example:8080\r\n"),
              AllOf(HasSubstr("Access-Control-Allow-Origin: http://b.example:8080\r\n"),
                    HasSubstr("Access-Control-Allow-Credentials: true\r\n"),
                    HasSubstr("Access-Control-Expose-Headers: X-Total, ETag\r\n"),
                    HasSubstr("Vary: Origin\r\n"), HasSubstr("hello")));
  for (const char* other : {"Origin: https://c.example\r\n", "Origin: https://a.example.evil\r\n",
                            "Origin: https://a.example:444\r\n", ""}) {
    EXPECT_THAT(Get("/hello", other), AllOf(HasSubstr("hello"), HasSubstr("Vary: Origin\r\n"),
                                            Not(HasSubstr("Access-Control"))))
        << other;
  }
}

TEST_F(CorsTest, PreflightsAreAnsweredWithoutTheHandlers) {
  CorsOptions options = Listed();
  options.methods = {"GET", "PUT"};
  options.headers = {"X-A", "Content-Type"};
  options.max_age = std::chrono::seconds(600);
  router_.Use(BearerAuth("r", [](std::string_view) { return false; }));
  Use(options);
  EXPECT_THAT(Ask("OPTIONS", "/hello", kPreflight),
              AllOf(HasSubstr(" 204 "), HasSubstr("Allow-Origin: https://a.example\r\n"),
                    HasSubstr("Allow-Methods: GET, PUT\r\n"),
                    HasSubstr("Allow-Headers: X-A, Content-Type\r\n"),
                    HasSubstr("Access-Control-Max-Age: 600\r\n"), HasSubstr("Vary: Origin\r\n")));
  EXPECT_THAT(Ask("OPTIONS", "/hello",
                  "Origin: https://c.example\r\nAccess-Control-Request-Method: PUT\r\n"),
              AllOf(HasSubstr(" 204 "), Not(HasSubstr("Access-Control"))));
  EXPECT_THAT(Get("/hello", "Origin: https://a.example\r\n"),
              AllOf(HasSubstr(" 401 "), HasSubstr("Access-Control-Allow-Origin")))
      << "pages may read refusals";
}

TEST_F(CorsTest, OptionsThatAreNoPreflightsAreTheRouters) {
  Use(Listed());
  EXPECT_THAT(Ask("OPTIONS", "/hello", "Origin: https://a.example\r\n"),
              AllOf(HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"), HasSubstr("Allow-Origin")));
}

TEST_F(CorsTest, AnyOriginIsAStarThatDoesNotVary) {
  CorsOptions options;
  options.any_origin = true;
  options.headers = {"*"};
  Use(options);
  EXPECT_THAT(Get("/hello", "Origin: https://x.example\r\n"),
              AllOf(HasSubstr("Access-Control-Allow-Origin: *\r\n"), Not(HasSubstr("Vary"))));
  EXPECT_THAT(Ask("OPTIONS", "/hello", kPreflight), HasSubstr("Allow-Headers: *\r\n"));
}

TEST_F(CorsTest, APredicateDecides) {
  CorsOptions options;
  options.allow_origin = [](std::string_view origin) { return origin.ends_with(".example"); };
  Use(options);
  EXPECT_THAT(Get("/hello", "Origin: https://z.example\r\n"), HasSubstr("https://z.example\r\n"));
  EXPECT_THAT(Get("/hello", "Origin: https://z.test\r\n"), Not(HasSubstr("Access-Control")));
}

TEST_F(CorsTest, WhatCannotWorkIsRefused) {
  const auto problem = [](const std::function<void(CorsOptions&)>& change) {
    CorsOptions options = Listed();
    change(options);
    return std::string(Cors(options).status().message());
  };
  EXPECT_THAT(problem([](CorsOptions& o) { o.any_origin = o.credentials = true; }),
              HasSubstr("credentials: value \"true\": expected false with any_origin"));
  EXPECT_THAT(problem([](CorsOptions& o) {
                o.credentials = true;
                o.headers = {"*"};
              }),
              HasSubstr("headers: value \"*\""));
  EXPECT_THAT(problem([](CorsOptions& o) { o.methods = {"GET,"}; }), HasSubstr("a token"));
  EXPECT_THAT(problem([](CorsOptions& o) { o.max_age = std::chrono::seconds(-1); }),
              HasSubstr("max_age: value \"-1\""));
  for (const char* origin : {"", "*", "a.example", "https://a.example/", "https://A.example",
                             "https://", "://a", "https://*.example"}) {
    EXPECT_THAT(problem([&](CorsOptions& o) { o.origins = {origin}; }), HasSubstr("origins: value"))
        << origin;
  }
}

}  // namespace
}  // namespace corelane::http
