// load: asks an HTTP server as fast as it answers, or at a given rate, and says how long that took.
//
//   load --connections 100 --seconds 30 http://127.0.0.1:8080/hello
//   load --http2 --streams 100 https://example.com/          HTTP/2 by ALPN; --insecure, --ca
//   load --rate 50000 --arrivals poisson http://127.0.0.1:8080/hello
//                                                            open loop: no coordinated omission
//   load --device tap:corelane1 --address 10.77.0.3/24 http://10.77.0.1:8080/
//                                                            on corelane's own TCP/IP stack
//   load --self                                              both ends in one process, on a ring
//
// Latencies are in nanoseconds of CLOCK_MONOTONIC, read once for all answers that one read brings
// and once for all requests that go out together; they keep three significant digits. The exit
// status is 1 where a request failed, and 2 where the command line is wrong.

#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "examples/load_board.h"
#include "examples/load_job.h"
#include "examples/load_self_server.h"
#include "examples/load_worker_lane.h"
#include "examples/loadgen/report.h"
#include "examples/shutdown.h"
#include "http/describe_connection.h"
#include "runtime/app/app.h"
#include "runtime/resolver/resolver.h"
#include "runtime/steady_timer.h"
#include "runtime/system.h"

namespace corelane::load {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// What all lanes share.
struct Run {
  const runtime::FlagParser& parser;
  const Job& job;
  std::optional<tls::ClientContext> tls;
  bool watched = isatty(STDERR_FILENO) != 0;
  Board board;

  Target TargetAt(const IpAddress& address) const {
    return {{address, job.request.url.port}, tls ? &*tls : nullptr};
  }
  int Reject(const char* flag, const std::string& value, const std::string& problem) const {
    return parser.Reject(flag, value, problem);
  }
};

int Fail(const std::string& problem) {
  std::fprintf(stderr, "load: %s\n", problem.c_str());
  return 1;
}

// --- on the kernel's sockets ---

// The system's resolver; it blocks, but nothing else goes on yet.
std::optional<IpAddress> Resolve(const std::string& host, error_code& error) {
  if (const auto address = IpAddress::Parse(host)) return address;
  asio::io_context context;
  const auto found = asio::ip::tcp::resolver(context).resolve(host, "", error);
  if (error || found.empty()) return std::nullopt;
  return http::ToEndpoint(found.begin()->endpoint()).address;
}

struct KernelLane {
  explicit KernelLane(const runtime::WorkerOptions& options) : worker(options) {}

