// H1ServerTest with a shorter way to ask.

#ifndef CORELANE_HTTP_MIDDLEWARE_MIDDLEWARE_TEST_FIXTURE_H_
#define CORELANE_HTTP_MIDDLEWARE_MIDDLEWARE_TEST_FIXTURE_H_

#include <string>
#include <string_view>

#include "http/h1_server_test_fixture.h"

namespace corelane::http {

class MadeMiddlewareTest : public H1ServerTest {
 protected:
  // All that comes back. `lines` end in CRLF.
  std::string Ask(std::string_view method, std::string_view path, std::string_view lines = "") {
    return Exchange(std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" +
                    std::string(lines) + "\r\n");
  }
  std::string Get(std::string_view path, std::string_view lines = "") {
    return Ask("GET", path, lines);
  }
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_MIDDLEWARE_MIDDLEWARE_TEST_FIXTURE_H_
