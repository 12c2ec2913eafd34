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

#include <memory>

#include "examples/demo_app.h"
#include "examples/http_program.h"
#include "examples/stack_stats.h"

int main(int argc, char** argv) {
  using namespace corelane;
  examples::HttpProgram program("http_server",
                                "Serves a live picture of the TCP/IP stack that it runs on.");
  std::unique_ptr<examples::StackStats> stats;
  return program.Run(argc, argv, [&](const examples::HttpSite& site, http::Router& router) {
    stats = std::make_unique<examples::StackStats>(site.flags.device, site.worker, site.stack);
    examples::AddDemoRoutes(router, *stats);
  });
}
