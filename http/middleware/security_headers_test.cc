#include "http/middleware/security_headers.h"

#include "http/middleware/middleware_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SecurityHeadersTest : public MadeMiddlewareTest {};

TEST_F(SecurityHeadersTest, DefaultsThatHandlersMayReplace) {
  router_.Get("/framed", [](const Request&) {
    return std::move(Response::Text("f").Add("x-frame-options", "SAMEORIGIN"));
  });
  router_.Use(SecurityHeaders());
  EXPECT_THAT(Get("/hello"), AllOf(HasSubstr("X-Content-Type-Options: nosniff\r\n"),
                                   HasSubstr("X-Frame-Options: DENY\r\n"),
                                   HasSubstr("Referrer-Policy: "), Not(HasSubstr("Strict-"))));
  EXPECT_THAT(Get("/framed"), AllOf(HasSubstr("SAMEORIGIN"), Not(HasSubstr("DENY"))));
  EXPECT_THAT(Get("/none"), HasSubstr("nosniff"));
}

TEST_F(SecurityHeadersTest, WhatIsAskedForBesides) {
  SecurityHeadersOptions options;
  options.frame_options = "";
  options.content_security_policy = "default-src 'self'";
  options.hsts_max_age = std::chrono::seconds(31536000);
  options.hsts_include_subdomains = true;
  router_.Use(SecurityHeaders(options));
  EXPECT_THAT(Get("/hello"),
              AllOf(HasSubstr("Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"),
                    HasSubstr("Content-Security-Policy: default-src 'self'\r\n"),
                    Not(HasSubstr("X-Frame-Options"))));
}

}  // namespace
}  // namespace corelane::http
