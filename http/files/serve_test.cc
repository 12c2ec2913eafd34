#include "http/files/serve.h"

#include "http/files/serve_test_fixture.h"

namespace corelane::http::files {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ServeTest, AFileHasItsTypeAndValidators) {
  Serve();
  EXPECT_THAT(Get("app.js"),
              AllOf(HasSubstr(" 200 "), HasSubstr("text/javascript; charset=utf-8"),
                    HasSubstr("Content-Length: 10\r\n"), HasSubstr("Accept-Ranges: bytes\r\n")));
  EXPECT_EQ(Body(), "0123456789");
  EXPECT_EQ(Field("Last-Modified"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_THAT(Field("ETag"), ::testing::MatchesRegex("\"[0-9a-f]+-a-[0-9a-f]+\""));
  EXPECT_THAT(Ask("HEAD", "app.js"), HasSubstr("Content-Length: 10\r\n"));
  EXPECT_EQ(Body(), "");
  EXPECT_THAT(Get("sub/a%20b.txt"), HasSubstr("blank"));
  EXPECT_EQ(StatusOf("empty"), 200);
  EXPECT_EQ(Body(), "");
  EXPECT_EQ(StatusOf("none"), 404);
  EXPECT_THAT(Ask("PUT", "app.js"), HasSubstr(" 405 "));
}

TEST_F(ServeTest, NothingElseIsServed) {
  tree_.Link("../outside", "out");
  tree_.Link("app.js", "link");
  mkfifo((tree_.root() + "/fifo").c_str(), 0600);
  for (const bool cached : {true, false}) {
    serve_.clock = cached ? &clock_ : nullptr;
    Serve();
    for (const char* path : {"../outside",
                             "%2e%2e/outside",
                             "..%2foutside",
                             "%2E%2E%2Foutside",
                             "sub/../app.js",
                             "sub/%2e%2e/app.js",
                             "./app.js",
                             "/app.js",
                             "sub//index.html",
                             "sub%2findex.html",
                             "sub%2Findex.html",
                             "/",
                             "//",
                             "out",
                             "link",
                             "fifo",
                             ".secret",
                             "%2esecret",
                             "app.js/",
                             "app.js/x",
                             "..",
                             "%2e",
                             "app.js\\",
                             "sub%5cindex.html"}) {
      EXPECT_EQ(StatusOf(path), 404) << path;
      EXPECT_THAT(sent_, Not(HasSubstr("secret")));
    }
    EXPECT_EQ(StatusOf("app.js%00.txt"), 400);
    EXPECT_THAT(Get(".well-known/id"), HasSubstr("known"));
  }
  serve_.symlinks = Symlinks::kBeneath;
  serve_.hidden = true;
  Serve();
  EXPECT_EQ(StatusOf("link"), 200);
  EXPECT_EQ(StatusOf("out"), 404);
  EXPECT_EQ(StatusOf(".secret"), 200);
}

TEST_F(ServeTest, DirectoriesAreTheirIndex) {
  Serve();
  EXPECT_THAT(Get(""), AllOf(HasSubstr("text/html"), HasSubstr("<p>home")));
  EXPECT_THAT(Get("sub/"), HasSubstr("<p>sub"));
  EXPECT_THAT(Get("sub?a=b"), AllOf(HasSubstr(" 308 "), HasSubstr("Location: /f/sub/?a=b\r\n")));
  EXPECT_EQ(StatusOf("bare/"), 404);
  EXPECT_EQ(StatusOf("none/"), 404);
}

TEST_F(ServeTest, ARedirectLeadsToNoOtherHost) {
  router_ = Router();
  tree_.Write("evil.example/x", "x");
  router_.Get("/{*path}", *files::Serve(tree_.root(), serve_));
  Restart();
  EXPECT_THAT(Exchange("GET //evil.example HTTP/1.1\r\nHost: a\r\n\r\n"), HasSubstr(" 404 "));
  EXPECT_THAT(Exchange("GET /evil.example HTTP/1.1\r\nHost: a\r\n\r\n"),
              HasSubstr("Location: /evil.example/\r\n"));
}

TEST_F(ServeTest, ListingsShowWhatIsServed) {
  tree_.Write("bare/<b>&\"'.txt", "");
  tree_.Write("bare/.hidden", "");
  tree_.Write("bare/dir/x", "");
  tree_.Link("x.txt", "bare/link");
  serve_.listing = true;
  Serve();
  EXPECT_THAT(Get("bare/"),
              HasSubstr("<a href=\"./%3Cb%3E%26%22%27.txt\">&lt;b&gt;&amp;&quot;&#39;.txt</a>"));
  EXPECT_THAT(sent_, AllOf(HasSubstr("<a href=\"./dir/\">dir/</a>"), HasSubstr("x.txt"),
                           Not(HasSubstr("hidden")), Not(HasSubstr("link"))));
  EXPECT_THAT(Get("bare/%3Cb%3E%26%22%27.txt"), HasSubstr(" 200 "));
  serve_.most_listed = 2;
  Serve();
  EXPECT_THAT(Get("bare/"), HasSubstr("There are more."));
}

TEST_F(ServeTest, ConditionalRequests) {
  Serve();
  Get("app.js");
  const std::string tag = Field("ETag");
  EXPECT_EQ(StatusOf("app.js", "If-None-Match: " + tag + "\r\n"), 304);
  EXPECT_THAT(sent_, AllOf(HasSubstr("ETag: " + tag), Not(HasSubstr("Content-"))));
  EXPECT_EQ(StatusOf("app.js", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), 304);
  EXPECT_EQ(StatusOf("app.js", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n"), 200);
  EXPECT_EQ(StatusOf("app.js", "If-Match: \"other\"\r\n"), 412);
  EXPECT_EQ(StatusOf("app.js", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n"), 412);
  tree_.Write("app.js", "9876543210", 1);
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(StatusOf("app.js", "If-None-Match: " + tag + "\r\n"), 200);
  EXPECT_EQ(Body(), "9876543210");
}

TEST_F(ServeTest, CompressedSiblingsByNegotiation) {
  tree_.Write("app.js.br", "brotli");
  tree_.Write("app.js.gz", "gzipped");
  Serve();
  EXPECT_THAT(Get("app.js", "Accept-Encoding: gzip, br\r\n"),
              AllOf(HasSubstr("Content-Encoding: br\r\n"), HasSubstr("text/javascript"),
                    HasSubstr("Vary: Accept-Encoding\r\n"), HasSubstr("brotli")));
  const std::string tag = Field("ETag");
  EXPECT_THAT(Get("app.js", "Accept-Encoding: gzip, br;q=0.1\r\n"), HasSubstr("gzipped"));
  EXPECT_NE(Field("ETag"), tag);
  EXPECT_THAT(Get("app.js"), AllOf(HasSubstr("0123456789"), HasSubstr("Vary: Accept-Encoding"),
                                   Not(HasSubstr("Content-Encoding"))));
  EXPECT_THAT(Get("app.js", "Accept-Encoding: br\r\nIf-None-Match: " + tag + "\r\n"),
              AllOf(HasSubstr(" 304 "), HasSubstr("Vary: Accept-Encoding")));
  EXPECT_THAT(Get("sub/index.html", "Accept-Encoding: br\r\n"), HasSubstr("<p>sub"));
  EXPECT_THAT(
      Get("app.js", "Accept-Encoding: br\r\nRange: bytes=0-1\r\n"),
      AllOf(HasSubstr(" 206 "), HasSubstr("Content-Encoding: br"), HasSubstr("bytes 0-1/6\r\n")));
  EXPECT_EQ(Body(), "br");
  tree_.Write("bare/x.txt.gz", "small");
  EXPECT_THAT(Get("bare/x.txt", "Accept-Encoding: br, gzip\r\n"), HasSubstr("small"));
  serve_.precompressed = false;
  Serve();
  EXPECT_THAT(Get("app.js", "Accept-Encoding: br\r\n"),
              AllOf(HasSubstr("0123456789"), Not(HasSubstr("Vary"))));
}

TEST_F(ServeTest, OptionsAreObeyedAndChecked) {
  serve_.cache_control = "max-age=60";
  serve_.types = {{"js", "text/x-own"}};
  Serve();
  EXPECT_THAT(Get("app.js"), AllOf(HasSubstr("Cache-Control: max-age=60\r\n"),
                                   HasSubstr("Content-Type: text/x-own\r\n")));
  const auto problem = [&](const std::function<void(ServeOptions&)>& change) {
    ServeOptions options;
    change(options);
    return std::string(files::Serve(tree_.root(), options).status().message());
  };
  EXPECT_THAT(problem([](ServeOptions& o) { o.index = "a/b"; }), HasSubstr("index: value \"a/b\""));
  EXPECT_THAT(problem([](ServeOptions& o) { o.cache_control = "a\nb"; }),
              HasSubstr("cache_control"));
  EXPECT_THAT(problem([](ServeOptions& o) { o.types = {{".js", "a/b"}}; }), HasSubstr("types"));
  EXPECT_THAT(problem([](ServeOptions& o) { o.types = {{"js", "ab"}}; }), HasSubstr("media type"));
  EXPECT_THAT(std::string(files::Serve(tree_.root() + "/none").status().message()),
              HasSubstr("No such file"));
  EXPECT_THAT(std::string(files::Serve(tree_.root() + "/app.js").status().message()),
              HasSubstr("Not a directory"));
}

TEST_F(ServeTest, LargeFilesAreStreamedAndMayShrink) {
  const std::string content(300000, 'z');
  tree_.Write("large.bin", content);
  Serve();
  EXPECT_EQ(StatusOf("large.bin"), 200);
  EXPECT_EQ(Body(), content);
  taking_ = false;
  Get("large.bin");
  std::filesystem::resize_file(tree_.root() + "/large.bin", 1000);
  taking_ = true;
  Run();
  EXPECT_TRUE(closed_) << "the client must see that it has not got all";
  EXPECT_LT(sent_.size(), content.size());
}

}  // namespace
}  // namespace corelane::http::files
