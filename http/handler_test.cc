#include "http/handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>

#include "http/h1/parser.h"

namespace corelane::http {
namespace {

using ::testing::HasSubstr;

// A type of a user's.
struct Session {
  std::string user;
};

}  // namespace

template <>
struct FromRequest<Session> {
  static Extracted<Session> From(const Request& request) {
    if (const auto cookie = request.Header("cookie")) return Session{std::string(*cookie)};
    return Response(401);
  }
};

namespace {

class HandlerTest : public ::testing::Test {
 protected:
  // Status and body of what the handler answers to GET `target` with these header lines.
  std::string Ask(const Handler& handler, std::string_view target, std::string_view lines = "",
                  std::string_view content = "") {
    text_ = "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
    RequestParser parser;
    parser.Start(HeadLimits());
    EXPECT_EQ(parser.Parse(text_), ParseStatus::kDone);
    Request request(parser.head(text_), nullptr);
    // As a router does it for /things/{id}.
    const std::string_view path = request.path();
    request.mutable_params().Add("id", path.substr(path.rfind('/') + 1));
    request.set_content(content);
    const Response response = handler.plain(request);
    return std::to_string(response.status()) + " " + std::string(response.body());
  }

  std::string text_;
};

TEST_F(HandlerTest, ParametersAreTakenOutOfTheRequest) {
  const Handler handler =
      MakeHandler([](Path<"id", uint16_t> id, const Request& request, Query<"scale", double> scale,
                     const HeaderField<"x-name", std::string>& name) {
        return Response::Text(std::to_string(*id) + " " + std::to_string(*scale) + " " + *name +
                              " " + std::string(request.path()));
      });
  EXPECT_EQ(Ask(handler, "/things/7?scale=1.5", "X-Name: anna\r\n"),
            "200 7 1.500000 anna /things/7");
}

TEST_F(HandlerTest, WhatCannotBeReadIsNamed) {
  const auto nothing = [](auto...) { return Response(204); };
  const Handler id = MakeHandler([&](Path<"id", uint8_t> n) { return nothing(n); });
  EXPECT_EQ(Ask(id, "/things/256"),
            "400 path parameter \"id\" is \"256\": expected a whole number from 0 to 255\n");
  EXPECT_EQ(Ask(id, "/things/255"), "204 ");
  EXPECT_THAT(Ask(id, "/things/-1"), HasSubstr("400"));
  EXPECT_THAT(Ask(id, "/things/1x"), HasSubstr("400"));
  EXPECT_THAT(Ask(id, "/things/"), HasSubstr("400"));
  const Handler on = MakeHandler([&](Query<"on", bool> b) { return nothing(b); });
  EXPECT_EQ(Ask(on, "/?on=maybe"),
            "400 query parameter \"on\" is \"maybe\": expected true or false\n");
  EXPECT_EQ(Ask(on, "/"), "400 query parameter \"on\" is missing: expected true or false\n");
  const Handler x = MakeHandler([&](Query<"x", float> f) { return nothing(f); });
  for (const char* bad : {"/?x=nan", "/?x=inf", "/?x=1e99", "/?x="}) {
    EXPECT_THAT(Ask(x, bad), HasSubstr("400")) << bad;
  }
  const Handler header = MakeHandler([&](HeaderField<"x-a"> a) { return nothing(a); });
  EXPECT_EQ(Ask(header, "/"), "400 header field \"x-a\" is missing: expected a text\n");
}

// What a client sends comes back as ASCII, and not without end.
TEST_F(HandlerTest, RefusalsQuoteLittle) {
  const Handler handler = MakeHandler([](Query<"n", int> n) { return Response(*n); });
  EXPECT_THAT(Ask(handler, "/?n=%0d%0aSet-Cookie:"), HasSubstr("is \"??Set-Cookie:\""));
  EXPECT_LT(Ask(handler, "/?n=" + std::string(5000, 'x')).size(), 300u);
}

TEST_F(HandlerTest, OptionalParametersMayBeMissingButNotWrong) {
  const Handler handler = MakeHandler([](Query<"page", std::optional<int>> page,
                                         HeaderField<"x-a", std::optional<std::string_view>> a) {
    return Response::Text(std::to_string(page->value_or(1)) + std::string(a->value_or("-")));
  });
  EXPECT_EQ(Ask(handler, "/"), "200 1-");
  EXPECT_EQ(Ask(handler, "/?page=3", "X-A: b\r\n"), "200 3b");
  EXPECT_THAT(Ask(handler, "/?page=three"), HasSubstr("400 query parameter \"page\""));
}

TEST_F(HandlerTest, ATypeOfTheUsersOwnRefusesAsItLikes) {
  int called = 0;
  const Handler handler = MakeHandler([&](Session session, Path<"id", int>) {
    ++called;
    return Response::Text(session.user);
  });
  EXPECT_EQ(Ask(handler, "/things/1", "Cookie: anna\r\n"), "200 anna");
  EXPECT_EQ(Ask(handler, "/things/none"), "401 ") << "the first that fails answers";
  EXPECT_EQ(called, 1);
}

TEST_F(HandlerTest, Forms) {
  const Handler handler = MakeHandler([](const Form& form) {
    std::string all;
    for (const auto& [name, value] : form.fields) all += name + "=" + value + ";";
    const std::string* const a = form.Find("a");
    return Response::Text(all + (a != nullptr ? *a : "none"));
  });
  constexpr std::string_view kType =
      "Content-Type: Application/X-WWW-Form-URLEncoded; charset=utf-8\r\n";
  EXPECT_EQ(Ask(handler, "/", kType, "b=1&a=x+y%26&&c&a=2"), "200 b=1;a=x y&;c=;a=2;x y&");
  EXPECT_EQ(Ask(handler, "/", kType, ""), "200 none");
  EXPECT_THAT(Ask(handler, "/", kType, "a=%4"), HasSubstr("400 form field \"a=%4\""));
  EXPECT_THAT(Ask(handler, "/", "Content-Type: text/plain\r\n", "a=1"), HasSubstr("415"));
  EXPECT_THAT(Ask(handler, "/", "", "a=1"), HasSubstr("415"));
}

Response Free(Path<"id", int> id) noexcept { return Response(*id); }

TEST_F(HandlerTest, FunctionsAndMutableCallablesAreHandlersToo) {
  EXPECT_EQ(Ask(MakeHandler(&Free), "/things/201"), "201 ");
  int calls = 0;
  const Handler counting = MakeHandler([&calls, own = 0](Path<"id", int>) mutable {
    calls = ++own;
    return Response(204);
  });
  Ask(counting, "/things/1");
  Ask(counting, "/things/2");
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace corelane::http
