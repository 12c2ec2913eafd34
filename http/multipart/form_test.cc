#include "http/multipart/form.h"

#include "http/h1_server_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FormTest : public H1ServerTest {
 protected:
  FormTest() {
    router_.Post("/stream", [](const Request& request) { return Stream(request); });
    router_.Post("/heads", [](const Request& request) { return Heads(request); });
    router_.Post("/form", [](MultipartForm form) {
      std::string text;
      for (const MultipartField& field : form.fields) {
        text += field.head.name + "=" + field.content + ";";
      }
      return Response::Text(text + (form.Find("b") != nullptr ? form.Find("b")->content : "no b"));
    });
  }
  static Task<Response> Stream(const Request& request) {
    MultipartLimits limits;
    limits.part_bytes = 100000;
    MultipartReader form(request, limits);
    std::string text;
    while (const PartHead* const part = co_await form.NextPart()) {
      text += part->name + "=";
      while (const auto piece = co_await form.Read()) text += *piece;
      text += ";";
      if (co_await form.Read()) text += "more?";
    }
    if (form.failed()) co_return form.Refusal();
    co_return Response::Text(text);
  }
  // Only the heads: what is not read is passed over.
  static Task<Response> Heads(const Request& request) {
    MultipartReader form(request);
    std::string text;
    while (const PartHead* const part = co_await form.NextPart()) {
      text += part->name + "(" + SafeFilename(part->filename.value_or("-")) + ")";
    }
    if (form.failed()) co_return form.Refusal();
    co_return Response::Text(text);
  }

  std::string Post(std::string_view path, std::string_view body,
                   std::string_view type = "multipart/form-data; boundary=\"x\"") {
    return Exchange(
        "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nContent-Type: " + std::string(type) +
        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  }
  static std::string Part(const std::string& name, const std::string& content,
                          const std::string& more = "") {
    return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" +
           content + "\r\n";
  }
};

TEST_F(FormTest, PartsAsTheyCome) {
  const std::string large(90000, 'l');
  EXPECT_THAT(Post("/stream", Part("a", "1") + Part("f", large) + Part("e", "") + "--x--\r\n"),
              AllOf(HasSubstr(" 200 "), HasSubstr("\r\n\r\na=1;f=" + large + ";e=;")));
  EXPECT_THAT(
      Post("/heads", Part("a", large) + Part("f", "x", "; filename=\"../p/q.txt\"") + "--x--"),
      HasSubstr("\r\n\r\na(-)f(q.txt)"));
  EXPECT_THAT(Exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr("hello"));
}

TEST_F(FormTest, ByteForByte) {
  const std::string body = Part("a", "1\r\n--y") + "--x--";
  Give(
      "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n");
  for (const char c : body) Give(std::string_view(&c, 1));
  EXPECT_THAT(sent_, HasSubstr("\r\n\r\na=1\r\n--y;"));
}

TEST_F(FormTest, SmallFormsAsAWhole) {
  EXPECT_THAT(Post("/form", Part("a", "1") + Part("b", "2") + "--x--"),
              HasSubstr("\r\n\r\na=1;b=2;2"));
  EXPECT_THAT(Post("/form", "--x--"), HasSubstr("\r\n\r\nno b"));
}

TEST_F(FormTest, RefusalsSayWhy) {
  for (const char* path : {"/stream", "/form"}) {
    EXPECT_THAT(Post(path, "a=b", "application/x-www-form-urlencoded"),
                AllOf(HasSubstr(" 415 "), HasSubstr("expected multipart/form-data")));
    EXPECT_THAT(Post(path, "a", "multipart/form-data"), HasSubstr(" 415 "));
    EXPECT_THAT(Post(path, Part("a", "1")),
                AllOf(HasSubstr(" 400 "), HasSubstr("ends before its last boundary")));
    EXPECT_THAT(Post(path, "--x\r\n\r\n\r\n--x--"),
                AllOf(HasSubstr(" 400 "), HasSubstr("no Content-Disposition")));
  }
  EXPECT_THAT(Post("/stream", Part("a", std::string(100001, 'x')) + "--x--"),
              AllOf(HasSubstr(" 413 "), HasSubstr("a part is too long")));
}

TEST_F(FormTest, AClientThatBreaksOffIsNoEnd) {
  Give(
      "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
      "Transfer-Encoding: chunked\r\n\r\n4\r\n--x\r\r\nzz\r\n");
  EXPECT_THAT(sent_, HasSubstr(" 400 "));
}

}  // namespace
}  // namespace corelane::http
