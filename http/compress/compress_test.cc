#include "http/compress/compress.h"

#include "http/compress/decode_for_test.h"
#include "http/h1_server_test_fixture.h"

namespace corelane::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CompressTest : public H1ServerTest {
 protected:
  CompressTest() {
    text_ = "";
    for (int i = 0; i < 500; ++i) text_ += "line " + std::to_string(i) + "\n";
    router_.Get("/text", [this](const Request&) {
      return std::move(Response::Text(text_).Add("ETag", "\"t\"").Add("Accept-Ranges", "bytes"));
    });
    router_.Get("/typed", [this](const Request& request) {
      Response response = Response::Owned({}, text_);
      response.Add("Content-Type", *request.QueryValue("type"));
      return response;
    });
    router_.Get("/with", [this](const Request& request) {
      Response response = Response::Text(text_);
      response.Add(*request.QueryValue("name"), *request.QueryValue("value"));
      return response;
    });
    router_.Get("/partial", [this](const Request&) { return Response::Text(text_, 206); });
    router_.Get("/noise", [](const Request&) {
      std::string noise;
      uint32_t x = 1;
      for (int i = 0; i < 2000; ++i)
        noise += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
      return Response::Text(noise);
    });
    router_.Get("/events", [](const Request& request) {
      return Response::Stream("text/event-stream", std::make_unique<TickSource>(request));
    });
    router_.Get("/huge", [](const Request&) { return Response::Text(Huge()); });
  }
  static std::string Huge() {
    std::string huge;
    for (int i = 0; i < 50000; ++i) huge += "number " + std::to_string(i * 7919) + "\n";
    return huge;
  }
  void Use(const CompressOptions& options = CompressOptions()) {
    absl::StatusOr<Middleware> compress = Compress(options);
    ASSERT_TRUE(compress.ok()) << compress.status();
    router_.Use(*std::move(compress));
  }
  std::string Get(std::string_view path, std::string_view accept = "gzip",
                  std::string_view method = "GET") {
    return Exchange(std::string(method) + " " + std::string(path) +
                    " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: " + std::string(accept) + "\r\n\r\n");
  }
  // The last response's body, without chunks and coding.
  DecodedForTest Decoded(Method method = Method::kGet) {
    const auto answers = Answers(method);
    if (answers.empty()) return {};
    const auto& answer = answers.back();
    const size_t at = sent_.find("Content-Encoding: ");
    if (at == std::string::npos) return {answer.body, true};
    return DecodeForTest(sent_.substr(at + 18, sent_.find("\r\n", at) - at - 18), answer.body);
  }

  std::string text_;
};

TEST_F(CompressTest, AllCodingsByNegotiation) {
  Use();
  for (const char* accept : {"gzip", "br", "zstd"}) {
    EXPECT_THAT(Get("/text", accept),
                AllOf(HasSubstr("Content-Encoding: " + std::string(accept) + "\r\n"),
                      HasSubstr("Vary: Accept-Encoding\r\n"), HasSubstr("Content-Length: ")));
    EXPECT_LT(sent_.size(), text_.size() / 2);
    EXPECT_EQ(Decoded().text, text_);
    EXPECT_TRUE(Decoded().ended);
  }
  EXPECT_THAT(Get("/text", "gzip, br, zstd"), HasSubstr("Content-Encoding: zstd"));
  EXPECT_THAT(Get("/text", "gzip, br;q=0.5"), HasSubstr("Content-Encoding: gzip"));
  EXPECT_THAT(Get("/text", "identity, gzip;q=0.5"),
              AllOf(Not(HasSubstr("Content-Encoding")), HasSubstr("Vary: Accept-Encoding")));
  EXPECT_THAT(Get("/text", "deflate"), Not(HasSubstr("Content-Encoding")));
}

