#include "examples/http_program.h"

#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <utility>

#include "driver/fault.h"
#include "examples/forwarder.h"
#include "examples/kernel_sockets.h"
#include "examples/metrics_route.h"
#include "examples/shutdown.h"
#include "http/serve.h"
#include "runtime/flags/value.h"
#include "runtime/tcp_listener.h"
#include "tls/acceptor.h"

namespace corelane::examples {

namespace asio = boost::asio;

HttpProgram::HttpProgram(const std::string& name, const std::string& summary)
    : parser_(name, summary) {
  runtime::AddCommonFlags(parser_, flags_);
  AddTlsFlags(parser_, tls_);
  parser_.AddFlag("--fault", runtime::Text(&fault_, "SPEC"),
                  "makes a bad network of the server's device: KEY=VALUE[,KEY=VALUE]... such as "
                  "loss=0.01,reorder=0.02,seed=7; KEY is one of loss, burst_loss, burst_length, "
                  "corrupt, duplicate, reorder, reorder_delay, delay, jitter, bandwidth, queue, in "
                  "one direction as rx.KEY or tx.KEY, or seed or hold");
  parser_.AddCheck([this]() -> std::optional<runtime::FlagParser::Mistake> {
    if (fault_.empty() || !flags_.on_kernel()) return std::nullopt;
    return runtime::FlagParser::Mistake{"--fault", "cannot go with --device " + flags_.device,
                                        "a device that carries frames, such as ring: or tap:NAME"};
  });
}

int HttpProgram::Run(int argc, const char* const* argv, const AddRoutes& add_routes) {
  if (const std::optional<int> status = Parse(argc, argv)) return *status;
  return Serve(add_routes);
}

int HttpProgram::Serve(const AddRoutes& add_routes) {
  add_routes_ = add_routes;
  return flags_.on_kernel() ? RunOnKernel() : RunOnStack();
}

template <class Acceptor>
int HttpProgram::Serve(const HttpSite& site, const std::string& address, Acceptor acceptor) {
  if (!tls_.enabled()) {
    return Serve(site, "http://" + address + "/", std::move(acceptor), nullptr);
  }
  const absl::StatusOr<tls::ServerContext> context = LoadTls(tls_);
  if (!context.ok()) {
    return parser_.Reject("--tls_cert", tls_.cert, std::string(context.status().message()));
  }
  TlsReload reload(site.worker, tls_, *context);
  return Serve(site, "https://" + address + "/",
               tls::Acceptor<Acceptor>(std::move(acceptor), *context), &reload);
}

template <class Acceptor>
int HttpProgram::Serve(const HttpSite& site, const std::string& url, Acceptor acceptor,
                       TlsReload* reload) {
  runtime::Worker& worker = site.worker;
  http::Router router;
  add_routes_(site, router);
  AddMetricsRoute(router, site.metrics, worker);
  if (!router.status().ok()) {
    std::fprintf(stderr, "%s\n", router.status().ToString().c_str());
    return 1;
  }
  http::Server<Acceptor> server(std::move(acceptor), router, options_);
  asio::co_spawn(worker.get_executor(), server.Run(),
                 [&worker](std::exception_ptr) { worker.Stop(); });
  Shutdown shutdown(worker, flags_.seconds, [&server, reload] {
    if (reload != nullptr) reload->Stop();
    server.Stop();
  });
  std::printf("%s\n", url.c_str());  // Who reads this may send a signal.
  std::fflush(stdout);
  worker.Run();
  return 0;
}

int HttpProgram::RunOnKernel() {
  runtime::Worker worker;
  runtime::Metrics metrics;
  metrics.AddLane(worker);
  KernelAcceptor acceptor(worker.get_executor());
  const auto error = Listen(acceptor, *flags_.listen);
  if (error) return RejectListen(parser_, *flags_.listen, error);
  const std::string local = LocalEndpoint(acceptor).ToString();
  return Serve(HttpSite{worker, nullptr, flags_, metrics}, local, std::move(acceptor));
}

int HttpProgram::RunOnStack() {
  std::optional<driver::FaultOptions> faults;
  if (!fault_.empty()) {
    const auto parsed = driver::ParseFaultOptions(fault_);
    if (!parsed.ok()) {
      return parser_.Reject("--fault", fault_, std::string(parsed.status().message()));
    }
    faults = *parsed;
  }
  Lanes lanes;
  runtime::Worker worker;
  if (const auto status = OpenLanes(parser_, flags_, worker, lanes, faults)) return *status;
  const bool forwards = lanes.forwarder.stack != nullptr;
  const uint16_t port = forwards ? (tls_.enabled() ? 443 : 80) : flags_.listen->port;
  runtime::Metrics metrics;
  runtime::LaneOptions options;
  options.stacks = {"server", "forwarder"};
  metrics.AddLane(worker, options);
  metrics.AddDevice(*lanes.server.device);
  runtime::TcpListener listener(worker.get_executor(), *lanes.server.stack);
  boost::system::error_code error;
  listener.listen({IpAddress(Ipv6Address()), port}, runtime::ListenOptions(), error);
  if (error) return RejectListen(parser_, *flags_.listen, error);
  const Endpoint server{ServerAddress(flags_), listener.local_endpoint().port};
  const HttpSite site{worker, lanes.server.stack, flags_, metrics};
  if (!forwards) return Serve(site, server.ToString(), std::move(listener));
  Forwarder forwarder(worker, *lanes.forwarder.stack, server);
  if (const auto taken = forwarder.Listen(*flags_.listen)) {
    return RejectListen(parser_, *flags_.listen, taken);
  }
  return Serve(site, forwarder.local_endpoint().ToString(), std::move(listener));
}

}  // namespace corelane::examples
