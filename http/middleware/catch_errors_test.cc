#include "http/middleware/catch_errors.h"

#include <vector>

#include "http/middleware/middleware_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CatchErrorsTest : public MadeMiddlewareTest {
 protected:
  CatchErrorsTest() {
    router_.Get("/missing",
                [](const Request&) -> Response { throw HttpError(404, "no such user"); });
    router_.Get("/coroutine", [](const Request& request) -> Task<Response> {
      co_await request.ReadBody();
      throw HttpError(409, "taken");
    });
    router_.Get("/slow", [](const Request& request) -> Task<Response> {
      request.SetTimeout(std::chrono::seconds(1));
      co_await request.Sleep(std::chrono::seconds(9));
      co_return Response::Text("late");
    });
    router_.Get("/odd", [](const Request&) -> Response { throw HttpError(200, "not an error"); });
    router_.Get("/number", [](const Request&) -> Response { throw 7; });
    router_.Use(CatchErrors([this](const Request& request, std::string_view what) {
      reports_.push_back(std::string(request.path()) + " " + std::string(what));
    }));
  }
  std::vector<std::string> reports_;
};

TEST_F(CatchErrorsTest, HttpErrorIsItsResponse) {
  EXPECT_THAT(Get("/missing"), AllOf(HasSubstr(" 404 "), HasSubstr("\r\n\r\nno such user\n")));
  EXPECT_THAT(Get("/coroutine"), AllOf(HasSubstr(" 409 "), HasSubstr("taken\n")));
  EXPECT_TRUE(reports_.empty());
}

TEST_F(CatchErrorsTest, ATimeOutIsTheEngines) {
  const std::string without = [&] {
    Router plain;
    plain.Get("/slow", [](const Request& request) -> Task<Response> {
      request.SetTimeout(std::chrono::seconds(1));
      co_await request.Sleep(std::chrono::seconds(9));
      co_return Response::Text("late");
    });
    std::swap(plain, router_);
    Get("/slow");
    PassDeadline();
    std::swap(plain, router_);
    return sent_;
  }();
  Restart();
  Get("/slow");
  PassDeadline();
  EXPECT_EQ(sent_, without);
  EXPECT_THAT(sent_, HasSubstr("HTTP/1.1 5"));
  EXPECT_TRUE(reports_.empty());
}

TEST_F(CatchErrorsTest, OtherExceptionsAreReportedAndNotShown) {
  EXPECT_THAT(Get("/throws"), AllOf(HasSubstr(" 500 "), HasSubstr("\r\n\r\ninternal error\n")));
  EXPECT_THAT(Get("/number"), HasSubstr(" 500 "));
  EXPECT_THAT(Get("/odd"), AllOf(HasSubstr(" 500 "), Not(HasSubstr("not an error"))));
  EXPECT_THAT(reports_, ElementsAre("/throws no", "/number an exception that is no std::exception",
                                    "/odd not an error"));
  EXPECT_THAT(Get("/hello"), HasSubstr("hello"));
}

}  // namespace
}  // namespace corelane::http
