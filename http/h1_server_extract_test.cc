// Handlers with parameters, on a connection: coroutines get a whole body where they ask for one.

#include "http/h1_server_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::HasSubstr;

class H1ServerExtractTest : public H1ServerTest {
 protected:
  H1ServerExtractTest() {
    router_.Post("/form/{id}", [](Path<"id", int> id, Form form) -> Task<Response> {
      const std::string* const name = form.Find("name");
      co_return Response::Text(std::to_string(*id) + (name != nullptr ? *name : ""));
    });
    router_.Get("/wait/{n}", [this](Path<"n", int> n, const Request& request) -> Task<Response> {
      Outside outside{outside_};
      co_await outside;
      co_return Response::Text(std::to_string(*n) + std::string(request.path()));
    });
  }

  static std::string Post(std::string_view path, std::string_view body) {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nContent-Type: " +
           "application/x-www-form-urlencoded\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
  }
};

TEST_F(H1ServerExtractTest, ACoroutineGetsTheWholeBody) {
  EXPECT_THAT(Exchange(Post("/form/7", "name=anna&x=" + std::string(100000, 'y'))),
              HasSubstr("7anna"));
  // In pieces, and with a request behind it.
  const std::string request =
      Post("/form/8", "name=bert") + "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  sent_.clear();
  for (const char c : request) Give(std::string(1, c));
  EXPECT_THAT(sent_, HasSubstr("8bert"));
  EXPECT_THAT(sent_, HasSubstr("hello"));
}

TEST_F(H1ServerExtractTest, ButNoMoreThanTheLimit) {
  options_.max_content_bytes = 9;
  Restart();
  EXPECT_THAT(Exchange(Post("/form/1", "name=bert")), HasSubstr("1bert"));
  EXPECT_THAT(Exchange(Post("/form/1", "name=berta")), HasSubstr(" 413 "));
  Restart();
  EXPECT_THAT(Exchange("POST /form/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\nname=\r\n5\r\nberta\r\n0\r\n\r\n"),
              HasSubstr(" 413 "));
}

TEST_F(H1ServerExtractTest, ARefusalNeedsNoHandler) {
  EXPECT_THAT(Exchange(Post("/form/seven", "name=anna")), HasSubstr("path parameter \"id\""));
  EXPECT_THAT(sent_, HasSubstr(" 400 "));
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("hello"));
}

TEST_F(H1ServerExtractTest, ParametersLiveAsLongAsTheCoroutine) {
  Exchange("GET /wait/42 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(outside_);
  outside_.resume();
  Run();
  EXPECT_THAT(sent_, HasSubstr("42/wait/42"));
}

}  // namespace
}  // namespace corelane::http
