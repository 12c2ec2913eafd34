// The demonstration: an HTTP server on corelane's own TCP/IP stack; see README.md.
//
//   http_server                               on the in-process ring, behind a forwarder at
//                                             127.0.0.1:8080
//   http_server --device tap:corelane0        on a Linux TAP interface
//   http_server --device kernel:              the same application on the kernel's sockets
//   http_server --fault loss=0.01,reorder=0.02
//                                             on a network that loses and reorders packets

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "driver/fault.h"
#include "examples/demo_app.h"
#include "examples/forwarder.h"
#include "examples/stack_setup.h"
#include "examples/stack_stats.h"
#include "http/serve.h"
#include "runtime/flags/common_flags.h"
#include "runtime/flags/value.h"
#include "runtime/steady_timer.h"
#include "runtime/tcp_listener.h"
#include "runtime/worker.h"

namespace corelane::examples {
namespace {

namespace asio = boost::asio;
using KernelAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, runtime::WorkerExecutor>;

// Ends the program: at a signal, and when --seconds are over. Stop() drains; a second signal stops
// at once.
template <class Server>
class Shutdown {
 public:
  Shutdown(runtime::Worker& worker, Server& server, std::optional<Duration> seconds)
      : worker_(worker),
        server_(server),
        signals_(worker.get_executor(), SIGINT, SIGTERM),
        timer_(worker.get_executor()) {
    WaitForSignal();
    if (!seconds) return;
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(*seconds));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) Begin();
    });
  }

 private:
  void WaitForSignal() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      if (stopping_) {
        worker_.Stop();
      } else {
        Begin();
        WaitForSignal();
      }
    });
  }
  void Begin() {
    stopping_ = true;
    server_.Stop();
  }

  runtime::Worker& worker_;
  Server& server_;
  asio::signal_set signals_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, runtime::WorkerExecutor>
      timer_;
  bool stopping_ = false;
};

template <class Acceptor>
int Serve(runtime::Worker& worker, Acceptor acceptor, StatsSource& stats,
          const runtime::CommonFlags& flags, const std::string& url) {
  http::Router router;
  AddDemoRoutes(router, stats);
  http::Server<Acceptor> server(std::move(acceptor), router, http::ServerOptions());
  asio::co_spawn(worker.get_executor(), server.Run(),
                 [&worker](std::exception_ptr) { worker.Stop(); });
  std::printf("http://%s/\n", url.c_str());
  std::fflush(stdout);
  Shutdown<http::Server<Acceptor>> shutdown(worker, server, flags.seconds);
  worker.Run();
  return 0;
}

std::string Taken(const Endpoint& at, const boost::system::error_code& error) {
  return "cannot listen on " + at.ToString() + " (" + error.message() +
         "): expected a free address of this machine, such as --listen 127.0.0.1:" +
         std::to_string(at.port == 65535 ? 8081 : at.port + 1);
}

int RunOnKernel(const runtime::FlagParser& parser, const runtime::CommonFlags& flags) {
  runtime::Worker worker;
  StackStats stats(flags.device, worker, nullptr);
  KernelAcceptor acceptor(worker.get_executor());
  const auto at = ToAsio(*flags.listen);
  boost::system::error_code error;
  acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return parser.Reject("--listen", flags.listen->ToString(), Taken(*flags.listen, error));
  const Endpoint local{flags.listen->address, acceptor.local_endpoint().port()};
  return Serve(worker, std::move(acceptor), stats, flags, local.ToString());
}

int RunOnStack(const runtime::FlagParser& parser, const runtime::CommonFlags& flags,
               const std::string& fault) {
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
  runtime::TcpListener listener(worker.get_executor(), *lanes.server.stack);
  boost::system::error_code error;
  listener.listen({IpAddress(Ipv6Address()), port}, runtime::ListenOptions(), error);
  if (error)
    return parser.Reject("--listen", flags.listen->ToString(), Taken(*flags.listen, error));
  const Endpoint server{ServerAddress(flags), listener.local_endpoint().port};
  if (!forwards) return Serve(worker, std::move(listener), stats, flags, server.ToString());
  Forwarder forwarder(worker, *lanes.forwarder.stack, server);
  if (const auto taken = forwarder.Listen(*flags.listen)) {
    return parser.Reject("--listen", flags.listen->ToString(), Taken(*flags.listen, taken));
  }
  return Serve(worker, std::move(listener), stats, flags, forwarder.local_endpoint().ToString());
}

int Main(int argc, char** argv) {
  runtime::FlagParser parser("http_server",
                             "Serves a live picture of the TCP/IP stack that it runs on.");
  runtime::CommonFlags flags = ServerDefaults();
  runtime::AddCommonFlags(parser, flags);
  std::string fault;
  parser.AddFlag("--fault", runtime::Text(&fault, "SPEC"),
                 "makes a bad network of the server's device: KEY=VALUE[,KEY=VALUE]... such as "
                 "loss=0.01,reorder=0.02,seed=7; KEY is one of loss, burst_loss, burst_length, "
                 "corrupt, duplicate, reorder, reorder_delay, delay, jitter, bandwidth, queue, in "
                 "one direction as rx.KEY or tx.KEY, or seed or hold");
  parser.AddCheck([&]() -> std::optional<runtime::FlagParser::Mistake> {
    if (fault.empty() || !flags.on_kernel()) return std::nullopt;
    return runtime::FlagParser::Mistake{"--fault", "cannot go with --device " + flags.device,
                                        "a device that carries frames, such as ring: or tap:NAME"};
  });
  if (const std::optional<int> status = parser.Parse(argc, argv)) return *status;
  return flags.on_kernel() ? RunOnKernel(parser, flags) : RunOnStack(parser, flags, fault);
}

}  // namespace
}  // namespace corelane::examples

int main(int argc, char** argv) { return corelane::examples::Main(argc, argv); }
