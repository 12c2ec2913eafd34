// A file server: what is below a directory, with ranges, validators, compressed siblings and lists
// of names.
//
//   bazel run //examples:file_server -- --root ~/Downloads
//   curl -O 127.0.0.1:8080/some/file
//   curl -r 0-99 127.0.0.1:8080/some/file

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "core/time.h"
#include "examples/http_program.h"
#include "http/compress/compress.h"
#include "http/files/serve.h"
#include "runtime/flags/value.h"

namespace {

using namespace corelane;

// As the user sees it: `bazel run` starts programs elsewhere.
std::string Resolve(const std::string& path) {
  const char* const from = std::getenv("BUILD_WORKING_DIRECTORY");
  return std::filesystem::path(from == nullptr ? "." : from) / path;
}

}  // namespace

int main(int argc, char** argv) {
  examples::HttpProgram program("file_server", "Serves the files below a directory.");
  std::string root = ".";
  bool hidden = false;
  program.parser().AddFlag("--root", runtime::Text(&root, "DIR"), "the directory");
  program.parser().AddSwitch("--hidden", &hidden, "serves names that begin with a dot, too");
  if (const std::optional<int> status = program.Parse(argc, argv)) return *status;
  const RealClock clock;
  http::files::ServeOptions options;
  options.hidden = hidden;
  options.listing = true;
  options.clock = &clock;
  const absl::StatusOr<http::PlainHandler> files = http::files::Serve(Resolve(root), options);
  if (!files.ok()) {
    return program.parser().Reject("--root", root, std::string(files.status().message()));
  }
  return program.Serve([&files](const examples::HttpSite&, http::Router& router) {
    router.Get("/", *files);
    router.Get("/{*path}", *files);
    router.Use(*http::Compress());
  });
}
