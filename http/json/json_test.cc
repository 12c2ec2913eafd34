#include "http/json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/describe.hpp>
#include <map>
#include <string>
#include <vector>

#include "http/handler.h"

namespace corelane::http {
namespace {

using ::testing::HasSubstr;

struct Person {
  std::string name;
  unsigned age = 0;
};
BOOST_DESCRIBE_STRUCT(Person, (), (name, age))

class JsonTest : public ::testing::Test {
 protected:
  std::string Ask(const Handler& handler, std::string_view content,
                  std::string_view type = "application/json") {
    text_ =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Type: " + std::string(type) +
        "\r\n\r\n";
    RequestParser parser;
    parser.Start(HeadLimits());
    EXPECT_EQ(parser.Parse(text_), ParseStatus::kDone);
    Request request(parser.head(text_), nullptr);
    request.set_content(content);
    const Response response = handler.plain(request);
    return std::to_string(response.status()) + " " + std::string(response.body());
  }

  const Handler older_ = MakeHandler([](Json<Person> person) {
    ++person->age;
    return JsonResponse(*person, 201);
  });
  std::string text_;
};

TEST_F(JsonTest, AStructComesInAndGoesOut) {
  EXPECT_EQ(Ask(older_, R"( {"age":41, "name":"anna"} )"), R"(201 {"name":"anna","age":42})");
  EXPECT_EQ(JsonResponse(std::vector<int>{1, 2}).content_type(), "application/json");
}

TEST_F(JsonTest, AnyValueAndContainers) {
  const Handler any = MakeHandler([](const Json<boost::json::value>& v) {
    return Response::Text(std::to_string(v->as_array().size()));
  });
  EXPECT_EQ(Ask(any, "[1,[],{}]"), "200 3");
  const Handler map = MakeHandler(
      [](Json<std::map<std::string, int>> m) { return Response::Text(std::to_string((*m)["b"])); });
  EXPECT_EQ(Ask(map, R"({"a":1,"b":2})"), "200 2");
}

TEST_F(JsonTest, WhatIsNoJsonIsRefusedAndSaysWhere) {
  EXPECT_THAT(Ask(older_, R"({"age":41,)"), HasSubstr("400 the body is no JSON at byte 10: "));
  EXPECT_THAT(Ask(older_, R"({"age":x})"), HasSubstr("400 the body is no JSON at byte 7: "));
  EXPECT_THAT(Ask(older_, ""), HasSubstr("400 the body is no JSON at byte 0"));
  EXPECT_THAT(Ask(older_, "{} {}"), HasSubstr("400 the body is no JSON at byte 3"));
  EXPECT_THAT(Ask(older_, std::string(33, '[') + std::string(33, ']')), HasSubstr("400"));
  EXPECT_THAT(Ask(older_, "\"\xff\""), HasSubstr("400"));
}

TEST_F(JsonTest, WhatIsAnotherJsonIsRefused) {
  for (const char* other : {"[]", "{}", R"({"name":"anna"})", R"({"name":1,"age":1})",
                            R"({"name":"anna","age":-1})", "null"}) {
    EXPECT_THAT(Ask(older_, other), HasSubstr("400 the body's JSON is not what")) << other;
  }
}

struct Crew {
  std::string ship;
  std::vector<Person> people;
};
BOOST_DESCRIBE_STRUCT(Crew, (), (ship, people))

TEST_F(JsonTest, ARefusalSaysWhereAndWhatWouldBeRight) {
  const Handler crew = MakeHandler([](Json<Crew> c) { return Response::Text(c->ship); });
  EXPECT_EQ(Ask(crew, R"({"ship":"a","people":[{"name":"anna","age":3}]})"), "200 a");
  const std::string start = "400 the body's JSON is not what is expected here: ";
  const struct {
    const char* body;
    const char* why;
  } cases[] = {
      {"[]", "expected an object, but it is []"},
      {R"({"ship":"a"})", "people: is missing"},
      {R"({"ship":1,"people":[]})", "ship: expected a text, but it is 1"},
      {R"({"ship":"a","people":{}})", "people: expected an array, but it is {}"},
      {R"({"ship":"a","people":[{"name":"anna","age":3},{"name":"bo","age":-1}]})",
       "people[1].age: expected a whole number from 0 to 4294967295, but it is -1"},
      {R"({"ship":"a","people":[{"name":"anna","age":3,"x":0}]})",
       "people[0].x: is not known here"},
  };
  for (const auto& each : cases) EXPECT_EQ(Ask(crew, each.body), start + each.why + "\n");
}

TEST_F(JsonTest, TheContentTypeSaysWhatItIs) {
  constexpr std::string_view kAnna = R"({"age":1,"name":"a"})";
  for (const char* good : {"Application/JSON; charset=utf-8", "application/problem+json"}) {
    EXPECT_THAT(Ask(older_, kAnna, good), HasSubstr("201")) << good;
  }
  for (const char* bad : {"text/plain", "+json", "application/jsonx", ""}) {
    EXPECT_EQ(Ask(older_, kAnna, bad), "415 content-type: expected application/json\n") << bad;
  }
}

}  // namespace
}  // namespace corelane::http
