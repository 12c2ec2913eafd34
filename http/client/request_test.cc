#include "http/client/request.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace corelane::http {
namespace {

TEST(OutgoingRequest, GathersWhatIsSent) {
  auto request = OutgoingRequest::Post("http://a/");
  request.Add("Accept", "x").Add("Accept", "y").JsonBody("{}").BearerAuth("t");
  EXPECT_EQ(request.Problem(), "");
  EXPECT_EQ(request.fields().Find("content-type"), "application/json");
  EXPECT_EQ(request.fields().Find("AUTHORIZATION"), "Bearer t");
  EXPECT_EQ(request.fields().size(), 4u);
  EXPECT_EQ(request.body(), "{}");
  request.Set("Accept", "z");
  EXPECT_EQ(request.fields().size(), 3u);
}

TEST(OutgoingRequest, RefusesWhatCouldSplitIt) {
  const auto problem = [](std::string_view name, std::string_view value) {
    return OutgoingRequest::Get("http://a/").Add(name, value).Problem();
  };
  EXPECT_NE(problem("X", "a\r\nEvil: b").find("value 'a??Evil: b'"), std::string::npos);
  EXPECT_NE(problem("X", "a\nb"), "");
  EXPECT_NE(problem("X", std::string_view("a\0b", 3)), "");
  EXPECT_NE(problem("X Y", "a").find("field name 'X Y'"), std::string::npos);
  EXPECT_NE(problem("", "a"), "");
  EXPECT_EQ(problem("Content-Length", "3"), "field 'Content-Length': the client sets it itself");
  EXPECT_NE(problem("transfer-encoding", "chunked"), "");
  EXPECT_NE(problem("HOST", "b"), "");
  EXPECT_NE(OutgoingRequest("GE T", "http://a/").Problem().find("method 'GE T'"),
            std::string::npos);
  EXPECT_NE(OutgoingRequest("CONNECT", "http://a/").Problem(), "");
  EXPECT_NE(OutgoingRequest("TRACE", "http://a/").Body("x").Problem(), "");
  EXPECT_NE(OutgoingRequest::Get("http://a/").BasicAuth("a:b", "c").Problem(), "");
  EXPECT_NE(OutgoingRequest::Get("http://a/").Stream(nullptr).Problem(), "");
}

TEST(OutgoingRequest, KnowsWhatMayBeRepeated) {
  EXPECT_TRUE(OutgoingRequest::Get("http://a/").idempotent());
  EXPECT_TRUE(OutgoingRequest::Put("http://a/").idempotent());
  EXPECT_TRUE(OutgoingRequest::Delete("http://a/").idempotent());
  EXPECT_FALSE(OutgoingRequest::Post("http://a/").idempotent());
  EXPECT_FALSE(OutgoingRequest::Patch("http://a/").idempotent());
  EXPECT_FALSE(OutgoingRequest("FROB", "http://a/").idempotent());
  EXPECT_TRUE(OutgoingRequest::Post("http://a/").Idempotent().idempotent());
}

TEST(OutgoingRequest, EncodesForms) {
  auto request = OutgoingRequest::Post("http://a/");
  const std::vector<std::pair<std::string, std::string>> values = {{"a b", "1&2"},
                                                                   {"c", "\xc3\xbc"}};
  request.FormBody(values);
  EXPECT_EQ(request.body(), "a+b=1%262&c=%C3%BC");
}

TEST(OutgoingRequest, BecomesAGet) {
  auto request = OutgoingRequest::Post("http://a/");
  request.JsonBody("{}").Add("X", "y").BasicAuth("u", "p");
  request.BecomeGet();
  EXPECT_EQ(request.method(), "GET");
  EXPECT_FALSE(request.has_body());
  EXPECT_FALSE(request.fields().Has("Content-Type"));
  EXPECT_TRUE(request.fields().Has("X"));
  request.RemoveCredentials();
  EXPECT_FALSE(request.fields().Has("Authorization"));
}

// RFC 4648 §10
TEST(Base64, OfTheRfc) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) EXPECT_EQ(Base64(bytes), text);
}

// RFC 7617 §2
TEST(BasicCredentials, OfTheRfc) {
  EXPECT_EQ(BasicCredentials("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(FieldList, OwnedFieldsAreACopy) {
  const std::string bytes = "AbcDe";
  const FieldSlot slots[] = {{0, 1, 2, 1, FieldId::kOther}, {3, 4, 1, 1, FieldId::kDate}};
  OwnedFields owned;
  owned.Assign(Fields(bytes.data(), slots));
  ASSERT_EQ(owned.view().size(), 2u);
  EXPECT_EQ(owned.view().Find("a"), "bc");
  EXPECT_EQ(owned.view().id(1), FieldId::kDate);
  owned.Remove("A");
  EXPECT_EQ(owned.view().size(), 1u);
  EXPECT_EQ(owned.view().Find("d"), "e");
}

}  // namespace
}  // namespace corelane::http
