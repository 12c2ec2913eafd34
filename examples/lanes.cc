// An HTTP server on several cores: each lane has its own queue of the device, stack and listener.
//
//   lanes --device tap:corelane0 --address 10.77.0.2/24 --lanes 2
//   lanes --config FILE                       the same from a file; runtime/app/config.proto
//   curl http://10.77.0.2:8080/lane           which of them answers
//   curl http://10.77.0.2:8080/metrics        what all of them count, for Prometheus

#include <boost/asio/awaitable.hpp>
#include <cstdio>
#include <optional>
#include <string>

#include "examples/demo_app.h"
#include "examples/metrics_route.h"
#include "http/router.h"
#include "http/serve.h"
#include "runtime/app/app.h"
#include "runtime/app/flags.h"
#include "runtime/app/textproto.h"
#include "runtime/flags/value.h"
#include "runtime/metrics/metrics.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"

namespace corelane::examples {
namespace {

namespace asio = boost::asio;

asio::awaitable<void, runtime::WorkerExecutor> ServeLane(runtime::WorkerContext& context) {
  const std::string lane = std::to_string(context.lane());
  http::Router router;
  router.Get("/", [](const http::Request&) { return http::Response::Text("hello\n"); });
  router.Get("/hello",
             [](const http::Request&) { return http::Response::Static("text/plain", kHello); });
  const runtime::Metrics metrics(context.metrics());
  AddMetricsRoute(router, metrics, context.worker());
  router.Get("/lane", [&](const http::Request&) { return http::Response::Text(lane + "\n"); });
  runtime::TcpListener listener(context.get_executor(), context.stack());
  listener.listen({IpAddress(Ipv6Address()), context.config().listen->port});
  http::Server<runtime::TcpListener> server(std::move(listener), router, http::ServerOptions());
  context.OnStop([&server] { server.Stop(); });
  if (context.lane() == 0) {
    std::printf("http://%s:%u/\n", context.config().addresses.front().address.ToString().c_str(),
                context.config().listen->port);
    std::fflush(stdout);
  }
  co_await server.Run();
}

// The file that --config names, looked for before the flags are read: they change what it says.
std::optional<std::string> ConfigFile(int argc, char** argv) {
  const std::string flag = "--config";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == flag && i + 1 < argc) return argv[i + 1];
    if (argument.starts_with(flag + "=")) return argument.substr(flag.size() + 1);
  }
  return std::nullopt;
}

int Main(int argc, char** argv) {
  runtime::FlagParser parser("lanes", "An HTTP server on several cores.");
  runtime::AppConfig config;
  config.device = "tap:corelane0";
  config.addresses = {*IpPrefix::Parse("10.77.0.2/24"), *IpPrefix::Parse("fd77::2/64")};
  config.listen = *Endpoint::Parse("0.0.0.0:8080");
  if (const auto file = ConfigFile(argc, argv)) {
    auto loaded = runtime::LoadAppConfig(*file, config);
    if (!loaded.ok())
      return parser.Reject("--config", *file, std::string(loaded.status().message()));
    config = *std::move(loaded);
  }
  runtime::AddAppFlags(parser, config);
  std::string file;
  parser.AddFlag("--config", runtime::Text(&file, "FILE"), "settings; flags go before them");
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  auto app = runtime::App::Open(config);
  if (!app.ok()) {
    std::fprintf(stderr, "lanes: %s\n", std::string(app.status().message()).c_str());
    return runtime::FlagParser::kUsageStatus;
  }
  const absl::Status status = (*app)->Run(ServeLane);
  if (status.ok()) return 0;
  std::fprintf(stderr, "lanes: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace corelane::examples

int main(int argc, char** argv) { return corelane::examples::Main(argc, argv); }
