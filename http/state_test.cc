// State that handlers share, on a connection.

#include "http/state.h"

#include <memory>
#include <string>

#include "http/h1_server_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Counter {
  int count = 0;
};
struct Names {
  std::string prefix;
};
// Taken out of the request with the help of state.
struct Greeting {
  std::string text;
};

}  // namespace

template <>
struct FromRequest<Greeting> {
  static Extracted<Greeting> From(const Request& request, State<const Names> names,
                                  State<Counter> counter) {
    ++counter->count;
    const auto user = request.Header("x-user");
    if (!user) return Response(401);
    return Greeting{names->prefix + std::string(*user)};
  }
};

namespace {

class StateTest : public H1ServerTest {
 protected:
  static Response Count(State<Counter> counter) {
    return Response::Text("count " + std::to_string(++counter->count));
  }
  static Task<Response> CountInCoroutine(State<Counter> counter, Path<"id", int> id) {
    counter->count += *id;
    co_return Response::Text("count " + std::to_string(counter->count));
  }
  std::string Get(std::string_view path, std::string_view lines = "") {
    return Exchange("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) +
                    "\r\n");
  }
  std::string Problem() const { return std::string(router_.status().message()); }
};

TEST_F(StateTest, HandlersShareWhatIsProvided) {
  router_.Get("/count", Count).Get("/add/{id}", CountInCoroutine);
  const auto counter = std::make_shared<Counter>();
  router_.Provide(counter);
  ASSERT_TRUE(router_.status().ok()) << router_.status();
  EXPECT_THAT(Get("/count"), HasSubstr("count 1"));
  EXPECT_THAT(Get("/add/5"), HasSubstr("count 6"));
  EXPECT_EQ(counter->count, 6);
}

TEST_F(StateTest, ByValueByReferenceAndConst) {
  router_.Get("/count", Count);
  router_.Get("/name", [](State<const Names> names) { return Response::Text(names->prefix); });
  Counter counter;
  router_.Provide(std::ref(counter)).Provide(Names{"value"});
  EXPECT_TRUE(router_.status().ok());
  Get("/count");
  EXPECT_EQ(counter.count, 1);
  EXPECT_THAT(Get("/name"), HasSubstr("\r\n\r\nvalue"));
}

TEST_F(StateTest, WhatIsMissingIsNamed) {
  router_.Get("/a/{id}/b", Count);
  EXPECT_THAT(Problem(), AllOf(HasSubstr("route GET \"/a/{id}/b\" asks for State<"),
                               HasSubstr("Counter>"), HasSubstr("expected Router::Provide()")));
  EXPECT_THAT(Get("/a/1/b"), HasSubstr(" 500 ")) << "nothing worse";
  router_.Provide(Names{});
  EXPECT_FALSE(router_.status().ok()) << "another type";
  router_.Provide(Counter{});
  EXPECT_TRUE(router_.status().ok());
  router_.Fallback(Count);
  EXPECT_THAT(Problem(), HasSubstr("the fallback of \"/\"")) << "it came later";
  router_.Provide(std::shared_ptr<Counter>());
  EXPECT_THAT(Problem(), HasSubstr("value null"));
}

TEST_F(StateTest, ConstIsNotGivenToWhoChangesIt) {
  router_.Get("/count", Count);
  router_.Provide(std::make_shared<const Counter>());
  EXPECT_FALSE(router_.status().ok());
}

TEST_F(StateTest, NestedRoutersKeepTheirOwn) {
  Router inner;
  inner.Get("/count", Count);
  inner.Provide(Counter{10});
  router_.Nest("/inner", std::move(inner));
  router_.Get("/count", Count);
  router_.Provide(Counter{20});
  EXPECT_THAT(Get("/inner/count"), HasSubstr("count 11"));
  EXPECT_THAT(Get("/count"), HasSubstr("count 21"));
}

TEST_F(StateTest, MiddlewareAndManyMethodsChangeNothing) {
  router_.Any("/count", Count);
  router_.Use([](const Request& request, Next next) { return next(request); });
  EXPECT_FALSE(router_.status().ok());
  router_.Provide(Counter{});
  EXPECT_TRUE(router_.status().ok());
  EXPECT_THAT(Get("/count"), HasSubstr("count 1"));
  EXPECT_THAT(Exchange("PUT /count HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("count 2"));
}

TEST_F(StateTest, ExtractorsMayAskForIt) {
  const auto counter = std::make_shared<Counter>();
  router_.Get("/greet", [](Greeting greeting) { return Response::Text(greeting.text); });
  router_.Get("/later",
              [](Greeting greeting) -> Task<Response> { co_return Response::Text(greeting.text); });
  EXPECT_THAT(Problem(), HasSubstr("route GET \"/greet\""));
  router_.Provide(counter);
  EXPECT_THAT(Problem(), HasSubstr("Names"));
  EXPECT_THAT(Get("/greet", "X-User: ann\r\n"), HasSubstr(" 500 "));
  router_.Provide(Names{"hi "});
  ASSERT_TRUE(router_.status().ok()) << router_.status();
  EXPECT_THAT(Get("/greet", "X-User: ann\r\n"), HasSubstr("hi ann"));
  EXPECT_THAT(Get("/later", "X-User: bob\r\n"), HasSubstr("hi bob"));
  EXPECT_THAT(Get("/greet"), HasSubstr(" 401 "));
  EXPECT_EQ(counter->count, 3);
}

}  // namespace
}  // namespace corelane::http