TEST_F(CompressTest, TheTagBecomesWeakAndRangesGo) {
  Use();
  EXPECT_THAT(Get("/text"), AllOf(HasSubstr("ETag: W/\"t\"\r\n"), Not(HasSubstr("Accept-Ranges"))));
  EXPECT_THAT(Get("/text", "identity"), AllOf(HasSubstr("ETag: \"t\"\r\n"), HasSubstr("Accept-R")));
  EXPECT_THAT(Get("/with?name=ETag&value=W/%22x%22"), HasSubstr("ETag: W/\"x\"\r\n"));
}

TEST_F(CompressTest, WhatShouldNotBeCompressedIsNot) {
  Use();
  for (const char* path :
       {"/hello", "/partial", "/with?name=Content-Encoding&value=x", "/empty",
        "/with?name=Cache-Control&value=private,%20no-transform", "/typed?type=image/png",
        "/typed?type=text/event-stream", "/with?name=Content-Range&value=bytes%200-1/2",
        "/typed?type=video/mp4"}) {
    EXPECT_THAT(Get(path), AllOf(Not(HasSubstr("gzip")), Not(HasSubstr("Vary")))) << path;
  }
  EXPECT_THAT(Get("/noise"), AllOf(Not(HasSubstr("gzip")), HasSubstr("Vary"))) << "not smaller";
  for (const char* type : {"TEXT/css;charset=utf-8", "application/json",
                           "application/problem%2Bjson", "image/svg%2Bxml"}) {
    EXPECT_THAT(Get("/typed?type=" + std::string(type)), HasSubstr("gzip")) << type;
  }
  EXPECT_THAT(Get("/with?name=Vary&value=Origin,%20accept-encoding"),
              Not(HasSubstr("Vary: Accept-Encoding")));
}

TEST_F(CompressTest, SourcesAreCompressedAsTheyAreSent) {
  Use();
  for (const char* accept : {"gzip", "br", "zstd"}) {
    for (const char* path : {"/stream/1000000", "/sized/1000000"}) {
      EXPECT_THAT(Get(path, accept), HasSubstr("Transfer-Encoding: chunked"));
      EXPECT_EQ(Decoded().text, std::string(1000000, 'x')) << path << accept;
      EXPECT_TRUE(Decoded().ended);
      EXPECT_LT(sent_.size(), 20000u);
    }
    Get("/huge", accept);
    EXPECT_EQ(Decoded().text, Huge());
  }
  EXPECT_THAT(Get("/sized/100"), Not(HasSubstr("gzip"))) << "small, and that is known";
  Get("/breaks");
  EXPECT_TRUE(closed_);
}

TEST_F(CompressTest, EachEventIsFlushed) {
  CompressOptions options;
  options.types = {"text/event-stream"};
  Use(options);
  for (const char* accept : {"gzip", "br", "zstd"}) {
    Get("/events", accept);
    for (const char* expected : {"0", "01", "012"}) {
      EXPECT_EQ(Decoded().text, expected) << accept;
      now_ += std::chrono::seconds(1);
      Run();
    }
    EXPECT_TRUE(Decoded().ended);
    EXPECT_TRUE(reading_);
  }
}

TEST_F(CompressTest, HeadHasTheSameFields) {
  Use();
  Get("/text");
  const std::string fields = sent_.substr(0, sent_.find("\r\n\r\n") + 4);
  EXPECT_EQ(Get("/text", "gzip", "HEAD"), fields);
}

TEST_F(CompressTest, WhatMakesNoSenseIsRefused) {
  const auto problem = [](const std::function<void(CompressOptions&)>& change) {
    CompressOptions options;
    change(options);
    return std::string(Compress(options).status().message());
  };
  EXPECT_THAT(problem([](CompressOptions& o) { o.gzip_level = 10; }),
              HasSubstr("gzip_level: value \"10\": expected 1 to 9"));
  EXPECT_THAT(problem([](CompressOptions& o) { o.zstd_level = 0; }), HasSubstr("zstd_level"));
  EXPECT_THAT(problem([](CompressOptions& o) { o.codings.clear(); }), HasSubstr("codings"));
  EXPECT_THAT(problem([](CompressOptions& o) { o.types = {"json"}; }), HasSubstr("types: value"));
}

}  // namespace
}  // namespace corelane::http
