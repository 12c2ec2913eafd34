#include "examples/load_self_server.h"

#include <boost/asio/awaitable.hpp>
#include <string>
#include <utility>

#include "examples/demo_app.h"
#include "http/router.h"
#include "http/serve.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "tls/acceptor.h"

namespace corelane::load {
namespace {

using Task = boost::asio::awaitable<void, runtime::WorkerExecutor>;

class NoStats final : public examples::StatsSource {
 public:
  examples::StatsSnapshot Snapshot() override {
    examples::StatsSnapshot stats;
    stats.device_uri = stats.device_name = "ring:";
    return stats;
  }
};

template <class Acceptor>
Task ServeOn(runtime::WorkerContext& context, const http::Router& router, Acceptor acceptor) {
  http::Server<Acceptor> server(std::move(acceptor), router, http::ServerOptions());
  context.OnStop([&server] { server.Stop(); });
  co_await server.Run();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SelfServer>> SelfServer::Start(const Job& job) {
  std::unique_ptr<SelfServer> self(new SelfServer(job));
  if (job.server_tls.enabled()) {
    auto context = examples::LoadTls(job.server_tls);
    if (!context.ok()) return context.status();
    self->tls_ = *std::move(context);
  }
  runtime::AppConfig config = job.app;
  // The client has the network's other addresses.
  config.addresses = {*IpPrefix::Parse("10.77.0.2/24"), *IpPrefix::Parse("fd77::2/64")};
  config.cpus.clear();
  config.capture.clear();  // Of the client's end.
  auto app = runtime::App::Open(config);
  if (!app.ok()) return app.status();
  self->app_ = *std::move(app);
  self->thread_ = std::thread([server = self.get()] {
    static_cast<void>(server->app_->Run(
        [server](runtime::WorkerContext& context) { return server->Serve(context); }));
  });
  while (self->ready_.load() < job.app.lanes) std::this_thread::yield();
  return self;
}

SelfServer::~SelfServer() {
  if (!thread_.joinable()) return;
  app_->Stop();
  thread_.join();
}

Task SelfServer::Serve(runtime::WorkerContext& context) {
  NoStats stats;
  http::Router router;
  examples::AddDemoRoutes(router, stats);
  runtime::ListenOptions options;
  options.backlog = static_cast<uint32_t>(job_.connections) + 16;
  runtime::TcpListener listener(context.get_executor(), context.stack());
  listener.listen({IpAddress(Ipv6Address()), job_.request.url.port}, options);
  ready_.fetch_add(1);
  if (tls_) {
    co_await ServeOn(context, router,
                     tls::Acceptor<runtime::TcpListener>(std::move(listener), *tls_));
  } else {
    co_await ServeOn(context, router, std::move(listener));
  }
}

}  // namespace corelane::load
