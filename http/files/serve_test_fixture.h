// A server of files on an engine.

#ifndef CORELANE_HTTP_FILES_SERVE_TEST_FIXTURE_H_
#define CORELANE_HTTP_FILES_SERVE_TEST_FIXTURE_H_

#include <string>
#include <utility>

#include "http/files/serve.h"
#include "http/files/tree_for_test.h"
#include "http/h1_server_test_fixture.h"

namespace corelane::http::files {

class ServeTest : public H1ServerTest {
 protected:
  ServeTest() {
    serve_.clock = &clock_;
    tree_.Write("index.html", "<p>home");
    tree_.Write("app.js", "0123456789");
    tree_.Write("sub/index.html", "<p>sub");
    tree_.Write("sub/a b.txt", "blank");
    tree_.Write("bare/x.txt", "x");
    tree_.Write(".secret", "s");
    tree_.Write(".well-known/id", "known");
    tree_.Write("empty", "");
    std::ofstream(tree_.outside()) << "secret";
  }
  void Serve() {
    router_ = Router();
    absl::StatusOr<PlainHandler> handler = files::Serve(tree_.root(), serve_);
    ASSERT_TRUE(handler.ok()) << handler.status();
    router_.Get("/f/{*path}", *std::move(handler));
    Restart();
  }
  std::string Ask(std::string_view method, std::string_view path, std::string_view lines = "") {
    return Exchange(std::string(method) + " /f/" + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" +
                    std::string(lines) + "\r\n");
  }
  std::string Get(std::string_view path, std::string_view lines = "") {
    return Ask("GET", path, lines);
  }
  int StatusOf(std::string_view path, std::string_view lines = "") {
    return std::stoi(Get(path, lines).substr(9, 3));
  }
  std::string Body() const { return sent_.substr(sent_.find("\r\n\r\n") + 4); }
  std::string Field(const std::string& name) const {
    const size_t at = sent_.find("\r\n" + name + ": ");
    if (at > sent_.find("\r\n\r\n")) return "";
    const size_t begin = at + 4 + name.size();
    return sent_.substr(begin, sent_.find("\r\n", begin) - begin);
  }

  TreeForTest tree_;
  ManualClock clock_;
  ServeOptions serve_;
};

}  // namespace corelane::http::files

#endif  // CORELANE_HTTP_FILES_SERVE_TEST_FIXTURE_H_
