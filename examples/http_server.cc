// The demonstration: an HTTP server on corelane's own TCP/IP stack; see README.md.
//
//   http_server                               on the in-process ring, behind a forwarder at
//                                             127.0.0.1:8080
//   http_server --device tap:corelane0        on a Linux TAP interface
//   http_server --device kernel:              the same application on the kernel's sockets
//   http_server --tls_cert chain.pem --tls_key key.pem
//                                             under TLS; HTTP/2 by ALPN
//   http_server --fault loss=0.01,reorder=0.02
//                                             on a network that loses and reorders packets

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "core/time.h"
#include "examples/demo_app.h"
#include "examples/http_program.h"
#include "examples/stack_stats.h"
#include "http/files/serve.h"
#include "runtime/flags/value.h"

namespace {

using namespace corelane;

// The directory of examples that Bazel puts beside its programs; empty: it is not there.
std::string OwnFiles() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string page = program.string() + ".runfiles/corelane/examples/static/index.html";
  const auto found = std::filesystem::canonical(page, error);  // Bazel puts links there.
  return error ? "" : found.parent_path().string();
}

}  // namespace

int main(int argc, char** argv) {
  examples::HttpProgram program("http_server",
                                "Serves a live picture of the TCP/IP stack that it runs on.");
  std::string directory = OwnFiles();
  program.parser().AddFlag("--static", runtime::Text(&directory, "DIR"),
                           "what /static serves: the files below a directory");
  if (const std::optional<int> status = program.Parse(argc, argv)) return *status;
  const RealClock clock;
  http::files::ServeOptions options;
  options.clock = &clock;
  absl::StatusOr<http::PlainHandler> files = http::PlainHandler();
  if (!directory.empty()) files = http::files::Serve(directory, options);
  if (!files.ok()) {
    return program.parser().Reject("--static", directory, std::string(files.status().message()));
  }
  std::unique_ptr<examples::StackStats> stats;
  return program.Serve([&](const examples::HttpSite& site, http::Router& router) {
    stats = std::make_unique<examples::StackStats>(site.flags.device, site.worker, site.stack);
    examples::AddDemoRoutes(router, *stats);
    if (!*files) return;
    router.Get("/static/{*path}", *files);
    router.Get("/static", [](const http::Request&) {  // Links of its pages are relative.
      return std::move(http::Response(308).Add("Location", "/static/"));
    });
  });
}
