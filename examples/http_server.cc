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

#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "driver/fault.h"
#include "examples/demo_app.h"
#include "examples/forwarder.h"
#include "examples/kernel_sockets.h"
#include "examples/metrics_route.h"
#include "examples/shutdown.h"
#include "examples/stack_setup.h"
#include "examples/stack_stats.h"
#include "examples/tls_flags.h"
#include "http/serve.h"
#include "runtime/flags/common_flags.h"
#include "runtime/flags/value.h"
#include "runtime/metrics/metrics.h"
#include "runtime/tcp_listener.h"
#include "runtime/worker.h"
#include "tls/acceptor.h"

namespace corelane::examples {
namespace {

namespace asio = boost::asio;

struct Flags {
  runtime::CommonFlags common = ServerDefaults();
  TlsFlags tls;
  std::string fault;
};

// What is served, and where.
struct Site {
  runtime::Worker& worker;
  StatsSource& stats;
  const runtime::Metrics& metrics;
  const Flags& flags;
  std::string address;
};

template <class Acceptor>
int Serve(const Site& site, const char* scheme, Acceptor acceptor) {
  runtime::Worker& worker = site.worker;
  http::Router router;
  AddDemoRoutes(router, site.stats);
  AddMetricsRoute(router, site.metrics, worker);
  http::Server<Acceptor> server(std::move(acceptor), router, http::ServerOptions());
  asio::co_spawn(worker.get_executor(), server.Run(),
                 [&worker](std::exception_ptr) { worker.Stop(); });
  std::printf("%s://%s/\n", scheme, site.address.c_str());
  std::fflush(stdout);
  Shutdown shutdown(worker, site.flags.common.seconds, [&server] { server.Stop(); });
  worker.Run();
  return 0;
}

template <class Acceptor>
int Serve(const Site& site, const runtime::FlagParser& parser, Acceptor acceptor) {
  const TlsFlags& tls = site.flags.tls;
  if (!tls.enabled()) return Serve(site, "http", std::move(acceptor));
  const absl::StatusOr<tls::ServerContext> context = LoadTls(tls);
  if (!context.ok()) {
    return parser.Reject("--tls_cert", tls.cert, std::string(context.status().message()));
  }
  TlsReload reload(site.worker, tls, *context);
  return Serve(site, "https", tls::Acceptor<Acceptor>(std::move(acceptor), *context));
}

int RunOnKernel(const runtime::FlagParser& parser, const Flags& all) {
  const runtime::CommonFlags& flags = all.common;
  runtime::Worker worker;
  StackStats stats(flags.device, worker, nullptr);
  runtime::Metrics metrics;
  metrics.AddLane(worker);
  KernelAcceptor acceptor(worker.get_executor());
  const auto error = Listen(acceptor, *flags.listen);
  if (error) return RejectListen(parser, *flags.listen, error);
  const std::string local = LocalEndpoint(acceptor).ToString();
  return Serve(Site{worker, stats, metrics, all, local}, parser, std::move(acceptor));
}

void AddLanes(runtime::Worker& worker, const Lanes& lanes, runtime::Metrics& metrics) {
  runtime::LaneOptions options;
  options.stacks = {"server", "forwarder"};
  metrics.AddLane(worker, options);
  metrics.AddDevice(*lanes.server.device);
}

int RunOnStack(const runtime::FlagParser& parser, const Flags& all) {
  const runtime::CommonFlags& flags = all.common;
  const std::string& fault = all.fault;
  std::optional<driver::FaultOptions> faults;
  if (!fault.empty()) {
    const auto parsed = driver::ParseFaultOptions(fault);
    if (!parsed.ok())
      return parser.Reject("--fault", fault, std::string(parsed.status().message()));
    faults = *parsed;
  }
  Lanes lanes;
  runtime::Worker worker;
  if (const auto status = OpenLanes(parser, flags, worker, lanes, faults)) return *status;
  const bool forwards = lanes.forwarder.stack != nullptr;
  const uint16_t port = forwards ? 80 : flags.listen->port;
  StackStats stats(flags.device, worker, lanes.server.stack);
  runtime::Metrics metrics;
  AddLanes(worker, lanes, metrics);
  runtime::TcpListener listener(worker.get_executor(), *lanes.server.stack);
  boost::system::error_code error;
  listener.listen({IpAddress(Ipv6Address()), port}, runtime::ListenOptions(), error);
  if (error) return RejectListen(parser, *flags.listen, error);
  const Endpoint server{ServerAddress(flags), listener.local_endpoint().port};
  Site site{worker, stats, metrics, all, server.ToString()};
  if (!forwards) return Serve(site, parser, std::move(listener));
  Forwarder forwarder(worker, *lanes.forwarder.stack, server);
  if (const auto taken = forwarder.Listen(*flags.listen)) {
    return RejectListen(parser, *flags.listen, taken);
  }
  site.address = forwarder.local_endpoint().ToString();
  return Serve(site, parser, std::move(listener));
}

int Main(int argc, char** argv) {
  runtime::FlagParser parser("http_server",
                             "Serves a live picture of the TCP/IP stack that it runs on.");
  Flags flags;
  runtime::AddCommonFlags(parser, flags.common);
  AddTlsFlags(parser, flags.tls);
  parser.AddFlag("--fault", runtime::Text(&flags.fault, "SPEC"),
                 "makes a bad network of the server's device: KEY=VALUE[,KEY=VALUE]... such as "
                 "loss=0.01,reorder=0.02,seed=7; KEY is one of loss, burst_loss, burst_length, "
                 "corrupt, duplicate, reorder, reorder_delay, delay, jitter, bandwidth, queue, in "
                 "one direction as rx.KEY or tx.KEY, or seed or hold");
  parser.AddCheck([&]() -> std::optional<runtime::FlagParser::Mistake> {
    const std::string& device = flags.common.device;
    if (flags.fault.empty() || !flags.common.on_kernel()) return std::nullopt;
    return runtime::FlagParser::Mistake{"--fault", "cannot go with --device " + device,
                                        "a device that carries frames, such as ring: or tap:NAME"};
  });
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  return flags.common.on_kernel() ? RunOnKernel(parser, flags) : RunOnStack(parser, flags);
}

}  // namespace
}  // namespace corelane::examples

int main(int argc, char** argv) { return corelane::examples::Main(argc, argv); }
