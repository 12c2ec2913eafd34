// HttpProgram: what the example servers share: flags, a device or the kernel's sockets, TLS,
// /metrics, and an orderly end at SIGTERM.
//
//   int main(int argc, char** argv) {
//     HttpProgram program("hello", "Says hello.");
//     return program.Run(argc, argv, [](const HttpSite&, http::Router& router) {
//       router.Get("/", [](const http::Request&) { return http::Response::Text("hello\n"); });
//     });
//   }
//
// On `ring`, which is the default, the server is behind a forwarder on the kernel's sockets, so
// that every program of this machine can reach it.

#ifndef CORELANE_EXAMPLES_HTTP_PROGRAM_H_
#define CORELANE_EXAMPLES_HTTP_PROGRAM_H_

#include <functional>
#include <optional>
#include <string>

#include "examples/stack_setup.h"
#include "examples/tls_flags.h"
#include "http/router.h"
#include "http/server_options.h"
#include "runtime/flags/common_flags.h"
#include "runtime/flags/flag_parser.h"
#include "runtime/metrics/metrics.h"
#include "runtime/worker.h"
#include "stack/stack.h"

namespace corelane::examples {

// Where the routes are served.
struct HttpSite {
  runtime::Worker& worker;
  stack::Stack* stack;  // Null on the kernel's sockets.
  const runtime::CommonFlags& flags;
  const runtime::Metrics& metrics;
};

class HttpProgram {
 public:
  // Called once, with the flags read and everything open. What it makes for the worker should
  // belong to the handlers, which go before it.
  using AddRoutes = std::function<void(const HttpSite& site, http::Router& router)>;

  HttpProgram(const std::string& name, const std::string& summary);
  HttpProgram(const HttpProgram&) = delete;
  HttpProgram& operator=(const HttpProgram&) = delete;

  // For more flags.
  runtime::FlagParser& parser() { return parser_; }
  http::ServerOptions& options() { return options_; }

  // Reads the flags, then serves until a signal, or for --seconds. The program's exit status.
  int Run(int argc, const char* const* argv, const AddRoutes& add_routes);
  // The same in two steps: a status means that the program ends with it.
  std::optional<int> Parse(int argc, const char* const* argv) { return parser_.Parse(argc, argv); }
  int Serve(const AddRoutes& add_routes);

 private:
  int RunOnKernel();
  int RunOnStack();
  template <class Acceptor>
  int Serve(const HttpSite& site, const std::string& address, Acceptor acceptor);
  template <class Acceptor>
  int Serve(const HttpSite& site, const std::string& url, Acceptor acceptor, TlsReload* reload);

  runtime::FlagParser parser_;
  runtime::CommonFlags flags_ = ServerDefaults();
  TlsFlags tls_;
  std::string fault_;
  http::ServerOptions options_;
  AddRoutes add_routes_;
};

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_HTTP_PROGRAM_H_
