// Middleware on a connection.

#include "http/middleware.h"

#include <string>
#include <vector>

#include "http/h1_server_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Middleware Append(std::string text, std::vector<std::string>& order) {
  return [text, &order](const Request& request, Next next) -> Task<Response> {
    order.push_back(text + " in");
    Response response = co_await next(request);
    order.push_back(text + " out");
    co_return response;
  };
}

class MiddlewareTest : public H1ServerTest {
 protected:
  std::string Get(std::string_view path, std::string_view lines = "") {
    return Exchange("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) +
                    "\r\n");
  }
};

TEST_F(MiddlewareTest, WhatIsUsedLastIsOutermost) {
  std::vector<std::string> order;
  router_.Use(Append("a", order)).Use(Append("b", order));
  EXPECT_THAT(Get("/hello"), HasSubstr("hello"));
  EXPECT_THAT(order, ElementsAre("b in", "a in", "a out", "b out"));
}

TEST_F(MiddlewareTest, PlainHandlersCoroutinesAndSourcesAreInside) {
  std::vector<std::string> order;
  router_.Use(Append("m", order));
  const std::string body(100000, 'p');
  for (const char* path : {"/plain", "/read"}) {
    EXPECT_THAT(Exchange(std::string("POST ") + path +
                         " HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + body),
                HasSubstr("[" + body + "]"));
  }
  EXPECT_THAT(Get("/sized/5"), HasSubstr("xxxxx"));
  EXPECT_THAT(Get("/throws"), HasSubstr(" 500 "));
  EXPECT_EQ(order.size(), 7u) << "what throws does not come out";
}

TEST_F(MiddlewareTest, ALimitOfPlainHandlersHoldsInside) {
  std::vector<std::string> order;
  router_.Use(Append("m", order));
  options_.max_content_bytes = 10;
  Restart();
  EXPECT_THAT(Exchange("POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"),
              HasSubstr(" 413 "));
}

TEST_F(MiddlewareTest, OnlyWhatWasThereIsInside) {
  std::vector<std::string> order;
  router_.Use(Append("m", order));
  router_.Get("/later", [](const Request&) { return Response::Text("later"); });
  router_.Fallback([](const Request&) { return Response::Text("nothing", 404); });
  EXPECT_THAT(Get("/later"), HasSubstr("later"));
  EXPECT_THAT(Get("/none"), HasSubstr("nothing"));
  EXPECT_TRUE(order.empty());
  router_.Use(Append("n", order));
  EXPECT_THAT(Get("/none"), HasSubstr("nothing"));
  EXPECT_THAT(order, ElementsAre("n in", "n out"));
}

TEST_F(MiddlewareTest, WhatTheRouterAnswersIsInside) {
  std::vector<std::string> order;
  router_.Use(Append("m", order));
  EXPECT_THAT(Exchange("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
              AllOf(HasSubstr(" 204 "), HasSubstr("Allow: GET, HEAD, OPTIONS\r\n")));
  EXPECT_THAT(Exchange("PUT /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
              AllOf(HasSubstr(" 405 "), HasSubstr("Allow: GET, HEAD, OPTIONS\r\n")));
  EXPECT_THAT(Get("/none"), HasSubstr(" 404 "));
  EXPECT_THAT(Get("/%zz"), HasSubstr(" 400 "));
  EXPECT_THAT(Exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr(" 204 "));
  EXPECT_EQ(order.size(), 10u);
}

TEST_F(MiddlewareTest, MethodsThatAreAddedLaterAreAllowed) {
  std::vector<std::string> order;
  router_.Use(Append("m", order));
  router_.Put("/hello", [](const Request&) { return Response::Text("put"); });
  EXPECT_THAT(Exchange("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
              HasSubstr("Allow: GET, HEAD, PUT, OPTIONS\r\n"));
  EXPECT_EQ(order.size(), 2u);
  router_.Add(Method::kOptions, "/hello",
              MakeHandler([](const Request&) { return Response::Text("own"); }));
  EXPECT_THAT(Exchange("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("own"));
  EXPECT_EQ(order.size(), 2u) << "it came later";
}

TEST_F(MiddlewareTest, ANestedRouterAnswersWhatIsBelowItsPrefix) {
  std::vector<std::string> order;
  Router api;
  api.Get("/users", [](const Request&) { return Response::Text("users"); });
  api.Use(Append("api", order));
  Router other;
  other.Get("/other", [](const Request&) { return Response::Text("other"); });
  other.Use(Append("other", order));
  router_.Nest("/api", std::move(api)).Merge(std::move(other));
  EXPECT_THAT(Get("/api/none"), HasSubstr(" 404 "));
  EXPECT_THAT(order, ElementsAre("api in", "api out"));
  EXPECT_THAT(Get("/none"), HasSubstr(" 404 "));
  EXPECT_EQ(order.size(), 2u) << "what is merged does not stand around the rest";
  EXPECT_THAT(Exchange("POST /other HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr(" 405 "));
  EXPECT_EQ(order.size(), 4u);
  router_.Use(Append("all", order));
  order.clear();
  EXPECT_THAT(Get("/api/none"), HasSubstr(" 404 "));
  EXPECT_THAT(order, ElementsAre("all in", "api in", "api out", "all out"));
  router_.Fallback([](const Request&) { return Response::Text("lost", 404); });
  EXPECT_THAT(Get("/api/none"), HasSubstr("lost")) << "what was given wins";
}

TEST_F(MiddlewareTest, BasicAuth) {
  router_.Use(BasicAuth("a \"b\"", [](std::string_view user, std::string_view password) {
    return user == "anna" && password == "x:y";
  }));
  EXPECT_THAT(Get("/hello"), HasSubstr(" 401 "));
  EXPECT_THAT(sent_,
              HasSubstr("WWW-Authenticate: Basic realm=\"a \\\"b\\\"\", charset=\"UTF-8\"\r\n"));
  EXPECT_THAT(Get("/hello", "Authorization: bAsIc YW5uYTp4Onk=\r\n"), HasSubstr("hello"));
  for (const char* wrong :
       {"Basic YW5uYTp4Onk", "Basic YW5uYTp4On", "Basic YW5uYTp4Onl=", "Basic YW5u",
        "Basic ====", "Basic  ", "Basic",
        "BasicYW5uYTp4Onk=", "Bearer YW5uYTp4Onk=", "Basic YW5uYTp4Ono=", "Basic YW5\"YTp4Onk="}) {
    EXPECT_THAT(Get("/hello", std::string("Authorization: ") + wrong + "\r\n"), HasSubstr(" 401 "))
        << wrong;
  }
}

TEST_F(MiddlewareTest, BearerAuth) {
  router_.Use(BearerAuth(
      "r", [](std::string_view token) { return EqualsInConstantTime(token, "s3cret"); }));
  EXPECT_THAT(Get("/hello", "Authorization: Bearer s3cret\r\n"), HasSubstr("hello"));
  Get("/hello");
  EXPECT_THAT(sent_, HasSubstr("WWW-Authenticate: Bearer realm=\"r\"\r\n"));
  Get("/hello", "Authorization: Bearer s3creT\r\n");
  EXPECT_THAT(sent_, HasSubstr("realm=\"r\", error=\"invalid_token\"\r\n"));
  EXPECT_FALSE(EqualsInConstantTime("a", "ab"));
  EXPECT_TRUE(EqualsInConstantTime("", ""));
}

TEST_F(MiddlewareTest, ConcurrencyLimitCountsWhatIsInHandlers) {
  router_.Use(ConcurrencyLimit(1));
  Get("/outside");  // in its handler until the test resumes it
  H1Server other(router_, options_, stats_, connection_);
  ASSERT_EQ(other.Next(now_, 0), IoAction::kRead);
  const std::string_view request = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::span<char> room = other.ReadBuffer();
  std::copy(request.begin(), request.end(), room.begin());
  other.OnRead(request.size(), now_);
  ASSERT_EQ(other.Next(now_, 0), IoAction::kWrite);
  EXPECT_THAT(std::string(other.WriteBuffers()[0]), HasSubstr(" 503 "));
  EXPECT_THAT(std::string(other.WriteBuffers()[0]), HasSubstr("Retry-After: 1\r\n"));
  outside_.resume();
  Run();
  EXPECT_THAT(sent_, HasSubstr("back"));
  EXPECT_THAT(Get("/hello"), HasSubstr("hello"));
}

TEST_F(MiddlewareTest, BodyLimit) {
  router_.Use(BodyLimit(3));
  EXPECT_THAT(Exchange("POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
              HasSubstr("[abc]"));
  EXPECT_THAT(Exchange("POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"),
              HasSubstr("413"));
}

TEST_F(MiddlewareTest, BodyLimitHoldsForBodiesOfUnknownLength) {
  router_.Use(BodyLimit(3));
  for (const std::string path : {"/plain", "/read"}) {
    const std::string head =
        "POST " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_THAT(Exchange(head + "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), HasSubstr("[abc]"));
    EXPECT_THAT(Exchange(head + "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"), HasSubstr(" 413 "));
    EXPECT_THAT(sent_, HasSubstr("at most 3 bytes"));
    EXPECT_THAT(sent_, HasSubstr("Connection: close"));
    Restart();
  }
}

TEST_F(MiddlewareTest, SourcesMayUseTheRequestThatAPlainHandlerGot) {
  std::vector<std::string> order;
  router_.Post("/ticks", [](const Request& request) {
    return Response::Stream("text/plain", std::make_unique<TickSource>(request));
  });
  router_.Use(Append("m", order));
  for (const char* start : {"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n",
                            "POST /ticks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"}) {
    sent_.clear();
    Give(start);
    for (int i = 0; i < 3; ++i) {
      now_ += std::chrono::seconds(1);
      Run();
    }
    EXPECT_THAT(sent_, HasSubstr("\r\n2\r\n0\r\n\r\n"));
  }
}

TEST_F(MiddlewareTest, WhatIsAttachedIsSeenInsideAndByWhoAttachedIt) {
  std::vector<std::string> seen;
  router_.Get("/attached", [](const Request& request) {
    const std::string* const text = request.Attached<std::string>();
    return Response::Text(text == nullptr ? "none" : *text);
  });
  EXPECT_THAT(Get("/attached"), HasSubstr("none"));
  router_.Use([](const Request& request, Next next) -> Task<Response> {
    request.Attach(std::string("inner"));
    request.Attach(7);
    co_return co_await next(request);
  });
  router_.Use([&](const Request& request, Next next) -> Task<Response> {
    request.Attach(std::string("outer"));
    Response response = co_await next(request);
    seen.push_back(*request.Attached<std::string>() + std::to_string(*request.Attached<int>()));
    co_return response;
  });
  EXPECT_THAT(Get("/attached"), HasSubstr("inner"));
  EXPECT_THAT(seen, ElementsAre("inner7"));
}

TEST_F(MiddlewareTest, RequestIdIsTheClientsOrMade) {
  int made = 0;
  router_.Use(RequestId([&] { return "made" + std::to_string(++made); }));
  EXPECT_THAT(Get("/hello", "X-Request-Id: from-client\r\n"),
              HasSubstr("X-Request-Id: from-client\r\n"));
  EXPECT_THAT(Get("/hello"), HasSubstr("X-Request-Id: made1\r\n"));
  EXPECT_THAT(Get("/hello", "X-Request-Id: two words\r\n"), HasSubstr("X-Request-Id: made2\r\n"));
  EXPECT_THAT(Get("/hello", "X-Request-Id: " + std::string(129, 'x') + "\r\n"),
              HasSubstr("X-Request-Id: made3\r\n"));
  EXPECT_EQ(made, 3);
}

TEST_F(MiddlewareTest, AccessLogTellsWhatWasAnsweredAndHowLongItTook) {
  ManualClock clock;
  std::vector<std::string> lines;
  router_.Use(AccessLog(clock, [&](const AccessRecord& r) {
    lines.push_back(std::string(MethodName(r.method)) + " " + std::string(r.target) + " " +
                    std::to_string(r.status) + " " + std::to_string(r.duration.count()));
  }));
  Get("/hello?a=b");
  Get("/outside");
  clock.Advance(std::chrono::nanoseconds(7));
  outside_.resume();
  Run();
  EXPECT_THAT(lines, ElementsAre("GET /hello?a=b 200 0", "GET /outside 200 7"));
}

TEST_F(MiddlewareTest, TimeoutAnswersForHandlersThatAreLate) {
  router_.Get("/careless", [](const Request& request) -> Task<Response> {
    try {
      co_await request.Sleep(std::chrono::seconds(3));
    } catch (const HandlerTimeout&) {
    }
    co_return Response::Text("as if nothing had happened");
  });
  std::string seen;
  router_.Use(Timeout(std::chrono::seconds(2)));
  router_.Use([&seen](const Request& request, Next next) -> Task<Response> {
    Response response = co_await next(request);
    seen = std::to_string(response.status());
    co_return response;
  });
  for (const char* path : {"/sleep", "/careless"}) {
    sent_.clear();
    Give("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(engine_->deadline(), now_ + std::chrono::seconds(2));
    PassDeadline();
    EXPECT_THAT(sent_, HasSubstr(" 503 ")) << path;
    EXPECT_EQ(seen, "503");  // Whatever is outside sees the answer.
  }
  sent_.clear();
  Give("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(sent_, HasSubstr("hello"));
  sent_.clear();
  Give("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
  PassDeadline();
  EXPECT_THAT(sent_, HasSubstr(" 503 "));
}

}  // namespace
}  // namespace corelane::http
