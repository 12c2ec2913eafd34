#include "http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace corelane::http {
namespace {

using ::testing::HasSubstr;
using Kind = RouteMatch::Kind;

// A handler that can be told from others by its body.
auto Named(std::string name) {
  return [name](const Request&) { return Response::Text(name); };
}

class RouterTest : public ::testing::Test {
 protected:
  // The name of the handler that a path reaches, or the kind of the failure.
  std::string Reach(std::string path, Method method = Method::kGet) {
    path_ = std::move(path);
    match_ = router_.Match(method, path_, params_, scratch_);
    switch (match_.kind) {
      case Kind::kFound:
        return std::string(match_.handler->plain(Request()).body());
      case Kind::kNotFound:
        return "404";
      case Kind::kMethodNotAllowed:
        return "405 " + std::string(match_.allow);
      case Kind::kOptions:
        return "204 " + std::string(match_.allow);
      case Kind::kBadPath:
        return "400";
    }
    return "";
  }
  std::string Param(std::string_view name) { return std::string(params_.Get(name)); }

  Router router_;
  std::string path_;
  std::string scratch_;
  PathParams params_;
  RouteMatch match_;
};

TEST_F(RouterTest, TextBeatsParameterBeatsRest) {
  router_.Get("/", Named("root"))
      .Get("/users", Named("users"))
      .Get("/users/me", Named("me"))
      .Get("/users/{id}", Named("user"))
      .Get("/users/{id}/posts/{post}", Named("post"))
      .Get("/users/{*rest}", Named("rest"));
  ASSERT_TRUE(router_.status().ok()) << router_.status();
  EXPECT_EQ(Reach("/"), "root");
  EXPECT_EQ(Reach("/users"), "users");
  EXPECT_EQ(Reach("/users/me"), "me");
  EXPECT_EQ(Reach("/users/7"), "user");
  EXPECT_EQ(Param("id"), "7");
  EXPECT_EQ(Reach("/users/me/posts/9"), "post");  // Back from the text branch.
  EXPECT_EQ(Param("id"), "me");
  EXPECT_EQ(Param("post"), "9");
  EXPECT_EQ(Reach("/users/7/likes"), "rest");
  EXPECT_EQ(Param("rest"), "7/likes");
  EXPECT_EQ(Param("id"), "");
  EXPECT_EQ(params_.size(), 1u);
  EXPECT_EQ(Reach("/other"), "404");
  EXPECT_EQ(Reach("/users/"), "rest");  // An empty segment is no {id}.
  EXPECT_EQ(Reach("users"), "404");
}

TEST_F(RouterTest, HeadFollowsGetAndOptionsAnswersItself) {
  router_.Get("/a", Named("get")).Put("/a", Named("put")).Post("/b", Named("post"));
  EXPECT_EQ(Reach("/a", Method::kHead), "get");
  EXPECT_EQ(Reach("/b", Method::kHead), "405 POST, OPTIONS");
  EXPECT_EQ(Reach("/a", Method::kDelete), "405 GET, HEAD, PUT, OPTIONS");
  EXPECT_EQ(Reach("/a", Method::kOptions), "204 GET, HEAD, PUT, OPTIONS");
  EXPECT_THAT(Reach("*", Method::kOptions), HasSubstr("204 GET"));
  router_.Add(Method::kOptions, "/b", MakeHandler(Named("own")));
  EXPECT_EQ(Reach("/b", Method::kOptions), "own");
}

TEST_F(RouterTest, DecodesSegmentsAfterSplitting) {
  router_.Get("/files/{name}", Named("file"))
      .Get("/a b", Named("blank"))
      .Get("/r/{*p}", Named("rest"));
  EXPECT_EQ(Reach("/files/a%2Fb"), "file");
  EXPECT_EQ(Param("name"), "a/b");
  EXPECT_EQ(Reach("/%61%20b"), "blank");
  EXPECT_EQ(Reach("/r/x%20y/z"), "rest");
  EXPECT_EQ(Param("p"), "x y/z");
  EXPECT_EQ(Reach("/files/%zz"), "400");
  EXPECT_EQ(Reach("/files/%00"), "400");
}

TEST_F(RouterTest, LongPathsAreNotFound) {
  router_.Get("/{*p}", Named("rest"));
  std::string deep;
  for (int i = 0; i < 32; ++i) deep += "/x";
  EXPECT_EQ(Reach(deep), "rest");
  EXPECT_EQ(Reach(deep + "/x"), "404");
}

TEST_F(RouterTest, PatternsAreChecked) {
  const auto problem = [](std::string_view first, std::string_view second = "/ok") {
    Router router;
    router.Get(first, Named("a")).Get(second, Named("b"));
    return std::string(router.status().message());
  };
  EXPECT_EQ(problem("/{a}/{*b}"), "");
  EXPECT_THAT(problem("x"), HasSubstr("does not begin with"));
  EXPECT_THAT(problem("/a{b}"), HasSubstr("whole segment"));
  EXPECT_THAT(problem("/{}"), HasSubstr("no name"));
  EXPECT_THAT(problem("/{*a}/b"), HasSubstr("last segment"));
  EXPECT_THAT(problem("/{a}", "/{b}/c"), HasSubstr("another name, {a}"));
  EXPECT_THAT(problem("/a", "/a"), HasSubstr("has a handler already"));
  EXPECT_THAT(problem("/a{b}"), HasSubstr("\"/a{b}\""));
}

TEST_F(RouterTest, NestedRoutersHaveTheirRoutesBelowAPrefix) {
  Router users;
  users.Get("/", Named("users")).Get("/{id}", Named("user")).Post("/", Named("new"));
  Router api;
  api.Nest("/users", std::move(users)).Get("/", Named("api"));
  router_.Get("/api/users/me", Named("me")).Nest("/api", std::move(api)).Get("/", Named("root"));
  ASSERT_TRUE(router_.status().ok()) << router_.status();
  EXPECT_EQ(Reach("/api"), "api");
  EXPECT_EQ(Reach("/api/"), "404");
  EXPECT_EQ(Reach("/api/users"), "users");
  EXPECT_EQ(Reach("/api/users", Method::kPost), "new");
  EXPECT_EQ(Reach("/api/users", Method::kDelete), "405 GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(Reach("/api/users/me"), "me");
  EXPECT_EQ(Reach("/api/users/7"), "user");
  EXPECT_EQ(Param("id"), "7");
  EXPECT_EQ(Reach("/users"), "404");
  EXPECT_EQ(Reach("/"), "root");
}

TEST_F(RouterTest, APrefixMayHaveParameters) {
  Router posts;
  posts.Get("/{post}", Named("post")).Get("/{post}/raw/{*path}", Named("raw"));
  router_.Nest("/users/{id}/posts", std::move(posts));
  ASSERT_TRUE(router_.status().ok()) << router_.status();
  EXPECT_EQ(Reach("/users/7/posts/9/raw/a/b"), "raw");
  EXPECT_EQ(Param("id"), "7");
  EXPECT_EQ(Param("post"), "9");
  EXPECT_EQ(Param("path"), "a/b");
}

TEST_F(RouterTest, MergedRoutersStandSideBySide) {
  Router other;
  other.Get("/a/{x}", Named("get")).Put("/b", Named("b"));
  router_.Post("/a/{x}", Named("post")).Merge(std::move(other));
  ASSERT_TRUE(router_.status().ok()) << router_.status();
  EXPECT_EQ(Reach("/a/1"), "get");
  EXPECT_EQ(Reach("/a/1", Method::kPost), "post");
  EXPECT_EQ(Reach("/a/1", Method::kPut), "405 GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(Reach("/b", Method::kPut), "b");
}

TEST_F(RouterTest, WhatHasNoRouteGoesToTheInnermostFallback) {
  Router api;
  api.Get("/users", Named("users")).Fallback(Named("no api"));
  router_.Get("/", Named("root")).Nest("/api", std::move(api)).Fallback(Named("nothing"));
  ASSERT_TRUE(router_.status().ok()) << router_.status();
  EXPECT_EQ(Reach("/api/users"), "users");
  EXPECT_EQ(Reach("/api/user"), "no api");
  EXPECT_EQ(Reach("/api"), "no api");
  EXPECT_EQ(Reach("/api/users/1", Method::kDelete), "no api");
  EXPECT_EQ(Reach("/apis"), "nothing");
  EXPECT_EQ(Reach("/x", Method::kOptions), "nothing");
  EXPECT_EQ(Reach("/", Method::kPost), "405 GET, HEAD, OPTIONS") << "it has a route";
  EXPECT_EQ(Reach("/%"), "400");
}

TEST(RouterStatus, NestingAndMergingNameWhatIsWrong) {
  const auto error = [](auto&& build) {
    Router router;
    build(router);
    return std::string(router.status().message());
  };
  const auto routes = [](const char* pattern) {
    Router made;
    made.Get(pattern, Named("x"));
    return made;
  };
  EXPECT_THAT(error([&](Router& r) { r.Nest("/api/", routes("/a")); }), HasSubstr("\"/api/\""));
  EXPECT_THAT(error([&](Router& r) { r.Nest("/", routes("/a")); }), HasSubstr("a prefix is like"));
  EXPECT_THAT(error([&](Router& r) { r.Nest("/{*x}", routes("/a")); }),
              HasSubstr("a prefix is like"));
  EXPECT_THAT(error([&](Router& r) { r.Nest("/a", routes("b")); }), HasSubstr("\"b\""));
  EXPECT_THAT(error([&](Router& r) { r.Get("/a/b", Named("x")).Nest("/a", routes("/b")); }),
              HasSubstr("\"/a/b\": this method has a handler already"));
  EXPECT_THAT(error([&](Router& r) { r.Get("/{x}/b", Named("x")).Merge(routes("/{y}")); }),
              HasSubstr("\"/{y}\": the same place has another name, {x}"));
  EXPECT_THAT(error([&](Router& r) { r.Nest("/{a}/{b}/{c}", routes("/{d}/{e}/{f}/{g}/{h}/{i}")); }),
              HasSubstr("8 parameters"));
  EXPECT_THAT(error([&](Router& r) { r.Fallback(Named("a")).Fallback(Named("b")); }),
              HasSubstr("fallback already"));
}

}  // namespace
}  // namespace corelane::http