  runtime::Worker worker;
  std::unique_ptr<WorkerLane> lane;
};

runtime::WorkerOptions WorkerOptionsOf(const runtime::AppConfig& config) {
  runtime::WorkerOptions options;
  options.idle_spin = config.busy_poll ? Duration::max() : config.idle_spin;
  return options;
}

// On the lane's own thread.
void RunKernelLane(KernelLane& lane, std::optional<size_t> cpu) {
  if (cpu && !runtime::PinThisThread(*cpu).ok()) {
    std::fprintf(stderr, "load: --cpus: value '%zu': cannot run there\n", *cpu);
  }
  lane.lane->Run([&lane] { lane.worker.Stop(); });
  lane.worker.Run();
}

int RunOnKernel(Run& run) {
  const Job& job = run.job;
  error_code error;
  const auto address = Resolve(job.request.url.host, error);
  if (!address)
    return run.Reject("URL", job.request.url.host, "cannot be resolved: " + error.message());
  std::vector<std::unique_ptr<KernelLane>> lanes;
  for (size_t i = 0; i < job.app.lanes; ++i) {
    lanes.push_back(std::make_unique<KernelLane>(WorkerOptionsOf(job.app)));
    KernelLane& lane = *lanes.back();
    lane.lane =
        std::make_unique<WorkerLane>(lane.worker, i, run.watched, run.board,
                                     NewKernelLane(lane.worker, job, i, run.TargetAt(*address)));
  }
  const auto cpu_of = [&job](size_t lane) -> std::optional<size_t> {
    if (job.app.cpus.empty()) return std::nullopt;
    return job.app.cpus[lane];
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < lanes.size(); ++i) {
    threads.emplace_back([&lane = *lanes[i], cpu = cpu_of(i)] { RunKernelLane(lane, cpu); });
  }
  {
    examples::Shutdown shutdown(lanes[0]->worker, std::nullopt, [&lanes] {
      for (const auto& lane : lanes) {
        asio::post(lane->worker.get_executor(), [&lane] { lane->lane->Stop(); });
      }
    });
    RunKernelLane(*lanes[0], cpu_of(0));
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

// --- on our own stack ---

// Of the server of --self.
constexpr IpAddress kSelfAddress{Ipv4Address(10, 77, 0, 2)};

using Task = asio::awaitable<void, runtime::WorkerExecutor>;
constexpr asio::use_awaitable_t<runtime::WorkerExecutor> kAwait;

Task LoadFrom(runtime::WorkerContext& context, Run& run, IpAddress address) {
  WorkerLane lane(context.worker(), context.lane(), run.watched, run.board,
                  NewStackLane(context.worker(), context.stack(), run.job, context.lane(),
                               run.TargetAt(address)));
  runtime::SteadyTimer over(context.get_executor());
  over.expires_after(std::chrono::hours(24 * 365));
  context.OnStop([&lane] { lane.Stop(); });
  lane.Run([&over] { over.cancel(); });
  error_code ignored;
  co_await over.async_wait(asio::redirect_error(kAwait, ignored));
}

Task LoadLane(runtime::WorkerContext& context, Run& run) {
  const std::string& host = run.job.request.url.host;
  if (run.job.self) {
    co_await LoadFrom(context, run, kSelfAddress);
    co_return;
  }
  if (const auto address = IpAddress::Parse(host)) {
    co_await LoadFrom(context, run, *address);
    co_return;
  }
  runtime::Resolver resolver(context.get_executor(), context.stack());
  error_code error;
  auto token = asio::redirect_error(kAwait, error);
  const runtime::ResolverResults found = co_await resolver.async_resolve(host, "", token);
  if (error || found.empty()) {
    throw boost::system::system_error(error, "URL: value '" + host + "': cannot be resolved");
  }
  co_await LoadFrom(context, run, found.begin()->endpoint().address);
}

int RunOnStack(Run& run) {
  auto app = runtime::App::Open(run.job.app);
  if (!app.ok()) {
    std::fprintf(stderr, "load: %s\n", std::string(app.status().message()).c_str());
    return runtime::FlagParser::kUsageStatus;
  }
  const absl::Status status =
      (*app)->Run([&run](runtime::WorkerContext& context) { return LoadLane(context, run); });
  return status.ok() ? 0 : Fail(std::string(status.message()));
}

int RunBothEnds(Run& run) {
  auto server = SelfServer::Start(run.job);
  if (!server.ok()) {
    std::fprintf(stderr, "load: %s\n", std::string(server.status().message()).c_str());
    return runtime::FlagParser::kUsageStatus;
  }
  return RunOnStack(run);
}

// --- the result ---

Result ResultOf(const Run& run) {
  const Job& job = run.job;
  Result result;
  const Url& url = job.request.url;
  result.url = std::string(job.request.scheme()) + "://" + url.authority + url.target;
  result.http2 = job.http2;
  result.connections = job.connections;
  result.depth = job.depth();
  result.lanes = job.app.lanes;
  result.rate = job.rate;
  result.arrivals = job.arrivals;
  result.measured = run.board.measured();
  result.tally = run.board.tally();
  return result;
}

int Report(const Run& run) {
  const Result result = ResultOf(run);
  std::fputs(ReportText(result).c_str(), stdout);
  std::fflush(stdout);
  if (!run.job.json.empty()) {
    std::ofstream file(run.job.json, std::ios::trunc);
    file << ReportJson(result) << std::flush;
    if (!file) return run.Reject("--json", run.job.json, "expected a file that can be written");
  }
  return result.failed() ? 1 : 0;
}

int Main(int argc, char** argv) {
  runtime::FlagParser parser("load", "Loads an HTTP server, and tells how long its answers take.");
  Job job;
  if (const auto status = ParseJob(parser, argc, argv, job)) return *status;
  Run run{parser, job};
  if (job.request.url.secure) {
    auto context = NewTlsContext(job);
    if (!context.ok()) return run.Reject("--ca", job.ca, std::string(context.status().message()));
    run.tls = *std::move(context);
  }
  const int status = job.self              ? RunBothEnds(run)
                     : job.app.on_kernel() ? RunOnKernel(run)
                                           : RunOnStack(run);
  return status != 0 ? status : Report(run);
}

}  // namespace
}  // namespace corelane::load

int main(int argc, char** argv) { return corelane::load::Main(argc, argv); }
